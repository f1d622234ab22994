"""The restore drill on the books: a base backup and the log to a point in time; the books hold and go on from there.

What was acknowledged up to the point is there once and whole, nothing later is; callers who repeat what came later
with its key have it done once.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from gateway.journal import Change, Done, Journal, Receipt, Replayed, verify
from gateway.kernel.clock import SystemClock
from gateway.kernel.ids import UuidSevens
from gateway.kernel.postgres.migrate import migrate
from gateway.kernel.postgres.pool import open_pool
from gateway.kernel.randomness import SystemRandomness
from tests.plugins.proofs import Proof
from tests.properties.programs import CREATE, NOTE, PARCEL
from tests.simulation.cluster import DATABASE, Node
from tests.simulation.journal_child import DAY, Errand, Program
from tests.simulation.nursery import effects, whole

SEED = 11
CLOCK = SystemClock()


class Site:
    """A server that archives its log, its base backup, and where it is restored to."""

    def __init__(self, directory: Path) -> None:
        self._archive = directory / "archive"
        self._archive.mkdir()
        self.server, self.restored = Node(directory, "n1"), Node(directory, "n2")

    async def start(self) -> None:
        """Make and start it with the migrated database."""
        self.server.make()
        archive = f"test ! -f {self._archive}/%f && cp %p {self._archive}/%f"
        self.server.start(synchronous_standby_names="", archive_mode="on", archive_command=archive)
        await self.server.answers("SELECT true")
        connection = await asyncpg.connect(self.server.dsn("postgres"))
        await connection.execute(f"CREATE DATABASE {DATABASE}")
        await connection.close()
        await migrate(self.server.dsn())
        connection = await asyncpg.connect(self.server.dsn())
        await connection.execute(CREATE)
        await connection.close()

    def back_up(self) -> None:
        """Take the base backup."""
        self.restored.copy(self.server, "-X", "none", "--no-manifest")

    async def lose(self) -> None:
        """Lose the server and its disk once the last log was archived."""
        switched = await self.server.answers("SELECT pg_walfile_name(pg_switch_wal())")
        await self.server.answers(
            "SELECT last_archived_wal FROM pg_stat_archiver", lambda last: (last or "") >= switched
        )
        self.server.kill()
        shutil.rmtree(self.server.data)

    async def restore(self, to: str) -> None:
        """Bring the backup up to a point in time."""
        (self.restored.data / "recovery.signal").touch()
        self.restored.start(
            synchronous_standby_names="",
            restore_command=f"cp {self._archive}/%f %p",
            recovery_target_time=to,
            recovery_target_action="promote",
        )
        await self.restored.answers("SELECT NOT pg_is_in_recovery()")


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    directory = Path(tempfile.mkdtemp(prefix="tg-site-"))
    site = Site(directory)
    try:
        await site.start()
        yield site
    finally:
        site.server.kill()
        site.restored.kill()
        shutil.rmtree(directory, ignore_errors=True)


@asynccontextmanager
async def books_at(node: Node) -> AsyncIterator[tuple[asyncpg.Pool[Any], Journal]]:
    pool = await open_pool(node.dsn())
    ids = UuidSevens(CLOCK, SystemRandomness())
    journal = Journal(pool=pool, tables=[PARCEL, NOTE], clock=CLOCK, ids=ids, first_day=DAY)
    await journal.start()
    yield pool, journal
    await journal.stop()
    await pool.close()


async def post(journal: Journal, changes: Sequence[Change]) -> list[Receipt]:
    return await asyncio.gather(*(journal.post(change) for change in changes))


@pytest.mark.prove(part=2)
async def test_restored_to_a_point_in_time(site: Site, proof: Proof) -> None:
    each = proof.count(quick=60, full=3_000)
    at_ms = int(CLOCK.now().timestamp() * 1000)
    program = Program(Errand(dsn=site.server.dsn(), seed=SEED, at_ms=at_ms, changes=3 * each))
    before, between, after = (program.changes[part * each : (part + 1) * each] for part in range(3))
    async with books_at(site.server) as (pool, journal):
        await post(journal, before)
        site.back_up()
        await post(journal, between)
        point = await pool.fetchval("SELECT clock_timestamp()::text")
        assert all(isinstance(receipt, Done) for receipt in await post(journal, after))
    await site.lose()
    started = CLOCK.monotonic()
    await site.restore(point)
    seconds = CLOCK.monotonic() - started
    async with books_at(site.restored) as (pool, journal):
        assert await effects(pool, program) == {number: whole(number) for number in range(2 * each)}
        assert (await verify(pool)).faults == ()
        repeated = await post(journal, program.changes)
        assert [type(receipt) for receipt in repeated] == [Replayed] * 2 * each + [Done] * each
        assert await effects(pool, program) == {number: whole(number) for number in range(3 * each)}
        assert (await verify(pool)).faults == ()
    proof.figure(seed=SEED, changes=3 * each, lost_with_the_point=each, restored_in_s=round(seconds, 2))
