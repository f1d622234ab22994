"""The SQL of raw transactions and profit entries: tables that the journal writes, and what a pull reads of them."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from gateway.journal.model import Table
from gateway.kernel.postgres.pool import Database

RAW_TRANSACTION = Table(
    name="raw_transaction",
    columns={
        "id": "uuid",
        "source_id": "uuid",
        "row_id": "text",
        "digest": "text",
        "task_id": "uuid",
        "run": "integer",
        "chunk": "integer",
        "device": "text",
        "agent_id": "uuid",
        "merchant": "text",
        "unit": "text",
        "amount_minor": "bigint",
        "fee_minor": "bigint",
        "cost_minor": "bigint",
        "state": "text",
        "occurred_at": "timestamptz",
        "profit_minor": "bigint",
        "rule_version": "uuid",
        "no_profit": "text",
        "recorded_at": "timestamptz",
    },
    history=None,
)
PROFIT_ENTRY = Table(
    name="profit_entry",
    columns={
        "id": "uuid",
        "transaction_id": "uuid",
        "place": "smallint",
        "item": "text",
        "party_id": "uuid",
        "unit": "text",
        "amount_minor": "bigint",
    },
    history=None,
)
TABLES = (RAW_TRANSACTION, PROFIT_ENTRY)


async def digests(pool: Database, source: UUID, row_ids: Sequence[str]) -> dict[str, str]:
    """Return, of rows that are stored already, id -> digest of their content."""
    rows = await pool.fetch(
        "SELECT row_id, digest FROM raw_transaction WHERE source_id = $1 AND row_id = ANY($2::text[])",
        source,
        list(row_ids),
    )
    return {row["row_id"]: row["digest"] for row in rows}


async def totals(pool: Database, task: UUID) -> dict[str, int]:
    """Return what a task has stored: rows, sums in minor units, profit entries, and rows without a rule."""
    row = await pool.fetchrow(
        """
        SELECT count(*) AS rows, coalesce(sum(amount_minor), 0)::bigint AS amount_minor,
               coalesce(sum(fee_minor), 0)::bigint AS fee_minor, coalesce(sum(cost_minor), 0)::bigint AS cost_minor,
               coalesce(sum(profit_minor), 0)::bigint AS profit_minor,
               count(*) FILTER (WHERE no_profit = 'no_rule') AS without_rule,
               coalesce(sum(e.entries), 0)::bigint AS profit_entries,
               coalesce(sum(e.shared_minor), 0)::bigint AS shared_minor
        FROM raw_transaction t
        LEFT JOIN LATERAL (SELECT count(*) AS entries, sum(p.amount_minor) AS shared_minor
                           FROM profit_entry p WHERE p.transaction_id = t.id) e ON true
        WHERE t.task_id = $1
        """,
        task,
    )
    return {} if row is None else dict(row)
