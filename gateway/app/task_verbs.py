"""What `tillgate task` does: asks about tasks and commands them, and works on one here where no worker serves."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec

from gateway.api.task_bodies import TASK, show_chunks, show_detail, show_failed_rows, show_task
from gateway.api.task_port import TaskDetail
from gateway.app.batch import TABLES_ALONE, BatchRooms, build_batch
from gateway.app.keystore import open_keystore
from gateway.app.settings import back_off, journal_settings
from gateway.app.surroundings import Surroundings
from gateway.journal import Journal, Refused
from gateway.kernel.clock import Clock
from gateway.kernel.faults import Faults, NoFaults, ReportedFaults
from gateway.kernel.ids import BadIdError, UuidSevens, read
from gateway.kernel.metrics import build_metrics
from gateway.kernel.postgres.pool import Database, open_pool
from gateway.kernel.randomness import SystemRandomness
from gateway.kernel.settings import Settings
from gateway.tasks import Timers
from gateway.tasks.batch import TASK_TIMER, BatchTask, Commanded, NewTask, TaskState, store

_POLL_S = 0.05
_CHUNKS_MOST = 1000
_OVER = frozenset({TaskState.DONE, TaskState.FAILED, TaskState.CANCELLED, TaskState.INTERRUPTED})


class TaskRefusedError(Exception):
    """A task verb was refused; the text says why and what to do."""


def task_id(text: str) -> UUID:
    """Read a task's id as it is shown. Raises TaskRefusedError."""
    try:
        return read(TASK, text)
    except BadIdError as fault:
        raise TaskRefusedError(f"{fault}; `tillgate task ls` shows them") from fault


def parameters(given: list[str]) -> dict[str, Any]:
    """Read `name=value` pairs; a value that is a JSON number, true or false is taken as such.

    Raises TaskRefusedError.
    """
    read_: dict[str, Any] = {}
    for pair in given:
        name, equals, text = pair.partition("=")
        if not equals or not name:
            raise TaskRefusedError(f"a parameter is name=value, not {pair!r}")
        read_[name] = _value(text)
    return read_


def _value(text: str) -> Any:
    try:
        value = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text
    return value if isinstance(value, int) else text


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskVerbs:
    """The verbs on one database; `who` names the person at the terminal in histories."""

    pool: Database
    batch: BatchRooms
    clock: Clock
    settings: Settings
    who: str
    writer: str

    async def ls(self, *, state: str | None, kind: str | None, limit: int) -> list[dict[str, Any]]:
        """List tasks, newest first."""
        found = await store.tasks(self.pool, now=self.clock.now(), state=state, kind=kind, before=None, limit=limit)
        return [_plain(show_task(task)) for task in found]

    async def show(self, id_: UUID) -> dict[str, Any]:
        """Show a task with its runs, chunks, the failed rows of its latest run, and totals."""
        task = await self._found(id_)
        detail = TaskDetail(
            task=task, runs=await store.runs(self.pool, id_), totals=await self.batch.office.totals(task)
        )
        chunks = await store.chunks(self.pool, id_, limit=_CHUNKS_MOST)
        failed = await store.failed_rows(self.pool, id_, run=task.run, limit=_CHUNKS_MOST)
        return {
            **_plain(show_detail(detail)),
            **_plain(show_chunks(chunks)),
            "failed_rows": _plain(show_failed_rows(failed))["rows"],
        }

    async def find(self, id_: UUID) -> dict[str, Any]:
        """Read a task as lists show it."""
        return _plain(show_task(await self._found(id_)))

    async def run(self, new: NewTask) -> dict[str, Any]:
        """Start a task; a worker does the rest."""
        return self._commanded(await self.batch.office.start(new, who=self.who))

    async def cancel(self, id_: UUID, *, why: str) -> dict[str, Any]:
        """End a task for good."""
        return self._commanded(await self.batch.office.cancel(id_, who=self.who, why=why))

    async def reset(self, id_: UUID, *, why: str, from_start: bool) -> dict[str, Any]:
        """Let a task go on."""
        return self._commanded(await self.batch.office.reset(id_, who=self.who, why=why, from_start=from_start))

    async def work(self, id_: UUID, *, told: Callable[[Mapping[str, Any]], None]) -> dict[str, Any]:
        """Work on due tasks in this process until this one is over; `told` hears how far it has come."""
        section = self.settings.tasks
        timers = Timers(
            pool=self.pool,
            clock=self.clock,
            handlers={TASK_TIMER: self.batch.runner.handle},
            owner=self.writer,
            lease=timedelta(seconds=section.lease_s),
            poll=timedelta(milliseconds=section.poll_ms),
            otherwise=back_off(self.settings),
        )
        working = asyncio.create_task(timers.run(), name="task work")
        try:
            while (task := await self._found(id_)).state not in _OVER:
                told(_plain(show_task(task)))
                await asyncio.wait({working}, timeout=_POLL_S)
            return _plain(show_task(task))
        finally:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)

    async def _found(self, id_: UUID) -> BatchTask:
        found = await self.batch.office.find(id_)
        if found is None:
            raise TaskRefusedError("there is no such task; `tillgate task ls` shows them")
        return found

    def _commanded(self, result: Commanded[BatchTask] | Refused) -> dict[str, Any]:
        if isinstance(result, Refused):
            raise TaskRefusedError(f"{result.reason}: {result.detail}")
        return _plain(show_task(result.record))


@asynccontextmanager
async def task_verbs(
    settings: Settings, *, dsn: str, password: str | None, clock: Clock, who: str
) -> AsyncIterator[TaskVerbs]:
    """Open what the verbs need: a pool, a journal for tasks alone, and the kinds of task."""
    pool = await open_pool(dsn, password=password, largest=settings.database.pool_largest)
    try:
        randomness = SystemRandomness()
        ids = UuidSevens(clock, randomness)
        writer = f"{socket.gethostname()}/{os.getpid()}"
        faults: Faults = NoFaults()
        if settings.sandbox.fault_socket:
            faults = ReportedFaults(settings.sandbox.fault_socket)
        around = Surroundings(
            pool=pool,
            book_pool=pool,
            owner_pool=pool,
            clock=clock,
            ids=ids,
            randomness=randomness,
            metrics=build_metrics(),
            faults=faults,
            writer=writer,
        )
        journal = Journal(
            pool=pool,
            tables=TABLES_ALONE,
            clock=clock,
            ids=ids,
            settings=journal_settings(settings),
            writer=writer,
            book=settings.book.name,
        )
        batch = build_batch(settings, around, journal=journal, keystore=open_keystore(settings, randomness))
        await journal.start()
        try:
            yield TaskVerbs(pool=pool, batch=batch, clock=clock, settings=settings, who=who, writer=writer)
        finally:
            await journal.stop()
    finally:
        await pool.close()


def _plain(shown: msgspec.Struct) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.to_builtins(shown)
    return found
