"""The SQL of channels, openings and clearing instructions."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from channels.instruction import Ask
from gateway.clearing.model import Channel, InstructionRecord, Network, Opening, from_row
from gateway.journal.model import Table
from gateway.kernel.postgres.edit import Editable
from gateway.kernel.postgres.pool import Connection, Database

GENERATION = "channels"

CHANNEL = Table(
    name="channel",
    columns={
        "id": "uuid",
        "code": "text",
        "name": "text",
        "kind": "text",
        "type": "text",
        "communication": "text",
        "state": "text",
        "asks": "text[]",
        "units": "text[]",
        "params": "jsonb",
        "settlement_party": "uuid",
        "version": "integer",
    },
)

INSTRUCTION = Table(
    name="instruction",
    columns={
        "id": "uuid",
        "number": "char(20)",
        "channel_id": "uuid",
        "ask": "text",
        "business": "text",
        "owner_kind": "text",
        "owner_id": "uuid",
        "original_id": "uuid",
        "original_number": "char(20)",
        "amount_minor": "bigint",
        "unit": "text",
        "state": "text",
        "communication": "text",
        "result": "text",
        "routing": "text",
        "purpose": "text",
        "merchant": "text",
        "terminal": "text",
        "payee_account": "bytea",
        "payee_name": "bytea",
        "payee_bank": "text",
        "bank_reference": "text",
        "approval_code": "text",
        "code": "text",
        "reason": "text",
        "value_on": "date",
        "settled_minor": "bigint",
        "tries": "integer",
        "file_id": "uuid",
        "not_found_at": "timestamptz",
        "created_at": "timestamptz",
        "sent_at": "timestamptz",
        "answered_at": "timestamptz",
        "version": "integer",
    },
    noted=("communication",),
)

CHANNEL_EDIT = Editable(name="channel", columns=CHANNEL.columns)
OPENING_EDIT = Editable(
    name="channel_opening",
    columns={
        "id": "uuid",
        "merchant_id": "uuid",
        "channel_id": "uuid",
        "state": "text",
        "priority": "integer",
        "version": "integer",
    },
)

_ASKS = frozenset(each.value for each in Ask)
_CHANNELS = """
SELECT id, code, name, kind, type, communication, state, asks, units, params, settlement_party, version FROM channel
"""


async def lease_numbers(pool: Database) -> int:
    """Lease a block of numbers; return its first."""
    first: int = await pool.fetchval("SELECT nextval('instruction_number')")
    return first


async def generation(pool: Database) -> int:
    """Return the number that rises with every change of a channel or an opening."""
    number: int = await pool.fetchval("SELECT number FROM generation WHERE name = $1", GENERATION)
    return number


async def network(pool: Database) -> Network:
    """Read all channels and openings as one snapshot, with their generation."""
    async with pool.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        number = await connection.fetchval("SELECT number FROM generation WHERE name = $1", GENERATION)
        channels = await connection.fetch(_CHANNELS)
        openings = await connection.fetch("SELECT merchant_id, channel_id, state, priority FROM channel_opening")
    return Network(
        generation=number,
        channels=tuple(_channel(row) for row in channels),
        openings=tuple(_opening(row) for row in openings),
    )


async def channel_by_code(pool: Database, code: str) -> Channel | None:
    """Read one channel by its code."""
    row = await pool.fetchrow(_CHANNELS + "WHERE code = $1", code)
    return None if row is None else _channel(row)


async def opening(pool: Database, merchant: UUID, channel: UUID) -> Opening | None:
    """Read a merchant's leave to use a channel."""
    row = await pool.fetchrow(
        "SELECT merchant_id, channel_id, state, priority FROM channel_opening"
        " WHERE merchant_id = $1 AND channel_id = $2",
        merchant,
        channel,
    )
    return None if row is None else _opening(row)


@asynccontextmanager
async def snapshot(pool: Database) -> AsyncIterator[Connection]:
    """Read several records as of one instant."""
    async with pool.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        yield connection


async def instruction(pool: Database | Connection, id_: UUID) -> InstructionRecord | None:
    """Read one instruction."""
    row = await pool.fetchrow("SELECT * FROM instruction WHERE id = $1", id_)
    return None if row is None else from_row(dict(row))


async def instructions_of(pool: Database, owner: UUID) -> list[InstructionRecord]:
    """Read all instructions of an operation or payout, oldest first."""
    rows = await pool.fetch("SELECT * FROM instruction WHERE owner_id = $1 ORDER BY id", owner)
    return [from_row(dict(row)) for row in rows]


async def stands(pool: Database, operation: UUID) -> bool:
    """Tell whether an approval is one for good: a guarded one is still to be told, or else withdrawn.

    One statement, as the guard ends together with what it guards.
    """
    found: bool = await pool.fetchval(
        "SELECT EXISTS (SELECT FROM operation o WHERE o.id = $1"
        " AND o.state IN ('approved', 'held', 'completed', 'released', 'expired') AND NOT EXISTS"
        " (SELECT FROM timer t WHERE t.kind = 'clearing.withdraw' AND t.subject = o.id))",
        operation,
    )
    return found


async def lanes(pool: Database) -> list[LaneFigure]:
    """Count the instructions that wait in each channel's reversal lane, with the oldest (metrics)."""
    rows = await pool.fetch(
        "SELECT c.code, count(*) AS depth, min(i.created_at) AS oldest"
        " FROM instruction i JOIN channel c ON c.id = i.channel_id"
        " WHERE i.ask = 'reverse' AND i.state IN ('routed', 'sent', 'unknown')"
        " GROUP BY c.code ORDER BY c.code"
    )
    return [LaneFigure(row["code"], row["depth"], row["oldest"]) for row in rows]


@dataclass(frozen=True, slots=True)
class LaneFigure:
    """How many messages wait for a channel, and since when the oldest does."""

    channel: str
    depth: int
    oldest: datetime


def _channel(row: asyncpg.Record) -> Channel:
    # an ask of a later release is not this one's; a channel that has no other is off here
    asks = frozenset(Ask(each) for each in row["asks"] if each in _ASKS)
    return Channel(
        id=row["id"],
        code=row["code"],
        name=row["name"],
        kind=row["kind"],
        type=row["type"],
        communication=row["communication"],
        is_on=row["state"] == "on" and (bool(asks) or not row["asks"]),
        asks=asks,
        units=frozenset(row["units"]),
        params=row["params"],
        settlement_party=row["settlement_party"],
        version=row["version"],
    )


def _opening(row: asyncpg.Record) -> Opening:
    return Opening(
        merchant=row["merchant_id"],
        channel=row["channel_id"],
        is_open=row["state"] == "on",
        priority=row["priority"],
    )
