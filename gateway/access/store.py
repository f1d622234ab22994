"""The SQL of API keys."""

from __future__ import annotations

import asyncpg

from gateway.access.model import Algorithm, ApiKey, ApiScope
from gateway.kernel.postgres.edit import Editable
from gateway.kernel.postgres.pool import Database
from gateway.parties import Scope

API_KEY = Editable(
    name="api_key",
    columns={
        "id": "uuid",
        "keyid": "text",
        "algorithm": "text",
        "public_key": "bytea",
        "secret": "bytea",
        "party_id": "uuid",
        "scopes": "text[]",
        "state": "text",
        "created_at": "timestamptz",
        "version": "integer",
    },
)


async def api_key(pool: Database, keyid: str) -> ApiKey | None:
    """Read a key by the name that callers send; one whose party is closed is not active."""
    row = await pool.fetchrow(
        "SELECT k.*, p.path, p.state = 'closed' AS party_closed FROM api_key k JOIN party p ON p.id = k.party_id"
        " WHERE k.keyid = $1",
        keyid,
    )
    return None if row is None else _made(row)


async def api_keys(pool: Database, scope: Scope) -> list[ApiKey]:
    """List the keys of the parties that the scope covers, by name."""
    rows = await pool.fetch(
        "SELECT k.*, p.path, p.state = 'closed' AS party_closed FROM api_key k JOIN party p ON p.id = k.party_id"
        " WHERE p.path LIKE $1 ORDER BY k.keyid",
        scope.pattern,
    )
    return [_made(row) for row in rows]


def _made(row: asyncpg.Record) -> ApiKey:
    return ApiKey(
        id=row["id"],
        keyid=row["keyid"],
        algorithm=Algorithm(row["algorithm"]),
        public_key=row["public_key"],
        secret=row["secret"],
        party_id=row["party_id"],
        scopes=frozenset(ApiScope(scope) for scope in row["scopes"]),
        active=row["state"] == "active" and not row["party_closed"],
        sees=Scope(row["path"]),
        created_at=row["created_at"],
        version=row["version"],
    )
