"""The SQL of merchants and terminals, and their tables for the journal and for edits."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from gateway.journal.model import Table
from gateway.kernel.postgres.edit import Editable
from gateway.kernel.postgres.pool import Connection, Database
from gateway.merchants.model import BatchState, Merchant, MerchantState, Terminal, TerminalState

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


async def terminal_standing(pool: Database | Connection) -> dict[str, int]:
    """Count terminals by state, for the metrics."""
    rows = await pool.fetch("SELECT state, count(*) AS terminals FROM terminal GROUP BY state")
    return {row["state"]: row["terminals"] for row in rows}


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
