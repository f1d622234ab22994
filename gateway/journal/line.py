"""A connection that the journal keeps for itself, with the settings its statements need."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from typing import Any, TypeAlias, TypeVar

import asyncpg

from gateway.journal.fates import LostError
from gateway.kernel.postgres.pool import DATABASE_ERRORS

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"
Pooled: TypeAlias = "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"
Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"
Prepared: TypeAlias = "asyncpg.prepared_stmt.PreparedStatement[asyncpg.Record]"
Transaction: TypeAlias = asyncpg.transaction.Transaction

# The driver's own time-outs cancel a statement; the journal's are never cancelled, their connection is given up.
NEVER = 10.0**9
_OPEN_WITHIN_S = 10.0
_CLOSE_WITHIN_S = 5.0
_MOST_PREPARED = 64

# Joins go by index however small a table looks to the planner today; plans are made once, time-outs are not ours.
_SESSION = """
    SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_material = off;
    SET jit = off; SET plan_cache_mode = force_generic_plan; SET statement_timeout = 0; SET lock_timeout = {wait_ms};
    SET idle_in_transaction_session_timeout = {idle_ms}"""

T = TypeVar("T")


class Line:
    """One connection, opened when it is needed, abandoned rather than cancelled when it does not answer."""

    def __init__(self, pool: Pool, *, idle_ms: int, within_s: float, wait_ms: int = 0) -> None:
        self._pool = pool
        self._session = _SESSION.format(idle_ms=idle_ms, wait_ms=wait_ms)
        self._within_s = within_s
        self._connection: Pooled | None = None
        self._prepared: dict[str, Prepared] = {}
        self.warned = False
        self.trips = 0

    async def connection(self) -> Connection:
        """Return the open connection, a new one where the last was lost."""
        if self._connection is not None and _gone(self._connection):
            await self.abandon()
        if self._connection is None:
            self._connection = await self._open()
        return self._connection

    async def fetch_row(self, text: str, *parameters: object) -> asyncpg.Record | None:
        """Run a statement that is prepared once for as long as the connection lives, however long its text is.

        The driver's own cache leaves out long texts, and a batch's statement is one. Raises LostError where the open
        connection has gone: a new one would be outside the transaction that was begun on it.
        """
        connection = self._connection
        if connection is None or _gone(connection):
            raise LostError("the connection is gone")
        prepared = self._prepared.get(text)
        if prepared is None:
            prepared = await connection.prepare(text, timeout=NEVER)
            if len(self._prepared) >= _MOST_PREPARED:
                del self._prepared[next(iter(self._prepared))]
            self._prepared[text] = prepared
        return await prepared.fetchrow(*parameters, timeout=NEVER)

    async def bounded(self, work: Awaitable[T]) -> T:
        """Wait for `work` on this line; over the limit the connection is abandoned, nothing is ever cancelled.

        Raises LostError then, and where the connection goes meanwhile: whether the work was done is not known.
        """
        self.trips += 1
        task = asyncio.ensure_future(work)
        try:
            done, _ = await asyncio.wait({task}, timeout=self._within_s)
        except asyncio.CancelledError:
            task.add_done_callback(_overlook)
            raise
        if not done:
            task.add_done_callback(_overlook)
            await self.abandon()
            raise LostError("the database did not answer in time")
        try:
            return task.result()
        except Exception as error:
            # On a connection that has gone the driver may stumble over anything: that it has gone is what counts.
            if self._connection is None or _gone(self._connection):
                raise LostError("the connection is gone") from error
            raise

    async def abandon(self) -> None:
        """Cut the connection off without a word to the server."""
        connection, self._connection = self._connection, None
        if connection is not None:
            self._unlisten(connection)
            await self._cut(connection)

    async def close(self) -> None:
        """Give the connection back to the pool."""
        connection, self._connection = self._connection, None
        if connection is not None and not _gone(connection):
            self._unlisten(connection)
            # One that was lost without a word is found out here: the pool cuts it off and says so by an error.
            with suppress(*DATABASE_ERRORS):
                await self._pool.release(connection, timeout=_CLOSE_WITHIN_S)

    async def _open(self) -> Pooled:
        try:
            connection = await self._pool.acquire(timeout=_OPEN_WITHIN_S)
        except Exception as error:
            raise LostError("no connection to the books") from error
        try:
            await connection.execute(self._session)
        except BaseException:
            await self._cut(connection)
            raise
        connection.add_log_listener(self._note)
        self._prepared = {}
        self.warned = False
        return connection

    async def _cut(self, connection: Pooled) -> None:
        # A connection that the server closed has gone back to the pool by itself, and says so by an error.
        with suppress(asyncpg.InterfaceError):
            connection.terminate()
        with suppress(asyncpg.InterfaceError):
            await self._pool.release(connection)

    def _unlisten(self, connection: Pooled) -> None:
        with suppress(asyncpg.InterfaceError):
            connection.remove_log_listener(self._note)

    def _note(self, _connection: Any, message: Any) -> None:
        # A commit whose wait for the standby was cancelled says so in a warning, and only there.
        self.warned = self.warned or message.severity_en == "WARNING"


def _gone(connection: Pooled) -> bool:
    try:
        return connection.is_closed()
    except asyncpg.InterfaceError:
        return True


def _overlook(task: asyncio.Future[Any]) -> None:
    if not task.cancelled():
        task.exception()
