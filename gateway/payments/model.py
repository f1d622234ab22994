"""The uniform acquiring record that every door makes (row L12), its answer, and the states of an operation.

Secrets (card number, track, PIN block, ICC data) are in memory only and never shown by `repr`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from gateway.kernel.money import Money
from gateway.kernel.reasons import Reason


class Source(StrEnum):
    """Which door a record came through."""

    TERMINAL = "terminal"
    SOFTPOS = "softpos"
    MIS = "mis"
    SEAT = "seat"
    API = "api"


class Transaction(StrEnum):
    """What is asked for (`docs/terminal-protocol.md` section 3)."""

    PURCHASE = "purchase"
    VOID = "void"
    REFUND = "refund"
    REVERSAL = "reversal"
    ENQUIRY = "enquiry"
    BALANCE = "balance"
    PREAUTHORISATION = "preauthorisation"
    PREAUTHORISATION_VOID = "preauthorisation_void"
    COMPLETION = "completion"
    COMPLETION_VOID = "completion_void"


class OperationState(StrEnum):
    """Design section 4: operation."""

    CREATED = "created"
    SENT = "sent"
    APPROVED = "approved"
    DECLINED = "declined"
    UNKNOWN = "unknown"
    REVERSING = "reversing"
    REVERSED = "reversed"


@dataclass(frozen=True, slots=True)
class Reference:
    """How a terminal names a request: its own number, the batch (60.2), the trace (11) and the MTI's first 3 digits."""

    terminal: str
    batch: str
    trace: str
    message_class: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Original:
    """How a later request names its original; parts that were not given are None."""

    batch: str | None = None
    trace: str | None = None
    on: date | None = None
    rrn: str | None = None
    approval_code: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CardData:
    """The card as the reader sent it."""

    pan: str = field(repr=False)
    expiry: str | None = field(default=None, repr=False)
    sequence: str | None = None
    pin_block: bytes | None = field(default=None, repr=False)
    icc: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AcquiringRecord:
    """One request of a payer's side, the same from every door.

    `content` is what a repeat must have in common with the first (`docs/terminal-protocol.md` "Reference"), as
    text pairs, the card number left out: it enters the digest by fingerprint. `answer_by` is the monotonic second at
    which the door's budget ends. `repeat` is True for xx1 messages.
    """

    source: Source
    transaction: Transaction
    reference: Reference
    merchant: str
    amount: Money | None
    content: tuple[tuple[str, str], ...]
    received_at: datetime
    answer_by: float
    card: CardData | None = None
    entry_mode: str = ""
    original: Original | None = None
    reversal_reason: str = ""
    repeat: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AcquiringAnswer:
    """What the door encodes. `standing` is the enquiry's word (approved, declined, in progress, …), else empty.

    `iso39` overrides the reason's own field 39 (a bank's decline keeps its code). `settled_on` is the bank's date.
    `answered_at` is when the request was first answered so, the same for every repeat; None where it is answered now.
    """

    reason: Reason
    text: str = ""
    iso39: str | None = None
    operation: UUID | None = None
    rrn: str = ""
    approval_code: str = ""
    settled_on: date | None = None
    amount: Money | None = None
    standing: str = ""
    replayed: bool = False
    answered_at: datetime | None = None
