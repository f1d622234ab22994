"""A journal on three nodes: the primary dies under load, a standby takes over, nothing acknowledged is lost or doubled.

The journal is given one address with three hosts and goes on by itself; whoever promotes (here the test, in production
Patroni or the like) does nothing to it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import asyncpg
import pytest

from gateway.journal import Done, Journal, JournalSettings, verify
from gateway.kernel.clock import SystemClock
from gateway.kernel.ids import UuidSevens
from gateway.kernel.postgres.pool import open_pool
from gateway.kernel.randomness import SystemRandomness
from tests.plugins.proofs import Proof
from tests.properties.programs import CREATE, NOTE, PARCEL
from tests.simulation.cluster import Cluster, Node, open_cluster
from tests.simulation.journal_child import DAY, Errand, Program
from tests.simulation.nursery import effects, whole

SEED = 7
CALLERS = 48
WRITER = "failing over"
SETTINGS = JournalSettings(write_within_s=1.0, reach_s=90, patience_s=90, pause_first_s=0.01, pause_most_s=0.1)
CLOCK = SystemClock()


@pytest.fixture(scope="module")
async def cluster() -> AsyncIterator[Cluster]:
    async with open_cluster() as cluster:
        connection = await asyncpg.connect(cluster.primary.dsn())
        await connection.execute(CREATE)
        await connection.close()
        yield cluster


@asynccontextmanager
async def journal_on(cluster: Cluster) -> AsyncIterator[Journal]:
    pool = await open_pool(cluster.dsn, application=WRITER)
    ids = UuidSevens(CLOCK, SystemRandomness())
    journal = Journal(pool=pool, tables=[PARCEL, NOTE], clock=CLOCK, ids=ids, settings=SETTINGS, first_day=DAY)
    await journal.start()
    yield journal
    await journal.stop()
    await pool.close()


def program(cluster: Cluster, changes: int) -> Program:
    return Program(Errand(dsn=cluster.dsn, seed=SEED, at_ms=int(CLOCK.now().timestamp() * 1000), changes=changes))


class Load:
    """Callers that post a program, one change after another each; what was acknowledged when."""

    def __init__(self, journal: Journal, program: Program) -> None:
        self._journal, self._program, self._next = journal, program, 0
        self.done: dict[int, Done] = {}
        self.last_at = CLOCK.monotonic()
        self.longest_s = 0.0

    async def run(self, upto: int) -> None:
        """Post what comes before change `upto`."""
        self.last_at = CLOCK.monotonic()
        await asyncio.gather(*(self._caller(upto) for _ in range(CALLERS)))

    async def _caller(self, upto: int) -> None:
        while self._next < upto:
            number, self._next = self._next, self._next + 1
            receipt = await self._journal.post(self._program.changes[number])
            assert isinstance(receipt, Done), receipt
            self.done[number] = receipt
            now = CLOCK.monotonic()
            self.longest_s, self.last_at = max(self.longest_s, now - self.last_at), now

    async def reached(self, count: int) -> None:
        """Wait until so many are acknowledged."""
        while len(self.done) < count:  # noqa: ASYNC110 - looked at between the callers' turns
            await asyncio.sleep(0.005)


async def exactly_once(cluster: Cluster, program: Program, done: dict[int, Done]) -> None:
    """Everything acknowledged is in the books once and whole, where it was said to be, and the books hold."""
    pool = await open_pool(cluster.primary.dsn())
    found = await effects(pool, program)
    assert {number: whole(number) for number in done} == found
    query = "SELECT DISTINCT change_id, seq, place FROM journal_event WHERE change_id = ANY($1)"
    rows = await pool.fetch(query, list(program.numbers))
    places = {row["change_id"]: (row["seq"], row["place"]) for row in rows}
    assert {program.changes[n].id: (receipt.seq, receipt.place) for n, receipt in done.items()} == places
    await pool.close()
    for node in (cluster.primary, cluster.standbys[0]):
        await _holds_at(node)


async def _holds_at(node: Node) -> None:
    """The books hold, as a replica shows them too."""
    pool = await open_pool(node.dsn())
    assert (await verify(pool)).faults == ()
    await pool.close()


@pytest.mark.prove(part=2)
async def test_the_primary_dies_under_load(cluster: Cluster, proof: Proof) -> None:
    changes, failovers = proof.count(quick=400, full=6_000), proof.count(quick=1, full=4)
    work = program(cluster, changes)
    away: list[float] = []
    async with journal_on(cluster) as journal:
        load = Load(journal, work)
        for number in range(1, failovers + 1):
            upto = changes * number // failovers
            running = asyncio.create_task(load.run(upto))
            await _until(load.reached(upto - changes * 2 // (failovers * 3)), running)
            load.longest_s = 0.0
            dead = await cluster.fail_over()
            await asyncio.wait_for(running, 120)
            away.append(round(load.longest_s, 2))
            await cluster.rejoin(dead)
    assert load.done.keys() == set(range(changes))
    await exactly_once(cluster, work, load.done)
    proof.figure(seed=SEED, acknowledged=len(load.done), lost=0, doubled=0, failovers=failovers, away_s=away)


async def _until(waiting: Any, running: asyncio.Task[None]) -> None:
    """Wait for a moment of the load, or fail with it."""
    moment = asyncio.ensure_future(waiting)
    await asyncio.wait({moment, running}, return_when=asyncio.FIRST_COMPLETED, timeout=120)
    if running.done():
        running.result()
    assert moment.done(), "the journal does not go on"


async def test_a_primary_that_stands_still_is_passed_by(cluster: Cluster) -> None:
    """As when a machine loses its power or its network: nothing refuses, nothing answers."""
    work = program(cluster, 60)
    async with journal_on(cluster) as journal:
        load = Load(journal, work)
        await load.run(30)
        running = asyncio.create_task(load.run(60))
        still = await cluster.fail_over(silently=True)
        await asyncio.wait_for(running, 60)
    assert load.done.keys() == set(range(60))
    await cluster.rejoin(still)
    await exactly_once(cluster, work, load.done)


@contextmanager
def nobody_confirming(cluster: Cluster) -> Iterator[None]:
    """Both standbys stand still for a while."""
    standbys = cluster.standbys
    for node in standbys:
        node.halt()
    try:
        yield
    finally:
        for node in standbys:
            node.halt(go_on=True)


async def _commit_in_waiting(cluster: Cluster) -> int:
    """Process id of the journal's session that waits for a standby."""
    return int(
        await cluster.primary.answers(
            f"SELECT pid FROM pg_stat_activity WHERE application_name = '{WRITER}' AND wait_event = 'SyncRep' LIMIT 1"
        )
    )


async def test_a_commit_whose_wait_for_the_standby_was_cancelled_is_in_doubt_until_a_standby_has_it(
    cluster: Cluster,
) -> None:
    work = program(cluster, 2)
    async with journal_on(cluster) as journal:
        first = await journal.post(work.changes[0])
        with nobody_confirming(cluster):
            posting = asyncio.create_task(journal.post(work.changes[1]))
            waiting = await _commit_in_waiting(cluster)
            await cluster.primary.answers(f"SELECT pg_cancel_backend({waiting})")
            # The server has answered that COMMIT, with a warning; the change stands on this node and nowhere else.
            stands = f"SELECT count(*) FROM ledger_transfer WHERE change_id = '{work.changes[1].id}'"
            await cluster.primary.answers(stands, database="gateway")
            done, _ = await asyncio.wait({posting}, timeout=1.5)
            assert not done, "acknowledged although no standby has it"
        second = await asyncio.wait_for(posting, 60)
    assert isinstance(first, Done)
    assert isinstance(second, Done)
    await exactly_once(cluster, work, {0: first, 1: second})


async def test_what_no_standby_had_is_written_again_on_the_next_primary(cluster: Cluster) -> None:
    work = program(cluster, 2)
    async with journal_on(cluster) as journal:
        first = await journal.post(work.changes[0])
        with nobody_confirming(cluster):
            posting = asyncio.create_task(journal.post(work.changes[1]))
            await _commit_in_waiting(cluster)
            cluster.primary.kill()
        dead = await cluster.fail_over()
        second = await asyncio.wait_for(posting, 60)
        await cluster.rejoin(dead)
    assert isinstance(first, Done)
    assert isinstance(second, Done)
    await exactly_once(cluster, work, {0: first, 1: second})
