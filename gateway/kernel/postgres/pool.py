"""Opens the pool that every room reads through: typed JSON, patience with an end, one place for driver quirks."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import asyncpg
import msgspec

if TYPE_CHECKING:  # the driver's classes take type arguments in its stubs only
    Database = asyncpg.Pool[asyncpg.Record]
    Connection = asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]
else:
    Database = asyncpg.Pool
    Connection = asyncpg.Connection | asyncpg.pool.PoolConnectionProxy

# what a caller sees of a database that is away, for whoever goes on without it for a while
DATABASE_ERRORS = (
    OSError,
    TimeoutError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)

_FLOOR = "Failed to restore the pool connection"


async def open_pool(
    dsn: str,
    *,
    password: str | None = None,
    smallest: int = 1,
    largest: int = 10,
    connect_within_s: float = 10.0,
    command_timeout_s: float | None = None,
    statement_cache_size: int = 100,
    application: str = "tillgate",
) -> Database:
    """Open a pool on `dsn`; several hosts and `target_session_attrs` are the driver's own affair.

    `command_timeout_s` is for readers only: a statement that writes money is never timed out by us. Behind a
    transaction-pooling PgBouncer before 1.21 `statement_cache_size` must be 0.
    """
    quieten()
    return await asyncpg.create_pool(
        dsn,
        password=password,
        min_size=smallest,
        max_size=largest,
        timeout=connect_within_s,
        command_timeout=command_timeout_s,
        statement_cache_size=statement_cache_size,
        init=prepare,
        server_settings={"application_name": application, "timezone": "UTC"},
    )


async def prepare(connection: Connection) -> None:
    """Make json and jsonb columns Python objects both ways; uuid columns are `uuid.UUID` already."""
    for name in ("json", "jsonb"):
        await connection.set_type_codec(
            name,
            schema="pg_catalog",
            encoder=_encode,
            decoder=msgspec.json.decode,
            format="text",
        )


def quieten() -> None:
    """Drop the driver's line about a node that is down; readiness and metrics say it once and better."""
    log = logging.getLogger("asyncpg.pool")
    if _is_news not in log.filters:
        log.addFilter(_is_news)


def _is_news(record: logging.LogRecord) -> bool:
    return not str(record.msg).startswith(_FLOOR)


def _encode(value: object) -> str:
    return msgspec.json.encode(value).decode()
