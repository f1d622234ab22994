"""Door connections: one read-only transaction per use, as the door's role, within the scope that the door has set."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from gateway.kernel.postgres.doors import open_door_pool, seen_within

ROOT = UUID("00000000-0000-7000-8000-000000000001")
ALL = f"/{ROOT.hex}/"
EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
A, B, UNDER_A = (UUID(int=number) for number in (0xA, 0xB, 0xAA))


@pytest.fixture
async def parties(pool: asyncpg.Pool[Any]) -> None:
    """The platform has two agents, A and B; A has a merchant."""
    await pool.executemany(
        "INSERT INTO party (id, kind, code, name, parent_id, path, created_at)"
        " VALUES ($1, $2, $3, $3, $4, '', '2026-01-01Z')",
        [(A, "agent", "A", ROOT), (B, "agent", "B", ROOT), (UNDER_A, "merchant", "AA", A)],
    )


@pytest.fixture
async def door(dsn: str, parties: None) -> AsyncIterator[asyncpg.Pool[Any]]:
    """One connection, so that what a use leaves behind would be found by the next."""
    del parties
    opened = await open_door_pool(dsn, largest=1)
    yield opened
    await opened.close()


async def codes(door: asyncpg.Pool[Any]) -> list[str]:
    """A query that binds no scope."""
    return [row["code"] for row in await door.fetch("SELECT code FROM party ORDER BY code")]


async def test_a_query_without_a_scope_sees_what_the_door_has_set_and_nothing_else(door) -> None:
    with seen_within(f"{ALL}{A.hex}/"):
        assert await codes(door) == ["A", "AA"]
    with seen_within(f"{ALL}{B.hex}/"):
        assert await codes(door) == ["B"]
    with seen_within(ALL):
        assert await codes(door) == ["A", "AA", "B", "platform"]


async def test_outside_of_a_request_nothing_is_seen(door) -> None:
    assert await codes(door) == []
    with seen_within(ALL):
        await codes(door)
    assert await codes(door) == [], "the scope ends with the transaction"


async def test_requests_at_once_do_not_see_by_each_other_s_scope(door) -> None:
    async def asks(scope: str) -> list[str]:
        with seen_within(scope):
            await asyncio.sleep(0)
            return await codes(door)

    found = await asyncio.gather(*(asks(f"{ALL}{one.hex}/") for one in (A, B) * 20))
    assert found == [["A", "AA"], ["B"]] * 20


@pytest.mark.parametrize("path", ["", "/", "%", "/%/", "/x'; RESET ROLE; --/", ALL.rstrip("/"), "/" + "A" * 32 + "/"])
def test_what_is_no_path_of_a_party_is_no_scope(path: str) -> None:
    with pytest.raises(ValueError, match="a scope is the path of a party"), seen_within(path):
        pass


@pytest.mark.parametrize("said", ["", "/", "%", "/%", f"{ALL[:-1]}", "~"])
async def test_the_database_takes_nothing_else_for_a_scope_either(door, said: str) -> None:
    async with door.acquire() as connection:
        await connection.execute("SELECT set_config('tillgate.scope', $1, true)", said)
        assert await connection.fetch("SELECT FROM party") == []


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO edit_nonce VALUES ('s', 'n', '', now())",
        "UPDATE party SET name = 'x'",
        "DELETE FROM party",
        "CREATE TABLE mine (id integer)",
        "SELECT nextval('instruction_number')",
    ],
)
async def test_a_door_writes_nothing(door, statement: str) -> None:
    with seen_within(ALL), pytest.raises((asyncpg.ReadOnlySQLTransactionError, asyncpg.InsufficientPrivilegeError)):
        await door.execute(statement)


@pytest.mark.parametrize("table", ["user_session", "named_key", "withdrawal_password", "journal_key"])
async def test_a_door_does_not_read_secrets(door, table: str) -> None:
    with seen_within(ALL), pytest.raises(asyncpg.InsufficientPrivilegeError):
        await door.fetch(f"SELECT * FROM {table}")


async def test_a_failed_read_leaves_the_connection_good(door) -> None:
    with seen_within(ALL):
        with pytest.raises(asyncpg.DivisionByZeroError):
            await door.fetch("SELECT 1 / 0")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await door.fetch("SELECT FROM user_session")
        assert len(await codes(door)) == 4


async def test_a_cancelled_read_leaves_nothing_behind(door) -> None:
    with seen_within(ALL):
        reading = asyncio.create_task(door.fetch("SELECT pg_sleep(30)"))
        await asyncio.sleep(0)
        await until_busy(door)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
    assert await codes(door) == []


async def until_busy(door: asyncpg.Pool[Any]) -> None:
    async with asyncio.timeout(10):
        while door.get_idle_size():  # noqa: ASYNC110 - a pool gives no event
            await asyncio.sleep(0.01)


async def test_role_and_scope_are_gone_from_the_connection_once_it_was_used(door) -> None:
    async with door.acquire() as connection:
        pid, role = await connection.fetchrow("SELECT pg_backend_pid(), current_user")
        assert role == "tillgate_door"
        await connection.execute("ROLLBACK; BEGIN")
        again = await connection.fetchrow(
            "SELECT pg_backend_pid(), current_user, current_setting('tillgate.scope', true)"
        )
    assert tuple(again) == (pid, "tillgate", ""), "a pooler may hand the connection to anybody"


async def test_statements_prepared_under_one_scope_do_not_carry_it_to_the_next(door) -> None:
    for scope, sees in [(f"{ALL}{A.hex}/", 2), (f"{ALL}{B.hex}/", 1)] * 8:
        with seen_within(scope):
            assert await door.fetchval("SELECT count(*) FROM party WHERE created_at > $1", EPOCH) == sees
