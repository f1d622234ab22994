"""Timers on a test's own database, armed through a journal, with a clock that moves when told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from gateway.journal import Change, Done, Journal, Put
from gateway.kernel.clock import ManualClock
from gateway.kernel.ids import UuidSevens
from gateway.tasks import TIMER, Finished, Outcome, Timer, Timers

NOW = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)


class World:
    """A journal to arm timers with, a clock, and a handler that notes what it is given."""

    def __init__(self, pool: asyncpg.Pool[Any], journal: Journal, clock: ManualClock, ids: UuidSevens) -> None:
        self.pool, self.journal, self.clock, self.new = pool, journal, clock, ids.new
        self.handled: list[Timer] = []
        self.answers: list[Outcome | Exception] = []

    async def put(self, *records: Put) -> None:
        change = Change(id=self.new(), who="tester", why="test", occurred_at=NOW, records=records)
        assert isinstance(await self.journal.post(change), Done)

    async def arm(self, subject: UUID, *, after_s: float = 0, kind: str = "ask", **data: Any) -> None:
        due_at = self.clock.now() + timedelta(seconds=after_s)
        await self.put(Put("timer.set", {"kind": kind, "subject": subject, "due_at": due_at, "data": data}))

    async def end(self, subject: UUID, *, kind: str = "ask") -> None:
        await self.put(Put("timer.done", {"kind": kind, "subject": subject}))

    async def handle(self, timer: Timer) -> Outcome:
        self.handled.append(timer)
        answer = self.answers.pop(0) if self.answers else Finished()
        if isinstance(answer, Exception):
            raise answer
        return answer

    def timers(self, **options: Any) -> Timers:
        fields: dict[str, Any] = {
            "pool": self.pool,
            "clock": self.clock,
            "handlers": {"ask": self.handle},
            "owner": "w1",
            "poll": timedelta(milliseconds=20),
        }
        return Timers(**(fields | options))

    async def left(self) -> int:
        count: int = await self.pool.fetchval("SELECT count(*) FROM timer")
        return count


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition, with an end."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - there is no event of it on this side
            await asyncio.sleep(0.005)


@pytest.fixture
def manual() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
async def world(pool: asyncpg.Pool[Any], manual: ManualClock, ids: UuidSevens) -> AsyncIterator[World]:
    journal = Journal(pool=pool, tables=[TIMER], clock=manual, ids=ids)
    await journal.start()
    yield World(pool, journal, manual, ids)
    await journal.stop()
