"""The SQL of money out."""

from __future__ import annotations

from typing import TypeAlias
from uuid import UUID

import asyncpg

from gateway.journal.model import Table
from gateway.kernel.postgres.pool import Database
from gateway.payments.payout.checks import Standing
from gateway.payments.payout.model import OwnInstruction, Payout, PayoutKind, PayoutState

Row: TypeAlias = asyncpg.Record

PAYOUT = Table(
    name="payout",
    columns={
        "id": "uuid",
        "kind": "text",
        "party_id": "uuid",
        "bank_card_id": "uuid",
        "amount_minor": "bigint",
        "fee_minor": "bigint",
        "unit": "text",
        "fee_version": "text",
        "state": "text",
        "hold_id": "uuid",
        "instruction_id": "uuid",
        "reason": "text",
        "code": "text",
        "value_on": "date",
        "limit_day": "date",
        "asked_by": "text",
        "created_at": "timestamptz",
        "confirm_by": "timestamptz",
        "finished_at": "timestamptz",
        "version": "integer",
    },
)

_FIND = "SELECT * FROM payout WHERE id = $1"

_INSTRUCTION = """
SELECT id, number, channel_id, state, communication, tries, version FROM instruction WHERE id = $1
"""

_STANDING = """
SELECT
    (SELECT state FROM party WHERE id = $1) AS party_state,
    (SELECT state FROM merchant WHERE id = $1) AS merchant_state,
    EXISTS (SELECT FROM bank_card WHERE id = $3 AND party_id = $1 AND state = 'bound') AS card_is_bound,
    coalesce((SELECT sum(a.balance_minor) FROM ledger_standing a
        WHERE a.party = $1 AND a.unit = $2 AND a.purpose = 'available'), 0)::bigint AS available,
    coalesce((SELECT sum(a.balance_minor) FROM ledger_standing a
        WHERE a.party = $1 AND a.unit = $2 AND a.purpose = 'advance'), 0)::bigint AS owed,
    coalesce((SELECT value FROM journal_counter WHERE scope = 'unripe' AND name = $1::uuid::text), 0) AS unripe,
    coalesce((SELECT value FROM journal_counter WHERE scope = 'withdrawal.open' AND name = $1::uuid::text), 0) AS open,
    coalesce((SELECT value FROM journal_counter WHERE scope = 'withdrawal.turn' AND name = $1::uuid::text), 0) AS turn,
    coalesce((SELECT value FROM journal_counter WHERE scope = 'withdrawal.day'
        AND name = $1::uuid::text || '/' || $2 || '/' || head.open_day::text), 0) AS taken_today,
    head.open_day AS day
FROM journal_head head WHERE head.book = 'main'
"""


async def find(pool: Database, payout: UUID) -> Payout | None:
    """Read one payout."""
    row = await pool.fetchrow(_FIND, payout)
    return None if row is None else read_payout(row)


async def instruction_of(pool: Database, payout: Payout) -> OwnInstruction | None:
    """Read the clearing instruction of a payout."""
    row = await pool.fetchrow(_INSTRUCTION, payout.instruction_id)
    return None if row is None else read_instruction(row)


async def standing(pool: Database, *, party: UUID, unit: str, card: UUID | None) -> Standing:
    """Read how a party stands, in one snapshot."""
    row = await pool.fetchrow(_STANDING, party, unit, card)
    if row is None:
        message = "the book has no head: the database is not migrated"
        raise RuntimeError(message)
    return Standing(
        party_state=row["party_state"],
        merchant_state=row["merchant_state"],
        card_is_bound=row["card_is_bound"],
        available_minor=-row["available"],
        unripe_minor=row["unripe"],
        owed_minor=row["owed"],
        open_count=row["open"],
        taken_today_minor=row["taken_today"],
        turn=row["turn"],
        day=row["day"],
    )


def read_payout(row: Row, prefix: str = "") -> Payout:
    """Make a record of a row whose columns may stand behind a prefix."""
    values = {name: row[prefix + name] for name in PAYOUT.columns}
    values["kind"] = PayoutKind(values["kind"])
    values["state"] = PayoutState(values["state"])
    return Payout(**values)


def read_instruction(row: Row, prefix: str = "") -> OwnInstruction:
    """Make a record of a row whose columns may stand behind a prefix."""
    return OwnInstruction(
        id=row[prefix + "id"],
        number=row[prefix + "number"],
        channel_id=row[prefix + "channel_id"],
        state=row[prefix + "state"],
        communication=row[prefix + "communication"],
        tries=row[prefix + "tries"],
        version=row[prefix + "version"],
    )
