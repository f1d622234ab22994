"""Connections that doors read by: each use is one read-only transaction as the door's role, within the caller's scope.

Queries bind the caller's scope themselves. This is the second fence, behind a query that forgot: row-level security
shows the transaction the parties in its scope, and nothing at all where none was set. So the scope does not come by the
argument that was forgotten: the door sets it, once, around everything a request is answered by. Role and scope last
for the transaction only, so a transaction-pooling PgBouncer may lie between.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import asyncpg

from gateway.kernel.postgres.hosts import connect
from gateway.kernel.postgres.pool import Connection, Database, prepare, quieten
from gateway.kernel.postgres.roles import DatabaseRole

if TYPE_CHECKING:  # the driver's classes take type arguments in its stubs only
    _Connection = asyncpg.Connection[asyncpg.Record]
else:
    _Connection = asyncpg.Connection

_NOTHING = ""
_PATH = re.compile(r"(/[0-9a-f]{32})+/")
_seen: ContextVar[str] = ContextVar("tillgate.scope", default=_NOTHING)


@contextmanager
def seen_within(path: str) -> Iterator[None]:
    """Let what is read by a door's pool inside see the parties whose paths begin with `path`.

    Raises ValueError where that is no path of a party.
    """
    if not _PATH.fullmatch(path):
        message = "a scope is the path of a party: /<id>/…/<id>/"
        raise ValueError(message)
    token = _seen.set(path)
    try:
        yield
    finally:
        _seen.reset(token)


async def open_door_pool(
    dsn: str,
    *,
    password: str | None = None,
    smallest: int = 1,
    largest: int = 10,
    connect_within_s: float = 10.0,
    statement_cache_size: int = 100,
    role: DatabaseRole = DatabaseRole.DOOR,
) -> Database:
    """Open a pool that reads what `seen_within` lets it see, and writes nothing.

    The login must be a member of `role`; where it is not, every read raises InsufficientPrivilegeError. A read costs
    one round trip more than by a plain pool: the transaction's beginning; its end takes the place of the reset.
    """
    quieten()

    async def begin(connection: Connection) -> None:
        await connection.execute(_beginning(role, _seen.get()))

    return await asyncpg.create_pool(
        dsn,
        password=password,
        min_size=smallest,
        max_size=largest,
        timeout=connect_within_s,
        statement_cache_size=statement_cache_size,
        connection_class=_DoorConnection,
        init=prepare,
        setup=begin,
        server_settings={"application_name": "tillgate door", "timezone": "UTC"},
        connect=connect,
    )


class _DoorConnection(_Connection):
    """A connection whose transaction is begun as it is taken and ended as it is given back."""

    def transaction(self, *, isolation: str | None = None, readonly: bool = False, deferrable: bool = False) -> Any:
        """Go on in the transaction that there is: it reads one snapshot, and is ended with the connection's use."""
        del isolation, readonly, deferrable
        return nullcontext()

    async def reset(self, *, timeout: float | None = None) -> None:  # noqa: ASYNC109 - the driver's own signature
        """End the transaction, and with it all that was set."""
        await self.execute("ROLLBACK", timeout=timeout)


def _beginning(role: DatabaseRole, path: str) -> str:
    # one message; neither part can hold a quote: the role is one of ours, the path was checked
    begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
    return f"{begin}; SET LOCAL ROLE {role}; SET LOCAL tillgate.scope = '{path}'"
