"""The SQL of merchants and terminals, and their tables for the journal and for edits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from gateway.journal.model import Table
from gateway.kernel.postgres.edit import Editable
from gateway.kernel.postgres.pool import Connection, Database
from gateway.merchants.model import (
    BatchState,
    Document,
    DocumentKind,
    File,
    Merchant,
    MerchantKind,
    MerchantState,
    Profile,
    Shop,
    Standing,
    Terminal,
    TerminalState,
)
from gateway.parties import Scope

_MERCHANT = {
    "id": "uuid",
    "number": "text",
    "state": "text",
    "ripening": "text",
    "settings": "jsonb",
    "created_at": "timestamptz",
    "version": "integer",
}
_TERMINAL = {
    "id": "uuid",
    "number": "text",
    "merchant_id": "uuid",
    "dialect": "text",
    "state": "text",
    "family": "text",
    "serial": "text",
    "model": "text",
    "shop_id": "uuid",
    "tmk": "text",
    "mac_key": "text",
    "pin_key": "text",
    "previous_mac_key": "text",
    "previous_pin_key": "text",
    "offered_mac_key": "text",
    "offered_pin_key": "text",
    "batch_no": "text",
    "batch_state": "text",
    "signed_in_at": "timestamptz",
    "last_seen": "timestamptz",
    "wrong_macs": "integer",
    "settings": "jsonb",
    "created_at": "timestamptz",
    "version": "integer",
}
_KEYS = frozenset(name for name in _TERMINAL if name == "tmk" or name.endswith("_key"))

MERCHANT = Table(name="merchant", columns=_MERCHANT, noted=("ripening",))
TERMINAL = Table(name="terminal", columns=_TERMINAL, noted=("batch_no", "batch_state"))
MERCHANT_RECORD = Editable(name="merchant", columns=_MERCHANT)
TERMINAL_RECORD = Editable(name="terminal", columns=_TERMINAL, hidden=_KEYS)
PROFILE = Editable(
    name="merchant_profile",
    columns={
        "id": "uuid",
        "kind": "text",
        "mcc": "text",
        "address": "text",
        "contact_sealed": "bytea",
        "phone_sealed": "bytea",
        "phone_mask": "text",
        "version": "integer",
    },
)
DOCUMENT = Editable(
    name="merchant_document",
    columns={
        "id": "uuid",
        "merchant_id": "uuid",
        "kind": "text",
        "number_sealed": "bytea",
        "number_mask": "text",
        "fingerprint": "bytea",
        "fingerprint_version": "integer",
        "file_digest": "text",
        "valid_until": "date",
        "state": "text",
        "added_at": "timestamptz",
        "version": "integer",
    },
)
SHOP = Editable(name="shop", columns={"id": "uuid", "merchant_id": "uuid", "address": "text", "version": "integer"})


@dataclass(frozen=True, slots=True)
class Generations:
    """Numbers that move with every change: of who may do what, and of any terminal's row."""

    merchants: int
    terminals: int


_GENERATIONS = (
    "(SELECT number FROM generation WHERE name = 'merchants') AS merchants_generation,"
    " (SELECT number FROM generation WHERE name = 'terminals') AS terminals_generation"
)


async def generations(pool: Database | Connection) -> Generations:
    """Read both numbers as of one instant."""
    row = await pool.fetchrow(f"SELECT {_GENERATIONS}")
    if row is None:
        message = "the generations of merchants and terminals are missing: the database is not migrated"
        raise LookupError(message)
    return _seen(row)


async def terminal(pool: Database | Connection, number: str) -> tuple[Terminal | None, Generations]:
    """Read a terminal by number, with the generations of the same instant."""
    row = await pool.fetchrow(
        f"SELECT t.*, {_GENERATIONS} FROM (SELECT 1) one LEFT JOIN terminal t ON t.number = $1",
        number,
    )
    if row is None:
        raise LookupError(number)
    return (_terminal(row) if row["id"] is not None else None), _seen(row)


async def merchant(pool: Database | Connection, number: str) -> tuple[Merchant | None, Generations]:
    """Read a merchant by number, with the generations of the same instant."""
    row = await pool.fetchrow(
        f"SELECT m.*, {_GENERATIONS} FROM (SELECT 1) one LEFT JOIN merchant m ON m.number = $1",
        number,
    )
    if row is None:
        raise LookupError(number)
    return (_merchant(row) if row["id"] is not None else None), _seen(row)


async def merchant_by_id(pool: Database | Connection, id_: UUID) -> tuple[Merchant | None, Generations]:
    """Read a merchant by its party's id, with the generations of the same instant."""
    row = await pool.fetchrow(
        f"SELECT m.*, {_GENERATIONS} FROM (SELECT 1) one LEFT JOIN merchant m ON m.id = $1",
        id_,
    )
    if row is None:
        raise LookupError(str(id_))
    return (_merchant(row) if row["id"] is not None else None), _seen(row)


async def changed_terminals(pool: Database | Connection, since: int) -> Iterable[str]:
    """Numbers of the terminals whose rows changed after generation `since`."""
    return [row["number"] for row in await pool.fetch("SELECT number FROM terminal WHERE generation > $1", since)]


async def terminals_of(pool: Database | Connection, merchant_id: UUID) -> list[Terminal]:
    """List a merchant's terminals by number."""
    rows = await pool.fetch("SELECT * FROM terminal WHERE merchant_id = $1 ORDER BY number", merchant_id)
    return [_terminal(row) for row in rows]


_STANDING = (
    "SELECT m.*, p.code, p.name, p.path, p.version AS party_version FROM merchant m JOIN party p ON p.id = m.id"
    " WHERE p.path LIKE $1"
)


async def merchants_in(
    pool: Database | Connection,
    scope: Scope,
    *,
    state: MerchantState | None = None,
    number: str | None = None,
    after: UUID | None = None,
    limit: int = 100,
) -> Sequence[Standing]:
    """List merchants that the scope covers, newest first; every filter that is given must hold."""
    rows = await pool.fetch(
        f"{_STANDING} AND ($2::text IS NULL OR m.state = $2) AND ($3::text IS NULL OR m.number = $3)"
        " AND ($4::uuid IS NULL OR m.id < $4) ORDER BY m.id DESC LIMIT $5",
        *(scope.pattern, state, number, after, limit),
    )
    return [_standing(row) for row in rows]


async def file_of(pool: Database, scope: Scope, id_: UUID) -> File | None:
    """Read everything that is kept of a merchant that the scope covers, in one snapshot."""
    async with pool.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        row = await connection.fetchrow(f"{_STANDING} AND m.id = $2", scope.pattern, id_)
        if row is None:
            return None
        profile = await connection.fetchrow("SELECT * FROM merchant_profile WHERE id = $1", id_)
        documents = await connection.fetch("SELECT * FROM merchant_document WHERE merchant_id = $1 ORDER BY id", id_)
        shops = await connection.fetch(
            "SELECT s.*, p.code, p.name FROM shop s JOIN party p ON p.id = s.id WHERE s.merchant_id = $1 ORDER BY s.id",
            id_,
        )
        terminals = await terminals_of(connection, id_)
    return File(
        standing=_standing(row),
        profile=None if profile is None else _profile(profile),
        documents=tuple(_document(one) for one in documents),
        shops=tuple(_shop(one) for one in shops),
        terminals=tuple(terminals),
    )


async def serial_holder(pool: Database | Connection, serial: str) -> UUID | None:
    """Return the merchant with whom a device stands, None where it stands with nobody."""
    found: UUID | None = await pool.fetchval("SELECT merchant_id FROM terminal WHERE serial = $1", serial)
    return found


async def uses_category(pool: Database | Connection, mcc: str) -> bool:
    """Tell whether any merchant has this category code."""
    return bool(await pool.fetchval("SELECT EXISTS (SELECT FROM merchant_profile WHERE mcc = $1)", mcc))


def _standing(row: asyncpg.Record) -> Standing:
    return Standing(
        merchant=_merchant(row),
        code=row["code"],
        name=row["name"],
        path=row["path"],
        party_version=row["party_version"],
        created_at=row["created_at"],
    )


def _profile(row: asyncpg.Record) -> Profile:
    return Profile(**{**dict(row), "kind": MerchantKind(row["kind"])})


def _document(row: asyncpg.Record) -> Document:
    return Document(
        id=row["id"],
        merchant_id=row["merchant_id"],
        kind=DocumentKind(row["kind"]),
        number_mask=row["number_mask"],
        file_digest=row["file_digest"],
        valid_until=row["valid_until"],
        is_held=row["state"] == "held",
        added_at=row["added_at"],
        version=row["version"],
    )


def _shop(row: asyncpg.Record) -> Shop:
    return Shop(**dict(row))


def _seen(row: asyncpg.Record) -> Generations:
    return Generations(row["merchants_generation"], row["terminals_generation"])


def _merchant(row: asyncpg.Record) -> Merchant:
    return Merchant(
        id=row["id"],
        number=row["number"],
        state=MerchantState(row["state"]),
        ripening=row["ripening"],
        settings=row["settings"],
        version=row["version"],
    )


def _terminal(row: asyncpg.Record) -> Terminal:
    return Terminal(
        id=row["id"],
        number=row["number"],
        merchant_id=row["merchant_id"],
        dialect=row["dialect"],
        state=TerminalState(row["state"]),
        family=row["family"],
        serial=row["serial"],
        model=row["model"],
        shop_id=row["shop_id"],
        tmk=row["tmk"],
        mac_key=row["mac_key"],
        pin_key=row["pin_key"],
        previous_mac_key=row["previous_mac_key"],
        previous_pin_key=row["previous_pin_key"],
        offered_mac_key=row["offered_mac_key"],
        offered_pin_key=row["offered_pin_key"],
        batch_no=row["batch_no"],
        batch_state=BatchState(row["batch_state"]),
        signed_in_at=row["signed_in_at"],
        last_seen=row["last_seen"],
        wrong_macs=row["wrong_macs"],
        settings=row["settings"],
        version=row["version"],
    )
