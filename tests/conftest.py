"""What every test may ask for: an embedded server per worker, a fresh migrated database, clock, ids and randomness."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import structlog

from gateway.kernel.clock import SystemClock
from gateway.kernel.ids import UuidSevens
from gateway.kernel.postgres.embedded import EmbeddedPostgres, discard
from gateway.kernel.postgres.migrate import migrate
from gateway.kernel.postgres.pool import open_pool
from gateway.kernel.randomness import SystemRandomness

TEMPLATE = "migrated"
_ROOM = 1 << 30
_NUMBERS = itertools.count(1)


@pytest.fixture(autouse=True)
def plain_tracebacks() -> None:
    """Log faults as a process does: drawing every local of every frame takes seconds."""
    plain = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    structlog.reset_defaults()
    structlog.configure(processors=[*structlog.get_config()["processors"][:-1], plain])


@pytest.fixture(scope="session")
async def postgres() -> AsyncIterator[EmbeddedPostgres]:
    """One server of this worker, in memory where there is room; it ends with the worker, however that ends."""
    directory = Path(tempfile.mkdtemp(prefix="tg-", dir=_memory()))
    parameters = {"fsync": "off", "full_page_writes": "off", "shared_buffers": "32MB", "max_wal_size": "256MB"}
    server = EmbeddedPostgres(directory=directory, parameters=parameters)
    try:
        await server.start()
        yield server
    finally:
        await server.stop()
        discard(directory)


@pytest.fixture(scope="session")
async def template(postgres: EmbeddedPostgres) -> str:
    """Name of a database with all migrations applied and nobody in it."""
    await run_in(postgres.dsn(), f"CREATE DATABASE {TEMPLATE}")
    await migrate(postgres.dsn(TEMPLATE))
    return TEMPLATE


@pytest.fixture
async def dsn(postgres: EmbeddedPostgres, template: str) -> AsyncIterator[str]:
    """Address of a database of this test's own, made from the migrated template."""
    name = f"test_{next(_NUMBERS)}"
    await run_in(postgres.dsn(), f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
    yield postgres.dsn(name)
    await run_in(postgres.dsn(), f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def pool(dsn: str) -> AsyncIterator[asyncpg.Pool[Any]]:
    """A pool on this test's database."""
    opened = await open_pool(dsn)
    yield opened
    await opened.close()


@pytest.fixture
def clock() -> SystemClock:
    return SystemClock()


@pytest.fixture
def randomness() -> SystemRandomness:
    return SystemRandomness()


@pytest.fixture
def ids(clock: SystemClock, randomness: SystemRandomness) -> UuidSevens:
    return UuidSevens(clock, randomness)


def _memory() -> Path | None:
    """A folder in memory: databases are made and dropped for every test."""
    folder = Path("/dev/shm")  # noqa: S108 - a fresh private folder is made in it
    has_room = folder.is_dir() and os.access(folder, os.W_OK) and shutil.disk_usage(folder).free > _ROOM
    return folder if has_room else None


async def run_in(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
