from __future__ import annotations

import itertools
from collections.abc import AsyncIterator

import asyncpg
import pytest

from gateway.kernel.postgres.embedded import EmbeddedPostgres
from gateway.kernel.postgres.migrate import migrations_folder
from gateway.kernel.postgres.schema import describe_schema

_NUMBERS = itertools.count(1)

EVERYTHING = """
CREATE TYPE colour AS ENUM ('red', 'green');
CREATE SEQUENCE counter INCREMENT BY 10 CYCLE MAXVALUE 100;
CREATE TABLE parent (id uuid PRIMARY KEY, c colour NOT NULL DEFAULT 'red', n bigint GENERATED ALWAYS AS IDENTITY,
    twice bigint GENERATED ALWAYS AS (1 * 2) STORED, b text COLLATE "C" CHECK (b <> ''), UNIQUE (b, c));
CREATE TABLE child (id uuid, parent_id uuid REFERENCES parent (id), PRIMARY KEY (id)) PARTITION BY RANGE (id);
CREATE TABLE child_first PARTITION OF child FOR VALUES FROM (MINVALUE) TO ('00000000-0000-0000-0000-000000000009');
CREATE TABLE child_rest PARTITION OF child DEFAULT;
CREATE TABLE filled (id uuid) WITH (fillfactor = 70);
CREATE INDEX child_parent ON child (parent_id) WHERE parent_id IS NOT NULL;
CREATE VIEW reds AS SELECT id FROM parent WHERE c = 'red';
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no; not this'; END $$;
CREATE TRIGGER refuse BEFORE DELETE ON child FOR EACH ROW EXECUTE FUNCTION refuse();
ALTER TABLE parent ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON parent FOR SELECT USING (b = current_user);
GRANT SELECT, INSERT ON parent TO pg_monitor;
COMMENT ON COLUMN parent.b IS 'it''s b';
"""


@pytest.fixture
async def empty(postgres: EmbeddedPostgres) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    name = f"empty_{next(_NUMBERS)}"
    main = await asyncpg.connect(postgres.dsn())
    await main.execute(f"CREATE DATABASE {name} TEMPLATE template0")
    connection = await asyncpg.connect(postgres.dsn(name))
    yield connection
    await connection.close()
    await main.execute(f"DROP DATABASE {name}")
    await main.close()


async def test_migrations_add_up_to_the_committed_schema(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        made = await describe_schema(connection)
    finally:
        await connection.close()
    committed = (migrations_folder() / "schema.sql").read_text()
    assert made == committed, "run: python -m gateway.kernel.postgres.schema > migrations/schema.sql"


async def test_the_text_of_the_migrated_schema_makes_it_again(
    dsn: str,
    empty: asyncpg.Connection[asyncpg.Record],
) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        text = await describe_schema(connection)
    finally:
        await connection.close()
    await empty.execute(text)
    assert await describe_schema(empty) == text


async def test_every_kind_of_object_is_in_the_text(
    empty: asyncpg.Connection[asyncpg.Record],
    pool: asyncpg.Pool[asyncpg.Record],
) -> None:
    await empty.execute(EVERYTHING)
    text = await describe_schema(empty)
    for word in ("ENUM", "IDENTITY", "STORED", "PARTITION OF", "DEFAULT;", "fillfactor", "COLLATE", "CYCLE", "POLICY"):
        assert word in text, word
    for word in ("GRANT INSERT, SELECT ON parent TO pg_monitor", "CREATE VIEW", "it''s b", "no; not this"):
        assert word in text, word


async def test_a_text_of_every_kind_of_object_makes_them_again(
    empty: asyncpg.Connection[asyncpg.Record],
) -> None:
    await empty.execute(EVERYTHING)
    text = await describe_schema(empty)
    await empty.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    await empty.execute(text)
    assert await describe_schema(empty) == text


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE parent ALTER COLUMN b SET NOT NULL",
        "ALTER TABLE parent ALTER COLUMN c SET DEFAULT 'green'",
        "DROP INDEX child_parent",
        "ALTER TABLE child DROP CONSTRAINT child_parent_id_fkey",
        "REVOKE INSERT ON parent FROM pg_monitor",
        "DROP POLICY mine ON parent",
        "ALTER TABLE parent ADD COLUMN x integer",
        "CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
    ],
)
async def test_any_change_changes_the_text(empty: asyncpg.Connection[asyncpg.Record], change: str) -> None:
    await empty.execute(EVERYTHING)
    before = await describe_schema(empty)
    await empty.execute(change)
    assert await describe_schema(empty) != before
