"""People with rights, a party to speak about, and a journal: what approvals stand on."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from gateway.access import Caller, CallerKind
from gateway.access.approvals import (
    PROPOSAL,
    Approvals,
    Delegations,
    Draft,
    Kind,
    Kinds,
    Proposal,
    Rights,
    Ruling,
    edit_kind,
    pack,
)
from gateway.access.approvals.kinds import EXPIRES_AFTER, limit_of
from gateway.access.order import Order
from gateway.journal import Change, Event, Journal, Key, Refused
from gateway.kernel.clock import ManualClock
from gateway.kernel.configuration import Catalogue, Configuration, Reading
from gateway.kernel.ids import UuidSevens
from gateway.kernel.postgres.edit import Add, Alter, Edit, apply_edit
from gateway.kernel.randomness import SystemRandomness
from gateway.parties import PLATFORM, Scope
from gateway.parties import store as parties
from gateway.tasks import TIMER

NOW = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
EVERYBODY = Scope(f"/{PLATFORM.hex}/")
NAMES, MONEY = "names:approve", "money:approve"
LIMIT = limit_of("money.move", title_zh="限额", title_en="One person up to")


@dataclass(frozen=True, slots=True, kw_only=True)
class Said(Order):
    """A command with keys for both shells, as the doors make them."""

    keys: Any


class Book:
    """Who may do what now, and which person they are."""

    def __init__(self) -> None:
        self.known: dict[str, Rights] = {}
        self.people: dict[str, str] = {}

    async def rights(self, who: str) -> Rights | None:
        return self.known.get(who)

    async def persons(self, who: str) -> frozenset[str]:
        return frozenset({self.people.get(who, who)})


@dataclass
class House:
    """Approvals with two kinds: a name that is edited, money that is moved through the journal."""

    pool: asyncpg.Pool[Any]
    journal: Journal
    clock: ManualClock
    ids: UuidSevens
    book: Book
    configuration: Configuration
    approvals: Approvals
    delegations: Delegations
    shop: UUID
    shop_scope: Scope
    _numbers: Any = field(default_factory=lambda: itertools.count(1))

    def may(self, login: str, *permissions: str, person: str = "", sees: Scope = EVERYBODY) -> None:
        who = f"user:{login}"
        self.book.known[who] = Rights(permissions=frozenset(permissions), sees=sees, person=person or who)
        self.book.people[who] = person or who

    def order(self, login: str, key: str = "", *, body: str = "") -> Said:
        rights = self.book.known.get(f"user:{login}") or Rights(permissions=frozenset(), sees=EVERYBODY, person="")
        caller = Caller(
            party=PLATFORM, permissions=rights.permissions, name=login, sees=rights.sees, kind=CallerKind.OPERATOR
        )
        name = key or f"k{next(self._numbers)}"
        at = self.clock.now()

        def keys(subject: UUID) -> tuple[Key, ...]:
            end = at + timedelta(days=1)
            digest = body.encode().ljust(32, b"-")
            return (Key(scope="test", name=name, digest=digest, digest_version=1, subject=subject, expires_at=end),)

        return Said(caller=caller, at=at, key=f"test/{name}", said={"body": body}, keys=keys)

    async def party(self) -> Any:
        return await parties.party(self.pool, self.shop)

    async def rename(self, name: str, by: str = "li", key: str = "", **own: Any) -> Proposal:
        now = await self.party()
        line = Alter(parties.PARTY, now.id, now.version, {"name": name})
        draft = Draft(
            kind="party.name",
            subject=now.id,
            subject_version=now.version,
            party=now.id,
            content=pack([line]),
            before={"name": now.name},
            after={"name": name},
            why="new sign over the door",
            **own,
        )
        submitted = await self.approvals.propose(self.order(by, key, body=name), draft)
        assert not isinstance(submitted, Refused), submitted
        return submitted.proposal

    async def move_money(self, amount: int, by: str = "li", key: str = "", unit: str = "CNY") -> Proposal:
        draft = Draft(
            kind="money.move",
            subject=self.shop,
            subject_version=0,
            party=self.shop,
            content={"amount": amount},
            amount_minor=amount,
            unit=unit,
            why="entered by hand",
        )
        submitted = await self.approvals.propose(self.order(by, key, body=str(amount)), draft)
        assert not isinstance(submitted, Refused), submitted
        return submitted.proposal

    async def moved(self) -> int:
        return int(await self.pool.fetchval("SELECT count(*) FROM journal_event WHERE kind = 'money_moved'"))

    def set(self, values: Mapping[str, int]) -> None:
        self.configuration.take(Reading(generation=1, values={(code, None): value for code, value in values.items()}))


def _money(proposal: Proposal, ruling: Ruling) -> Change:
    return Change(
        id=ruling.id,
        who=ruling.who,
        why=ruling.why,
        occurred_at=ruling.at,
        events=(Event("money_moved", proposal.subject, {"amount": proposal.content["amount"]}),),
    )


@pytest.fixture
async def house(pool: asyncpg.Pool[Any]) -> AsyncIterator[House]:
    clock = ManualClock(NOW)
    ids = UuidSevens(clock, SystemRandomness())
    journal = Journal(pool=pool, tables=[PROPOSAL, TIMER], clock=clock, ids=ids)
    await journal.start()
    shop = ids.new()
    row = {"id": shop, "kind": "agent", "code": "a1", "name": "Old", "parent_id": PLATFORM, "created_at": NOW}
    taken_on = Edit(id=ids.new(), key="a1", who="t", why="t", at=NOW, said={}, lines=(Add(parties.PARTY, row),))
    await apply_edit(pool, taken_on)
    kinds = Kinds(
        (
            edit_kind(code="party.name", permission=NAMES, title_zh="名", title_en="Name", tables=(parties.PARTY,)),
            Kind(code="money.move", permission=MONEY, title_zh="款", title_en="Money", effect=_money, limit=LIMIT),
        )
    )
    book = Book()

    async def nothing() -> Any:
        return Reading(generation=0)

    async def none() -> int:
        return 0

    configuration = Configuration(Catalogue((EXPIRES_AFTER, LIMIT)), read=nothing, generation_of=none)
    made = House(
        pool=pool,
        journal=journal,
        clock=clock,
        ids=ids,
        book=book,
        configuration=configuration,
        approvals=Approvals(
            pool=pool,
            journal=journal,
            kinds=kinds,
            rights=book,
            configuration=configuration,
            ids=ids,
            clock=clock,
        ),
        delegations=Delegations(pool=pool, kinds=kinds, rights=book, ids=ids),
        shop=shop,
        shop_scope=await parties.scope_of(pool, shop) or EVERYBODY,
    )
    made.may("li", NAMES, MONEY)
    made.may("wang", NAMES, MONEY)
    made.may("zhao")
    yield made
    await journal.stop()


@pytest.fixture
def elsewhere(house: House) -> Scope:
    """The scope of another agent, who does not see the shop."""
    return Scope(f"/{PLATFORM.hex}/{house.ids.new().hex}/")
