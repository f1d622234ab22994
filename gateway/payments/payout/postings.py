"""The postings of money out: worked examples 4 and 5, amounts in minor units."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from gateway.ledger.model import Account, Hold, HoldUse, Leg, Purpose, Release, Transfer
from gateway.parties import PLATFORM
from gateway.payments.decision import UNRIPE
from gateway.payments.payout.model import Payout, PayoutKind

FEE_ITEMS = {
    PayoutKind.WITHDRAWAL: "withdrawal_fee",
    PayoutKind.PAYOUT: "payout_fee",
    PayoutKind.SETTLEMENT: "settlement_fee",
}


def available(party: UUID, unit: str) -> Account:
    """What a party can dispose of."""
    return Account(party, unit, Purpose.AVAILABLE)


def transit(unit: str) -> Account:
    """Money on its way out: `payout.transit`."""
    return Account(PLATFORM, unit, Purpose.TRANSIT, "payout")


def cash(bank_account: UUID, unit: str) -> Account:
    """The institution's own money at a bank: `bank`."""
    return Account(bank_account, unit, Purpose.CASH)


def suspense(item: str, unit: str) -> Account:
    """What waits for a person's word: `suspense.diff`, `suspense.unknown`."""
    return Account(PLATFORM, unit, Purpose.SUSPENSE, item)


def fee_income(payout: Payout) -> Account:
    """Where the payout's fee is earned."""
    return Account(PLATFORM, payout.unit, Purpose.INCOME, FEE_ITEMS[payout.kind])


def legs(*sides: tuple[Account, int]) -> tuple[Leg, ...]:
    """Make legs of the sides that are not zero."""
    return tuple(Leg(account, amount) for account, amount in sides if amount)


def freeze(payout: Payout, *, hold: UUID, at: datetime) -> Hold:
    """5a: amount and fee become frozen; what has not ripened stays."""
    return Hold(
        id=hold,
        account=available(payout.party_id, payout.unit),
        amount_minor=payout.total_minor,
        kind=f"{payout.kind}.frozen",
        subject=payout.id,
        occurred_at=at,
        keeping=(UNRIPE, str(payout.party_id)),
    )


def unfreeze(payout: Payout, *, at: datetime) -> Release:
    """Give a frozen payout's money back: it was cancelled, or could not be written into a file."""
    return Release(hold=_hold(payout), kind=f"{payout.kind}.released", subject=payout.id, occurred_at=at)


def send(payout: Payout, *, transfer: UUID, at: datetime) -> Transfer:
    """5b: frozen money goes into transit."""
    frozen = Account(payout.party_id, payout.unit, Purpose.FROZEN)
    return Transfer(
        id=transfer,
        kind=f"{payout.kind}.sent",
        subject=payout.id,
        legs=legs((frozen, payout.total_minor), (transit(payout.unit), -payout.total_minor)),
        occurred_at=at,
        uses=(HoldUse(_hold(payout), payout.total_minor),),
    )


def succeed(
    payout: Payout, *, transfer: UUID, at: datetime, bank_account: UUID, paid_minor: int, value_on: date | None
) -> Transfer:
    """5c: the bank paid; what it paid less, or more, than it was told stands in `suspense.diff`."""
    rest = payout.amount_minor - paid_minor
    return Transfer(
        id=transfer,
        kind=f"{payout.kind}.success",
        subject=payout.id,
        legs=legs(
            (transit(payout.unit), payout.total_minor),
            (cash(bank_account, payout.unit), -paid_minor),
            (fee_income(payout), -payout.fee_minor),
            (suspense("diff", payout.unit), -rest),
        ),
        occurred_at=at,
        value_on=value_on,
    )


def fail(payout: Payout, *, transfer: UUID, at: datetime, value_on: date | None = None) -> Transfer:
    """5d: nothing was paid, or it came straight back; amount and fee are the party's again."""
    return Transfer(
        id=transfer,
        kind=f"{payout.kind}.failed",
        subject=payout.id,
        legs=legs(
            (transit(payout.unit), payout.total_minor),
            (available(payout.party_id, payout.unit), -payout.total_minor),
        ),
        occurred_at=at,
        value_on=value_on,
    )


def come_back(payout: Payout, *, transfer: UUID, at: datetime, source: Account, value_on: date | None) -> Transfer:
    """5e: the money came back after 5c to `source` (the bank; suspense where a person decides), and the fee with it."""
    return Transfer(
        id=transfer,
        kind=f"{payout.kind}.returned",
        subject=payout.id,
        legs=legs(
            (source, payout.amount_minor),
            (fee_income(payout), payout.fee_minor),
            (available(payout.party_id, payout.unit), -payout.total_minor),
        ),
        occurred_at=at,
        value_on=value_on,
    )


def _hold(payout: Payout) -> UUID:
    if payout.hold_id is None:
        message = f"payout {payout.id} is {payout.state} and holds nothing"
        raise ValueError(message)
    return payout.hold_id
