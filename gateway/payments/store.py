"""The SQL of operations and of the questions that are open about them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

import asyncpg

from gateway.journal.model import Table
from gateway.kernel.postgres.pool import Connection, Database
from gateway.payments.decision import EXCEPTIONS, TABLE
from gateway.payments.enquiry import Evidence
from gateway.payments.operation import Operation, OperationKind, Standing, from_row

OPERATION = Table(
    name=TABLE,
    columns={
        "id": "uuid",
        "kind": "text",
        "state": "text",
        "source": "text",
        "terminal": "text",
        "merchant_id": "uuid",
        "merchant": "text",
        "batch": "text",
        "trace": "text",
        "message_class": "text",
        "rrn": "char(12)",
        "channel_id": "uuid",
        "instruction_id": "uuid",
        "instruction_number": "char(20)",
        "original_id": "uuid",
        "counter_id": "uuid",
        "amount_minor": "bigint",
        "unit": "text",
        "rest_minor": "bigint",
        "reversed_minor": "bigint",
        "voided": "boolean",
        "fee_minor": "bigint",
        "fee_version": "uuid",
        "fee_shares": "jsonb",
        "cost_minor": "bigint",
        "cost_version": "uuid",
        "cost_back_minor": "bigint",
        "unripe_minor": "bigint",
        "hold_id": "uuid",
        "transfer_id": "uuid",
        "card_sealed": "bytea",
        "card_fingerprint": "bytea",
        "card_version": "integer",
        "card_mask": "text",
        "expiry_sealed": "bytea",
        "entry_mode": "text",
        "approval_code": "text",
        "bank_code": "text",
        "reason": "text",
        "text": "text",
        "told": "text",
        "settled_on": "date",
        "reversal_reason": "text",
        "occurred_at": "timestamptz",
        "answer_by": "timestamptz",
        "answered_at": "timestamptz",
        "version": "integer",
    },
    noted=("told",),
)

PAYMENT_EXCEPTION = Table(
    name=EXCEPTIONS,
    columns={
        "id": "uuid",
        "kind": "text",
        "operation_id": "uuid",
        "instruction_id": "uuid",
        "detail": "text",
        "state": "text",
        "opened_at": "timestamptz",
        "resolved_at": "timestamptz",
        "resolution": "text",
        "version": "integer",
    },
)

_STANDING = """
SELECT o.*, t.booked_on AS booked_on, h.open_day AS open_day, coalesce(c.value, 0) AS unripe_now
FROM operation o
JOIN journal_head h ON h.book = 'main'
LEFT JOIN ledger_transfer t ON t.id = o.transfer_id
LEFT JOIN journal_counter c ON c.scope = 'unripe' AND c.name = o.merchant_id::text
"""
_BY_ID = _STANDING + "WHERE o.id = $1"
_BY_REFERENCE = (
    _STANDING
    + """
WHERE o.terminal = $1 AND o.batch = $2 AND o.trace = $3 AND o.message_class = ANY ($4)
ORDER BY o.id DESC LIMIT 1
"""
)
_BY_RRN = _STANDING + "WHERE o.rrn = $1"
_BY_APPROVAL = (
    _STANDING
    + """
WHERE o.merchant_id = $1 AND o.approval_code = $2 AND o.batch = $3 AND o.trace = $4 AND o.kind = 'preauthorisation'
ORDER BY o.id DESC LIMIT 1
"""
)
_NOT_BY_REVERSAL = """
SELECT * FROM operation
WHERE terminal = $1 AND batch = $2 AND trace = $3 AND kind <> 'reversal'
ORDER BY id DESC LIMIT 1
"""


async def operation(pool: Database | Connection, id_: UUID) -> Operation | None:
    """Read one operation."""
    row = await pool.fetchrow("SELECT * FROM operation WHERE id = $1", id_)
    return None if row is None else from_row(dict(row))


async def under(pool: Database | Connection, of: Operation) -> tuple[Operation | None, Operation | None]:
    """Read what an operation stands on, and what that one stands on: a completion's hold."""
    parent = None if of.original_id is None else await operation(pool, of.original_id)
    if parent is None or parent.kind is not OperationKind.COMPLETION or parent.original_id is None:
        return parent, None
    return parent, await operation(pool, parent.original_id)


async def standing(pool: Database, id_: UUID) -> Standing | None:
    """Read one operation with what stands around it."""
    return _standing(await pool.fetchrow(_BY_ID, id_))


async def standing_by_reference(
    pool: Database, *, terminal: str, batch: str, trace: str, classes: Sequence[str]
) -> Standing | None:
    """Find what a terminal's reference names, in the given message classes."""
    return _standing(await pool.fetchrow(_BY_REFERENCE, terminal, batch, trace, list(classes)))


async def standing_by_rrn(pool: Database, rrn: str) -> Standing | None:
    """Find an operation by the retrieval reference number that we gave."""
    return _standing(await pool.fetchrow(_BY_RRN, rrn))


async def hold_by_approval(
    pool: Database, *, merchant: UUID, approval_code: str, batch: str, trace: str
) -> Standing | None:
    """Find a merchant's pre-authorisation by the code its bank gave, with the batch and trace of its terminal."""
    return _standing(await pool.fetchrow(_BY_APPROVAL, merchant, approval_code, batch, trace))


async def by_reference(pool: Database, *, terminal: str, batch: str, trace: str) -> Operation | None:
    """Find what an enquiry asks about: the newest under that reference, reversals left out."""
    row = await pool.fetchrow(_NOT_BY_REVERSAL, terminal, batch, trace)
    return None if row is None else from_row(dict(row))


async def counter_of(pool: Database, original: UUID) -> UUID | None:
    """Return the counter-operation that is open on an original now."""
    counter: UUID | None = await pool.fetchval("SELECT counter_id FROM operation WHERE id = $1", original)
    return counter


async def used_by(pool: Database, *, scope: str, name: str) -> tuple[bytes, int, UUID] | None:
    """Return digest, its key version and the record of a reference that is in use."""
    row = await pool.fetchrow(
        "SELECT digest, digest_version, subject FROM journal_key WHERE scope = $1 AND name = $2", scope, name
    )
    return None if row is None else (row["digest"], row["digest_version"], row["subject"])


async def booked_on(pool: Database, transfer: UUID) -> date | None:
    """Return the day a transfer was booked on."""
    day: date | None = await pool.fetchval("SELECT booked_on FROM ledger_transfer WHERE id = $1", transfer)
    return day


async def evidence(pool: Database, operation_id: UUID) -> tuple[Evidence, ...]:
    """Read what happened to an operation, its instructions and its counter-operations, in the order of the book."""
    rows = await pool.fetch(
        """
        WITH subject (id) AS (
            SELECT $1::uuid
            UNION SELECT id FROM operation WHERE original_id = $1
            UNION SELECT i.id FROM instruction i WHERE i.owner_id = $1
            UNION SELECT i.id FROM instruction i JOIN operation o ON o.id = i.owner_id WHERE o.original_id = $1
        ), line AS (
            SELECT e.seq, e.place, e.line, e.recorded_at AS at, e.kind AS what, coalesce(e.state, '') AS state,
                   e.who, e.why, e.data
            FROM journal_event e JOIN subject s ON s.id = e.subject
            UNION ALL
            SELECT t.seq, t.place, t.line, t.recorded_at, 'posting', t.kind, '', t.note, NULL
            FROM ledger_transfer t JOIN subject s ON s.id = t.subject
        )
        SELECT at, what, state, who, why, seq, data FROM line ORDER BY seq, place, line
        """,
        operation_id,
    )
    return tuple(_evidence(row) for row in rows)


async def open_questions(pool: Database, limit: int) -> list[dict[str, Any]]:
    """Read the questions that wait for a person, oldest first."""
    rows = await pool.fetch(
        "SELECT id, kind, operation_id, instruction_id, detail, opened_at, version"
        " FROM payment_exception WHERE state = 'open' ORDER BY opened_at LIMIT $1",
        limit,
    )
    return [dict(row) for row in rows]


async def open_question_of(pool: Database, operation_id: UUID, kind: str) -> UUID | None:
    """Find the open question of one kind about an operation, so that it is put once."""
    found: UUID | None = await pool.fetchval(
        "SELECT id FROM payment_exception WHERE operation_id = $1 AND kind = $2 AND state = 'open'",
        operation_id,
        kind,
    )
    return found


def _standing(row: asyncpg.Record | None) -> Standing | None:
    if row is None:
        return None
    return Standing(
        operation=from_row(dict(row)),
        booked_on=row["booked_on"],
        open_day=row["open_day"],
        unripe_minor=row["unripe_now"],
    )


def _evidence(row: asyncpg.Record) -> Evidence:
    return Evidence(**{**dict(row), "data": row["data"] or {}})
