"""The journal's SQL beside the batch's own two statements: heads, doubts, poison, expired keys, the event feed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import asyncpg

from gateway.journal.chain import GENESIS
from gateway.journal.line import NEVER, Connection, Pool
from gateway.journal.model import Table
from gateway.journal.shape import MalformedChangeError


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in the event feed of a book: everything up to it has been read."""

    seq: int = 0
    place: int = 0
    line: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """A line of the event feed: a record's move (`version` and `state` after it) or an event beside (`data`)."""

    cursor: Cursor
    kind: str
    subject: UUID
    version: int | None
    state: str | None
    who: str
    why: str
    occurred_at: datetime
    recorded_at: datetime
    change_id: UUID
    data: Mapping[str, Any] | None


async def open_book(pool: Pool, *, book: str, day: date, now: datetime) -> None:
    """Give `book` its head where it has none yet: no batch, open on `day`."""
    await pool.execute(
        """
        INSERT INTO journal_head (book, seq, hash, open_day, recorded_at) VALUES ($1, 0, $2, $3, $4)
        ON CONFLICT (book) DO NOTHING
        """,
        book,
        GENESIS,
        day,
        now,
    )


async def open_day(pool: Pool, book: str = "main") -> date:
    """Return the day that `book` is open on."""
    day: date = await pool.fetchval("SELECT open_day FROM journal_head WHERE book = $1", book)
    return day


async def column_defaults(pool: Pool, tables: Iterable[Table]) -> dict[str, dict[str, str]]:
    """Return the tables' own column defaults as SQL. Raises MalformedChangeError where a table or column is missing."""
    defaults: dict[str, dict[str, str]] = {}
    for table in tables:
        rows = await pool.fetch(
            """
            SELECT a.attname, pg_get_expr(d.adbin, d.adrelid) AS otherwise
            FROM pg_attribute a LEFT JOIN pg_attrdef d ON (d.adrelid, d.adnum) = (a.attrelid, a.attnum)
            WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped
            """,
            table.name,
        )
        missing = table.columns.keys() - {row["attname"] for row in rows}
        if missing:
            raise MalformedChangeError(f"table {table.name} has no column {', '.join(sorted(missing))} in the database")
        defaults[table.name] = {row["attname"]: row["otherwise"] for row in rows if row["otherwise"] is not None}
    return defaults


async def take_turn(connection: Connection, book: str) -> None:
    """Wait for the turn to write `book`; it lasts until it is ended or the connection is. Raises by the lock limit."""
    await connection.execute("SELECT pg_advisory_lock(hashtextextended('journal ' || $1, 0))", book, timeout=NEVER)


async def end_turn(connection: Connection) -> None:
    """End the turn that the connection has, or waited for."""
    await connection.execute("SELECT pg_advisory_unlock_all()", timeout=NEVER)


async def head_seq(connection: Connection, book: str) -> int:
    """Return the number of the last batch."""
    return int(await connection.fetchval("SELECT seq FROM journal_head WHERE book = $1", book, timeout=NEVER))


async def lock_head(connection: Connection, book: str) -> None:
    """Take the head's row lock for the rest of the transaction."""
    await connection.fetchrow("SELECT seq FROM journal_head WHERE book = $1 FOR UPDATE", book, timeout=NEVER)


async def was_written(connection: Connection, batch_id: UUID) -> bool:
    """Tell whether a batch is in the book; asked under the head's lock this settles a doubt."""
    found = await connection.fetchrow("SELECT 1 FROM journal_batch WHERE batch_id = $1", batch_id, timeout=NEVER)
    return found is not None


async def keep_poison(
    pool: Pool, *, id_: UUID, change_id: UUID, book: str, now: datetime, error: str, content: Mapping[str, object]
) -> None:
    """Keep a change that could not be written, without its values, for a person."""
    await pool.execute(
        "INSERT INTO journal_poison (id, change_id, book, kept_at, error, content) VALUES ($1, $2, $3, $4, $5, $6)",
        id_,
        change_id,
        book,
        now,
        error,
        dict(content),
    )


async def forget_keys(pool: Pool, *, before: datetime, most: int = 5_000) -> int:
    """Delete up to `most` keys that expired before `before`; returns how many. Called until it returns less."""
    done: str = await pool.execute(
        """
        DELETE FROM journal_key k USING (SELECT scope, name FROM journal_key WHERE expires_at < $1 LIMIT $2) old
        WHERE k.scope = old.scope AND k.name = old.name
        """,
        before,
        most,
    )
    return int(done.rpartition(" ")[2])


_FEED = """
    SELECT seq, place, line, kind, subject, version, state, who, why, occurred_at, recorded_at, change_id, data
    FROM journal_event"""


async def feed(pool: Pool, *, after: Cursor = Cursor(), limit: int = 100, book: str = "main") -> list[Happened]:
    """Return the event feed after `after`, in commit order; a reader that goes on from its last cursor misses none."""
    rows = await pool.fetch(
        f"{_FEED} WHERE book = $1 AND (seq, place, line) > ($2, $3, $4) ORDER BY seq, place, line LIMIT $5",
        book,
        after.seq,
        after.place,
        after.line,
        limit,
    )
    return [_happened(row) for row in rows]


async def history(pool: Pool, subject: UUID, *, book: str = "main") -> list[Happened]:
    """Return everything that happened to one record, in commit order."""
    rows = await pool.fetch(
        f"{_FEED} WHERE subject = $1 AND book = $2 ORDER BY seq, place, line",
        subject,
        book,
    )
    return [_happened(row) for row in rows]


def _happened(row: asyncpg.Record) -> Happened:
    fields: dict[str, Any] = dict(row.items())
    cursor = Cursor(fields.pop("seq"), fields.pop("place"), fields.pop("line"))
    return Happened(cursor=cursor, **fields)
