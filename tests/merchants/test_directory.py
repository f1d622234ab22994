from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import asyncpg
import pytest
import structlog

from gateway.keys import KeyBlock
from gateway.merchants import Directory, Merchant, MerchantState, Onboarding, Terminal, TerminalState, store


@pytest.fixture
async def directory(pool: asyncpg.Pool[Any]) -> Directory:
    """A directory that looks for changes only when told."""
    made = Directory(pool=pool)
    await made.refresh()
    return made


@pytest.fixture
async def polling(pool: asyncpg.Pool[Any]) -> AsyncIterator[Directory]:
    made = Directory(pool=pool, poll_s=0.01)
    await made.start()
    yield made
    await made.stop()


async def sign_in(pool: asyncpg.Pool[Any], number: str, key: str) -> None:
    await pool.execute(
        "UPDATE terminal SET mac_key = $2, version = version + 1 WHERE number = $1",
        *(number, key),
    )


async def lock(pool: asyncpg.Pool[Any], number: str) -> None:
    await pool.execute("UPDATE terminal SET state = 'locked', version = version + 1 WHERE number = $1", number)


async def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < end, "did not happen in time"
        await asyncio.sleep(0.005)


async def seen_locked(directory: Directory) -> None:
    end = time.monotonic() + 10
    while (found := await directory.terminal("10000001")) is None or found.state is not TerminalState.LOCKED:
        assert time.monotonic() < end, "never seen"
        await asyncio.sleep(0.005)


async def test_what_was_read_is_remembered(directory: Directory, terminal: Terminal, pool: asyncpg.Pool[Any]) -> None:
    await directory.refresh()
    assert await directory.terminal("10000001") == terminal
    await sign_in(pool, "10000001", "K1")
    assert await directory.terminal("10000001") == terminal
    fresh = await directory.fresh_terminal("10000001")
    assert fresh is not None
    assert fresh.mac_key == "K1"
    assert await directory.terminal("10000001") == fresh


async def test_a_refresh_sees_what_others_changed_and_keeps_the_rest(
    directory: Directory,
    onboarding: Onboarding,
    terminal: Terminal,
    merchant: Merchant,
    tmk: KeyBlock,
    pool: asyncpg.Pool[Any],
) -> None:
    await onboarding.terminal(number="10000002", merchant=merchant.id, tmk=tmk)
    await directory.refresh()
    other = await directory.terminal("10000002")
    assert await directory.terminal("10000001") == terminal
    await sign_in(pool, "10000001", "K1")
    await directory.refresh()
    changed = await directory.terminal("10000001")
    assert changed is not None
    assert changed.mac_key == "K1"
    assert await directory.terminal("10000002") is other  # not even read again


async def test_a_poll_makes_it_sure(polling: Directory, terminal: Terminal, pool: asyncpg.Pool[Any]) -> None:
    assert await polling.terminal("10000001") == terminal
    await lock(pool, "10000001")
    await seen_locked(polling)


async def test_a_directory_outlives_a_database_that_is_away(
    polling: Directory,
    terminal: Terminal,
    pool: asyncpg.Pool[Any],
) -> None:
    await polling.refresh()  # the terminal was taken on since the directory began to look
    assert await polling.terminal("10000001") == terminal
    with structlog.testing.capture_logs() as written:
        await pool.execute("ALTER TABLE generation RENAME TO gone")
        await until(lambda: bool(written))
    assert await polling.terminal("10000001") == terminal
    await pool.execute("ALTER TABLE gone RENAME TO generation")
    await lock(pool, "10000001")
    await seen_locked(polling)


async def test_unknown_numbers_are_remembered_until_they_appear(
    directory: Directory,
    merchant: Merchant,
    onboarding: Onboarding,
    tmk: KeyBlock,
) -> None:
    assert await directory.terminal("10000009") is None
    made = await onboarding.terminal(number="10000009", merchant=merchant.id, tmk=tmk)
    assert await directory.terminal("10000009") is None
    await directory.refresh()
    assert await directory.terminal("10000009") == made


async def test_only_standing_moves_what_decisions_are_made_on(
    directory: Directory,
    terminal: Terminal,
    merchant: Merchant,
    pool: asyncpg.Pool[Any],
) -> None:
    await directory.refresh()
    before = directory.expects
    await sign_in(pool, "10000001", "K1")
    await directory.refresh()
    assert directory.expects == before
    await lock(pool, "10000001")
    await directory.refresh()
    locked = directory.expects
    assert locked != before
    await pool.execute("UPDATE merchant SET state = 'suspended', version = version + 1 WHERE id = $1", merchant.id)
    await directory.refresh()
    assert directory.expects != locked
    assert locked[0][0] == "merchants"


async def test_a_merchant_is_found_by_number_and_by_party(
    directory: Directory,
    merchant: Merchant,
    pool: asyncpg.Pool[Any],
) -> None:
    await directory.refresh()
    assert await directory.merchant(merchant.number) == merchant == await directory.merchant_by_id(merchant.id)
    await pool.execute("UPDATE merchant SET state = 'closed', version = version + 1 WHERE id = $1", merchant.id)
    await directory.refresh()
    for found in (await directory.merchant(merchant.number), await directory.merchant_by_id(merchant.id)):
        assert found is not None
        assert found.state is MerchantState.CLOSED


async def test_a_terminal_this_process_changed_is_forgotten_at_once(
    directory: Directory,
    terminal: Terminal,
    pool: asyncpg.Pool[Any],
) -> None:
    await directory.refresh()
    await directory.terminal("10000001")
    await sign_in(pool, "10000001", "K1")
    directory.forget("10000001")
    found = await directory.terminal("10000001")
    assert found is not None
    assert found.mac_key == "K1"


async def test_a_read_that_began_before_a_change_is_not_kept(
    directory: Directory,
    terminal: Terminal,
    pool: asyncpg.Pool[Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await directory.refresh()
    read = store.terminal

    async def slow(on: asyncpg.Pool[Any], number: str) -> tuple[Terminal | None, store.Generations]:
        found = await read(on, number)
        # the row moves, and a poll goes past it, while the answer is on its way
        await sign_in(pool, number, "K1")
        await directory.refresh()
        return found

    monkeypatch.setattr(store, "terminal", slow)
    assert await directory.terminal("10000001") == terminal
    monkeypatch.setattr(store, "terminal", read)
    found = await directory.terminal("10000001")
    assert found is not None
    assert found.mac_key == "K1"


async def test_guesses_push_no_real_row_out(terminal: Terminal, pool: asyncpg.Pool[Any]) -> None:
    directory = Directory(pool=pool, most=3)
    await directory.refresh()
    kept = await directory.terminal("10000001")
    for guess in range(10):
        assert await directory.terminal(f"9000000{guess}") is None
    assert await directory.terminal("10000001") is kept


async def test_changes_of_merchants_and_terminals_at_once_do_not_deadlock(
    terminal: Terminal,
    merchant: Merchant,
    pool: asyncpg.Pool[Any],
) -> None:
    async def both(first: str, second: str) -> None:
        statements = {
            "terminal": "UPDATE terminal SET state = 'locked' WHERE number = '10000001'",
            "merchant": "UPDATE merchant SET settings = '{}'",
        }
        async with pool.acquire() as connection, connection.transaction():
            await connection.execute(statements[first])
            await connection.execute(statements[second])

    work = [both("terminal", "merchant") if n % 2 else both("terminal", "terminal") for n in range(12)]
    await asyncio.wait_for(asyncio.gather(*work), 20)
    assert terminal.merchant_id == merchant.id


async def test_a_merchants_terminals_are_listed(terminal: Terminal, pool: asyncpg.Pool[Any]) -> None:
    assert await store.terminals_of(pool, terminal.merchant_id) == [terminal]
