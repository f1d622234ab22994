"""Accounts of the past and statements over the wire."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Annotated, Final

from msgspec import Meta

from gateway.api.bodies import Amount, Id, PartyQuery, Shown, Time
from gateway.kernel.ids import show
from gateway.ledger.model import Account, Posted, Purpose

TRANSFER: Final = "tfr"

Unit = Annotated[str, Meta(pattern="^[A-Z0-9]{2,8}$")]
Item = Annotated[str, Meta(max_length=64)]
LineNumber = Annotated[int, Meta(ge=0, le=2**63 - 1)]


class PastQuery(PartyQuery, frozen=True, kw_only=True):
    """When: at an instant, or at the end of a book day; one of them."""

    at: Time | None = None
    day: date | None = None


class StatementQuery(PartyQuery, frozen=True, kw_only=True):
    """Which account, and which of its lines: `first` and `last` are book days, `cursor` is the `next` before."""

    unit: Unit = "CNY"
    purpose: Purpose = Purpose.AVAILABLE
    item: Item = ""
    first: date | None = None
    last: date | None = None
    limit: Annotated[int, Meta(ge=1, le=500)] = 50
    cursor: LineNumber = 0


class AccountShown(Shown, frozen=True, kw_only=True, omit_defaults=True):
    """One account; `balance` is positive where it stands in its owner's favour, negative where the owner owes."""

    purpose: Purpose
    balance: Amount
    item: str = ""


class PastShown(Shown, frozen=True, kw_only=True, omit_defaults=True):
    """A party's accounts as they stood; `at` or `day` says when."""

    party: str
    accounts: list[AccountShown]
    at: Time | None = None
    day: date | None = None


class LineShown(Shown, frozen=True, kw_only=True, omit_defaults=True):
    """One line: what moved, what stood after it, and its four times; lines of an account are numbered without gaps."""

    number: int
    transfer: Id
    kind: str
    amount: Amount
    balance: Amount
    occurred_at: Time
    recorded_at: Time
    booked_on: date
    value_on: date | None = None
    note: str = ""


class StatementShown(Shown, frozen=True, kw_only=True, omit_defaults=True):
    """Lines of one account, oldest first; `next` continues."""

    party: str
    purpose: Purpose
    lines: list[LineShown]
    item: str = ""
    next: int | None = None


def show_accounts(balances: Mapping[Account, int]) -> list[AccountShown]:
    """Show accounts as their owner counts."""
    return [
        AccountShown(purpose=one.purpose, item=one.item, balance=Amount(minor=-minor, unit=one.unit))
        for one, minor in balances.items()
    ]


def show_lines(lines: Sequence[Posted]) -> list[LineShown]:
    """Show lines as the account's owner counts."""
    return [
        LineShown(
            number=line.version,
            transfer=show(TRANSFER, line.transfer_id),
            kind=line.kind,
            amount=Amount(minor=-line.amount_minor, unit=line.account.unit),
            balance=Amount(minor=-line.balance_minor, unit=line.account.unit),
            occurred_at=line.occurred_at,
            recorded_at=line.recorded_at,
            booked_on=line.booked_on,
            value_on=line.value_on,
            note=line.note,
        )
        for line in lines
    ]
