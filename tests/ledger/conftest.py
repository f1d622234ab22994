"""A ledger on paper: postings decided with no database, accounts by the names of the worked examples."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID, uuid5

import asyncpg
import pytest

from gateway.journal import Journal, Refused
from gateway.journal.postings import enter
from gateway.journal.state import UNOPENED, Head, Known, Standing, State
from gateway.kernel.clock import SystemClock
from gateway.kernel.ids import UuidSevens
from gateway.ledger import Account, Hold, HoldUse, Leg, Posting, Purpose, Release, Transfer

NOW = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
_NAMES = UUID("6f1c1b0e-0000-4000-8000-000000000000")
_HOUSE = {
    "channel.due": Purpose.DUE,
    "channel.fee_owed": Purpose.FEE_OWED,
    "bank": Purpose.CASH,
    "points.fund": Purpose.FUND,
}
_BY_FIRST = {
    "income": Purpose.INCOME,
    "expense": Purpose.EXPENSE,
    "suspense": Purpose.SUSPENSE,
    "payout": Purpose.TRANSIT,
    "exchange": Purpose.EXCHANGE,
}
_OF_PARTY = {"frozen": Purpose.FROZEN, "deposit": Purpose.DEPOSIT}

Legs = dict[str, int]


def account(name: str, unit: str) -> Account:
    """The account that a worked example calls `name`."""
    if name in _HOUSE:
        return Account(uuid5(_NAMES, name.partition(".")[0]), unit, _HOUSE[name])
    first, *rest = name.split(".")
    if first in _BY_FIRST:
        return Account(uuid5(_NAMES, "platform"), unit, _BY_FIRST[first], rest[0])
    if first in ("advance", "arrears"):
        return Account(uuid5(_NAMES, rest[0]), unit, Purpose(first))
    if first == "points":
        return Account(uuid5(_NAMES, name), unit, Purpose(rest[1]))
    purpose = _OF_PARTY.get(rest[-1], Purpose.AVAILABLE)
    return Account(uuid5(_NAMES, rest[0]), unit, purpose)


def minor(text: str, unit: str) -> int:
    """Read an amount as the examples print it: yuan with two decimals, points as they are."""
    digits = text.replace(",", "").strip()
    if unit != "CNY":
        return int(digits or "0")
    whole, _, part = digits.partition(".")
    return int(whole or "0") * 100 + int((part + "00")[:2])


class Table:
    """A table of postings as the requirements print it: posting, unit, account, debit, credit."""

    def __init__(self, text: str) -> None:
        self.postings: dict[str, dict[Account, int]] = {}
        for line in text.strip().splitlines():
            posting, unit, name, debit, credit = (cell.strip() for cell in line.strip().strip("|").split("|"))
            legs = self.postings.setdefault(re.split(r"\s", posting)[0], {})
            legs[account(name, unit)] = minor(debit, unit) - minor(credit, unit)

    def __getitem__(self, posting: str) -> dict[Account, int]:
        return self.postings[posting]


class _Unopened(Known[Account, Standing]):
    def __missing__(self, name: Account) -> Standing:
        return UNOPENED


class Paper:
    """Books on paper."""

    def __init__(self, ids: UuidSevens) -> None:
        self.new = ids.new
        head = Head(0, bytes(32), date(2026, 11, 22), NOW)
        self._state = State(head)
        self._state.accounts = _Unopened()

    def balance(self, name: str, unit: str = "CNY") -> int:
        return self._state.accounts[account(name, unit)].balance_minor

    def post(self, posting: Posting) -> dict[Account, int] | Refused:
        """Enter a posting; gives what was entered, or the refusal, which leaves nothing."""
        self._state.undo = []
        entered = enter(posting, self._state, self.new)
        if isinstance(entered, Refused):
            self._state.back_to(0)
            return entered
        return {entry.account: entry.amount_minor for entry in entered.entries}

    def transfer(self, legs: dict[Account, int], **fields: Any) -> dict[Account, int] | Refused:
        return self.post(
            Transfer(
                id=self.new(),
                kind="example",
                subject=self.new(),
                legs=tuple(Leg(account, amount) for account, amount in legs.items()),
                occurred_at=NOW,
                **fields,
            )
        )

    def hold(self, name: str, amount: int, unit: str = "CNY") -> tuple[UUID, dict[Account, int] | Refused]:
        hold = Hold(
            id=self.new(),
            account=account(name, unit),
            amount_minor=amount,
            kind="example",
            subject=self.new(),
            occurred_at=NOW,
        )
        return hold.id, self.post(hold)

    def use(self, hold: UUID, legs: dict[Account, int]) -> dict[Account, int] | Refused:
        taken = sum(amount for account, amount in legs.items() if account.purpose is Purpose.FROZEN)
        return self.transfer(legs, uses=(HoldUse(hold, taken),))

    def release(self, hold: UUID, *, expired: bool = False) -> dict[Account, int] | Refused:
        return self.post(Release(hold=hold, kind="example", subject=hold, occurred_at=NOW, expired=expired))

    def give(self, name: str, amount: int, unit: str = "CNY") -> None:
        """Put money on an account from nowhere in particular."""
        cash = Account(uuid5(_NAMES, "mint"), unit, Purpose.CASH)
        assert not isinstance(self.transfer({cash: amount, account(name, unit): -amount}), Refused)


@pytest.fixture
def paper(ids: UuidSevens) -> Paper:
    return Paper(ids)


@pytest.fixture
def table() -> type[Table]:
    return Table


@pytest.fixture
async def journal(pool: asyncpg.Pool[Any], clock: SystemClock, ids: UuidSevens) -> AsyncIterator[Journal]:
    journal = Journal(pool=pool, tables=[], clock=clock, ids=ids, first_day=date(2026, 11, 22))
    await journal.start()
    yield journal
    await journal.stop()
