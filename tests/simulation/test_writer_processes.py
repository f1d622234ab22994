"""Several processes on one book: one hot account, nothing lost, doubled or deadlocked; a stopped one holds nobody up.

Readers of the event feed go on from their cursor while all of them write, and see every line once.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from gateway.journal import Cursor, Done, Happened, Journal, JournalSettings, feed, verify
from gateway.kernel.clock import SystemClock
from gateway.kernel.ids import UuidSevens
from gateway.kernel.postgres.embedded import EmbeddedPostgres
from gateway.kernel.postgres.pool import open_pool
from gateway.kernel.randomness import SystemRandomness, draw
from gateway.ledger import Account, Purpose, store
from tests.plugins.proofs import Proof
from tests.properties.programs import NOTE, PARCEL
from tests.simulation.await_points import awaits
from tests.simulation.journal_child import DAY, Errand, Program
from tests.simulation.nursery import Nursery, Told, effects, open_nursery, whole
from tests.simulation.servers import log_of, open_server

SEED = 20261123
HELD_UP_AT_MOST_S = 3.0
_GIVEN_UP_S = 10.0
CLOCK = SystemClock()
SETTINGS = JournalSettings(reach_s=60, patience_s=60)


class Office:
    """A server of its own, its log, and as many nurseries as are asked for."""

    def __init__(self, server: EmbeddedPostgres, stack: AsyncExitStack) -> None:
        self.server, self._stack = server, stack
        self._ids = UuidSevens(CLOCK, SystemRandomness())
        self._numbers = itertools.count(1)
        self.new = self._ids.new

    async def nursery(self) -> Nursery:
        """A process that forks writers."""
        return await self._stack.enter_async_context(open_nursery())

    async def pool(self) -> asyncpg.Pool[Any]:
        """A pool on the books."""
        pool = await open_pool(self.server.dsn())
        self._stack.push_async_callback(pool.close)
        return pool

    async def journal(self) -> Journal:
        """A journal in this process."""
        tables = [PARCEL, NOTE]
        journal = Journal(
            pool=await self.pool(), tables=tables, clock=CLOCK, ids=self._ids, settings=SETTINGS, first_day=DAY
        )
        await journal.start()
        self._stack.push_async_callback(journal.stop)
        return journal

    def errand(self, **fields: Any) -> Errand:
        """A writer's work."""
        at_ms = int(CLOCK.now().timestamp() * 1000)
        return Errand(dsn=self.server.dsn(), seed=next(self._numbers), at_ms=at_ms, **fields)


@pytest.fixture
async def office(proof: Proof) -> AsyncIterator[Office]:
    async with open_server(proof) as server, AsyncExitStack() as stack:
        yield Office(server, stack)


async def read_all(pool: asyncpg.Pool[Any], ended: asyncio.Event, limit: int) -> list[Happened]:
    """Read the feed from its beginning until nothing follows after the end of the writing."""
    read: list[Happened] = []
    while True:
        last = ended.is_set()
        lines = await feed(pool, after=read[-1].cursor if read else Cursor(), limit=limit)
        read.extend(lines)
        if last and not lines:
            return read
        await asyncio.sleep(0)


@pytest.mark.prove(part=2)
@pytest.mark.parametrize("processes", [2, 4])
async def test_processes_share_one_hot_account(office: Office, processes: int, proof: Proof) -> None:
    changes, hot = proof.count(quick=120, full=4_998), office.new()
    pool, ended = await office.pool(), asyncio.Event()
    reading = [asyncio.create_task(read_all(pool, ended, limit)) for limit in (7, 1_000)]
    nurseries = [await office.nursery() for _ in range(processes)]
    errands = [office.errand(changes=changes, callers=32, hot=hot, batch_most=500) for _ in range(processes)]
    started = CLOCK.monotonic()
    told = await asyncio.gather(*(n.send(errand) for n, errand in zip(nurseries, errands, strict=True)))
    seconds = CLOCK.monotonic() - started
    ended.set()
    await _all_once(pool, errands, told, changes)
    await _hot_sums(pool, hot, processes * changes)
    for read in await asyncio.gather(*reading):
        await _each_line_once(pool, read)
    assert "deadlock" not in log_of(office.server)
    assert (await verify(pool)).faults == ()
    proof.figure(changes=processes * changes, changes_per_second=round(processes * changes / seconds), deadlocks=0)


async def _all_once(pool: asyncpg.Pool[Any], errands: list[Errand], told: list[Told], changes: int) -> None:
    for errand, said in zip(errands, told, strict=True):
        assert said.status == 0
        assert said.done.keys() == set(range(changes))
        assert await effects(pool, Program(errand)) == {number: whole(number) for number in range(changes)}


async def _hot_sums(pool: asyncpg.Pool[Any], hot: UUID, changes: int) -> None:
    """By the program's own arithmetic: 100 and 7 come with each change; holds take 40, of which 15 may be paid out."""
    each, rest = divmod(changes, 6)
    assert rest == 0, "the sums below are told for whole rounds of six"
    kept, paid = each * 40, each * 15
    frozen = kept + each * (40 - 15)
    accounts = {
        Account(hot, "CNY", Purpose.AVAILABLE): -(changes * 100 - frozen - paid),
        Account(hot, "CNY", Purpose.FROZEN): -frozen,
        Account(hot, "PTS", Purpose.AVAILABLE): -changes * 7,
    }
    assert await store.balances(pool, list(accounts)) == accounts


async def _each_line_once(pool: asyncpg.Pool[Any], read: list[Happened]) -> None:
    cursors = [(line.cursor.seq, line.cursor.place, line.cursor.line) for line in read]
    rows = await pool.fetch("SELECT seq, place, line FROM journal_event ORDER BY seq, place, line")
    assert cursors == [(row["seq"], row["place"], row["line"]) for row in rows]


def _stops(points: dict[str, int], wanted: int) -> Iterator[tuple[str, int]]:
    """Points to stop at: those deepest in the journal, inside a transaction, first."""
    chance = draw(f"stops {SEED}")
    names = chance.sample(sorted(points), len(points))
    names.sort(key=lambda point: -len(awaits(point)))
    for point in itertools.islice(itertools.cycle(names), wanted):
        yield point, chance.randint(1, points[point])


@pytest.mark.prove(part=2)
async def test_a_stopped_writer_holds_nobody_up_for_long(office: Office, proof: Proof) -> None:
    stops = proof.count(quick=2, full=40)
    nursery, journal, pool = await office.nursery(), await office.journal(), await office.pool()
    company = _Company(office, journal)
    async with company:
        seen = await nursery.send(office.errand(changes=60, points=True))
        longest: dict[str, float] = {}
        in_transaction = 0
        for point, passing in _stops(seen.points, stops):
            errand = office.errand(changes=60, point=point, passing=passing, stops=True)
            async for told in nursery.follow(errand):
                if told.pid is not None and told.status is None:
                    in_transaction += await _is_in_transaction(pool, errand.name)
                    longest[f"{point} #{passing}"] = await company.held_up()
                    _go_on(told)
            assert told.status == 0
            program = Program(errand)
            assert await effects(pool, program) == {number: whole(number) for number in told.done}
            assert told.done.keys() == set(range(60))
    assert (await verify(pool)).faults == ()
    assert "deadlock" not in log_of(office.server)
    assert {point: seconds for point, seconds in longest.items() if seconds > HELD_UP_AT_MOST_S} == {}
    assert longest, "no child came by its point"
    proof.figure(
        seed=SEED, stops=len(longest), in_transaction=in_transaction, longest_s=round(max(longest.values()), 2)
    )


def _go_on(told: Told) -> None:
    assert told.pid is not None
    os.kill(told.pid, signal.SIGCONT)
    told.pid = None


async def _is_in_transaction(pool: asyncpg.Pool[Any], name: str) -> bool:
    query = """
        SELECT count(*) > 0 FROM pg_stat_activity
        WHERE application_name = $1 AND xact_start IS NOT NULL"""
    return bool(await pool.fetchval(query, name))


class _Company:
    """Callers of this process that never cease, and the longest any of them waited lately."""

    def __init__(self, office: Office, journal: Journal) -> None:
        self._office, self._journal = office, journal
        self._waits: list[float] = []
        self._posted = 0

    async def __aenter__(self) -> None:
        self._ended = False
        self._tasks = [asyncio.create_task(self._caller()) for _ in range(4)]

    async def __aexit__(self, *_: object) -> None:
        self._ended = True
        await asyncio.gather(*self._tasks)

    async def _caller(self) -> None:
        while not self._ended:
            for change in Program(self._office.errand(changes=6)).changes:
                started = CLOCK.monotonic()
                assert isinstance(await self._journal.post(change), Done)
                self._waits.append(CLOCK.monotonic() - started)

    async def held_up(self) -> float:
        """How long the slowest of the next hundred answers took."""
        self._waits.clear()
        ends = CLOCK.monotonic() + _GIVEN_UP_S
        while len(self._waits) < 100:
            if CLOCK.monotonic() > ends:
                return _GIVEN_UP_S
            await asyncio.sleep(0.01)
        return max(self._waits)
