"""Money out as records: one kind of record for withdrawals, payouts and settlement payouts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID


class PayoutKind(StrEnum):
    """Who asks for the money to go out."""

    WITHDRAWAL = "withdrawal"
    PAYOUT = "payout"
    SETTLEMENT = "settlement"


class PayoutState(StrEnum):
    """Design section 4, money out (rows A60, P48-P51)."""

    REQUESTED = "requested"
    CHECKED = "checked"
    CONFIRMED = "confirmed"
    FROZEN = "frozen"
    SENT = "sent"
    SUCCESS = "success"
    FAILED = "failed"
    UNKNOWN = "unknown"
    RETURNED = "returned"
    CANCELLED = "cancelled"


class PayoutEvent(StrEnum):
    """What can happen to a payout."""

    CHECK = "check"
    CONFIRM = "confirm"
    FREEZE = "freeze"
    SEND = "send"
    SUCCEED = "succeed"
    FAIL = "fail"
    DOUBT = "doubt"
    COME_BACK = "come_back"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True, kw_only=True)
class Payout:
    """One payout as it stands in the book; amounts are minor units of `unit`, the fee comes on top of the amount.

    `limit_day` is the book day whose limit it was counted on; `confirm_by` ends a checked request nobody confirms.
    """

    id: UUID
    kind: PayoutKind
    party_id: UUID
    bank_card_id: UUID | None
    amount_minor: int
    fee_minor: int
    unit: str
    fee_version: str
    state: PayoutState
    hold_id: UUID | None
    instruction_id: UUID | None
    reason: str
    code: str
    value_on: date | None
    limit_day: date | None
    asked_by: str
    created_at: datetime
    confirm_by: datetime | None
    finished_at: datetime | None
    version: int

    @property
    def total_minor(self) -> int:
        """What leaves the party: amount and fee."""
        return self.amount_minor + self.fee_minor


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnInstruction:
    """What the money-out machine needs of a payout's clearing instruction."""

    id: UUID
    number: str
    channel_id: UUID
    state: str
    communication: str
    tries: int
    version: int
