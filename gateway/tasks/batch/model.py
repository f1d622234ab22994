"""Batch tasks, their chunks and failed rows, and schedules, as records (rows A15, A19, A23-A27)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Generic, TypeVar
from uuid import UUID

Record = TypeVar("Record")

CHUNK_MOST = 2000
CONCURRENCY_MOST = 256


class TaskState(StrEnum):
    """The status mark of a task (row A25); a running task that nobody holds any more is seen as interrupted."""

    WAITING = "waiting"
    RUNNING = "running"
    INTERRUPTED = "interrupted"
    FAILED = "failed"
    DONE = "done"
    CANCELLED = "cancelled"


# a task in one of these has its kind's exclusive place to itself
OPEN_STATES = frozenset({TaskState.WAITING, TaskState.RUNNING, TaskState.INTERRUPTED})


class AfterLoss(StrEnum):
    """What becomes of a task whose process was lost: the next worker goes on, or it waits for a person's reset."""

    RESUME = "resume"
    WAIT = "wait"


class CatchUp(StrEnum):
    """What becomes of due times that nobody was there for: one task for all of them, or none."""

    ONCE = "once"
    SKIP = "skip"


class ScheduleState(StrEnum):
    """Whether a schedule makes tasks."""

    ACTIVE = "active"
    PAUSED = "paused"
    ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTask:
    """A task to be started: `due_at` None is now."""

    kind: str
    params: Mapping[str, Any] = field(default_factory=dict)
    chunk_size: int = 1000
    concurrency: int = 8
    after_loss: AfterLoss = AfterLoss.RESUME
    due_at: datetime | None = None
    schedule_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchTask:
    """A task as it stands; the counts are those of its latest run.

    `cursor` is how far the run has committed; `owner` is the process that works on it, empty where it left in order.
    `is_held` tells whether a living lease stands behind `owner`.
    """

    id: UUID
    kind: str
    exclusive: str
    params: Mapping[str, Any]
    state: TaskState
    chunk_size: int
    concurrency: int
    after_loss: AfterLoss
    schedule_id: UUID | None
    cursor: str
    run: int
    chunks: int
    rows_read: int
    stored: int
    skipped: int
    failed: int
    total: int | None
    takeovers: int
    reason: str
    failed_chunk: int | None
    failed_row: str | None
    owner: str
    created_by: str
    created_at: datetime
    due_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    version: int
    is_held: bool

    @property
    def was_lost(self) -> bool:
        """Whether the process that worked on it has gone without a word."""
        return self.state is TaskState.RUNNING and bool(self.owner) and not self.is_held

    @property
    def standing(self) -> TaskState:
        """The state as it is seen from outside."""
        return TaskState.INTERRUPTED if self.was_lost else self.state

    @property
    def chunks_total(self) -> int | None:
        """How many chunks the run will have, where that is known."""
        if self.state is TaskState.DONE:
            return self.chunks
        return None if self.total is None else -(-self.total // self.chunk_size)


@dataclass(frozen=True, slots=True)
class Commanded(Generic[Record]):
    """The record that a command was about, as it stands now; `replayed` where the command had been given before."""

    record: Record
    replayed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkDone:
    """One chunk that was committed (row A26): what was read between two cursors and what became of it."""

    run: int
    number: int
    cursor_before: str
    cursor_after: str
    rows_read: int
    stored: int
    skipped: int
    failed: int
    figures: Mapping[str, int]
    owner: str
    began_at: datetime
    ended_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedRow:
    """A row that could not be worked on (row A24): where it stands and why."""

    run: int
    chunk: int
    place: int
    row_id: str
    why: str
    began_at: datetime
    ended_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTotals:
    """The sums over the chunks of one run."""

    run: int
    chunks: int
    rows_read: int
    stored: int
    skipped: int
    failed: int
    figures: Mapping[str, int]
    began_at: datetime
    ended_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSchedule:
    """A schedule to be made: a `cron` line in the local time of `zone`, or `once_at`; exactly one of the two."""

    kind: str
    name: str
    params: Mapping[str, Any] = field(default_factory=dict)
    chunk_size: int = 1000
    concurrency: int = 8
    after_loss: AfterLoss = AfterLoss.RESUME
    cron: str = ""
    zone: str = "Asia/Shanghai"
    once_at: datetime | None = None
    catch_up: CatchUp = CatchUp.ONCE


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """A schedule as it stands; `next_at` is when the next task is due, `last_note` why the last due time made none."""

    id: UUID
    kind: str
    name: str
    params: Mapping[str, Any]
    chunk_size: int
    concurrency: int
    after_loss: AfterLoss
    cron: str
    zone: str
    once_at: datetime | None
    catch_up: CatchUp
    state: ScheduleState
    next_at: datetime | None
    last_at: datetime | None
    last_task: UUID | None
    last_note: str
    created_by: str
    created_at: datetime
    version: int
