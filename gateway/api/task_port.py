"""What the door asks about batch tasks, their schedules and the sources they pull from; operators only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from gateway.api.ports import Listing, Page, Submission, Taken
from gateway.journal.model import Refused
from gateway.tasks.batch import (
    BatchTask,
    ChunkDone,
    FailedRow,
    NewSchedule,
    NewTask,
    RunTotals,
    Schedule,
    ScheduleEvent,
)
from gateway.tasks.sources import NewSource, RemoteSource, SourceState


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskDetail:
    """A task with its runs and what it has stored over all of them."""

    task: BatchTask
    runs: Sequence[RunTotals]
    totals: Mapping[str, int]


class TaskDesk(Protocol):
    """Batch tasks (rows A15-A27)."""

    async def start(self, order: Submission, new: NewTask) -> Taken[BatchTask] | Refused:
        """Start a task and return at once."""
        ...

    async def list(self, page: Page, *, state: str | None, kind: str | None) -> Listing[BatchTask]:
        """List tasks, newest first."""
        ...

    async def counts(self) -> Sequence[tuple[str, str, int]]:
        """Count tasks by kind and state."""
        ...

    async def find(self, task: UUID) -> TaskDetail | None:
        """Read a task with its runs."""
        ...

    async def chunks(self, task: UUID, *, after: tuple[int, int], limit: int) -> Sequence[ChunkDone] | None:
        """List a task's chunks beyond (run, number), in their order."""
        ...

    async def failed_rows(self, task: UUID, *, run: int | None, limit: int) -> Sequence[FailedRow] | None:
        """List the failed rows of a run (None: the latest) of a task."""
        ...

    async def cancel(self, order: Submission, task: UUID, *, why: str) -> Taken[BatchTask] | Refused:
        """End a task for good."""
        ...

    async def reset(self, order: Submission, task: UUID, *, why: str, from_start: bool) -> Taken[BatchTask] | Refused:
        """Let a task that ended or was interrupted go on."""
        ...

    async def make_schedule(self, order: Submission, new: NewSchedule) -> Taken[Schedule] | Refused:
        """Make a schedule."""
        ...

    async def schedules(self, page: Page) -> Listing[Schedule]:
        """List schedules, newest first."""
        ...

    async def set_time(
        self, order: Submission, schedule: UUID, *, cron: str, zone: str, once_at: datetime | None
    ) -> Taken[Schedule] | Refused:
        """Give a schedule another time."""
        ...

    async def move_schedule(self, order: Submission, schedule: UUID, event: ScheduleEvent) -> Taken[Schedule] | Refused:
        """Pause, resume or end a schedule."""
        ...

    async def add_source(self, order: Submission, new: NewSource) -> Taken[RemoteSource] | Refused:
        """Take a remote source on."""
        ...

    async def sources(self) -> Sequence[RemoteSource]:
        """List the remote sources."""
        ...

    async def set_source_state(
        self, order: Submission, source: UUID, state: SourceState
    ) -> Taken[RemoteSource] | Refused:
        """Close a remote source, or open it again."""
        ...
