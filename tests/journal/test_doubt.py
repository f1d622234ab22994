"""Connections lost, cut off and gone silent at every point of a batch: each change is in the book once, or refused."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from gateway.journal import Done, InDoubtError, Journal, JournalSettings, Refused, verify
from gateway.journal.line import _gone
from gateway.kernel.postgres.pool import open_pool
from gateway.kernel.reasons import Reason
from gateway.ledger import Account, store
from tests.journal.conftest import Desk, MakeJournal


@asynccontextmanager
async def head_locked(dsn: str) -> AsyncIterator[asyncpg.Connection[Any]]:
    """Hold the head's row lock, so that whatever writes must wait."""
    other = await asyncpg.connect(dsn)
    transaction = other.transaction()
    await transaction.start()
    await other.fetchrow("SELECT 1 FROM journal_head FOR UPDATE")
    try:
        yield other
    finally:
        await transaction.rollback()
        await other.close()


async def until(pool: asyncpg.Pool[Any], query: str, *, within_s: float = 10) -> None:
    """Wait until a query gives true."""
    async with asyncio.timeout(within_s):
        while not await pool.fetchval(query):  # noqa: ASYNC110 - there is no event of it on this side
            await asyncio.sleep(0.01)


WAITS = "SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
KILL = """
    SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'"""


async def posted_once(pool: asyncpg.Pool[Any], account: Account, amount: int) -> None:
    assert await store.balance(pool, account) == -amount
    assert len(await store.statement(pool, account)) == 1
    assert (await verify(pool)).faults == ()


async def test_killed_while_it_writes(journal: Journal, desk: Desk, pool: asyncpg.Pool[Any], dsn: str) -> None:
    merchant = desk.merchant()
    async with head_locked(dsn):
        posting = asyncio.create_task(journal.post(desk.paid_in(merchant, 7)))
        await until(pool, WAITS)
        assert await pool.fetchval(KILL) == 1
        await asyncio.sleep(0)
    assert isinstance(await posting, Done)
    await posted_once(pool, merchant, 7)


async def test_the_answer_to_a_commit_is_lost(journal: Journal, desk: Desk, pool: asyncpg.Pool[Any]) -> None:
    line = journal._writer._writing
    real = line.bounded
    lost: list[Any] = []

    async def answered_too_late(work: Any) -> Any:
        result = await real(work)
        if not lost:
            lost.append(result)
            raise asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")
        return result

    line.bounded = answered_too_late  # type: ignore[method-assign]
    merchant = desk.merchant()
    receipts: list[Any] = await asyncio.gather(*(journal.post(desk.paid_in(merchant, n)) for n in (1, 2)))
    assert [(receipt.seq, receipt.place) for receipt in receipts] == [(1, 1), (1, 2)]
    assert lost
    assert await store.balance(pool, merchant) == -3
    assert isinstance(await journal.post(desk.paid_in(merchant, 4)), Done)
    assert (await verify(pool)).faults == ()


async def test_a_standby_that_was_not_waited_for_is_a_doubt(
    journal: Journal, desk: Desk, pool: asyncpg.Pool[Any]
) -> None:
    writer = journal._writer
    assert writer is not None
    real: Any = writer._writing.bounded
    doubts: list[Any] = []

    async def warned(work: Any) -> Any:
        result = await real(work)
        if not doubts:
            doubts.append(writer)
            connection = await writer._writing.connection()
            await connection.execute("DO $$ BEGIN RAISE WARNING 'canceling wait for synchronous replication'; END $$")
        return result

    writer._writing.bounded = warned  # type: ignore[method-assign]
    merchant = desk.merchant()
    assert isinstance(await journal.post(desk.paid_in(merchant, 5)), Done)
    assert doubts
    await posted_once(pool, merchant, 5)


async def test_a_write_over_its_limit_is_abandoned_and_looked_up(
    make_journal: MakeJournal, desk: Desk, pool: asyncpg.Pool[Any], dsn: str, quick: JournalSettings
) -> None:
    journal = await make_journal(settings=quick)
    line = journal._writer._writing
    await line.connection()
    first = line._connection
    merchant = desk.merchant()
    async with head_locked(dsn):
        posting = asyncio.create_task(journal.post(desk.paid_in(merchant, 7)))
        # The abandoned statement still waits for the lock at the server, and the settling one behind it.
        async with asyncio.timeout(10):
            while line._connection is first:  # noqa: ASYNC110 - there is no event of it on this side
                await asyncio.sleep(0.01)
        assert not posting.done()
    assert isinstance(await posting, Done)
    await posted_once(pool, merchant, 7)


async def test_patience_ends_in_doubt_and_the_change_is_settled_without_its_caller(
    make_journal: MakeJournal, desk: Desk, pool: asyncpg.Pool[Any], dsn: str, quick: JournalSettings
) -> None:
    journal = await make_journal(settings=quick)
    merchant = desk.merchant()
    async with head_locked(dsn):
        with pytest.raises(InDoubtError):
            await journal.post(desk.paid_in(merchant, 7))
    assert isinstance(await journal.post(desk.paid_in(desk.merchant(), 1)), Done)
    await posted_once(pool, merchant, 7)


async def test_a_cancelled_caller_does_not_cancel_its_change(
    journal: Journal, desk: Desk, pool: asyncpg.Pool[Any], dsn: str
) -> None:
    gone, stays = desk.merchant(), desk.merchant()
    async with head_locked(dsn):
        leaving = asyncio.create_task(journal.post(desk.paid_in(gone, 7)))
        staying = asyncio.create_task(journal.post(desk.paid_in(stays, 8)))
        await until(pool, WAITS)
        leaving.cancel()
    assert isinstance(await staying, Done)
    assert leaving.cancelled() or leaving.cancelling()
    await posted_once(pool, gone, 7)
    await posted_once(pool, stays, 8)


async def noticed(journal: Journal) -> None:
    """Wait until the journal's writing connection knows that it was cut: what is sent on it before is in doubt."""
    writer = journal._writer
    assert writer is not None
    connection = writer._writing._connection
    async with asyncio.timeout(10):
        while connection is not None and not _gone(connection):  # noqa: ASYNC110 - there is no event of it
            await asyncio.sleep(0.005)


@asynccontextmanager
async def closed_to_all(postgres: Any, dsn: str) -> AsyncIterator[None]:
    """Make the test's database take no connections and cut off those it has."""
    name = await _name(dsn)
    admin = await asyncpg.connect(postgres.dsn())
    await admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    await admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
    try:
        yield
    finally:
        await admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        await admin.close()


async def _name(dsn: str) -> str:
    connection = await asyncpg.connect(dsn)
    name: str = await connection.fetchval("SELECT current_database()")
    await connection.close()
    return name


async def test_books_out_of_reach(
    postgres: Any, make_journal: MakeJournal, desk: Desk, pool: asyncpg.Pool[Any], dsn: str, quick: JournalSettings
) -> None:
    journal = await make_journal(settings=quick)
    merchant = desk.merchant()
    await journal.post(desk.paid_in(merchant, 10))
    wish = desk.change(desk.transfer(merchant, desk.bank, 1, wish=True))
    fact = desk.change(desk.transfer(desk.bank, merchant, 5), fact=True)
    async with closed_to_all(postgres, dsn):
        await noticed(journal)
        wished, happened = await asyncio.gather(journal.post(wish), journal.post(fact), return_exceptions=True)
        later = asyncio.create_task(journal.post(desk.change(desk.transfer(desk.bank, merchant, 6), fact=True)))
        await asyncio.sleep(0)
    # Of the wish nothing was written and it is told so; the facts are written as soon as the books are back.
    assert isinstance(wished, Refused)
    assert wished.reason is Reason.UNREACHABLE
    assert isinstance(happened, InDoubtError)
    assert isinstance(await later, Done)
    assert await store.balance(pool, merchant) == -21
    assert (await verify(pool)).faults == ()


async def test_cut_off_after_every_statement(
    make_journal: MakeJournal, desk: Desk, pool: asyncpg.Pool[Any], quick: JournalSettings
) -> None:
    """Whatever statement of either road the connection is lost at, each change is in the book once."""
    for road, after in [("slow", n) for n in range(1, 8)] + [("fast", n) for n in range(1, 4)]:
        journal = await make_journal(settings=quick)
        _cut(journal, road, after)
        merchants = [desk.merchant() for _ in range(3)]
        receipts = [await journal.post(desk.paid_in(merchant, 5)) for merchant in merchants]
        assert [type(receipt) for receipt in receipts] == [Done] * 3, (road, after)
        assert [await store.balance(pool, merchant) for merchant in merchants] == [-5] * 3, (road, after)
        await journal.stop()
    assert (await verify(pool)).faults == ()


def _cut(journal: Journal, road: str, after: int) -> None:
    """Lose the writing connection just before its next statement but `after`."""
    writer = journal._writer
    assert writer is not None
    if road == "slow":
        writer.turn.contend()
        writer.turn._not_before = float("inf")
    line, real, count = writer._writing, writer._writing.bounded, itertools.count(1)

    async def bounded(work: Any) -> Any:
        if next(count) == after:
            (await line.connection()).terminate()
        return await real(work)

    line.bounded = bounded  # type: ignore[method-assign]


async def test_another_pool_sees_what_was_acknowledged(journal: Journal, desk: Desk, dsn: str) -> None:
    merchant = desk.merchant()
    await journal.post(desk.paid_in(merchant, 3))
    other = await open_pool(dsn)
    assert await store.balance(other, merchant) == -3
    await other.close()
