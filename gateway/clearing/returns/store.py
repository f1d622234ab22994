"""The SQL of return files: batches, lines, and how far an import has come."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from channels.instruction import ReturnLine
from gateway.clearing.returns.model import Batch, BatchState
from gateway.journal.model import Table
from gateway.kernel.postgres.pool import Database
from gateway.payments.payout.store import Row

BATCH = Table(
    name="settle_bank_return_batch",
    columns={
        "id": "uuid",
        "file_id": "uuid",
        "channel_id": "uuid",
        "business": "text",
        "day": "date",
        "unit": "text",
        "state": "text",
        "file_count": "integer",
        "file_minor": "bigint",
        "file_fee_minor": "bigint",
        "own_count": "integer",
        "own_minor": "bigint",
        "bank_minor": "bigint",
        "matched": "integer",
        "different": "integer",
        "missing": "integer",
        "unknown": "integer",
        "duplicate": "integer",
        "started_by": "text",
        "started_at": "timestamptz",
        "imported_at": "timestamptz",
        "reconciled_at": "timestamptz",
        "version": "integer",
    },
)

# The columns that postings move; the rest of a line stays as the bank wrote it.
LINE = Table(
    name="settle_bank_return",
    columns={
        "id": "uuid",
        "posted": "boolean",
        "bank_minor": "bigint",
        "transfer_id": "uuid",
        "version": "integer",
    },
    history=None,
)

_IMPORTED = (
    "id",
    "batch_id",
    "file_id",
    "place",
    "byte_offset",
    "number",
    "ask",
    "amount_minor",
    "unit",
    "state",
    "code",
    "text",
    "bank_reference",
    "value_on",
    "fee_minor",
)

_BATCHES = """
SELECT * FROM settle_bank_return_batch
WHERE ($1::uuid IS NULL OR channel_id = $1) AND ($2::uuid IS NULL OR file_id = $2)
  AND ($3::text IS NULL OR state = $3) AND ($4::text IS NULL OR business = $4) AND ($5::date IS NULL OR day = $5)
  AND ($6::uuid IS NULL OR id < $6)
ORDER BY id DESC LIMIT $7
"""

_BUSINESSES_OF_DAY = """
SELECT DISTINCT i.business, i.unit FROM channel c
JOIN channel o ON o.settlement_party = c.settlement_party JOIN instruction i ON i.channel_id = o.id
WHERE c.id = $1 AND i.ask IN ('pay', 'complete', 'void', 'refund') AND i.result = 'unchecked' AND i.state = 'success'
  AND i.created_at >= $2
  AND coalesce(i.value_on, (coalesce(i.sent_at, i.created_at) AT TIME ZONE 'Asia/Shanghai')::date) <= $3
ORDER BY 1, 2
"""


class ImportMovedError(Exception):
    """Another worker imports the same file: this one stops."""


async def batch(pool: Database, batch_id: UUID) -> Batch | None:
    """Read one batch."""
    row = await pool.fetchrow("SELECT * FROM settle_bank_return_batch WHERE id = $1", batch_id)
    return None if row is None else _batch(row)


async def batches(
    pool: Database,
    *,
    channel: UUID | None = None,
    file: UUID | None = None,
    state: BatchState | None = None,
    business: str | None = None,
    day: date | None = None,
    before: UUID | None = None,
    limit: int = 1000,
) -> Sequence[Batch]:
    """List batches, newest first; `before` continues a page."""
    return [_batch(row) for row in await pool.fetch(_BATCHES, channel, file, state, business, day, before, limit)]


async def businesses_sent(pool: Database, file: UUID) -> Sequence[tuple[str, str]]:
    """List business and unit of what went out in a payment file."""
    rows = await pool.fetch("SELECT DISTINCT business, unit FROM instruction WHERE file_id = $1 ORDER BY 1, 2", file)
    return [(row["business"], row["unit"]) for row in rows]


async def businesses_of_day(pool: Database, channel: UUID, *, since: datetime, day: date) -> Sequence[tuple[str, str]]:
    """List business and unit of acquiring instructions up to a day that no file of the channel's bank spoke of yet."""
    rows = await pool.fetch(_BUSINESSES_OF_DAY, channel, since, day)
    return [(row["business"], row["unit"]) for row in rows]


async def begin_import(pool: Database, file: UUID) -> int:
    """Return how many lines of a file are in."""
    await pool.execute("INSERT INTO file_import (file_id) VALUES ($1) ON CONFLICT (file_id) DO NOTHING", file)
    return int(await pool.fetchval("SELECT lines FROM file_import WHERE file_id = $1", file))


async def import_chunk(pool: Database, file: UUID, *, after: int, rows: Sequence[tuple[UUID, UUID, ReturnLine]]) -> int:
    """Add lines (id, batch, line) and note how far the import is, in one transaction; returns lines in now.

    Raises ImportMovedError where the file's import is not at `after`.
    """
    lines = after + len(rows)
    records = [_row(file, id_, batch_id, line) for id_, batch_id, line in rows]
    async with pool.acquire() as connection, connection.transaction():
        moved = await connection.fetchval(
            "UPDATE file_import SET lines = $2 WHERE file_id = $1 AND lines = $3 RETURNING lines", file, lines, after
        )
        if moved is None:
            message = f"the import of file {file} is not at line {after} any more"
            raise ImportMovedError(message)
        await connection.copy_records_to_table("settle_bank_return", records=records, columns=_IMPORTED)
    return lines


async def lines(pool: Database, batch_id: UUID, *, after: int = 0, limit: int = 100) -> Sequence[Row]:
    """Read the lines of a batch in the order of the file (row C71)."""
    return await pool.fetch(
        "SELECT * FROM settle_bank_return WHERE batch_id = $1 AND place > $2 ORDER BY place LIMIT $3",
        *(batch_id, after, limit),
    )


def _row(file: UUID, id_: UUID, batch_id: UUID, line: ReturnLine) -> tuple[object, ...]:
    return (
        id_,
        batch_id,
        file,
        line.place,
        line.offset,
        line.number,
        "" if line.ask is None else line.ask.value,
        line.amount_minor,
        line.unit,
        line.state.value,
        line.code,
        line.text,
        line.bank_reference,
        line.value_on,
        line.fee_minor,
    )


def _batch(row: Row) -> Batch:
    values = {name: row[name] for name in BATCH.columns}
    values["state"] = BatchState(values["state"])
    return Batch(**values)
