"""A database server of a test's own, which it may kill."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg

from gateway.kernel.postgres.embedded import EmbeddedPostgres, discard
from gateway.kernel.postgres.migrate import migrate
from tests.plugins.proofs import Proof
from tests.properties.programs import CREATE

_MEMORY = Path("/dev/shm")  # noqa: S108 - a fresh private folder is made in it


@asynccontextmanager
async def open_server(proof: Proof, **parameters: str) -> AsyncIterator[EmbeddedPostgres]:
    """A migrated server with the tests' own tables: on disk with fsync where something is proven, else in memory."""
    durable = proof.count(quick=0, full=1)
    directory = Path(tempfile.mkdtemp(prefix="tg-own-", dir=None if durable else _memory()))
    settings = {"shared_buffers": "64MB", "deadlock_timeout": "200ms", **({} if durable else {"fsync": "off"})}
    server = EmbeddedPostgres(directory=directory, parameters=settings | parameters)
    try:
        await server.start()
        await migrate(server.dsn())
        connection = await asyncpg.connect(server.dsn())
        await connection.execute(CREATE)
        await connection.close()
        yield server
    finally:
        await server.stop()
        discard(directory)


def _memory() -> Path | None:
    return _MEMORY if _MEMORY.is_dir() else None


def log_of(server: EmbeddedPostgres) -> str:
    """What a server said so far."""
    return server._folder.log.read_text(errors="replace")
