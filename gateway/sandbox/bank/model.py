"""The bank's own records."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    """What an instruction is in the bank's books; reversals are kept for their numbers only and not listed."""

    PAY = "pay"
    VOID = "void"
    REFUND = "refund"
    PAYOUT = "payout"
    REVERSE = "reverse"
    HOLD = "hold"
    RELEASE = "release"
    COMPLETE = "complete"


class State(StrEnum):
    """Where an instruction stands."""

    PROCESSING = "processing"
    SUCCESS = "success"
    FAILED = "failed"
    REVERSED = "reversed"
    RETURNED = "returned"


class FileState(StrEnum):
    """Where a payment file stands: being read, or paid (or refused) with its answer laid down."""

    READING = "reading"
    ANSWERED = "answered"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One instruction in the bank's books. Amounts are minor units; `due_ms` is when a delayed one is done."""

    number: str
    kind: Kind
    amount: int
    unit: str
    state: State
    code: str
    text: str
    value_on: str
    original: str = ""
    approval: str = ""
    due_ms: int | None = None
    listed: str = ""
    place: int = 0
    trigger: str = ""

    @property
    def reference(self) -> str:
        """The bank's own name of the entry."""
        return f"B{self.place:011d}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentLine:
    """One detail of a payment file, with what its payee triggers."""

    line: int
    number: str
    account: str = field(repr=False)
    name: str = field(repr=False)
    bank: str
    amount: int
    business: str
    code: str
    silent: bool
    returned_late: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OutLine:
    """One detail of a file for the customer."""

    line: int
    number: str
    business: str
    kind: str
    amount: int
    state: str
    code: str
    text: str
    reference: str
    value_on: str
    fee: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class OutFile:
    """A file for the customer: its lines stand in the store, or `raw` is the whole of it (ERR and bad files)."""

    name: str
    kind: str
    day: str
    sequence: int
    count: int = 0
    amount: int = 0
    due_ms: int = 0
    raw: bytes | None = None
