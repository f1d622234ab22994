"""What an error from the database means for the batch it met."""

from __future__ import annotations

from enum import Enum

import asyncpg


class Fate(Enum):
    """What may be done after an error.

    LOST: the connection is gone; what was being written is in doubt, anything else is simply tried again.
    AGAIN: the database took nothing and may take the same later.
    BAD: the database, or our own code, will never take this batch as it is.
    """

    LOST = "lost"
    AGAIN = "again"
    BAD = "bad"


class LostError(ConnectionError):
    """The connection was given up before anything was written on it."""


_LOST = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.InternalClientError,
    asyncpg.TooManyConnectionsError,
    asyncpg.InvalidCatalogNameError,
)
_AGAIN = (
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.LockNotAvailableError,
    asyncpg.QueryCanceledError,
    asyncpg.InsufficientResourcesError,
    asyncpg.InvalidCachedStatementError,
)


def fate_of(error: BaseException) -> Fate:
    """Classify an error met while a batch was read for, decided or written."""
    if isinstance(error, _AGAIN):
        return Fate.AGAIN
    if isinstance(error, _LOST):
        return Fate.LOST
    # The driver raises its own InterfaceError where the connection has gone; DataError is a value it cannot send.
    if isinstance(error, asyncpg.InterfaceError) and not isinstance(error, asyncpg.DataError):
        return Fate.LOST
    return Fate.BAD
