"""The SQL of the keys room: keys by name, and ceremonies."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from gateway.kernel.postgres.edit import Editable
from gateway.kernel.postgres.pool import Database
from gateway.keys.ceremonies import Ceremony, CeremonyState, Part, Purpose
from gateway.keys.named import NamedKey
from gateway.keys.port import KeyBlock, KeyCipher, KeyKind

NAMED_KEY = Editable(
    name="named_key",
    columns={
        "id": "uuid",
        "name": "text",
        "number": "integer",
        "kind": "text",
        "block": "text",
        "created_at": "timestamptz",
        "created_by": "text",
        "version": "integer",
    },
    hidden=frozenset({"block"}),
)


async def numbered_keys(pool: Database, name: str) -> list[NamedKey]:
    """Read the keys of a name, newest first."""
    rows = await pool.fetch(
        "SELECT name, number, kind, block, created_at, created_by FROM named_key WHERE name = $1 ORDER BY number DESC",
        name,
    )
    return [_named(row) for row in rows]


async def add_key(pool: Database, key: NamedKey) -> bool:
    """Write a key; False where another process has written that number of the name."""
    written = await pool.fetchval(
        "INSERT INTO named_key (name, number, kind, block, created_at, created_by)"
        " VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (name, number) DO NOTHING RETURNING number",
        key.name,
        key.number,
        key.block.kind,
        key.block.text,
        key.created_at,
        key.created_by,
    )
    return written is not None


async def newest_keys(pool: Database) -> list[NamedKey]:
    """Read the newest key of every name, by name."""
    rows = await pool.fetch(
        "SELECT DISTINCT ON (name) name, number, kind, block, created_at, created_by FROM named_key"
        " ORDER BY name, number DESC"
    )
    return [_named(row) for row in rows]


async def ceremony(pool: Database, id_: UUID) -> Ceremony | None:
    """Read a ceremony."""
    row = await pool.fetchrow(
        "SELECT id, purpose, target, kind, cipher, parts, placed, block, key, state, why, started_by, started_at,"
        " expires_at, version FROM key_ceremony WHERE id = $1",
        id_,
    )
    return None if row is None else _ceremony(row)


async def open_ceremonies(pool: Database) -> list[Ceremony]:
    """Read the ceremonies under way, oldest first."""
    rows = await pool.fetch(
        "SELECT id, purpose, target, kind, cipher, parts, placed, block, key, state, why, started_by, started_at,"
        " expires_at, version FROM key_ceremony WHERE state = 'open' ORDER BY started_at, id"
    )
    return [_ceremony(row) for row in rows]


async def parts_of(pool: Database, ceremony_id: UUID) -> list[Part]:
    """Read who took part in a ceremony, in order."""
    rows = await pool.fetch(
        "SELECT place, person, check_value, placed_at FROM key_part WHERE ceremony_id = $1 ORDER BY place", ceremony_id
    )
    return [Part(**row) for row in rows]


def _named(row: Any) -> NamedKey:
    return NamedKey(
        name=row["name"],
        number=row["number"],
        block=KeyBlock(KeyKind(row["kind"]), row["block"]),
        created_at=row["created_at"],
        created_by=row["created_by"],
    )


def _ceremony(row: Any) -> Ceremony:
    said = {
        "purpose": Purpose(row["purpose"]),
        "kind": KeyKind(row["kind"]),
        "cipher": KeyCipher(row["cipher"]),
        "state": CeremonyState(row["state"]),
    }
    return Ceremony(**{**row, **said})
