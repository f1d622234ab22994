"""A process on a server of one's own: logins with least rights, and what each of its pools may do."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import asyncpg
import pytest

from gateway.app.pools import open_pools
from gateway.kernel.postgres.doors import seen_within
from gateway.kernel.postgres.embedded import EmbeddedPostgres
from gateway.kernel.postgres.migrate import migrate
from gateway.kernel.postgres.pool import RoleError
from gateway.kernel.settings import load_settings
from tests.app.conftest import Serving, until
from tests.conftest import run_in

_NUMBERS = itertools.count(1)
_ROLES = "tillgate_journal, tillgate_worker, tillgate_door"
PLATFORM = "/00000000000070008000000000000001/"


@pytest.fixture
async def owned(postgres: EmbeddedPostgres, template: str) -> AsyncIterator[tuple[str, str, str]]:
    """A database that a plain login owns and has migrated; its address, the owner, and a free name for a login."""
    del template
    number = next(_NUMBERS)
    owner, login, name = f"owns_{number}", f"serves_{number}", f"owned_{number}"
    await run_in(postgres.dsn(), f"CREATE ROLE {owner} LOGIN PASSWORD 'p' IN ROLE {_ROLES}, tillgate_read")
    await run_in(postgres.dsn(), f"CREATE DATABASE {name} OWNER {owner}")
    await migrate(_as(postgres.dsn(name), owner))
    yield postgres.dsn(name), owner, login
    await run_in(postgres.dsn(), f"DROP DATABASE {name} WITH (FORCE)")
    await run_in(postgres.dsn(), f"DROP ROLE IF EXISTS {login}; DROP ROLE {owner}")


def _as(dsn: str, login: str) -> str:
    return f"postgresql://{login}:p@{dsn.rpartition('@')[2]}"


def _section(dsn: str, **more: str) -> Any:
    return load_settings((), {"TILLGATE_DATABASE__DSN": dsn, **more}).database


async def test_an_owner_serves_although_it_is_no_superuser(owned: tuple[str, str, str], serving: Serving, http) -> None:
    dsn, owner, _ = owned
    async with serving("api,worker", TILLGATE_DATABASE__DSN=_as(dsn, owner)) as (_, addresses):
        await _is_ready(http, addresses.api)


async def test_a_login_that_is_nothing_by_itself_serves_by_its_roles(
    owned: tuple[str, str, str], serving: Serving, http: aiohttp.ClientSession, postgres: EmbeddedPostgres
) -> None:
    dsn, owner, login = owned
    await run_in(postgres.dsn(), f"CREATE ROLE {login} LOGIN NOINHERIT PASSWORD 'p' IN ROLE {_ROLES}, {owner}")
    named = {"TILLGATE_DATABASE__DSN": _as(dsn, login), "TILLGATE_DATABASE__OWNER": owner}
    async with serving("api,worker,terminals", **named) as (_, addresses):
        await _is_ready(http, addresses.api)
        await until("the timers of growth", lambda: _looked_again(dsn), within_s=30)


async def _is_ready(http: aiohttp.ClientSession, address: str) -> None:
    async with http.get(f"{address}/health/ready") as answer:
        assert answer.status == 200, await answer.text()


async def _looked_again(dsn: str) -> bool:
    """Whether the owner's timers have run without a fault: each is armed for a later time then."""
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch(
            "SELECT kind, last_error, due_at > now() + interval '2 seconds' AS later FROM timer"
            " WHERE kind LIKE 'ledger.%' OR kind LIKE 'journal.%'"
        )
    finally:
        await connection.close()
    assert all(row["last_error"] is None for row in rows), rows
    return len(rows) >= 5 and all(row["later"] for row in rows)


async def test_each_pool_acts_as_its_role(owned: tuple[str, str, str]) -> None:
    dsn, owner, _ = owned
    pools = await open_pools(_section(_as(dsn, owner)), password=None, doors=True)
    try:
        assert pools.door is not None
        found = [
            await pool.fetchval("SELECT current_user")
            for pool in (pools.owner, pools.worker, pools.journal, pools.door)
        ]
    finally:
        await pools.close()
    assert found == [owner, "tillgate_worker", "tillgate_journal", "tillgate_door"]


async def test_a_process_without_doors_has_no_door_pool(owned: tuple[str, str, str]) -> None:
    dsn, owner, _ = owned
    pools = await open_pools(_section(_as(dsn, owner)), password=None, doors=False)
    assert pools.door is None
    await pools.close()


async def test_behind_a_pooler_a_login_does_what_it_inherits(
    owned: tuple[str, str, str], postgres: EmbeddedPostgres
) -> None:
    dsn, _, login = owned
    await run_in(postgres.dsn(), f"CREATE ROLE {login} LOGIN PASSWORD 'p' IN ROLE {_ROLES}")
    section = _section(_as(dsn, login), TILLGATE_DATABASE__ROLES="login")
    pools = await open_pools(section, password=None, doors=True)
    try:
        assert pools.door is not None
        assert await pools.journal.fetchval("SELECT current_user") == login
        for statement in ("UPDATE ledger_entry SET seq = 1", "DELETE FROM journal_event", "TRUNCATE journal_batch"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await pools.journal.execute(statement)
        assert await pools.worker.fetchval("SELECT count(*) FROM party") == 1
        assert await pools.door.fetchval("SELECT count(*) FROM party") == 0
        with seen_within(PLATFORM):
            assert await pools.door.fetchval("SELECT count(*) FROM party") == 1
    finally:
        await pools.close()


async def test_a_login_that_lacks_a_role_leaves_nothing_open(
    owned: tuple[str, str, str], postgres: EmbeddedPostgres
) -> None:
    dsn, _, login = owned
    await run_in(postgres.dsn(), f"CREATE ROLE {login} LOGIN PASSWORD 'p' IN ROLE tillgate_worker")
    with pytest.raises(RoleError, match=f"the database login {login} may not act as tillgate_journal"):
        await open_pools(_section(_as(dsn, login)), password=None, doors=True)
    connection = await asyncpg.connect(dsn)
    left = await connection.fetchval("SELECT count(*) FROM pg_stat_activity WHERE usename = $1", login)
    await connection.close()
    assert left == 0
