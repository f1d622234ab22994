"""The worker's side: chunk after chunk, each committed with its cursor in one change (rows A17-A27)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from datetime import datetime, timedelta

import structlog

from gateway.journal.model import Count, Insert, Put
from gateway.kernel.postgres.pool import DATABASE_ERRORS
from gateway.tasks.batch import store
from gateway.tasks.batch.chunk import Bench, Spoilt, Worked, named
from gateway.tasks.batch.hold import Hold, LostTaskError, Workshop
from gateway.tasks.batch.kind import BatchKind, BatchRun, Effect, Place, Portion, SourceError
from gateway.tasks.batch.model import BatchTask, TaskState
from gateway.tasks.batch.office import disarmed, freed
from gateway.tasks.batch.states import TaskEvent, advance
from gateway.tasks.model import Again, Finished, Outcome, Timer

_log = structlog.get_logger(__name__)
_AT_ONCE = timedelta(0)


class _StoppedError(Exception):
    """The kind stops at its first failing row."""

    def __init__(self, spoilt: Spoilt) -> None:
        super().__init__(spoilt.why)
        self.spoilt = spoilt


class Runner:
    """Handler of the timer `batch.task`."""

    def __init__(self, shop: Workshop, *, kinds: Mapping[str, BatchKind]) -> None:
        self._shop = shop
        self._kinds = dict(kinds)

    async def handle(self, timer: Timer) -> Outcome:
        """Work on a task as far as one turn goes; what it raises brings the timer again later."""
        task = await store.task(self._shop.pool, timer.subject, now=self._shop.clock.now())
        if task is None or task.state not in (TaskState.WAITING, TaskState.RUNNING):
            return Finished()
        hold = Hold(self._shop, task)
        try:
            return await self._carry_out(hold, timer) if await hold.take() else Finished()
        except LostTaskError:
            _log.info("task is no longer ours", task=str(task.id), kind=task.kind)
            return Finished()

    async def _carry_out(self, hold: Hold, timer: Timer) -> Outcome:
        task = hold.task
        kind = self._kinds.get(task.kind)
        if kind is None:
            await hold.fail(f"this release has no kind of task {task.kind}")
            return Finished()
        _log.info("task taken", task=str(task.id), kind=task.kind, run=task.run, owner=self._shop.owner)
        with self._shop.meter.task(task.kind):
            return await _Turn(self._shop, kind, hold, tries=timer.tries).work()


class _Turn:
    """One turn of one task: chunks, until it ends or others have their turn."""

    def __init__(self, shop: Workshop, kind: BatchKind, hold: Hold, *, tries: int) -> None:
        self._shop = shop
        self._kind = kind
        self._hold = hold
        self._tries = tries

    async def work(self) -> Outcome:
        """Work on; what fails the task as a whole is tried again some times before a person is asked."""
        try:
            async with self._kind.open(self._hold.task) as run:
                return await self._chunks(run)
        except _StoppedError as stop:
            await self._stop(stop.spoilt)
        except asyncio.CancelledError:
            with contextlib.suppress(LostTaskError, SourceError, *DATABASE_ERRORS):
                await self._hold.leave("its worker stopped", at_once=True)
            raise
        except (LostTaskError, *DATABASE_ERRORS):
            raise
        except Exception as fault:
            await self._again_or_fail(fault)
            raise
        return Finished()

    async def _again_or_fail(self, fault: Exception) -> None:
        """Leave the task to a later try; fail it where there were enough of them, or another cannot help."""
        why = str(fault) if isinstance(fault, SourceError) else named(fault)
        is_final = isinstance(fault, SourceError) and fault.is_final
        if not is_final and self._tries < self._shop.settings.tries:
            await self._hold.leave(why)
            return
        await self._hold.fail(why, where={"failed_chunk": self._hold.task.chunks + 1})
        raise LostTaskError from fault

    async def _chunks(self, run: BatchRun) -> Outcome:
        shop, task = self._shop, self._hold.task
        bench = Bench(
            run, kind=task.kind, concurrency=task.concurrency, clock=shop.clock, faults=shop.faults, meter=shop.meter
        )
        ends = shop.clock.monotonic() + shop.settings.turn.total_seconds()
        while not await self._chunk(run, bench):
            if shop.clock.monotonic() > ends:
                await self._hold.leave("")
                return Again(_AT_ONCE)
        return Finished()

    async def _chunk(self, run: BatchRun, bench: Bench) -> bool:
        """Read, work and commit one chunk; tells whether it was the last."""
        task, clock = self._hold.task, self._shop.clock
        began = clock.now()
        portion = await run.read(task.cursor, task.chunk_size)
        await self._refuse_circle(portion)
        worked = await bench.work(portion.rows, await run.known(portion.rows) if portion.rows else {})
        if worked.spoilt and self._kind.stops_at_failed_row:
            raise _StoppedError(worked.spoilt[0])
        place = Place(task=task, chunk=task.chunks + 1, at=clock.now())
        effect = run.effect(worked.done, place) if worked.done else Effect()
        self._shop.faults.at("tasks.chunk")
        await self._commit(portion, worked, effect, place, began)
        return portion.is_last

    async def _refuse_circle(self, portion: Portion) -> None:
        """A source that leads back to where the run has been would never end; asking again cannot help it."""
        task = self._hold.task
        if portion.is_last:
            return
        is_passed = await store.has_passed(self._shop.pool, task.id, run=task.run, cursor=portion.cursor)
        if is_passed or portion.cursor == task.cursor:
            raise SourceError("the source turns in circles: its cursor leads back", is_final=True)

    async def _commit(self, portion: Portion, worked: Worked, effect: Effect, place: Place, began: datetime) -> None:
        before = place.task
        to = _progress(before, portion, worked)
        more: tuple[Insert | Put, ...] = self._trace(portion, worked, effect, place, began)
        counts: tuple[Count, ...] = ()
        if portion.is_last:
            to |= {**_ending(before.failed + len(worked.spoilt)), **self._hold.ended()}
            more, counts = (*more, disarmed(before.id)), freed(before)
        await self._hold.move(to, why=f"chunk {place.chunk}", more=more, effect=effect, counts=counts)
        self._shop.meter.rows(before.kind, len(portion.rows))
        self._tell(portion, worked, place, began)

    def _trace(
        self, portion: Portion, worked: Worked, effect: Effect, place: Place, began: datetime
    ) -> tuple[Insert, ...]:
        if not portion.rows:
            return ()
        task = place.task
        chunk = {
            "id": self._shop.ids.new(),
            "task_id": task.id,
            "run": task.run,
            "number": place.chunk,
            "cursor_before": task.cursor,
            "cursor_after": portion.cursor,
            **_counted(portion, worked),
            "figures": dict(effect.figures),
            "owner": self._shop.owner,
            "began_at": began,
            "ended_at": place.at,
        }
        rows = [Insert("batch_task_row", self._row(task, place.chunk, one)) for one in worked.spoilt]
        return (Insert("batch_task_chunk", chunk), *rows)

    def _row(self, task: BatchTask, chunk: int, spoilt: Spoilt) -> dict[str, object]:
        return {
            "id": self._shop.ids.new(),
            "task_id": task.id,
            "run": task.run,
            "chunk": chunk,
            "place": spoilt.place,
            "row_id": spoilt.row.id,
            "why": spoilt.why,
            "began_at": spoilt.began_at,
            "ended_at": spoilt.ended_at,
        }

    async def _stop(self, spoilt: Spoilt) -> None:
        """Fail at a row, with nothing of its chunk stored."""
        task, chunk = self._hold.task, self._hold.task.chunks + 1
        more = (Insert("batch_task_row", self._row(task, chunk, spoilt)),)
        where = {"failed_chunk": chunk, "failed_row": spoilt.row.id}
        await self._hold.fail(f"row {spoilt.row.id}: {spoilt.why}", where=where, more=more)

    def _tell(self, portion: Portion, worked: Worked, place: Place, began: datetime) -> None:
        task = self._hold.task
        known = {"task": str(task.id), "kind": task.kind, "run": task.run, "chunk": place.chunk}
        for one in worked.spoilt:
            _log.warning("task row failed", **known, place=one.place, row=one.row.id, why=one.why)
        seconds = round((self._shop.clock.now() - began).total_seconds(), 3)
        _log.info("task chunk committed", **known, **_counted(portion, worked), seconds=seconds)
        if portion.is_last:
            _log.info("task ended", **known, state=task.state.value, stored=task.stored, skipped=task.skipped)


def _counted(portion: Portion, worked: Worked) -> dict[str, int]:
    return {
        "rows_read": len(portion.rows),
        "stored": len(worked.done),
        "skipped": len(worked.skipped),
        "failed": len(worked.spoilt),
    }


def _progress(task: BatchTask, portion: Portion, worked: Worked) -> dict[str, object]:
    """What a chunk moves the task to."""
    to: dict[str, object] = {"cursor": portion.cursor, "reason": ""}
    if portion.rows:
        to["chunks"] = task.chunks + 1
    if portion.total is not None:
        to["total"] = portion.total
    for name, count in _counted(portion, worked).items():
        to[name] = getattr(task, name) + count
    if worked.spoilt and task.failed_row is None:
        to |= {"failed_chunk": task.chunks + 1, "failed_row": worked.spoilt[0].row.id}
    return to


def _ending(failed: int) -> dict[str, object]:
    """A run with failed rows has failed; the others are stored, and a reset tries the failed ones again."""
    event = TaskEvent.FAIL if failed else TaskEvent.FINISH
    reason = f"{failed} rows failed" if failed else ""
    return {"state": advance(TaskState.RUNNING, event).value, "reason": reason}
