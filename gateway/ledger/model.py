"""Accounts, transfers and holds as records.

An account is party x unit x purpose (design row C2, A61-A63, L14-L16). A transfer is a list of legs that sums to zero
in every unit. Amounts are signed minor units: **debit positive, credit negative**; a balance is the sum of its
entries under the same sign, so a merchant's available money is a negative (credit) balance.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID


class Purpose(StrEnum):
    """What an account is for; the rules of each purpose stand in `rules.py`."""

    AVAILABLE = "available"
    FROZEN = "frozen"
    DEPOSIT = "deposit"
    ADVANCE = "advance"
    ARREARS = "arrears"
    TRANSIT = "transit"
    SUSPENSE = "suspense"
    DUE = "due"
    FEE_OWED = "fee_owed"
    CASH = "cash"
    MIRROR = "mirror"
    ISSUED = "issued"
    REDEEMED = "redeemed"
    EXCHANGE = "exchange"
    FUND = "fund"
    INCOME = "income"
    EXPENSE = "expense"


@dataclass(frozen=True, slots=True)
class Account:
    """The name of one account; it is opened by the first transfer that uses it.

    `item` tells accounts of one purpose apart: income "merchant_fee", suspense "diff" or "unknown", transit "payout".
    """

    party: UUID
    unit: str
    purpose: Purpose
    item: str = ""
    # Accounts are looked up dozens of times for every transfer: their hash is worked out once.
    _hash: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Work the hash out."""
        object.__setattr__(self, "_hash", hash((self.party.int, self.unit, self.purpose, self.item)))

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if type(other) is not Account or self._hash != other._hash:
            return NotImplemented if type(other) is not Account else False
        mine, theirs = (self.unit, self.item, self.purpose), (other.unit, other.item, other.purpose)
        return self.party.int == other.party.int and mine == theirs


@dataclass(frozen=True, slots=True)
class Leg:
    """One side of a transfer: `amount_minor` > 0 debits, < 0 credits `account`; never 0."""

    account: Account
    amount_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """A balanced list of legs, posted all together or not at all.

    `wish` says who can be refused: a wish (void, refund, withdrawal, payout, redemption) is refused with
    INSUFFICIENT_FUNDS where a no-overdraft account would pass zero; a fact (wish=False) is always taken, and what is
    missing on `available` comes from the party's deposit, then from its advance (members: arrears). A credit to
    `available` of a party that owes an advance repays it first. `uses` names the holds whose money the legs on
    `frozen` accounts take: the sum taken from each frozen account equals the sum of its uses.
    """

    id: UUID
    kind: str
    subject: UUID
    legs: tuple[Leg, ...]
    occurred_at: datetime
    wish: bool = False
    uses: tuple[HoldUse, ...] = ()
    value_on: date | None = None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Freeze `amount_minor` (> 0) of a party's `available`: always a wish.

    Posts available -> frozen and opens a hold record with that rest; frozen equals the sum of open holds. `keeping`
    names a counter (scope, name) that the same change counts: where less than its value would be left on `account` the
    hold is refused with INSUFFICIENT_FUNDS. An open hold whose `expires_at` has passed is given back by the house
    (timer `ledger.holds`).
    """

    id: UUID
    account: Account
    amount_minor: int
    kind: str
    subject: UUID
    occurred_at: datetime
    expires_at: datetime | None = None
    keeping: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class HoldUse:
    """Take `amount_minor` (> 0) of the rest of an open hold; inside a `Transfer`."""

    hold: UUID
    amount_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """Give the whole rest of an open hold back: frozen -> available; the hold ends `voided` or `expired`."""

    hold: UUID
    kind: str
    subject: UUID
    occurred_at: datetime
    expired: bool = False


Posting = Transfer | Hold | Release


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """One entry as it stands in the book: immutable, unique by (account, version), with the running balance.

    It has four times: `occurred_at` in the world, `recorded_at` in the book, `booked_on` the book's day and `value_on`
    the bank's. `kind`, `subject` and `note` are its transfer's.
    """

    account_id: UUID
    version: int
    transfer_id: UUID
    amount_minor: int
    balance_minor: int
    booked_on: date
    recorded_at: datetime
    occurred_at: datetime
    value_on: date | None
    kind: str
    subject: UUID
    note: str
    account: Account = field(compare=False)
