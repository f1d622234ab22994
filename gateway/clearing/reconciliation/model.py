"""Lines with what stands against them, and differences, as records."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from channels.instruction import Approved, Ask, Declined, LineState
from gateway.payments.payout import OwnInstruction, Payout


class Outcome(StrEnum):
    """Design section 4, outcome of a return line; `undecided`: our own record is open, its owner is asked first."""

    MATCHED = "matched"
    DIFFERS = "differs"
    UNKNOWN_TO_US = "unknown_to_us"
    DUPLICATE_AT_BANK = "duplicate_at_bank"
    UNDECIDED = "undecided"


class DifferenceKind(StrEnum):
    """What kind of disagreement a difference is."""

    AMOUNT_DIFFERS = "amount_differs"
    STATUS_DIFFERS = "status_differs"
    UNKNOWN_TO_US = "unknown_to_us"
    DUPLICATE_AT_BANK = "duplicate_at_bank"
    MISSING_AT_BANK = "missing_at_bank"


class How(StrEnum):
    """How a difference is resolved.

    `bank_is_right`: the owner of the payment takes the difference (7f). `give_back`: money that is not ours goes back
    to the bank (7g). `bank_corrects`: the bank makes good what it took too much, or paid too little. `found_later`: a
    later file had the line (7h, 7i). `paid`, `not_paid`: a person's word on a payout that no file speaks of.
    """

    BANK_IS_RIGHT = "bank_is_right"
    GIVE_BACK = "give_back"
    BANK_CORRECTS = "bank_corrects"
    FOUND_LATER = "found_later"
    PAID = "paid"
    NOT_PAID = "not_paid"


class OperationConclusions(Protocol):
    """Takes the word of a bank's file for an acquiring operation that is open with us."""

    async def conclude_from_file(self, instruction: UUID, outcome: Approved | Declined) -> bool:
        """Conclude the operation that an open instruction belongs to; False where it is not for a file to decide."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Bank:
    """A bank account of ours and the channels that settle through it: a bank's files speak of all of them."""

    account: UUID
    channels: tuple[UUID, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """An open difference of an earlier batch: the bank's file did not have this instruction."""

    id: UUID
    batch_id: UUID
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Own:
    """Our side of a line: the instruction, its owner and what we still ask ourselves about it.

    `late_minor` is what an answer against an earlier final one has put on `channel.due` (debit positive) against
    `suspense.diff`: a file's word takes its place.
    """

    instruction: OwnInstruction
    ask: Ask
    amount_minor: int
    unit: str
    result: str
    settled_by: UUID
    party_id: UUID | None
    payout: Payout | None
    missing: Missing | None
    late_minor: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line that is to be posted: what the bank says, what it was matched as, and our side where there is one.

    `settled_by` of the own side is the bank account of the instruction's channel; `ask` is what the line says was done,
    our instruction's word before the file's.
    """

    id: UUID
    version: int
    place: int
    number: str
    ask: Ask
    amount_minor: int
    unit: str
    state: LineState
    code: str
    text: str
    bank_reference: str
    value_on: date | None
    outcome: Outcome
    differs_in: str
    own: Own | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A disagreement with a bank; `suspense_minor` is what was posted on `suspense_item`, signed (debit positive)."""

    id: UUID
    batch_id: UUID
    channel_id: UUID
    line_id: UUID | None
    instruction_id: UUID | None
    number: str
    kind: DifferenceKind
    unit: str
    own_minor: int | None
    file_minor: int | None
    own_state: str
    file_state: str
    party_id: UUID | None
    suspense_item: str
    suspense_minor: int
    state: str
    how: str
    note: str
    opened_at: datetime
    resolved_at: datetime | None
    resolved_by: str
    transfer_id: UUID | None
    version: int
