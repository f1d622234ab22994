"""A small kind of task that counts: its rows are numbers, and each one that is stored is there to be looked at."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from gateway.journal import Journal, Put
from gateway.kernel.clock import ManualClock
from gateway.kernel.ids import UuidSevens
from gateway.tasks import TIMER, Timers
from gateway.tasks.batch import (
    TABLES,
    TASK_TIMER,
    BatchOffice,
    BatchTask,
    Commanded,
    Effect,
    NewTask,
    Place,
    Portion,
    Row,
    RowError,
    Runner,
    RunnerSettings,
    Schedules,
    Workshop,
    store,
)
from tests.tasks.conftest import NOW

LEASE = timedelta(seconds=10)
STORED = "stored"


@dataclass
class Numbers:
    """Kind `numbers.count`: stores the numbers from 0 to `count` - 1; what goes wrong is set by the test."""

    pool: asyncpg.Pool[Any]
    name: str = "numbers.count"
    stops_at_failed_row: bool = False
    count: int = 25
    bad: set[int] = field(default_factory=set)
    broken: set[int] = field(default_factory=set)
    source_faults: list[Exception] = field(default_factory=list)
    halt_at: int | None = None
    halted: asyncio.Event = field(default_factory=asyncio.Event)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)
    worked: list[int] = field(default_factory=list)
    in_flight: int = 0
    most_in_flight: int = 0

    async def check(self, params: Mapping[str, Any]) -> str:
        return str(params.get("of", "all"))

    @asynccontextmanager
    async def open(self, task: BatchTask) -> AsyncIterator[Numbers]:
        yield self

    async def totals(self, task: BatchTask) -> Mapping[str, int]:
        return {"rows": len(await self.stored())}

    async def read(self, cursor: str, size: int) -> Portion:
        if self.source_faults:
            raise self.source_faults.pop(0)
        start = int(cursor or "0")
        end = min(start + size, self.count)
        rows = [Row(str(UUID(int=number)), number) for number in range(start, end)]
        return Portion(rows=rows, cursor=str(end), is_last=end == self.count, total=self.count)

    async def known(self, rows: Sequence[Row]) -> Mapping[str, str]:
        return dict.fromkeys({row.id for row in rows} & {str(UUID(int=one)) for one in await self.stored()}, "")

    async def work(self, row: Row) -> int:
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            await asyncio.sleep(0)
            if row.content == self.halt_at:
                self.halted.set()
                await self.go_on.wait()
            if row.content in self.broken:
                raise ZeroDivisionError
            if row.content in self.bad:
                raise RowError(f"{row.content} is bad")
        finally:
            self.in_flight -= 1
        self.worked.append(row.content)
        return row.content

    def effect(self, done: Sequence[tuple[Row, Any]], place: Place) -> Effect:
        due = NOW + timedelta(days=9999)
        puts = [
            Put("timer.set", {"kind": STORED, "subject": UUID(row.id), "due_at": due, "data": {}}) for row, _ in done
        ]
        return Effect(records=tuple(puts), figures={"sum": sum(number for _, number in done)})

    async def stored(self) -> list[int]:
        rows = await self.pool.fetch("SELECT subject FROM timer WHERE kind = $1 ORDER BY subject", STORED)
        return [row["subject"].int for row in rows]


class Works:
    """An office, schedules, and as many workers as a test asks for."""

    def __init__(
        self, pool: asyncpg.Pool[Any], journal: Journal, clock: ManualClock, ids: UuidSevens, kind: Numbers
    ) -> None:
        self.pool, self.journal, self.clock, self.ids, self.kind = pool, journal, clock, ids, kind
        self.office = BatchOffice(pool=pool, journal=journal, kinds={kind.name: kind}, clock=clock, ids=ids)
        self.schedules = Schedules(pool=pool, journal=journal, office=self.office, clock=clock, ids=ids)

    async def start(self, **fields: Any) -> BatchTask:
        wanted: dict[str, Any] = {"kind": self.kind.name, "chunk_size": 10, "concurrency": 4, **fields}
        started = await self.office.start(NewTask(**wanted), who="tester")
        assert isinstance(started, Commanded), started
        return started.record

    def worker(self, owner: str = "w1", **settings: Any) -> Timers:
        shop = Workshop(
            pool=self.pool,
            journal=self.journal,
            clock=self.clock,
            ids=self.ids,
            owner=owner,
            settings=RunnerSettings(**settings),
        )
        return Timers(
            pool=self.pool,
            clock=self.clock,
            handlers={
                TASK_TIMER: Runner(shop, kinds={self.kind.name: self.kind}).handle,
                "batch.schedule": self.schedules.handle,
            },
            owner=owner,
            lease=LEASE,
            poll=timedelta(milliseconds=20),
        )

    async def task(self, task: BatchTask) -> BatchTask:
        found = await self.office.find(task.id)
        assert found is not None
        return found

    async def counts(self) -> dict[str, int]:
        return {state: count for _, state, count in await store.counts(self.pool, now=self.clock.now())}

    async def chunks(self, task: BatchTask) -> list[tuple[int, int, int, int, int]]:
        """Run, number, stored, skipped and failed of each chunk."""
        return [
            (one.run, one.number, one.stored, one.skipped, one.failed)
            for one in await store.chunks(self.pool, task.id, limit=1000)
        ]


@pytest.fixture
def kind(pool: asyncpg.Pool[Any]) -> Numbers:
    return Numbers(pool)


@pytest.fixture
async def works(pool: asyncpg.Pool[Any], manual: ManualClock, ids: UuidSevens, kind: Numbers) -> AsyncIterator[Works]:
    journal = Journal(pool=pool, tables=[TIMER, *TABLES], clock=manual, ids=ids)
    await journal.start()
    yield Works(pool, journal, manual, ids, kind)
    await journal.stop()
