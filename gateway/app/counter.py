"""The counter: merchants, approvals and parameters from the command line, on the desks that the API door uses.

Who stands at it is the operating system's user, so two people are two users of the machine.
"""

from __future__ import annotations

import os
import pwd
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeVar
from uuid import UUID

import msgspec

from gateway.access import AccessSeeds, house_order
from gateway.access.authority import PLATFORM_SCOPE
from gateway.access.writing import Pen
from gateway.api.approval_bodies import PROPOSAL, show_proposal
from gateway.api.approval_port import ProposalFilter
from gateway.api.configuration_bodies import show_changed, show_setting
from gateway.api.decoding import read_id
from gateway.api.merchant_bodies import show_acted, show_merchant, show_standing
from gateway.api.merchant_port import Kept, NewRate
from gateway.api.ports import Page, Submission, Taken
from gateway.api.route import BadRequestError
from gateway.api.shown import show_steps
from gateway.app.configuring import build_configuration
from gateway.app.desks.approvals import ApprovalService
from gateway.app.desks.configuration import ConfigurationService
from gateway.app.desks.merchants import MerchantService
from gateway.app.keystore import open_keystore
from gateway.app.offices import TABLES, Offices, build_offices
from gateway.app.surroundings import Surroundings
from gateway.journal import Journal, Refused
from gateway.kernel.clock import SystemClock
from gateway.kernel.configuration import Value
from gateway.kernel.faults import NoFaults
from gateway.kernel.ids import UuidSevens
from gateway.kernel.metrics import build_metrics
from gateway.kernel.postgres.pool import open_pool
from gateway.kernel.randomness import SystemRandomness
from gateway.kernel.settings import Settings
from gateway.keys import KeyStore
from gateway.merchants import MerchantEvent, Written
from gateway.merchants.office import Amendment, NewDocument, NewMerchant, NewTerminal
from gateway.merchants.store import MERCHANT, TERMINAL
from gateway.parties import PLATFORM, Kind, WithdrawalPasswords
from gateway.parties import store as parties
from gateway.tasks import TIMER

_MOST = 500
_T = TypeVar("_T")


class CounterRefusedError(Exception):
    """What was asked for at the counter was not done; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counter:
    """What the command's verbs do; every answer is what the API would show."""

    around: Surroundings
    keystore: KeyStore
    offices: Offices
    approvals: ApprovalService
    configuration: ConfigurationService
    merchants: MerchantService

    async def list_merchants(self, state: Any) -> list[Any]:
        """List merchants, newest first."""
        found = await self.merchants.list(PLATFORM_SCOPE, Page(limit=_MOST), state=state, number=None)
        return [_plain(show_standing(one)) for one in found.items]

    async def show_merchant(self, number: str) -> Any:
        """Show a merchant by its number."""
        return _plain(show_merchant(await self._kept(number)))

    async def take_on(self, new: NewMerchant, *, parent: str, why: str) -> Any:
        """Take a merchant on as a draft; `parent` is `kind:code`, the platform where it is left out."""
        placed = replace(new, parent=await self._party(parent))
        return _plain(show_merchant(_done(await self.merchants.take_on(await self._order(), placed, why=why)).value))

    async def amend(self, number: str, amendment: Amendment, *, why: str) -> Any:
        """Change a merchant's basic data."""
        merchant = await self._merchant(number)
        taken = await self.merchants.amend(await self._order(), merchant, amendment, why=why)
        return _plain(show_merchant(_done(taken).value))

    async def add_document(self, number: str, new: NewDocument, *, why: str) -> Any:
        """Add a document to a merchant's file."""
        merchant = await self._merchant(number)
        taken = await self.merchants.add_document(await self._order(), merchant, new, why=why)
        return _plain(show_merchant(_done(taken).value))

    async def add_shop(self, number: str, *, code: str, name: str, address: str, why: str) -> Any:
        """Open a shop under a merchant."""
        merchant = await self._merchant(number)
        taken = await self.merchants.add_shop(
            await self._order(), merchant, code=code, name=name, address=address, why=why
        )
        return _plain(show_merchant(_done(taken).value))

    async def add_terminal(self, number: str, new: NewTerminal, *, shop: str, why: str) -> Any:
        """Enter a terminal into a merchant's register; `shop` is a shop's code."""
        kept = await self._kept(number)
        shops = {one.code: one.id for one in kept.file.shops}
        if shop and shop not in shops:
            raise CounterRefusedError(f"the merchant has no shop {shop}")
        placed = replace(new, shop=shops.get(shop))
        taken = await self.merchants.add_terminal(await self._order(), kept.file.merchant.id, placed, why=why)
        return _plain(show_merchant(_done(taken).value))

    async def move(self, number: str, event: MerchantEvent, *, why: str) -> Any:
        """Move a merchant, or propose it."""
        merchant = await self._merchant(number)
        return _plain(show_acted(_done(await self.merchants.move(await self._order(), merchant, event, why=why)).value))

    async def bind_card(self, number: str, *, account: str, name: str, bank: str, why: str) -> Any:
        """Propose a bank card for a merchant."""
        merchant = await self._merchant(number)
        taken = await self.merchants.bind_card(
            await self._order(), merchant, account=account, name=name, bank=bank, why=why
        )
        return _plain(show_proposal(_done(taken).value))

    async def propose_rate(self, number: str, new: NewRate, *, why: str) -> Any:
        """Propose a rate for a merchant."""
        merchant = await self._merchant(number)
        return _plain(
            show_proposal(_done(await self.merchants.rate(await self._order(), merchant, new, why=why)).value)
        )

    async def set_password(self, number: str, password: str, *, why: str) -> Any:
        """Set a merchant's withdrawal password."""
        merchant = await self._merchant(number)
        order = await self._order()
        passwords = WithdrawalPasswords(pool=self.around.pool, clock=self.around.clock, ids=self.around.ids)
        try:
            await passwords.set(merchant, password, who=order.who, why=why, key=order.key)
        except ValueError as fault:
            raise CounterRefusedError(str(fault)) from fault
        return {"merchant": number, "withdrawal_password": "set"}

    async def list_proposals(self, *, mine: bool) -> list[Any]:
        """List the proposals that wait for a decision, or those that the one at the counter may decide."""
        order = await self._order()
        found = await self.approvals.list(order.caller, Page(limit=_MOST), ProposalFilter(mine=mine))
        return [_plain(show_proposal(one)) for one in found.items]

    async def show_proposal(self, proposal: str) -> Any:
        """Show a proposal with its history."""
        found = await self.approvals.find(PLATFORM_SCOPE, _id(proposal))
        if found is None:
            raise CounterRefusedError(f"there is no proposal {proposal}")
        return _plain(show_proposal(*found))

    async def approve(self, proposal: str, *, digest: str, why: str) -> Any:
        """Approve what has this digest."""
        taken = await self.approvals.approve(await self._order(), _id(proposal), digest=digest, why=why)
        return _plain(show_proposal(_done(taken).value))

    async def refuse(self, proposal: str, *, why: str) -> Any:
        """Refuse a proposal."""
        return _plain(
            show_proposal(_done(await self.approvals.refuse(await self._order(), _id(proposal), why=why)).value)
        )

    async def withdraw(self, proposal: str, *, why: str) -> Any:
        """Take one's own proposal back."""
        taken = await self.approvals.withdraw(await self._order(), _id(proposal), why=why)
        return _plain(show_proposal(_done(taken).value))

    async def list_parameters(self, party: str) -> list[Any]:
        """List all parameters as they stand."""
        found = await self.configuration.settings(PLATFORM_SCOPE, party=await self._party(party) if party else None)
        return [_plain(show_setting(one)) for one in found or ()]

    async def set_parameter(self, code: str, value: Value | None, *, party: str, why: str) -> Any:
        """Set a parameter, or propose it."""
        whose = await self._party(party) if party else None
        taken = await self.configuration.set(await self._order(), code=code, party=whose, value=value, why=why)
        return _plain(show_changed(_done(taken).value))

    async def history_of(self, code: str, party: str) -> list[Any]:
        """Show who set a parameter."""
        whose = await self._party(party) if party else None
        found = await self.configuration.history(PLATFORM_SCOPE, code=code, party=whose)
        if found is None:
            raise CounterRefusedError(f"there is no parameter {code}")
        return [_plain(step) for step in show_steps(found)]

    async def _kept(self, number: str) -> Kept:
        found = await self.merchants.find(PLATFORM_SCOPE, await self._merchant(number))
        if found is None:
            raise CounterRefusedError(f"there is no merchant {number}")
        return found

    async def _merchant(self, number: str) -> UUID:
        found = await self.merchants.list(PLATFORM_SCOPE, Page(limit=1), state=None, number=number)
        if not found.items:
            raise CounterRefusedError(f"there is no merchant {number}")
        return found.items[0].merchant.id

    async def _party(self, named: str) -> UUID:
        if not named:
            return PLATFORM
        kind, _, code = named.partition(":")
        found = await parties.party_by_code(self.around.pool, Kind(kind), code) if kind in set(Kind) else None
        if found is None:
            raise CounterRefusedError(f"there is no party {named}: give kind:code, such as agent:X")
        return found.id

    async def _order(self) -> Submission:
        key = f"command/{self.around.ids.new()}"
        house = await house_order(
            self.around.pool, name=f"command/{_user_of_the_machine()}", key=key, clock=self.around.clock
        )
        return Submission(caller=house.caller, at=house.at, key=house.key, said=house.said, keys=lambda _: ())


@asynccontextmanager
async def counter(settings: Settings, dsn: str, *, password: str | None) -> AsyncIterator[Counter]:
    """Open what the counter stands on, its own journal included."""
    clock, randomness = SystemClock(), SystemRandomness()
    pool = await open_pool(dsn, password=password, largest=6)
    try:
        around = Surroundings(
            pool=pool,
            book_pool=pool,
            owner_pool=pool,
            clock=clock,
            ids=UuidSevens(clock, randomness),
            randomness=randomness,
            metrics=build_metrics(),
            faults=NoFaults(),
            writer=f"{socket.gethostname()}/{os.getpid()}",
        )
        await AccessSeeds(pool=pool, ids=around.ids, clock=clock).sow()
        keystore = open_keystore(settings, randomness)
        tables = (MERCHANT, TERMINAL, TIMER, *TABLES)
        journal = Journal(pool=pool, tables=tables, clock=clock, ids=around.ids, book=settings.book.name)
        await journal.start()
        try:
            yield await _joined(around, journal=journal, keystore=keystore)
        finally:
            await journal.stop()
    finally:
        await pool.close()


async def _joined(around: Surroundings, *, journal: Journal, keystore: KeyStore) -> Counter:
    configuration = build_configuration(around.pool)
    await configuration.refresh()
    offices = build_offices(around, journal=journal, keystore=keystore, configuration=configuration)
    return Counter(
        around=around,
        keystore=keystore,
        offices=offices,
        approvals=ApprovalService(pool=around.pool, approvals=offices.approvals, delegations=offices.delegations),
        configuration=ConfigurationService(
            pool=around.pool,
            configuration=configuration,
            approvals=offices.approvals,
            pen=Pen(pool=around.pool, ids=around.ids),
            ids=around.ids,
        ),
        merchants=MerchantService(
            pool=around.pool,
            office=offices.merchants,
            approvals=offices.approvals,
            ids=around.ids,
            clock=around.clock,
        ),
    )


def _user_of_the_machine() -> str:
    # not the environment, which anybody sets
    return pwd.getpwuid(os.getuid()).pw_name


def _id(named: str) -> UUID:
    try:
        return read_id(named, PROPOSAL)
    except BadRequestError as fault:
        raise CounterRefusedError(str(fault)) from fault


def _done(outcome: Taken[_T] | Written | Refused) -> Any:
    if isinstance(outcome, Refused):
        raise CounterRefusedError(f"{outcome.reason.value}: {outcome.detail}")
    return outcome


def _plain(struct: msgspec.Struct) -> Any:
    return msgspec.to_builtins(struct)
