"""The SQL of the keys room: keys by name."""

from __future__ import annotations

from gateway.kernel.postgres.pool import Database
from gateway.keys.named import NamedKey
from gateway.keys.port import KeyBlock, KeyKind


async def numbered_keys(pool: Database, name: str) -> list[NamedKey]:
    """Read the keys of a name, newest first."""
    rows = await pool.fetch(
        "SELECT name, number, kind, block, created_at, created_by FROM named_key WHERE name = $1 ORDER BY number DESC",
        name,
    )
    return [
        NamedKey(
            name=row["name"],
            number=row["number"],
            block=KeyBlock(KeyKind(row["kind"]), row["block"]),
            created_at=row["created_at"],
            created_by=row["created_by"],
        )
        for row in rows
    ]


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
