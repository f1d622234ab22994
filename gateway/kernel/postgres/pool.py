"""Opens the pool that every room reads through: typed JSON, patience with an end, one place for driver quirks."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

import asyncpg
import msgspec

from gateway.kernel.postgres.hosts import connect

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

# The most that one read from the server takes. asyncio asks the C library for 256 KiB before every read and gives back
# what the message did not need, in place: the few bytes that are kept lie far apart, and the heap grows with its holes.
_RECEIVED_AT_ONCE = 64 * 1024
_FLOOR = "Failed to restore the pool connection"


class RoleError(Exception):
    """A login may not act as a database role; the text says what to do."""


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
    role: str = "",
) -> Database:
    """Open a pool on `dsn`; of several hosts the one that `target_session_attrs` asks for, past silent ones.

    `command_timeout_s` is for readers only: a statement that writes money is never timed out by us. Behind a
    transaction-pooling PgBouncer before 1.21 `statement_cache_size` must be 0. With a `role` every connection takes
    that database role on for as long as it lasts, so it must be its own from end to end. Raises RoleError where the
    login is no member of the role.
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
        init=_prepare_as(role) if role else prepare,
        server_settings={"application_name": application, "timezone": "UTC"},
        connect=connect,
    )


async def prepare(connection: Connection) -> None:
    """Make json and jsonb columns Python objects both ways; uuid columns are `uuid.UUID` already."""
    _receive_less(connection)
    for name in ("json", "jsonb"):
        await connection.set_type_codec(
            name,
            schema="pg_catalog",
            encoder=_encode,
            decoder=msgspec.json.decode,
            format="text",
        )


def _prepare_as(role: str) -> Callable[[Connection], Coroutine[Any, Any, None]]:
    async def prepare_as(connection: Connection) -> None:
        await prepare(connection)
        # RESET ALL, which the pool sends with every connection that comes back, leaves a role as it is
        try:
            await connection.execute(f'SET ROLE "{role}"')
        except (asyncpg.InsufficientPrivilegeError, asyncpg.InvalidParameterValueError) as error:
            raise RoleError(_refused(role, await connection.fetchval("SELECT session_user"))) from error

    return prepare_as


def _refused(role: str, login: str) -> str:
    return (
        f"the database login {login} may not act as {role}: run `tillgate migrate`, then as an administrator"
        f' GRANT {role} TO "{login}"; or set database.roles, see docs/access.md'
    )


def _receive_less(connection: Connection) -> None:
    inner: Any = connection
    transport = inner._transport  # noqa: SLF001 - neither the driver nor asyncio has a setting for it
    # under TLS it is the protocol beneath the transport that reads
    getattr(transport, "_ssl_protocol", transport).max_size = _RECEIVED_AT_ONCE


def quieten() -> None:
    """Drop the driver's line about a node that is down; readiness and metrics say it once and better."""
    log = logging.getLogger("asyncpg.pool")
    if _is_news not in log.filters:
        log.addFilter(_is_news)


def _is_news(record: logging.LogRecord) -> bool:
    return not str(record.msg).startswith(_FLOOR)


def _encode(value: object) -> str:
    return msgspec.json.encode(value).decode()
