"""The references' SQL, and what a run cost the database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg

from gateway.bench.order import KEPT, Order
from gateway.ledger import Account

Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"

_TABLES = """
    CREATE TABLE bench_order (id uuid PRIMARY KEY, state text NOT NULL, amount_minor bigint NOT NULL,
                              version integer NOT NULL);
    CREATE TABLE bench_balance (account_id uuid PRIMARY KEY, version bigint NOT NULL, balance_minor bigint NOT NULL)
        WITH (fillfactor = 50);
    CREATE SEQUENCE bench_seq START 1000000000 CACHE 100;"""

_KEY = """
    INSERT INTO journal_key (scope, name, digest, digest_version, subject, change_id, seq, expires_at)
    VALUES ('bench', $1::text, $2::bytea, 1, $3::uuid, $4::uuid, {seq}, $5::timestamptz)"""
_TRANSFER = """
    INSERT INTO ledger_transfer (id, book, seq, place, line, kind, subject, change_id, occurred_at, recorded_at,
                                 booked_on)
    VALUES ($6::uuid, 'reference', {seq}, 1, 1, 'bench', $3::uuid, $4::uuid, $7::timestamptz, now(), current_date)"""
_WRITE_ORDER = """
    INSERT INTO bench_order (id, state, amount_minor, version) VALUES ($3::uuid, 'paid', $10::bigint, 1)"""
_MOVE_ORDER = """
    UPDATE bench_order SET state = 'settled', version = 2
    WHERE id = $3::uuid AND version = 1 AND $10::bigint > 0"""
_EVENT = """
    INSERT INTO journal_event (book, seq, place, line, kind, subject, version, state, who, why, occurred_at,
                               recorded_at, change_id, told)
    VALUES ('reference', {seq}, 1, 1, 'bench_order', $3::uuid, $11::integer, $12::text, 'terminal:10000001',
            'purchase approved by the bank', $7::timestamptz, now(), $4::uuid, decode(repeat('00', 48), 'hex'))"""

# Balances are taken in the order of the accounts, so that no two transactions wait for each other.
_CTE = """
    WITH seq AS (SELECT nextval('bench_seq') AS seq),
    used AS ({key}),
    moved AS (
        UPDATE bench_balance b SET version = b.version + 1, balance_minor = b.balance_minor + r.amount_minor
        FROM (SELECT * FROM (VALUES ($8::uuid, $10::bigint), ($9::uuid, -$10::bigint)) v(account_id, amount_minor)
              ORDER BY account_id) r
        WHERE b.account_id = r.account_id RETURNING b.account_id, b.version, r.amount_minor, b.balance_minor),
    transfer AS ({transfer}),
    entries AS (
        INSERT INTO ledger_entry (account_id, version, transfer_id, seq, amount_minor, balance_minor, booked_on)
        SELECT account_id, version, $6::uuid, (SELECT seq FROM seq), amount_minor, balance_minor, current_date
        FROM moved),
    ordered AS ({order})
    {event}"""


@dataclass(frozen=True, slots=True)
class Costs:
    """What the server has counted so far."""

    wal_bytes: int
    rows: int

    def since(self, earlier: Costs, transfers: int) -> dict[str, float]:
        """Return what was counted since, per transfer."""
        return {
            "rows_per_transfer": (self.rows - earlier.rows) / transfers,
            "wal_bytes_per_transfer": (self.wal_bytes - earlier.wal_bytes) / transfers,
        }


async def make_tables(pool: Pool) -> None:
    """Make the tables that only benchmarks have."""
    await pool.execute(_TABLES)


async def take_balances(pool: Pool) -> None:
    """Give the references the balance rows they need, as the books stand."""
    await pool.execute(
        """
        INSERT INTO bench_balance (account_id, version, balance_minor)
        SELECT DISTINCT ON (account_id) account_id, version, balance_minor FROM ledger_entry
        ORDER BY account_id, version DESC
        """
    )


async def account_ids(pool: Pool, accounts: Sequence[Account]) -> dict[Account, UUID]:
    """Return the ids of opened accounts of one unit and purpose."""
    rows = await pool.fetch(
        "SELECT id, party FROM ledger_account WHERE unit = $1 AND purpose = $2",
        accounts[0].unit,
        accounts[0].purpose.value,
    )
    by_party = {row["party"]: row["id"] for row in rows}
    return {account: by_party[account.party] for account in accounts}


async def settle(pool: Pool) -> None:
    """Bring the server to the same rest before every run."""
    await pool.execute("VACUUM (ANALYZE) bench_balance")
    await pool.execute("CHECKPOINT")


async def costs(pool: Pool) -> Costs:
    """Return what the server has counted so far."""
    row: Any = await pool.fetchrow(
        """
        SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn AS wal_bytes,
               (SELECT count(*) FROM ledger_transfer) + (SELECT count(*) FROM ledger_entry)
               + (SELECT count(*) FROM journal_key) + (SELECT count(*) FROM journal_event)
               + (SELECT count(*) FROM journal_batch) + (SELECT coalesce(sum(version), 0) FROM bench_order)
               + (SELECT coalesce(sum(version), 0) FROM bench_balance) AS rows
        """
    )
    return Costs(int(row["wal_bytes"]), int(row["rows"]))


async def entries(pool: Pool) -> int:
    """Count the entries, about."""
    return int(await pool.fetchval("SELECT count(*) FROM ledger_entry"))


async def fill(pool: Pool, accounts: Sequence[UUID], *, most: int) -> None:
    """Write entries past the journal until there are `most`, each account's chain of versions going on.

    Only for the size of tables and indexes: such books do not prove.
    """
    per_account = max(0, most - await entries(pool)) // max(1, len(accounts))
    await pool.execute(
        """
        INSERT INTO ledger_entry (account_id, version, transfer_id, seq, amount_minor, balance_minor, booked_on)
        SELECT e.account_id, e.version + n, r.transfer_id, e.seq, CASE WHEN n % 2 = 0 THEN 1 ELSE -1 END,
               e.balance_minor - n % 2, e.booked_on
        FROM generate_series(1, $2::integer) n, unnest($1::uuid[]) a(id), LATERAL (
            SELECT * FROM ledger_entry WHERE account_id = a.id ORDER BY version DESC LIMIT 1) e, LATERAL (
            SELECT (left(e.transfer_id::text, 15) || right(gen_random_uuid()::text, 21))::uuid AS transfer_id
            WHERE n > 0) r
        """,
        accounts,
        per_account,
    )
    await pool.execute("VACUUM (ANALYZE) ledger_entry")


class OneStatement:
    """One transaction each, the whole work in one statement with common table expressions."""

    name = "one CTE statement per transaction"
    round_trips = 1

    async def run(self, connection: Connection, order: Order, ids: dict[Account, UUID]) -> None:
        """Do the work of `order`."""
        await connection.execute(_CTE_WRITING if order.first else _CTE_MOVING, *_parameters(order, ids))


class PlainStatements:
    """One transaction each, a plain statement for each table."""

    name = "plain statements per transaction"
    round_trips = 11

    async def run(self, connection: Connection, order: Order, ids: dict[Account, UUID]) -> None:
        """Do the work of `order`."""
        legs = sorted([(ids[order.payer], order.amount_minor), (ids[order.payee], -order.amount_minor)])
        given = _parameters(order, ids)
        async with connection.transaction():
            seq = await connection.fetchval("SELECT nextval('bench_seq')")
            await connection.execute(_PLAIN_KEY, *given[:5], seq)
            stand = await connection.fetch(_LOCK, [account for account, _ in legs])
            await connection.execute(_PLAIN_TRANSFER, *given[2:4], *given[5:7], seq)
            for (account, amount), row in zip(legs, stand, strict=True):
                version, balance = row["version"] + 1, row["balance_minor"] + amount
                await connection.execute(_SET_BALANCE, account, version, balance)
                await connection.execute(_PLAIN_ENTRY, account, version, order.transfer_id, seq, amount, balance)
            if order.first:
                await connection.execute(_PLAIN_WRITE_ORDER, order.id, order.amount_minor)
            else:
                await connection.execute(_PLAIN_MOVE_ORDER, order.id)
            await connection.execute(_PLAIN_EVENT, given[2], given[3], given[6], *given[10:], seq)


def _parameters(order: Order, ids: dict[Account, UUID]) -> tuple[Any, ...]:
    return (
        order.reference,
        order.digest,
        order.id,
        order.change_id,
        order.at + KEPT,
        order.transfer_id,
        order.at,
        ids[order.payer],
        ids[order.payee],
        order.amount_minor,
        1 if order.first else 2,
        "paid" if order.first else "settled",
    )


def _cte(order: str) -> str:
    seq = "(SELECT seq FROM seq)"
    return _CTE.format(
        key=_KEY.format(seq=seq), transfer=_TRANSFER.format(seq=seq), order=order, event=_EVENT.format(seq=seq)
    )


_CTE_WRITING, _CTE_MOVING = _cte(_WRITE_ORDER), _cte(_MOVE_ORDER)
_LOCK = """
    SELECT version, balance_minor FROM bench_balance WHERE account_id = ANY($1::uuid[])
    ORDER BY account_id FOR UPDATE"""
_SET_BALANCE = "UPDATE bench_balance SET version = $2, balance_minor = $3 WHERE account_id = $1"
_PLAIN_KEY = _KEY.format(seq="$6::bigint")
_PLAIN_TRANSFER = """
    INSERT INTO ledger_transfer (id, book, seq, place, line, kind, subject, change_id, occurred_at, recorded_at,
                                 booked_on)
    VALUES ($3, 'reference', $5, 1, 1, 'bench', $1, $2, $4, now(), current_date)"""
_PLAIN_ENTRY = """
    INSERT INTO ledger_entry (account_id, version, transfer_id, seq, amount_minor, balance_minor, booked_on)
    VALUES ($1, $2, $3, $4, $5, $6, current_date)"""
_PLAIN_WRITE_ORDER = "INSERT INTO bench_order (id, state, amount_minor, version) VALUES ($1, 'paid', $2, 1)"
_PLAIN_MOVE_ORDER = "UPDATE bench_order SET state = 'settled', version = 2 WHERE id = $1 AND version = 1"
_PLAIN_EVENT = """
    INSERT INTO journal_event (book, seq, place, line, kind, subject, version, state, who, why, occurred_at,
                               recorded_at, change_id, told)
    VALUES ('reference', $6, 1, 1, 'bench_order', $1, $4, $5, 'terminal:10000001', 'purchase approved by the bank',
            $3, now(), $2, decode(repeat('00', 48), 'hex'))"""


async def create_database(dsn: str, name: str, template: str) -> None:
    """Create a database as a copy of a template."""
    await _on_server(dsn, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
    for join in ("seqscan", "hashjoin", "mergejoin"):
        # Every form goes by index, as the journal does: else a small table is locked in another order than asked for.
        await _on_server(dsn, f"ALTER DATABASE {name} SET enable_{join} = off")


async def drop_database(dsn: str, name: str) -> None:
    """Drop a database, whoever is in it."""
    await _on_server(dsn, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


async def _on_server(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def batches(pool: Pool) -> int:
    """Count the batches of all books."""
    return int(await pool.fetchval("SELECT count(*) FROM journal_batch"))
