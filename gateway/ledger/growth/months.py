"""Months: closed behind the snapshots, archived when they are kept no longer."""

from __future__ import annotations

from datetime import datetime, timedelta

from gateway.kernel.postgres.partitions import (
    Span,
    archive_partition,
    lowest_id,
    month_after,
    month_floor,
    spans_of,
)
from gateway.kernel.postgres.pool import Connection, Database
from gateway.ledger.growth import store

_ENTRIES = "ledger_entry"
_MONTHLY = (_ENTRIES, "ledger_transfer")
_NUMBERED = ("journal_event", "journal_batch")


async def close_month(pool: Database, *, now: datetime, grace: timedelta) -> str | None:
    """Close the oldest month that is still open, ended `grace` ago and is covered by snapshots; return its name.

    Writers of that month are waited for, others go on. Raises LockNotAvailableError where the month is too busy.
    """
    async with pool.acquire() as connection, connection.transaction():
        span = await _oldest_open(connection)
        if span is None or span.high > str(lowest_id(now - grace)):
            return None
        await store.hold_off_writers(connection, span.name)
        if not await store.is_covered(connection, span.high):
            return None
        await store.close_up_to(connection, span.name, span.high)
        return span.name


async def archive_old(pool: Database, *, now: datetime, keep_months: int) -> list[str]:
    """Detach what lies further back than `keep_months` months and is closed; return the names of the partitions.

    Each is one short transaction, so a busy book is never kept waiting. 0 months: everything is kept for ever. Raises
    LockNotAvailableError where a table is too busy: to be tried again.
    """
    if not keep_months:
        return []
    cut_off = month_after(month_floor(now), -keep_months)
    return await _archive_months(pool, cut_off) + await _archive_numbers(pool, cut_off)


async def _oldest_open(connection: Connection) -> Span | None:
    horizon = await store.horizon(connection)
    spans = await spans_of(connection, _ENTRIES)
    return next((span for span in spans if span.low >= horizon), None)


async def _archive_months(pool: Database, cut_off: datetime) -> list[str]:
    async with pool.acquire() as connection:
        last = min(await store.horizon(connection), str(lowest_id(cut_off)))
        spans = [(table, span) for table in _MONTHLY for span in await spans_of(connection, table)]
        return [await _archive(connection, table, span) for table, span in spans if span.high <= last]


async def _archive_numbers(pool: Database, cut_off: datetime) -> list[str]:
    async with pool.acquire() as connection:
        seq = await store.last_seq_before(connection, cut_off)
        spans = [(table, span) for table in _NUMBERED for span in await spans_of(connection, table)]
        return [await _archive(connection, table, span) for table, span in spans if int(span.high) <= seq]


async def _archive(connection: Connection, table: str, span: Span) -> str:
    async with connection.transaction():
        await archive_partition(connection, table, span)
    return span.name
