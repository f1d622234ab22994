from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from gateway.kernel.postgres.embedded import EmbeddedPostgres
from gateway.kernel.postgres.migrate import MigrationError, migrate, migrations_folder, read_migrations

_NUMBERS = itertools.count(1)


@pytest.fixture
async def blank(postgres: EmbeddedPostgres) -> AsyncIterator[str]:
    name = f"blank_{next(_NUMBERS)}"
    main = await asyncpg.connect(postgres.dsn())
    await main.execute(f"CREATE DATABASE {name} TEMPLATE template0")
    yield postgres.dsn(name)
    await main.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await main.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "0001_create_cups.sql").write_text(
        "CREATE TABLE cup (n integer);\n"
        "CREATE FUNCTION refill() RETURNS integer LANGUAGE sql AS $$ SELECT 1; -- not the end\n $$;\n",
    )
    (tmp_path / "0002_fill_cups.sql").write_text("INSERT INTO cup SELECT refill();\n")
    (tmp_path / "schema.sql").write_text("not a migration")
    return tmp_path


async def fetch(dsn: str, statement: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


async def test_each_file_is_applied_once_in_order(blank: str, folder: Path) -> None:
    assert await migrate(blank, folder=folder) == ["0001_create_cups.sql", "0002_fill_cups.sql"]
    assert await migrate(blank, folder=folder) == []
    (folder / "0003_fill_again.sql").write_text("INSERT INTO cup VALUES (2);")
    assert await migrate(blank, folder=folder) == ["0003_fill_again.sql"]
    assert await fetch(blank, "SELECT array_agg(n ORDER BY n) FROM cup") == [1, 2]


async def test_three_at_once_do_the_work_once(blank: str, folder: Path) -> None:
    (folder / "0003_wait.sql").write_text("SELECT pg_sleep(0.2);")
    counts = await asyncio.gather(*(migrate(blank, folder=folder) for _ in range(3)))
    assert sorted(len(applied) for applied in counts) == [0, 0, 3]
    assert await fetch(blank, "SELECT count(*) FROM cup") == 1


async def test_an_edited_file_is_refused_and_nothing_else_is_done(blank: str, folder: Path) -> None:
    await migrate(blank, folder=folder)
    with (folder / "0001_create_cups.sql").open("a") as file:
        file.write(" ")
    (folder / "0003_fill_again.sql").write_text("INSERT INTO cup VALUES (2);")
    with pytest.raises(MigrationError, match=r"0001_create_cups\.sql was changed after it was applied"):
        await migrate(blank, folder=folder)
    assert await fetch(blank, "SELECT count(*) FROM cup") == 1


async def test_a_failing_file_leaves_nothing_of_itself(blank: str, folder: Path) -> None:
    (folder / "0003_break.sql").write_text("INSERT INTO cup VALUES (3); SELECT nonsense;")
    with pytest.raises(MigrationError, match=r"0003_break\.sql failed.*nonsense"):
        await migrate(blank, folder=folder)
    assert await fetch(blank, "SELECT count(*) FROM cup") == 1
    assert await fetch(blank, "SELECT max(version) FROM schema_migration") == "0002"
    (folder / "0003_break.sql").write_text("INSERT INTO cup VALUES (3);")
    assert await migrate(blank, folder=folder) == ["0003_break.sql"]


async def test_a_database_ahead_of_the_release_is_refused(blank: str, folder: Path) -> None:
    await migrate(blank, folder=folder)
    (folder / "0002_fill_cups.sql").unlink()
    with pytest.raises(MigrationError, match=r"0002_fill_cups\.sql, which this release lacks"):
        await migrate(blank, folder=folder)


async def test_an_index_can_be_made_concurrently_while_another_waits(blank: str, folder: Path) -> None:
    (folder / "0003_index_cups.sql").write_text(
        "-- no-transaction\nCREATE INDEX CONCURRENTLY IF NOT EXISTS cup_n ON cup (n)",
    )
    counts = await asyncio.gather(*(migrate(blank, folder=folder) for _ in range(2)))
    assert sorted(len(applied) for applied in counts) == [0, 3]
    assert await fetch(blank, "SELECT indisvalid FROM pg_index WHERE indexrelid = 'cup_n'::regclass") is True


async def test_who_waits_too_long_says_so(blank: str, folder: Path) -> None:
    holder = await asyncpg.connect(blank)
    await holder.fetchval("SELECT pg_advisory_lock(hashtext('tillgate.migrate'))")
    with pytest.raises(MigrationError, match="another process has been migrating"):
        await migrate(blank, folder=folder, wait_s=0.0)
    await holder.close()


def test_two_files_with_one_number_are_refused(folder: Path) -> None:
    (folder / "0002_also.sql").write_text("")
    with pytest.raises(MigrationError, match="have the same number"):
        read_migrations(folder)


def test_the_house_has_its_migrations_without_gaps() -> None:
    versions = [int(migration.version) for migration in read_migrations(migrations_folder())]
    assert versions == list(range(1, len(versions) + 1))
