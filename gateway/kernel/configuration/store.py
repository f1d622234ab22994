"""The SQL of parameters' values and of dictionaries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from gateway.kernel.configuration.dictionaries import ErrorText, Word
from gateway.kernel.configuration.parameters import Value
from gateway.kernel.configuration.standing import Reading
from gateway.kernel.postgres.edit import Editable
from gateway.kernel.postgres.pool import Connection, Database

PARAMETER_VALUE = Editable(
    name="parameter_value",
    columns={"id": "uuid", "code": "text", "party_id": "uuid", "value": "jsonb", "version": "integer"},
)
ERROR_TEXT = Editable(
    name="error_text",
    columns={
        "id": "uuid",
        "channel": "text",
        "code": "text",
        "reason": "text",
        "text_zh": "text",
        "text_en": "text",
        "state": "text",
        "version": "integer",
    },
)
DICTIONARY_WORD = Editable(
    name="dictionary_word",
    columns={
        "id": "uuid",
        "dictionary": "text",
        "code": "text",
        "text_zh": "text",
        "text_en": "text",
        "place": "integer",
        "state": "text",
        "version": "integer",
    },
)


@dataclass(frozen=True, slots=True)
class StoredValue:
    """A value as it stands in the database; None was given back to what holds without it."""

    id: UUID
    value: Value | None
    version: int


async def generation(pool: Database | Connection) -> int:
    """Return the number that moves with every change."""
    return int(await pool.fetchval("SELECT number FROM generation WHERE name = 'configuration'"))


async def reading(pool: Database) -> Reading:
    """Read everything that is in force, in one snapshot."""
    async with pool.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        return Reading(
            generation=await generation(connection),
            values=await _values(connection),
            errors=await error_texts(connection, active_only=True),
            words=await words(connection, active_only=True),
        )


async def _values(connection: Connection) -> dict[tuple[str, UUID | None], Value]:
    rows = await connection.fetch("SELECT code, party_id, value FROM parameter_value WHERE value IS NOT NULL")
    return {(row["code"], row["party_id"]): row["value"] for row in rows}


async def stored_value(pool: Database | Connection, code: str, party: UUID | None) -> StoredValue | None:
    """Read one value as it stands, None where it was never set."""
    row = await pool.fetchrow(
        "SELECT id, value, version FROM parameter_value WHERE code = $1 AND party_id IS NOT DISTINCT FROM $2",
        *(code, party),
    )
    return None if row is None else StoredValue(row["id"], row["value"], row["version"])


async def stored_values(pool: Database | Connection, party: UUID | None) -> dict[str, StoredValue]:
    """Read all values of a party (None: the system's), by code."""
    rows = await pool.fetch(
        "SELECT code, id, value, version FROM parameter_value WHERE party_id IS NOT DISTINCT FROM $1", party
    )
    return {row["code"]: StoredValue(row["id"], row["value"], row["version"]) for row in rows}


async def error_texts(
    pool: Database | Connection, *, channel: str | None = None, active_only: bool = False
) -> Sequence[ErrorText]:
    """List the error dictionary, or a channel's part of it, by channel and code."""
    rows = await pool.fetch(
        "SELECT * FROM error_text WHERE ($1::text IS NULL OR channel = $1) AND (NOT $2 OR state = 'active')"
        " ORDER BY channel, code",
        *(channel, active_only),
    )
    return [_error_text(row) for row in rows]


async def error_text(pool: Database | Connection, id_: UUID) -> ErrorText | None:
    """Read one entry of the error dictionary."""
    row = await pool.fetchrow("SELECT * FROM error_text WHERE id = $1", id_)
    return None if row is None else _error_text(row)


async def words(
    pool: Database | Connection, *, dictionary: str | None = None, active_only: bool = False
) -> Sequence[Word]:
    """List the words of a business dictionary, or of all, in their order."""
    rows = await pool.fetch(
        "SELECT * FROM dictionary_word WHERE ($1::text IS NULL OR dictionary = $1) AND (NOT $2 OR state = 'active')"
        " ORDER BY dictionary, place, code",
        *(dictionary, active_only),
    )
    return [_word(row) for row in rows]


async def word(pool: Database | Connection, id_: UUID) -> Word | None:
    """Read one word."""
    row = await pool.fetchrow("SELECT * FROM dictionary_word WHERE id = $1", id_)
    return None if row is None else _word(row)


def _error_text(row: asyncpg.Record) -> ErrorText:
    return ErrorText(
        id=row["id"],
        channel=row["channel"],
        code=row["code"],
        reason=row["reason"],
        text_zh=row["text_zh"],
        text_en=row["text_en"],
        is_active=row["state"] == "active",
        version=row["version"],
    )


def _word(row: asyncpg.Record) -> Word:
    return Word(
        id=row["id"],
        dictionary=row["dictionary"],
        code=row["code"],
        text_zh=row["text_zh"],
        text_en=row["text_en"],
        place=row["place"],
        is_active=row["state"] == "active",
        version=row["version"],
    )
