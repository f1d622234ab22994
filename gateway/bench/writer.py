"""One writer of several: a process of its own that posts to the same book, started by `writers.py`.

It reads its orders (JSON) from the first line of standard input, says `ready`, waits for one more line, works, and
prints what it measured (JSON).
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from datetime import datetime
from itertools import count
from random import Random
from typing import Any
from uuid import UUID

import msgspec
import structlog

from gateway.bench.forms import changes, posting
from gateway.bench.ground import open_journal
from gateway.bench.load import Loop
from gateway.bench.order import orders
from gateway.journal import Change
from gateway.kernel.clock import SystemClock
from gateway.kernel.ids import UuidSevens
from gateway.kernel.postgres.pool import open_pool
from gateway.kernel.randomness import SystemRandomness
from gateway.ledger import Account, Purpose

_AHEAD = 64


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """What a writer is to do; `for_s` = for so long, else `transfers` of them."""

    dsn: str
    writer: str
    parties: list[UUID]
    callers: int
    transfers: int
    warm_up: int
    hot: bool
    seed: int
    for_s: float | None = None


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What a writer measured; instants are of the machine's monotonic clock, which its processes share."""

    begun_s: float
    ended_s: float
    waits_s: list[float]
    longest_pause_s: float


async def work(task: Task) -> None:
    """Do a task, in step with whoever reads us."""
    clock = SystemClock()
    random, ids = Random(task.seed), UuidSevens(clock, SystemRandomness())
    accounts = [Account(party, "CNY", Purpose.AVAILABLE) for party in task.parties]

    def drawn(most: int, at: datetime) -> list[tuple[Change, ...]]:
        return changes(orders(most, accounts, hot=task.hot, ids=ids, at=at, random=random))

    def without_end() -> Iterator[tuple[Change, ...]]:
        for _ in count():
            yield from drawn(_AHEAD, clock.now())

    pool = await open_pool(task.dsn, largest=4)
    async with open_journal(pool, clock, writer=task.writer) as journal:
        ask = posting(journal)
        await Loop[Change](ask, clock).run(drawn(task.warm_up, clock.now()), task.callers)
        given = without_end() if task.for_s is not None else iter(drawn(task.transfers, clock.now()))
        _say("ready")
        await asyncio.to_thread(sys.stdin.readline)
        loop, begun_s = Loop[Change](ask, clock), clock.monotonic()
        took_s = await loop.run(given, task.callers, for_s=task.for_s)
    await pool.close()
    told = Told(
        begun_s=begun_s,
        ended_s=begun_s + took_s,
        waits_s=loop.waits_s,
        longest_pause_s=loop.longest_pause_s,
    )
    _say(msgspec.json.encode(told).decode())


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    """Read the task and do it."""
    # Standard output is for what was measured alone.
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    given: Any = json.loads(sys.stdin.readline())
    asyncio.run(work(msgspec.convert(given, Task)))


if __name__ == "__main__":
    main()
