"""Database roles: what each may do with each table, tried against the database itself."""

from __future__ import annotations

import asyncio
import itertools
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from gateway.kernel.postgres.embedded import EmbeddedPostgres, discard
from gateway.kernel.postgres.migrate import MigrationError, migrate
from gateway.kernel.postgres.pool import RoleError, open_pool
from gateway.kernel.postgres.roles import DatabaseRole, Relation, deviations, grant_rights, missing_roles, rights_on
from tests.conftest import run_in

_NUMBERS = itertools.count(1)
As = Callable[[DatabaseRole], Awaitable[Any]]

JOURNAL, WORKER, DOOR, READ = DatabaseRole
WRITTEN_ONCE = (
    *("ledger_account", "ledger_transfer", "ledger_entry", "journal_batch", "journal_event", "journal_close"),
    *("ledger_transfer_default", "ledger_entry_default", "journal_batch_default", "journal_event_default"),
)


@pytest.fixture
async def acting(dsn: str) -> AsyncIterator[As]:
    """A pool whose connections act as a role."""
    opened: list[asyncpg.Pool[Any]] = []

    async def as_role(role: DatabaseRole) -> asyncpg.Pool[Any]:
        opened.append(await open_pool(dsn, largest=1, role=role))
        return opened[-1]

    yield as_role
    for pool in opened:
        await pool.close()


async def columns(pool: asyncpg.Pool[Any], table: str) -> list[str]:
    query = "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped"
    return [row["attname"] for row in await pool.fetch(query, table)]


async def may(pool: asyncpg.Pool[Any], statement: str) -> bool:
    """Whether the rights let a statement begin; it is only planned, and so changes nothing whoever is right."""
    try:
        await pool.execute(f"EXPLAIN {statement}")
    except asyncpg.InsufficientPrivilegeError:
        return False
    return True


async def rights(pool: asyncpg.Pool[Any], table: str) -> str:
    """What may be done with a table, tried: S(elect), I(nsert), U(pdate), D(elete)."""
    first = (await columns(pool, table))[0]
    tries = {
        "S": f"SELECT {first} FROM {table}",
        "I": f"INSERT INTO {table} DEFAULT VALUES",
        "U": f"UPDATE {table} SET {first} = NULL",
        "D": f"DELETE FROM {table}",
    }
    return "".join([letter for letter, statement in tries.items() if await may(pool, statement)])


@pytest.mark.parametrize("table", WRITTEN_ONCE)
async def test_the_journal_inserts_entries_and_never_updates_or_deletes_them(acting: As, table: str) -> None:
    journal = await acting(JOURNAL)
    assert await rights(journal, table) == "SI"
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await journal.execute(f"TRUNCATE {table}")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await journal.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await journal.execute(f"DROP TABLE {table}")


async def test_partitions_are_no_way_round(acting: As, pool: asyncpg.Pool[Any]) -> None:
    journal = await acting(JOURNAL)
    parts = [
        row["name"]
        for row in await pool.fetch("SELECT 'part.' || tablename AS name FROM pg_tables WHERE schemaname = 'part'")
    ]
    assert len(parts) > 8
    for part in parts:
        assert await rights(journal, part) == "S", part


@pytest.mark.parametrize("table", [*WRITTEN_ONCE, "journal_head", "journal_key", "journal_counter", "ledger_hold"])
async def test_nobody_else_writes_the_book(acting: As, table: str) -> None:
    for role in (WORKER, DOOR, READ):
        assert await rights(await acting(role), table) in {"S", ""}, role


# table -> what journal, worker, door and reports may
EXPECTED = {
    "journal_head": ("SIU", "S", "S", "S"),
    "journal_key": ("SI", "S", "", ""),
    "journal_counter": ("SIU", "S", "", ""),
    "ledger_hold": ("SIU", "S", "S", "S"),
    "ledger_snapshot": ("S", "S", "S", "S"),
    "ledger_horizon": ("S", "S", "S", "S"),
    "operation": ("SIU", "SIUD", "S", "S"),
    "payout": ("SIU", "SIUD", "S", "S"),
    "timer": ("SIUD", "SIUD", "S", "S"),
    "generation": ("SIU", "SIUD", "S", "S"),
    "party": ("SIU", "SIUD", "S", "S"),
    "access_user": ("S", "SIUD", "S", "S"),
    "role": ("S", "SIUD", "S", "S"),
    "fee_version": ("S", "SI", "S", "S"),
    "record_edit": ("S", "SI", "S", "S"),
    "record_edit_line": ("S", "SI", "S", "S"),
    "login_event": ("S", "SI", "S", "S"),
    "user_session": ("", "SIUD", "", ""),
    "user_password": ("", "SIUD", "S", "S"),
    "user_totp": ("", "SIUD", "S", "S"),
    "named_key": ("", "SIUD", "", ""),
    "key_part": ("", "SIUD", "", ""),
    "withdrawal_password": ("", "SIUD", "", ""),
    "file_piece": ("SIU", "SIUD", "", ""),
    "schema_migration": ("S", "S", "S", "S"),
}


@pytest.mark.parametrize("table", EXPECTED)
async def test_every_role_may_what_it_must_and_no_more(acting: As, table: str) -> None:
    found = tuple([await rights(await acting(role), table) for role in DatabaseRole])
    assert found == EXPECTED[table]


@pytest.mark.parametrize("column", ["hash", "past"])
async def test_a_password_s_hash_is_not_read_by_doors(acting: As, column: str) -> None:
    for role in (DOOR, READ):
        assert not await may(await acting(role), f"SELECT {column} FROM user_password")
    assert not await may(await acting(DOOR), "SELECT secret_sealed FROM user_totp")


async def test_nobody_makes_tables_or_becomes_somebody_else_by_right(acting: As) -> None:
    for role in DatabaseRole:
        pool = await acting(role)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await pool.execute("CREATE TABLE mine (id integer)")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await pool.execute("ALTER TABLE party DISABLE ROW LEVEL SECURITY")


async def test_roles_stay_taken_on_from_one_use_of_a_connection_to_the_next(acting: As) -> None:
    pool = await acting(WORKER)
    for _ in range(3):
        async with pool.acquire() as connection:
            assert await connection.fetchval("SELECT current_user") == WORKER


async def test_rights_are_as_they_should_be_and_granting_again_changes_nothing(pool: asyncpg.Pool[Any]) -> None:
    assert await deviations(pool) == []
    async with pool.acquire() as connection:
        before = await connection.fetchval("SELECT count(*) FROM pg_class WHERE xmin::text::bigint > 0")
        await grant_rights(connection)
        assert await connection.fetchval("SELECT count(*) FROM pg_class WHERE xmin::text::bigint > 0") == before


async def test_rights_that_were_changed_by_hand_are_found_and_set_right(pool: asyncpg.Pool[Any]) -> None:
    await pool.execute(
        "GRANT UPDATE ON ledger_entry TO tillgate_journal; GRANT SELECT (hash) ON user_password TO"
        " tillgate_door; REVOKE SELECT ON party FROM tillgate_door"
    )
    found = {(one.place, one.role): one.is_too_strong for one in await deviations(pool)}
    assert found == {
        ("public.ledger_entry", JOURNAL): True,
        ("public.user_password", DOOR): True,
        ("public.party", DOOR): False,
    }
    async with pool.acquire() as connection:
        await grant_rights(connection)
    assert await deviations(pool) == []


@pytest.mark.parametrize(
    ("relation", "journal", "worker", "reader"),
    [
        (Relation(schema="public", name="card_product", kind="r"), "SIU", "SIUD", "S"),
        (Relation(schema="public", name="card_entry", kind="r", is_written_once=True), "SI", "SI", "S"),
        (Relation(schema="public", name="ledger_new", kind="r", is_written_once=True), "SI", "S", "S"),
        (Relation(schema="public", name="any_sequence", kind="S"), "U", "U", ""),
        (Relation(schema="public", name="user_right", kind="v"), "S", "S", "S"),
        (Relation(schema="whole", name="ledger_entry", kind="v"), "S", "S", "S"),
    ],
)
def test_a_table_of_a_later_release_falls_under_the_same_rules(relation, journal, worker, reader) -> None:
    found = rights_on(relation)

    def letters(role: DatabaseRole) -> str:
        return "".join(sorted((right[0] for right in found.get(role, ())), key="SIUD".index))

    assert (letters(JOURNAL), letters(WORKER), letters(READ)) == (journal, worker, reader)
    assert letters(DOOR) == ("" if relation.schema == "whole" else reader)


@asynccontextmanager
async def logged_in(postgres: EmbeddedPostgres, database: str, *, words: str) -> AsyncIterator[str]:
    """A login of this test's own; yields the address it opens `database` with."""
    login = f"login_{next(_NUMBERS)}"
    await run_in(postgres.dsn(), f"CREATE ROLE {login} LOGIN PASSWORD 'p' {words}")
    try:
        yield _as(postgres.dsn(database), login)
    finally:
        await run_in(postgres.dsn(database), f"DROP OWNED BY {login} CASCADE")
        await run_in(postgres.dsn(), f"DROP OWNED BY {login} CASCADE; DROP ROLE {login}")


def _as(dsn: str, login: str) -> str:
    return f"postgresql://{login}:p@{dsn.rpartition('@')[2]}"


def _database(dsn: str) -> str:
    return dsn.partition("?")[0].rpartition("/")[2]


async def test_a_login_that_is_no_member_is_told_what_to_do(postgres: EmbeddedPostgres, dsn: str) -> None:
    async with logged_in(postgres, _database(dsn), words="") as address:
        with pytest.raises(RoleError, match="may not act as tillgate_worker: run `tillgate migrate`"):
            await open_pool(address, role=WORKER)


async def test_a_member_acts_as_its_roles_and_is_nobody_beside(postgres: EmbeddedPostgres, dsn: str) -> None:
    async with logged_in(
        postgres, _database(dsn), words="NOINHERIT IN ROLE tillgate_journal, tillgate_door"
    ) as address:
        opened = await open_pool(address, largest=1, role=JOURNAL)
        assert await rights(opened, "ledger_entry") == "SI"
        await opened.close()
        plain = await open_pool(address, largest=1)
        assert await rights(plain, "ledger_entry") == ""
        await plain.close()


@asynccontextmanager
async def blank(postgres: EmbeddedPostgres, *, owner: str = "") -> AsyncIterator[str]:
    name = f"roles_{next(_NUMBERS)}"
    await run_in(postgres.dsn(), f"CREATE DATABASE {name} {f'OWNER {owner}' if owner else ''}")
    try:
        yield postgres.dsn(name)
    finally:
        await run_in(postgres.dsn(), f"DROP DATABASE {name} WITH (FORCE)")


async def test_two_databases_of_a_cluster_are_migrated_at_once(postgres: EmbeddedPostgres) -> None:
    async with blank(postgres) as one, blank(postgres) as other:
        await asyncio.gather(migrate(one), migrate(other))
        for dsn in (one, other):
            pool = await open_pool(dsn, largest=1)
            assert await missing_roles(pool) == []
            assert await deviations(pool) == []
            await pool.close()


async def test_an_owner_without_any_special_right_migrates_where_the_roles_are(
    postgres: EmbeddedPostgres, template: str
) -> None:
    """As in a managed cluster, once its administrator has made the roles."""
    del template
    login = f"owner_{next(_NUMBERS)}"
    await run_in(postgres.dsn(), f"CREATE ROLE {login} LOGIN PASSWORD 'p'")
    try:
        async with blank(postgres, owner=login) as dsn:
            assert await migrate(_as(dsn, login))
            pool = await open_pool(dsn, largest=1)
            assert await deviations(pool) == []
            await pool.close()
    finally:
        await run_in(postgres.dsn(), f"DROP OWNED BY {login}; DROP ROLE {login}")


@pytest.fixture
async def bare() -> AsyncIterator[EmbeddedPostgres]:
    """A cluster of this test's own, without the roles."""
    directory = Path(tempfile.mkdtemp(prefix="tg-"))
    server = EmbeddedPostgres(directory=directory, parameters={"fsync": "off"})
    try:
        await server.start()
        yield server
    finally:
        await server.stop()
        discard(directory)


async def test_who_may_not_make_the_roles_is_told_what_an_administrator_has_to_run(bare: EmbeddedPostgres) -> None:
    await run_in(bare.dsn(), "CREATE ROLE plain LOGIN PASSWORD 'p'")
    async with blank(bare, owner="plain") as dsn:
        with pytest.raises(MigrationError) as refused:
            await migrate(_as(dsn, "plain"))
        words = str(refused.value)
        assert "the role tillgate_journal is missing and plain may not create roles" in words
        await run_in(bare.dsn(), words.split('"')[1])
        assert "0018_create_database_roles.sql" in await migrate(_as(dsn, "plain"))


async def test_who_may_make_roles_makes_them_and_may_act_as_them(bare: EmbeddedPostgres) -> None:
    await run_in(bare.dsn(), "CREATE ROLE maker LOGIN CREATEROLE PASSWORD 'p'")
    async with blank(bare, owner="maker") as dsn:
        await migrate(_as(dsn, "maker"))
        for role in DatabaseRole:
            pool = await open_pool(_as(dsn, "maker"), largest=1, role=role)
            assert await pool.fetchval("SELECT current_user") == role
            await pool.close()
