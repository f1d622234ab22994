"""The uniform acquiring record that every door makes (row L12), its answer, and the states of an operation.

Secrets (card number, track, PIN block, ICC data) are in memory only and never shown by `repr`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from channels.instruction import Balance
from gateway.journal.model import Key
from gateway.kernel.money import Money
from gateway.kernel.reasons import Reason
from gateway.keys.port import MacKey


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
    SETTLEMENT = "settlement"
    UPLOAD = "upload"
    UPLOAD_END = "upload_end"


class OperationState(StrEnum):
    """Design section 4: operation."""

    CREATED = "created"
    SENT = "sent"
    APPROVED = "approved"
    DECLINED = "declined"
    UNKNOWN = "unknown"
    REVERSING = "reversing"
    REVERSED = "reversed"
    HELD = "held"
    COMPLETED = "completed"
    RELEASED = "released"
    EXPIRED = "expired"


# The bank has said yes and nothing has undone it; the last four are a pre-authorisation's.
STANDING = frozenset(
    {
        OperationState.APPROVED,
        OperationState.HELD,
        OperationState.COMPLETED,
        OperationState.RELEASED,
        OperationState.EXPIRED,
    }
)


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
    """The card as the reader sent it; its PIN block (ISO 9564 format 0) is under `pin_key`."""

    pan: str = field(repr=False)
    expiry: str | None = field(default=None, repr=False)
    sequence: str | None = None
    pin_block: bytes | None = field(default=None, repr=False)
    pin_key: MacKey | None = field(default=None, repr=False)
    icc: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """Total and count of a batch's debits or credits, in minor units."""

    amount_minor: int = 0
    count: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """What a batch comes to: debits are sales, credits what was given back; cards of the scheme at home and abroad."""

    debits: Side = Side()
    credits: Side = Side()
    foreign_debits: Side = Side()
    foreign_credits: Side = Side()

    @property
    def domestic(self) -> tuple[Side, Side]:
        """The half of cards at home."""
        return (self.debits, self.credits)

    @property
    def foreign(self) -> tuple[Side, Side]:
        """The half of cards abroad."""
        return (self.foreign_debits, self.foreign_credits)


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One transaction as a terminal uploads it: `trace` is its field 11; the card is kept as a mask only."""

    trace: str
    amount_minor: int
    card_mask: str = ""
    is_foreign: bool = False
    is_refund: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Settling:
    """What belongs to the settlement of a batch: the terminal's totals, items it uploads.

    `count` is how many items it says it uploaded, `end_code` with which code (60.3) it said so.
    """

    totals: Totals | None = None
    items: tuple[Item, ...] = ()
    count: int | None = None
    end_code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What a terminal is told of its batch: our totals, and for each half whether it has the same."""

    totals: Totals
    domestic_balanced: bool
    foreign_balanced: bool

    @property
    def is_balanced(self) -> bool:
        """Whether both halves agree."""
        return self.domestic_balanced and self.foreign_balanced


@dataclass(frozen=True, slots=True, kw_only=True)
class AcquiringRecord:
    """One request of a payer's side, the same from every door.

    `content` is what a repeat must have in common with the first (`docs/terminal-protocol.md` "Reference"), as
    text pairs, the card number left out: it enters the digest by fingerprint. `answer_by` is the monotonic second at
    which the door's budget ends. `repeat` is True for xx1 messages. `keys` gives a door's
    own idempotency keys beside the reference, once the id of the record is known that a repeat is answered from.
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
    settling: Settling | None = None
    keys: Callable[[UUID], tuple[Key, ...]] | None = field(default=None, repr=False)


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
    balances: tuple[Balance, ...] = ()
    settled: Settled | None = None
