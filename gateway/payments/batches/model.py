"""A batch of a terminal as it stands in the books, what was uploaded of it, and where the two sides differ."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from gateway.payments.model import Item, Settled, Side, Totals


class BatchState(StrEnum):
    """Closed by a settlement, ended by the last message of its upload; an open one has no record yet."""

    CLOSED = "closed"
    ENDED = "ended"


class DifferenceKind(StrEnum):
    """How a terminal's upload and our books disagree."""

    MISSING_AT_US = "missing_at_us"
    MISSING_AT_TERMINAL = "missing_at_terminal"
    AMOUNT_DIFFERS = "amount_differs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One closed batch; amounts in minor units of `unit`.

    `ours` and `theirs` are None until a settlement has been answered. `ripened_minor` is what of its merchant's money
    it let ripen, None while it has not.
    """

    id: UUID
    terminal: str
    merchant_id: UUID
    number: str
    state: BatchState
    unit: str
    closed_at: datetime
    ours: Totals | None = None
    theirs: Totals | None = None
    ripened_minor: int | None = None
    end_code: str = ""
    end_count: int | None = None
    ended_at: datetime | None = None
    version: int = 1

    @property
    def settled(self) -> Settled | None:
        """What the terminal is told of it, None before its totals were compared."""
        return None if self.ours is None or self.theirs is None else compared(self.ours, self.theirs)


def compared(ours: Totals, theirs: Totals) -> Settled:
    """Hold a terminal's totals against ours, half by half."""
    return Settled(
        totals=ours,
        domestic_balanced=ours.domestic == theirs.domestic,
        foreign_balanced=ours.foreign == theirs.foreign,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A settlement or upload that was answered: its repeats get the same numbers."""

    id: UUID
    batch_id: UUID
    message_class: str
    trace: str
    rrn: str
    answered_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """An operation of ours that counts in its batch's totals."""

    id: UUID
    trace: str
    message_class: str
    amount_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One transaction on which the two sides disagree; the side that does not have it has no amount."""

    kind: DifferenceKind
    trace: str
    operation_id: UUID | None = None
    own_minor: int | None = None
    terminal_minor: int | None = None
    card_mask: str = ""


def row_of(batch: Batch) -> dict[str, object]:
    """Return a batch as a row of its table, without the version: that is the journal's."""
    return {
        "id": batch.id,
        "terminal": batch.terminal,
        "merchant_id": batch.merchant_id,
        "number": batch.number,
        "state": batch.state,
        "unit": batch.unit,
        "ours": written(batch.ours),
        "theirs": written(batch.theirs),
        "ripened_minor": batch.ripened_minor,
        "end_code": batch.end_code,
        "end_count": batch.end_count,
        "closed_at": batch.closed_at,
        "ended_at": batch.ended_at,
    }


_SIDES = ("debits", "credits", "foreign_debits", "foreign_credits")


def written(totals: Totals | None) -> dict[str, dict[str, int]] | None:
    """Write totals as JSON values."""
    if totals is None:
        return None
    sides = {name: getattr(totals, name) for name in _SIDES}
    return {name: {"minor": side.amount_minor, "count": side.count} for name, side in sides.items()}


def read(kept: dict[str, dict[str, int]] | None) -> Totals | None:
    """Read totals back."""
    if kept is None:
        return None
    return Totals(**{name: Side(amount_minor=kept[name]["minor"], count=kept[name]["count"]) for name in _SIDES})


def differences(counted: tuple[Counted, ...], items: tuple[Item, ...]) -> tuple[Difference, ...]:
    """Hold what a terminal uploaded against what its batch counts, by trace number; a trace said twice counts once."""
    said: dict[str, Item] = {}
    for item in items:
        said.setdefault(item.trace, item)
    found = [_of_ours(each, said.pop(each.trace, None)) for each in counted]
    strangers = [_stranger(item) for item in said.values()]
    return tuple(each for each in (*found, *strangers) if each is not None)


def _of_ours(own: Counted, item: Item | None) -> Difference | None:
    if item is None:
        kind = DifferenceKind.MISSING_AT_TERMINAL
        return Difference(kind=kind, trace=own.trace, operation_id=own.id, own_minor=own.amount_minor)
    if item.amount_minor == own.amount_minor:
        return None
    return Difference(
        kind=DifferenceKind.AMOUNT_DIFFERS,
        trace=own.trace,
        operation_id=own.id,
        own_minor=own.amount_minor,
        terminal_minor=item.amount_minor,
        card_mask=item.card_mask,
    )


def _stranger(item: Item) -> Difference:
    return Difference(
        kind=DifferenceKind.MISSING_AT_US,
        trace=item.trace,
        terminal_minor=item.amount_minor,
        card_mask=item.card_mask,
    )
