"""The SQL of snapshots, closed months and holds that are due.

Days and their last batches are told by the journal's tables, which this room reads but never writes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from gateway.kernel.postgres.pool import Connection, Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """A closed day whose snapshot is not whole: `seq` is its last batch, `reached_seq` the last that is in it."""

    book: str
    booked_on: date
    seq: int
    reached_seq: int


async def begin_day(connection: Connection, book: str) -> Day | None:
    """Return the day to go on with, the next closed one where the last is whole; its row is locked."""
    await connection.execute(
        """
        INSERT INTO ledger_snapshot_day (book, booked_on, seq, reached_seq)
        SELECT b.book, b.booked_on, max(b.seq), min(b.seq) - 1
        FROM journal_batch b
        WHERE b.book = $1
          AND b.booked_on < (SELECT open_day FROM journal_head WHERE book = $1)
          AND b.booked_on = (SELECT min(n.booked_on) FROM journal_batch n
                             WHERE n.book = $1 AND n.booked_on > coalesce(
                                 (SELECT max(d.booked_on) FROM ledger_snapshot_day d WHERE d.book = $1), '-infinity'))
          AND NOT EXISTS (SELECT FROM ledger_snapshot_day d WHERE d.book = $1 AND d.reached_seq < d.seq)
        GROUP BY b.book, b.booked_on
        ON CONFLICT DO NOTHING
        """,
        book,
    )
    row = await connection.fetchrow(
        """
        SELECT book, booked_on, seq, reached_seq FROM ledger_snapshot_day
        WHERE book = $1 AND reached_seq < seq ORDER BY booked_on LIMIT 1 FOR UPDATE
        """,
        book,
    )
    return None if row is None else Day(**row)


async def write_snapshot(connection: Connection, day: Day, upto: int) -> int:
    """Write how accounts stood after batch `upto` as far as they moved since the chunk before; returns how many."""
    done = await connection.execute(
        """
        INSERT INTO ledger_snapshot AS s (account_id, booked_on, version, balance_minor, seq)
        SELECT DISTINCT ON (e.account_id) e.account_id, $2::date, e.version, e.balance_minor, $5::bigint
        FROM ledger_transfer t JOIN ledger_entry e ON e.transfer_id = t.id
        WHERE t.book = $1 AND t.seq > $3 AND t.seq <= $4
        ORDER BY e.account_id, e.version DESC
        ON CONFLICT (account_id, booked_on) DO UPDATE
        SET version = excluded.version, balance_minor = excluded.balance_minor WHERE s.version < excluded.version
        """,
        *(day.book, day.booked_on, day.reached_seq, upto, day.seq),
    )
    await connection.execute(
        "UPDATE ledger_snapshot_day SET reached_seq = $3 WHERE book = $1 AND booked_on = $2",
        *(day.book, day.booked_on, upto),
    )
    return int(done.rpartition(" ")[2])


async def horizon(connection: Connection) -> str:
    """Return the lowest id that an open month takes."""
    return str(await connection.fetchval("SELECT opened_from FROM ledger_horizon"))


async def hold_off_writers(connection: Connection, month: str) -> None:
    """Wait for the writers of one month and of the default partition, and keep new ones out for this transaction."""
    await connection.execute("SET LOCAL lock_timeout = 2000")
    await connection.execute(f"LOCK TABLE part.{month}, ledger_entry_default IN SHARE ROW EXCLUSIVE MODE")


async def is_covered(connection: Connection, below: str) -> bool:
    """Tell whether snapshots cover every transfer whose id is below `below`, in all books."""
    return not await connection.fetchval(
        """
        SELECT EXISTS (
            SELECT FROM journal_head h
            LEFT JOIN LATERAL (SELECT d.seq FROM ledger_snapshot_day d WHERE d.book = h.book AND d.reached_seq = d.seq
                               ORDER BY d.booked_on DESC LIMIT 1) whole ON true
            JOIN ledger_transfer t ON t.book = h.book AND t.seq > coalesce(whole.seq, 0) AND t.id < $1)
        """,
        UUID(below),
    )


async def close_up_to(connection: Connection, month: str, below: str) -> None:
    """Close a month: its partition takes nothing more, and readers leave out what lies below `below`."""
    await connection.execute(
        f"CREATE TRIGGER ledger_entry_closed BEFORE INSERT ON part.{month}"
        " FOR EACH ROW EXECUTE FUNCTION ledger_refuse_closed()"
    )
    await connection.execute("UPDATE ledger_horizon SET opened_from = $1", UUID(below))


async def last_seq_before(connection: Connection, instant: datetime) -> int:
    """Return the last batch number that every book had reached before `instant`, 0 where there is none."""
    found = await connection.fetchval(
        """
        SELECT min(last.seq) FROM journal_head h
        CROSS JOIN LATERAL (SELECT coalesce(max(b.seq), 0) AS seq FROM
            (SELECT seq FROM journal_batch WHERE book = h.book AND recorded_at < $1
             ORDER BY recorded_at DESC, seq DESC LIMIT 1) b) last
        """,
        instant,
    )
    return int(found or 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Overdue:
    """An open hold whose time has passed."""

    id: UUID
    kind: str
    subject: UUID
    expires_at: datetime


async def overdue_holds(pool: Database, *, now: datetime, limit: int) -> list[Overdue]:
    """Return open holds that expired before `now`, the longest overdue first."""
    rows = await pool.fetch(
        """
        SELECT id, kind, subject, expires_at FROM ledger_hold
        WHERE state = 'open' AND expires_at IS NOT NULL AND expires_at <= $1 ORDER BY expires_at LIMIT $2
        """,
        now,
        limit,
    )
    return [Overdue(**row) for row in rows]
