"""What the door asks about payments at the counter: the same record and answers as a terminal's (rows L9, L10, L12)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

from gateway.api.ports import Listing, Page, Submission, Taken
from gateway.journal.model import Refused
from gateway.kernel.money import Money
from gateway.kernel.reasons import Reason
from gateway.parties import Scope
from gateway.payments.batches import Batch
from gateway.payments.batches.store import KeptDifference
from gateway.payments.model import AcquiringAnswer, Item, Original, Settled, Totals, Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadCard:
    """A card as a reader or a cashier gives it: its number, or the reader's enciphered data with its key's number."""

    pan: str | None = field(default=None, repr=False)
    expiry: str | None = field(default=None, repr=False)
    sequence: str | None = None
    entry_mode: str = "012"
    pin_block: bytes | None = field(default=None, repr=False)
    ksn: bytes | None = None
    data: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """One request; `trace` with terminal and batch is its reference, which for a reversal is the original's."""

    transaction: Transaction
    terminal: str
    batch: str
    trace: str
    amount: Money | None = None
    card: ReadCard | None = None
    original: Original | None = None
    reversal_reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """How a request was answered; `state` is that of its record now, empty where none is kept."""

    answer: AcquiringAnswer
    state: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlingWish:
    """A batch to be settled; `items` are compared where the totals differ."""

    terminal: str
    batch: str
    trace: str
    totals: Totals
    items: tuple[Item, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SettledBatch:
    """Our totals of a batch, and whether it is ended: an unbalanced one is, once its items came."""

    settled: Settled
    rrn: str
    is_ended: bool
    differences: Sequence[KeptDifference] = ()


class AcquiringDesk(Protocol):
    """Payments of card readers, SoftPOS and merchants' own systems, and the batches of terminals."""

    async def carry(self, order: Submission, wish: Wish) -> Taken[Done] | Refused:
        """Take a request to its end; a decline that is recorded is an answer, not a refusal."""
        ...

    async def settle(self, order: Submission, wish: SettlingWish) -> Taken[SettledBatch] | Refused:
        """Close a batch, compare its totals and, where they agree or its items came, end it."""
        ...

    async def batches(self, sees: Scope, page: Page, *, terminal: str | None) -> Listing[Batch]:
        """List closed batches, newest first."""
        ...

    async def differences(
        self, sees: Scope, page: Page, *, terminal: str | None, batch: UUID | None
    ) -> Listing[KeptDifference]:
        """List what terminals and we did not agree on, newest first."""
        ...


NOT_TOLD = Refused(Reason.IN_PROGRESS, "nothing is sure yet: ask by the reference")
