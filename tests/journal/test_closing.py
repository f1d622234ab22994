"""Days are signed once, in order, in steps that go on where they were stopped."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta
from typing import Any, TypeAlias

import asyncpg
import pytest

from gateway.journal import CloseDay, Done, Journal, RewrittenError, closes, sign_closes, verify
from gateway.journal.close import UnreadableCloseError, read_close
from gateway.journal.closing import Draft, draft_next, take_step
from gateway.kernel.clock import SystemClock
from tests.journal.conftest import DAY, Desk, OneKey

Pool: TypeAlias = "asyncpg.Pool[Any]"


async def close(journal: Journal, desk: Desk, day: date) -> None:
    assert isinstance(await journal.post(desk.change(close_day=CloseDay(day))), Done)


async def days(journal: Journal, desk: Desk, count: int) -> None:
    """So many days, each with three payments and a closing."""
    merchant = desk.merchant()
    for day in range(count):
        for amount in (100, 20, 3):
            await journal.post(desk.paid_in(merchant, amount))
        await close(journal, desk, DAY + timedelta(days=day))


async def next_of(pool: Pool) -> Draft:
    draft = await draft_next(pool, "main")
    assert draft is not None
    return draft


@pytest.fixture
def sign(pool: Pool, signer: OneKey, clock: SystemClock) -> Any:
    return lambda: sign_closes(pool, book="main", signer=signer, now=clock.now)


async def test_a_day_that_is_open_is_not_signed(journal: Journal, desk: Desk, sign: Any, pool: Pool) -> None:
    await journal.post(desk.paid_in(desk.merchant(), 1))
    assert await sign() == 0
    assert await closes(pool) == []


async def test_closed_days_are_signed_in_order(journal: Journal, desk: Desk, sign: Any, pool: Pool) -> None:
    await days(journal, desk, 2)
    assert (await verify(pool)).unsigned == (DAY, DAY + timedelta(days=1))
    assert await sign() == 2
    first, second = (signed.close() for signed in await closes(pool))
    assert (first.day, first.seq, first.accounts, first.events, first.transfers, first.entries) == (DAY, 4, 2, 4, 3, 6)
    assert first.totals == (("CNY", "available", -123), ("CNY", "cash", 123))
    assert (second.day, second.seq, second.transfers) == (DAY + timedelta(days=1), 8, 6)
    assert second.totals == (("CNY", "available", -246), ("CNY", "cash", 246))
    proof = await verify(pool)
    assert (proof.faults, proof.closes, proof.unsigned) == ((), 2, ())


async def test_a_second_time_signs_nothing(journal: Journal, desk: Desk, sign: Any, pool: Pool) -> None:
    await days(journal, desk, 1)
    assert [await sign(), await sign()] == [1, 0]
    await journal.post(desk.paid_in(desk.merchant(), 9))
    assert await sign() == 0
    assert len(await closes(pool)) == 1
    assert await pool.fetchval("SELECT count(*) FROM journal_close_draft") == 0


async def test_a_stopped_worker_is_followed_by_another(journal: Journal, desk: Desk, sign: Any, pool: Pool) -> None:
    await days(journal, desk, 1)
    reached = []
    for _ in range(2):
        draft = await next_of(pool)
        await take_step(pool, draft, changes=1)
        reached.append(draft.reached_seq)
    assert reached == [0, 1]
    assert (await next_of(pool)).reached_seq == 2
    assert await sign() == 1
    (signed,) = await closes(pool)
    assert signed.close().totals == (("CNY", "available", -123), ("CNY", "cash", 123))


async def test_a_step_taken_twice_counts_once(journal: Journal, desk: Desk, sign: Any, pool: Pool) -> None:
    """Two workers at the same draft: the slower one's step is dropped."""
    await days(journal, desk, 1)
    draft = await next_of(pool)
    await asyncio.gather(*(take_step(pool, draft, changes=2) for _ in range(3)))
    assert await sign() == 1
    assert (await verify(pool)).faults == ()


async def test_workers_at_once(journal: Journal, desk: Desk, sign: Any, pool: Pool) -> None:
    await days(journal, desk, 3)
    assert sum(await asyncio.gather(*(sign() for _ in range(4)))) == 3
    assert [signed.close().seq for signed in await closes(pool)] == [4, 8, 12]
    assert (await verify(pool)).faults == ()
    assert await sign() == 0


async def test_nothing_more_is_signed_on_a_book_that_was_rewritten(
    journal: Journal, desk: Desk, sign: Any, pool: Pool
) -> None:
    await days(journal, desk, 1)
    await sign()
    await close(journal, desk, DAY + timedelta(days=1))
    await behind(pool, "UPDATE journal_batch SET hash = sha256('x') WHERE seq = 4")
    with pytest.raises(RewrittenError, match="batch 4"):
        await sign()


async def behind(pool: Pool, statement: str) -> None:
    """Change what is written once, as somebody would who may."""
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL session_replication_role = replica")
        assert not (await connection.execute(statement)).endswith(" 0")


WRONG = {
    "UPDATE journal_close SET signature = decode(repeat('00', 64), 'hex') WHERE seq = 4": "does not hold",
    "UPDATE journal_close SET public_key = decode(repeat('11', 32), 'hex') WHERE seq = 4": "does not hold",
    "UPDATE journal_close SET line = replace(line, '-123', '-122') WHERE seq = 4": "-122",
    "UPDATE journal_close SET line = 'nothing' WHERE seq = 4": "not the line of a close",
    "UPDATE journal_close SET line = replace(line, 'close.1', 'close.9') WHERE seq = 4": "reads tillgate.close.1",
    "DELETE FROM journal_close WHERE seq = 4": "this one is not",
}


@pytest.mark.parametrize(("statement", "said"), WRONG.items())
async def test_a_close_that_was_changed_is_named(
    journal: Journal, desk: Desk, sign: Any, pool: Pool, statement: str, said: str
) -> None:
    await days(journal, desk, 2)
    await sign()
    await behind(pool, statement)
    faults = (await verify(pool)).faults
    assert {fault.kind for fault in faults} == {"close"}
    assert any(said in fault.detail for fault in faults)


async def test_a_close_is_written_once(journal: Journal, desk: Desk, sign: Any, pool: Pool) -> None:
    await days(journal, desk, 1)
    await sign()
    for statement in ("DELETE FROM journal_close", "UPDATE journal_close SET seq = 1", "TRUNCATE journal_close"):
        with pytest.raises(asyncpg.RestrictViolationError, match="written once"):
            await pool.execute(statement)


@pytest.mark.parametrize("line", [b"", b"[]", b'["close"]', b'{"close":1}', b'["head","main",1,"00","2026-11-22"]'])
def test_other_lines_are_no_close(line: bytes) -> None:
    with pytest.raises(UnreadableCloseError):
        read_close(line)
