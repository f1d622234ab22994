"""A journal stops whatever became of its connections, and gives the pool all of them back."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg

from gateway.journal import Done, Journal
from gateway.kernel.clock import SystemClock
from gateway.kernel.ids import UuidSevens
from gateway.kernel.postgres.pool import open_pool
from tests.journal.conftest import DAY, Desk

CUT_OFF = """
    SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
    WHERE application_name = 'stopping' AND datname = current_database()"""


async def test_stopped_after_its_sessions_were_ended(
    pool: asyncpg.Pool[Any], dsn: str, clock: SystemClock, ids: UuidSevens, desk: Desk
) -> None:
    own = await open_pool(dsn, application="stopping")
    journal = Journal(pool=own, tables=[], clock=clock, ids=ids, first_day=DAY)
    await journal.start()
    assert isinstance(await journal.post(desk.paid_in(desk.merchant(), 1)), Done)
    await pool.fetchval(CUT_OFF)
    await journal.stop()
    async with asyncio.timeout(10):
        await own.close()
