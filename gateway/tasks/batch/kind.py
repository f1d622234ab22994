"""What a kind of task is asked; no method has a default."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from gateway.journal.model import Insert, Move, Put
from gateway.ledger.model import Posting
from gateway.tasks.batch.model import BatchTask


class BadTaskError(ValueError):
    """The parameters name no work that this kind can do; the text says what is wrong."""


class RowError(Exception):
    """This row cannot be worked on; the text says why and quotes no secret. The other rows go on."""


class SourceError(Exception):
    """What rows are read from failed; `is_final` where trying again soon cannot help."""

    def __init__(self, why: str, *, is_final: bool = False) -> None:
        super().__init__(why)
        self.is_final = is_final


@dataclass(frozen=True, slots=True)
class Row:
    """One row as it was read, known for ever by `id`; `content` is the kind's own."""

    id: str
    content: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Portion:
    """Rows that follow a cursor, the cursor behind them, whether they are the last, and how many there are in all."""

    rows: Sequence[Row]
    cursor: str
    is_last: bool
    total: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Which chunk of which run of a task, and when: what every stored row says of itself."""

    task: BatchTask
    chunk: int
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What a chunk writes, in one change with the cursor, and what was counted beside."""

    records: tuple[Insert | Move | Put, ...] = ()
    postings: tuple[Posting, ...] = ()
    figures: Mapping[str, int] = field(default_factory=dict)


class BatchRun(Protocol):
    """One run of a task at work; nothing it is asked changes anything."""

    async def read(self, cursor: str, size: int) -> Portion:
        """Return up to `size` rows beyond `cursor` (empty: from the beginning), fewer only at the end.

        Raises SourceError.
        """
        ...

    async def known(self, rows: Sequence[Row]) -> Mapping[str, str]:
        """Return, of those rows that are stored already, id -> why it may not be skipped (empty: it is the same)."""
        ...

    async def work(self, row: Row) -> Any:
        """Work on one row, many at a time. Raises RowError."""
        ...

    def effect(self, done: Sequence[tuple[Row, Any]], place: Place) -> Effect:
        """Say what is stored of the rows that were worked on, in the order they were read."""
        ...


class BatchKind(Protocol):
    """One kind of task. `stops_at_failed_row` ends a task at its first failing row, before that chunk is stored."""

    @property
    def name(self) -> str:
        """How tasks name it: `room.verb`."""
        ...

    @property
    def stops_at_failed_row(self) -> bool:
        """Whether one failing row ends the task."""
        ...

    async def check(self, params: Mapping[str, Any]) -> str:
        """Check the parameters of a new task and return what only one task may work on at a time.

        Raises BadTaskError.
        """
        ...

    def open(self, task: BatchTask) -> AbstractAsyncContextManager[BatchRun]:
        """Open what a run needs and let go of it in the end. Entering raises SourceError."""
        ...

    async def totals(self, task: BatchTask) -> Mapping[str, int]:
        """Return what the task has stored over all its runs, in the kind's own sums (minor units, counts)."""
        ...
