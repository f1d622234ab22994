"""The SQL of remote sources."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import asyncpg

from gateway.kernel.postgres.edit import Editable
from gateway.kernel.postgres.pool import Database
from gateway.tasks.sources.model import RemoteSource, SourceState

REMOTE_SOURCE = Editable(
    name="remote_source",
    columns={
        "id": "uuid",
        "code": "text",
        "name": "text",
        "address": "text",
        "authorities": "text",
        "keyid": "text",
        "secret": "bytea",
        "page_most": "integer",
        "state": "text",
        "created_at": "timestamptz",
        "version": "integer",
    },
)


async def source(pool: Database, id_: UUID) -> RemoteSource | None:
    """Read a source."""
    row = await pool.fetchrow("SELECT * FROM remote_source WHERE id = $1", id_)
    return None if row is None else _source(row)


async def source_by_code(pool: Database, code: str) -> RemoteSource | None:
    """Find a source by its code."""
    row = await pool.fetchrow("SELECT * FROM remote_source WHERE code = $1", code)
    return None if row is None else _source(row)


async def sources(pool: Database) -> list[RemoteSource]:
    """List all sources by code."""
    return [_source(row) for row in await pool.fetch("SELECT * FROM remote_source ORDER BY code")]


def _source(row: asyncpg.Record) -> RemoteSource:
    fields: dict[str, Any] = dict(row)
    return RemoteSource(**fields | {"state": SourceState(fields["state"])})
