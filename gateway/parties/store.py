"""The SQL of parties, bank cards and withdrawal passwords."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import asyncpg

from gateway.kernel.postgres.edit import Editable
from gateway.kernel.postgres.pool import Connection, Database
from gateway.parties.model import BankCard, Kind, Party, PartyState, Scope

PARTY = Editable(
    name="party",
    columns={
        "id": "uuid",
        "kind": "text",
        "code": "text",
        "name": "text",
        "parent_id": "uuid",
        "state": "text",
        "created_at": "timestamptz",
        "version": "integer",
    },
)
BANK_CARD = Editable(
    name="bank_card",
    columns={
        "id": "uuid",
        "party_id": "uuid",
        "number": "smallint",
        "account_sealed": "bytea",
        "fingerprint": "bytea",
        "fingerprint_version": "integer",
        "mask": "text",
        "name_sealed": "bytea",
        "bank": "text",
        "state": "text",
        "bound_at": "timestamptz",
        "version": "integer",
    },
)
WITHDRAWAL_PASSWORD = Editable(
    name="withdrawal_password",
    columns={
        "id": "uuid",
        "hash": "text",
        "wrong_tries": "integer",
        "locked_until": "timestamptz",
        "changed_at": "timestamptz",
        "version": "integer",
    },
    hidden=frozenset({"hash"}),
)


async def party(pool: Database | Connection, id_: UUID) -> Party | None:
    """Read a party for the house's own use; a door reads with `party_in`."""
    return _party(await pool.fetchrow("SELECT * FROM party WHERE id = $1", id_))


async def party_in(pool: Database | Connection, scope: Scope, id_: UUID) -> Party | None:
    """Read a party that the scope covers."""
    return _party(await pool.fetchrow("SELECT * FROM party WHERE id = $1 AND path LIKE $2", id_, scope.pattern))


async def party_by_code(pool: Database | Connection, kind: Kind, code: str) -> Party | None:
    """Read a party by its code, which is unique within its kind."""
    return _party(await pool.fetchrow("SELECT * FROM party WHERE kind = $1 AND code = $2", kind, code))


async def parties_in(
    pool: Database | Connection,
    scope: Scope,
    *,
    kind: Kind | None = None,
    after: UUID | None = None,
    limit: int = 100,
) -> list[Party]:
    """List parties that the scope covers, in the order of their ids, from beyond `after`."""
    rows = await pool.fetch(
        "SELECT * FROM party WHERE path LIKE $1 AND ($2::text IS NULL OR kind = $2) AND ($3::uuid IS NULL OR id > $3)"
        " ORDER BY id LIMIT $4",
        *(scope.pattern, kind, after, limit),
    )
    return [_made(row) for row in rows]


async def scope_of(pool: Database | Connection, id_: UUID) -> Scope | None:
    """What a party may see; None where there is no such party."""
    path = await pool.fetchval("SELECT path FROM party WHERE id = $1", id_)
    return Scope(path) if path is not None else None


async def bank_card(pool: Database | Connection, scope: Scope, id_: UUID) -> BankCard | None:
    """Read a bank card of a party that the scope covers."""
    row = await pool.fetchrow(
        "SELECT c.* FROM bank_card c JOIN party p ON p.id = c.party_id WHERE c.id = $1 AND p.path LIKE $2",
        *(id_, scope.pattern),
    )
    return _card(row)


async def bank_card_by_number(pool: Database | Connection, party_id: UUID, number: int) -> BankCard | None:
    """Read a party's bank card by the number that a terminal sends."""
    return _card(
        await pool.fetchrow("SELECT * FROM bank_card WHERE party_id = $1 AND number = $2", party_id, number),
    )


async def bank_cards(pool: Database | Connection, party_id: UUID) -> list[BankCard]:
    """List a party's bound bank cards by number."""
    rows = await pool.fetch("SELECT * FROM bank_card WHERE party_id = $1 AND state = 'bound' ORDER BY number", party_id)
    return [_card_made(row) for row in rows]


async def bank_card_ids(pool: Database | Connection, scope: Scope, party_id: UUID) -> list[UUID]:
    """List every bank card that was ever bound to a party that the scope covers, for its history."""
    rows = await pool.fetch(
        "SELECT c.id FROM bank_card c JOIN party p ON p.id = c.party_id WHERE c.party_id = $1 AND p.path LIKE $2",
        *(party_id, scope.pattern),
    )
    return [row["id"] for row in rows]


async def bound_card(
    pool: Database | Connection,
    party_id: UUID,
    fingerprints: Sequence[bytes],
) -> BankCard | None:
    """Find a party's bound card by its fingerprint under any key version."""
    row = await pool.fetchrow(
        "SELECT * FROM bank_card WHERE party_id = $1 AND state = 'bound' AND fingerprint = ANY ($2)",
        *(party_id, list(fingerprints)),
    )
    return _card(row)


async def free_card_number(pool: Database | Connection, party_id: UUID) -> int:
    """The number after the highest that the party's cards, bound or not, have had."""
    return int(
        await pool.fetchval("SELECT coalesce(max(number), 0) + 1 FROM bank_card WHERE party_id = $1", party_id),
    )


async def password_version(pool: Database | Connection, party_id: UUID) -> int | None:
    """Version of a party's withdrawal password; None where none was set."""
    found = await pool.fetchval("SELECT version FROM withdrawal_password WHERE id = $1", party_id)
    return int(found) if found is not None else None


async def take_try(pool: Database | Connection, party_id: UUID, *, most: int, now: datetime) -> str | None:
    """Count one try before it is checked, so that many at once cannot pass the limit; None where none is left.

    A lock that ran out gives all tries back.
    """
    found: str | None = await pool.fetchval(
        "UPDATE withdrawal_password"
        " SET wrong_tries = CASE WHEN locked_until <= $3 THEN 1 ELSE wrong_tries + 1 END,"
        "     locked_until = CASE WHEN locked_until <= $3 THEN NULL ELSE locked_until END"
        " WHERE id = $1 AND (wrong_tries < $2 OR locked_until <= $3) RETURNING hash",
        *(party_id, most, now),
    )
    return found


async def forgive_tries(pool: Database | Connection, party_id: UUID) -> None:
    """Give all tries back after a good password."""
    await pool.execute("UPDATE withdrawal_password SET wrong_tries = 0, locked_until = NULL WHERE id = $1", party_id)


async def lock_if_spent(pool: Database | Connection, party_id: UUID, *, most: int, until: datetime) -> bool:
    """Lock where the tries are spent; tells whether it is locked now."""
    locked = await pool.fetchval(
        "UPDATE withdrawal_password SET locked_until = coalesce(locked_until, $3)"
        " WHERE id = $1 AND wrong_tries >= $2 RETURNING id",
        *(party_id, most, until),
    )
    return locked is not None


def _party(row: asyncpg.Record | None) -> Party | None:
    return None if row is None else _made(row)


def _made(row: asyncpg.Record) -> Party:
    return Party(
        id=row["id"],
        kind=Kind(row["kind"]),
        code=row["code"],
        name=row["name"],
        parent_id=row["parent_id"],
        path=row["path"],
        state=PartyState(row["state"]),
        created_at=row["created_at"],
        version=row["version"],
    )


def _card(row: asyncpg.Record | None) -> BankCard | None:
    return None if row is None else _card_made(row)


def _card_made(row: asyncpg.Record) -> BankCard:
    return BankCard(
        id=row["id"],
        party_id=row["party_id"],
        number=row["number"],
        account_sealed=row["account_sealed"],
        fingerprint=row["fingerprint"],
        fingerprint_version=row["fingerprint_version"],
        mask=row["mask"],
        name_sealed=row["name_sealed"],
        bank=row["bank"],
        bound=row["state"] == "bound",
        version=row["version"],
    )
