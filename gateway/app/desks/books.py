"""The book desk: balances, bank cards and book days."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from gateway.api.ports import Submission, Taken, UnitBalances
from gateway.journal import Change, CloseDay, Done, Journal, Refused, open_day
from gateway.kernel.ids import Ids
from gateway.kernel.postgres.pool import Database
from gateway.kernel.reasons import Reason
from gateway.ledger import store as ledger
from gateway.ledger.model import Account, Purpose
from gateway.parties import PLATFORM, BankCard, Scope
from gateway.parties import store as parties
from gateway.payments.payout import Withdrawals


class BookService:
    """Accounts and days for the API door."""

    def __init__(self, *, pool: Database, journal: Journal, withdrawals: Withdrawals, ids: Ids) -> None:
        self._pool = pool
        self._journal = journal
        self._withdrawals = withdrawals
        self._ids = ids

    async def balances(self, sees: Scope, *, party: UUID) -> Sequence[UnitBalances] | None:
        """Return a party's balances per unit."""
        if await parties.party_in(self._pool, sees, party) is None:
            return None
        found = await ledger.balances_of(self._pool, party)
        units = sorted({account.unit for account in found})
        return [await self._unit(party, unit, found) for unit in units]

    async def bank_cards(self, sees: Scope, *, party: UUID) -> Sequence[BankCard] | None:
        """Return the bank cards bound to a party."""
        if await parties.party_in(self._pool, sees, party) is None:
            return None
        return await parties.bank_cards(self._pool, party)

    async def close_day(self, order: Submission, *, day: date) -> Taken[date] | Refused:
        """Close the open day; a day that is closed already is answered as it was then."""
        change = Change(
            id=self._ids.new(),
            who=order.who,
            why=f"day {day} closed",
            occurred_at=order.at,
            keys=order.keys(PLATFORM),
            close_day=CloseDay(day),
        )
        receipt = await self._journal.post(change)
        if isinstance(receipt, Refused):
            return Refused(Reason.WRONG_STATE, receipt.detail) if receipt.reason is Reason.MOVED else receipt
        return Taken(await open_day(self._pool), replayed=not isinstance(receipt, Done))

    async def _unit(self, party: UUID, unit: str, found: dict[Account, int]) -> UnitBalances:
        def held(purpose: Purpose) -> int:
            return -sum(
                amount for account, amount in found.items() if account.unit == unit and account.purpose is purpose
            )

        return UnitBalances(
            unit=unit,
            available_minor=held(Purpose.AVAILABLE),
            frozen_minor=held(Purpose.FROZEN),
            deposit_minor=held(Purpose.DEPOSIT),
            advance_minor=-held(Purpose.ADVANCE),
            withdrawable_minor=await self._withdrawals.withdrawable(party, unit),
        )
