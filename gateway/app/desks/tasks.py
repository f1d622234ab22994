"""The task desk: tasks, schedules and sources for the API door."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from gateway.api.ports import Listing, Page, Submission, Taken
from gateway.api.task_port import TaskDetail
from gateway.app.batch import BatchRooms
from gateway.journal.model import Refused
from gateway.kernel.clock import Clock
from gateway.kernel.postgres.pool import Database
from gateway.kernel.reasons import Reason
from gateway.tasks.batch import (
    BatchTask,
    ChunkDone,
    Commanded,
    FailedRow,
    NewSchedule,
    NewTask,
    Schedule,
    ScheduleEvent,
    store,
)
from gateway.tasks.sources import BadSourceError, NewSource, RemoteSource, SourceOrder, SourceState

Record = TypeVar("Record", BatchTask, Schedule)


class TaskService:
    """Batch tasks for the API door."""

    def __init__(self, *, pool: Database, batch: BatchRooms, clock: Clock, woken: Callable[[], None]) -> None:
        self._pool = pool
        self._batch = batch
        self._clock = clock
        self._woken = woken

    async def start(self, order: Submission, new: NewTask) -> Taken[BatchTask] | Refused:
        """Start a task and wake the workers of this process."""
        taken = _taken(await self._batch.office.start(new, who=order.who, keys=order.keys))
        self._woken()
        return taken

    async def list(self, page: Page, *, state: str | None, kind: str | None) -> Listing[BatchTask]:
        """List tasks, newest first."""
        found = await store.tasks(
            self._pool, now=self._clock.now(), state=state, kind=kind, before=page.after, limit=page.limit + 1
        )
        return Listing(items=found[: page.limit], more=len(found) > page.limit)

    async def counts(self) -> Sequence[tuple[str, str, int]]:
        """Count tasks by kind and state."""
        return await store.counts(self._pool, now=self._clock.now())

    async def find(self, task: UUID) -> TaskDetail | None:
        """Read a task with its runs and totals."""
        found = await self._batch.office.find(task)
        if found is None:
            return None
        runs = await store.runs(self._pool, task)
        return TaskDetail(task=found, runs=runs, totals=await self._batch.office.totals(found))

    async def chunks(self, task: UUID, *, after: tuple[int, int], limit: int) -> Sequence[ChunkDone] | None:
        """List a task's chunks."""
        if await self._batch.office.find(task) is None:
            return None
        return await store.chunks(self._pool, task, after=after, limit=limit)

    async def failed_rows(self, task: UUID, *, run: int | None, limit: int) -> Sequence[FailedRow] | None:
        """List the failed rows of a run of a task."""
        found = await self._batch.office.find(task)
        if found is None:
            return None
        return await store.failed_rows(self._pool, task, run=found.run if run is None else run, limit=limit)

    async def cancel(self, order: Submission, task: UUID, *, why: str) -> Taken[BatchTask] | Refused:
        """End a task for good."""
        return _taken(await self._batch.office.cancel(task, who=order.who, why=why, keys=order.keys))

    async def reset(self, order: Submission, task: UUID, *, why: str, from_start: bool) -> Taken[BatchTask] | Refused:
        """Let a task go on."""
        result = await self._batch.office.reset(task, who=order.who, why=why, from_start=from_start, keys=order.keys)
        self._woken()
        return _taken(result)

    async def make_schedule(self, order: Submission, new: NewSchedule) -> Taken[Schedule] | Refused:
        """Make a schedule."""
        return _taken(await self._batch.schedules.make(new, who=order.who, keys=order.keys))

    async def schedules(self, page: Page) -> Listing[Schedule]:
        """List schedules."""
        found = await store.schedules(self._pool, before=page.after, limit=page.limit + 1)
        return Listing(items=found[: page.limit], more=len(found) > page.limit)

    async def set_time(
        self, order: Submission, schedule: UUID, *, cron: str, zone: str, once_at: datetime | None
    ) -> Taken[Schedule] | Refused:
        """Give a schedule another time."""
        result = await self._batch.schedules.set_time(
            schedule, cron=cron, zone=zone, once_at=once_at, who=order.who, keys=order.keys
        )
        return _taken(result)

    async def move_schedule(self, order: Submission, schedule: UUID, event: ScheduleEvent) -> Taken[Schedule] | Refused:
        """Pause, resume or end a schedule."""
        return _taken(await self._batch.schedules.move(schedule, event, who=order.who, keys=order.keys))

    async def add_source(self, order: Submission, new: NewSource) -> Taken[RemoteSource] | Refused:
        """Take a remote source on."""
        try:
            source, is_new = await self._batch.sources.add(new, _source_order(order))
        except BadSourceError as fault:
            return Refused(fault.reason, str(fault))
        return Taken(source, replayed=not is_new)

    async def sources(self) -> Sequence[RemoteSource]:
        """List the remote sources."""
        return await self._batch.sources.all()

    async def set_source_state(
        self, order: Submission, source: UUID, state: SourceState
    ) -> Taken[RemoteSource] | Refused:
        """Close a remote source, or open it again."""
        try:
            found, is_new = await self._batch.sources.set_state(source, state, _source_order(order))
        except LookupError as fault:
            return Refused(Reason.NOT_FOUND, str(fault))
        except BadSourceError as fault:
            return Refused(fault.reason, str(fault))
        return Taken(found, replayed=not is_new)


def _taken(result: Commanded[Record] | Refused) -> Taken[Record] | Refused:
    return result if isinstance(result, Refused) else Taken(result.record, replayed=result.replayed)


def _source_order(order: Submission) -> SourceOrder:
    return SourceOrder(who=order.who, key=order.key, said=order.said, nonce=order.nonce)
