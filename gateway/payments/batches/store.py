"""The SQL of terminals' batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from gateway.journal.model import Table
from gateway.kernel.postgres.pool import Connection, Database
from gateway.parties import Scope
from gateway.payments.batches.model import Batch, BatchState, Counted, DifferenceKind, Message, read
from gateway.payments.model import Item, Side

BATCH = Table(
    name="terminal_batch",
    columns={
        "id": "uuid",
        "terminal": "text",
        "merchant_id": "uuid",
        "number": "text",
        "state": "text",
        "unit": "text",
        "ours": "jsonb",
        "theirs": "jsonb",
        "ripened_minor": "bigint",
        "end_code": "text",
        "end_count": "integer",
        "closed_at": "timestamptz",
        "ended_at": "timestamptz",
        "version": "integer",
    },
)
MESSAGE = Table(
    name="terminal_batch_message",
    columns={
        "id": "uuid",
        "batch_id": "uuid",
        "message_class": "text",
        "trace": "text",
        "rrn": "char(12)",
        "answered_at": "timestamptz",
        "version": "integer",
    },
    history=None,
)
ITEM = Table(
    name="terminal_batch_item",
    columns={
        "id": "uuid",
        "batch_id": "uuid",
        "message_id": "uuid",
        "trace": "text",
        "amount_minor": "bigint",
        "card_mask": "text",
        "is_foreign": "boolean",
        "is_refund": "boolean",
        "version": "integer",
    },
    history=None,
)
DIFFERENCE = Table(
    name="terminal_difference",
    columns={
        "id": "uuid",
        "batch_id": "uuid",
        "merchant_id": "uuid",
        "kind": "text",
        "trace": "text",
        "operation_id": "uuid",
        "own_minor": "bigint",
        "terminal_minor": "bigint",
        "card_mask": "text",
        "state": "text",
        "found_at": "timestamptz",
        "version": "integer",
    },
    noted=("kind",),
)

# What counts: sales and what was given back, approved and never undone, by the terminal in its batch.
_COUNTED = """
SELECT id, trace, message_class, amount_minor, kind IN ('purchase', 'completion') AS is_debit FROM operation
WHERE terminal = $1 AND batch = $2 AND state = 'approved'
  AND kind IN ('purchase', 'completion', 'void', 'completion_void', 'refund')
ORDER BY id
"""

_UNDER_WAY = """
SELECT EXISTS (
    SELECT FROM operation o WHERE o.terminal = $1 AND o.batch = $2
    AND (o.state IN ('created', 'sent')
         OR o.state = 'approved' AND EXISTS
            (SELECT FROM timer t WHERE t.kind = 'clearing.withdraw' AND t.subject = o.id)))
"""

# What of its sales has not ripened, less what voids and refunds of them have taken already.
_UNRIPE = """
SELECT coalesce(sum(greatest(o.unripe_minor + coalesce(back.minor, 0), 0)), 0)::bigint AS minor,
       coalesce((SELECT value FROM journal_counter WHERE scope = 'unripe' AND name = $3::uuid::text), 0) AS standing
FROM operation o
LEFT JOIN LATERAL (
    SELECT sum(b.unripe_minor) AS minor FROM operation b
    WHERE b.original_id = o.id AND b.unripe_minor < 0 AND b.state IN ('sent', 'approved', 'unknown')
) back ON true
WHERE o.terminal = $1 AND o.batch = $2 AND o.merchant_id = $3 AND o.state = 'approved' AND o.unripe_minor > 0
"""


@dataclass(frozen=True, slots=True)
class Unripe:
    """What a batch could let ripen, and the merchant's whole sum that has not."""

    batch_minor: int
    standing_minor: int


async def batch_of(pool: Database | Connection, *, terminal: str, number: str) -> Batch | None:
    """Read a terminal's batch; None while it is open. A number that has come round again names the newest."""
    row = await pool.fetchrow(
        "SELECT * FROM terminal_batch WHERE terminal = $1 AND number = $2 ORDER BY id DESC LIMIT 1", terminal, number
    )
    return None if row is None else _batch(row)


async def batch_by_id(pool: Database | Connection, id_: UUID) -> Batch | None:
    """Read one batch."""
    row = await pool.fetchrow("SELECT * FROM terminal_batch WHERE id = $1", id_)
    return None if row is None else _batch(row)


async def message(pool: Database, id_: UUID) -> Message | None:
    """Read a message that was answered."""
    row = await pool.fetchrow(
        "SELECT id, batch_id, message_class, trace, rrn, answered_at FROM terminal_batch_message WHERE id = $1", id_
    )
    return None if row is None else Message(**dict(row))


async def is_under_way(pool: Database, *, terminal: str, number: str) -> bool:
    """Tell whether anything of a batch has not come to its end: then its totals are not known yet."""
    found: bool = await pool.fetchval(_UNDER_WAY, terminal, number)
    return found


async def counted(pool: Database, *, terminal: str, number: str) -> tuple[tuple[Counted, ...], Side, Side]:
    """Read what counts in a batch, and the sums of its debits and credits."""
    rows = await pool.fetch(_COUNTED, terminal, number)
    own = tuple(
        Counted(id=row["id"], trace=row["trace"], message_class=row["message_class"], amount_minor=row["amount_minor"])
        for row in rows
    )
    debits, credits_ = ([row["amount_minor"] for row in rows if row["is_debit"] is side] for side in (True, False))
    return own, Side(amount_minor=sum(debits), count=len(debits)), Side(amount_minor=sum(credits_), count=len(credits_))


async def items(pool: Database, batch_id: UUID) -> tuple[Item, ...]:
    """Read what was uploaded of a batch, in the order it came."""
    rows = await pool.fetch(
        "SELECT trace, amount_minor, card_mask, is_foreign, is_refund FROM terminal_batch_item"
        " WHERE batch_id = $1 ORDER BY id",
        batch_id,
    )
    return tuple(Item(**dict(row)) for row in rows)


async def unripe(pool: Database, *, terminal: str, number: str, merchant: UUID) -> Unripe:
    """Read what a batch could let ripen."""
    row = await pool.fetchrow(_UNRIPE, terminal, number, merchant)
    return Unripe(0, 0) if row is None else Unripe(row["minor"], row["standing"])


async def batches_in(
    pool: Database,
    scope: Scope,
    *,
    terminal: str | None = None,
    after: UUID | None = None,
    limit: int = 100,
) -> Sequence[Batch]:
    """List the closed batches of merchants that the scope covers, newest first."""
    rows = await pool.fetch(
        "SELECT b.* FROM terminal_batch b JOIN party p ON p.id = b.merchant_id WHERE p.path LIKE $1"
        " AND ($2::text IS NULL OR b.terminal = $2) AND ($3::uuid IS NULL OR b.id < $3) ORDER BY b.id DESC LIMIT $4",
        scope.pattern,
        terminal,
        after,
        limit,
    )
    return [_batch(row) for row in rows]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptDifference:
    """A difference as it is kept."""

    id: UUID
    batch_id: UUID
    terminal: str
    number: str
    kind: DifferenceKind
    trace: str
    operation_id: UUID | None
    own_minor: int | None
    terminal_minor: int | None
    unit: str
    card_mask: str
    state: str
    found_at: datetime


async def differences_in(
    pool: Database,
    scope: Scope,
    *,
    batch: UUID | None = None,
    terminal: str | None = None,
    after: UUID | None = None,
    limit: int = 100,
) -> Sequence[KeptDifference]:
    """List the differences of merchants that the scope covers, newest first."""
    rows = await pool.fetch(
        "SELECT d.id, d.batch_id, b.terminal, b.number, d.kind, d.trace, d.operation_id, d.own_minor,"
        " d.terminal_minor, b.unit, d.card_mask, d.state, d.found_at"
        " FROM terminal_difference d JOIN terminal_batch b ON b.id = d.batch_id JOIN party p ON p.id = d.merchant_id"
        " WHERE p.path LIKE $1 AND ($2::uuid IS NULL OR d.batch_id = $2) AND ($3::text IS NULL OR b.terminal = $3)"
        " AND ($4::uuid IS NULL OR d.id < $4) ORDER BY d.id DESC LIMIT $5",
        scope.pattern,
        batch,
        terminal,
        after,
        limit,
    )
    return [KeptDifference(**{**dict(row), "kind": DifferenceKind(row["kind"])}) for row in rows]


def _batch(row: asyncpg.Record) -> Batch:
    return Batch(
        id=row["id"],
        terminal=row["terminal"],
        merchant_id=row["merchant_id"],
        number=row["number"],
        state=BatchState(row["state"]),
        unit=row["unit"],
        closed_at=row["closed_at"],
        ours=read(row["ours"]),
        theirs=read(row["theirs"]),
        ripened_minor=row["ripened_minor"],
        end_code=row["end_code"],
        end_count=row["end_count"],
        ended_at=row["ended_at"],
        version=row["version"],
    )
