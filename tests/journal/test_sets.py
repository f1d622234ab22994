"""Sets come in by the same door: every change for itself, in short chunks, behind what is posted alone."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg

from gateway.journal import CloseDay, Done, Journal, JournalSettings, Refused, verify
from gateway.kernel.reasons import Reason
from gateway.ledger import store
from tests.journal.conftest import DAY, Desk, MakeJournal
from tests.journal.test_doubt import WAITS, head_locked, until
from tests.journal.test_queue import emptied


async def test_receipts_come_in_the_order_of_the_set(journal: Journal, desk: Desk, pool: asyncpg.Pool[Any]) -> None:
    rich, poor = desk.merchant(), desk.merchant()
    wish = desk.change(desk.transfer(poor, rich, 1, wish=True))
    receipts = await journal.post_set([desk.paid_in(rich, 5), wish, desk.paid_in(rich, 6)])
    assert [type(receipt) for receipt in receipts] == [Done, Refused, Done]
    assert await store.balances(pool, [rich, poor]) == {rich: -11, poor: 0}


async def test_a_large_set_is_made_as_it_is_taken(make_journal: MakeJournal, desk: Desk) -> None:
    journal = await make_journal(settings=JournalSettings(batch_largest=50, room=10, reserved=0))
    merchant, made = desk.merchant(), [0]

    def changes() -> Any:
        for _ in range(200):
            made[0] += 1
            yield desk.paid_in(merchant, 1)

    posting = asyncio.create_task(journal.post_set(changes()))
    await asyncio.sleep(0)
    assert made[0] <= 50
    assert {type(receipt) for receipt in await posting} == {Done}


async def test_chunks_are_short_and_what_is_posted_alone_goes_first(
    make_journal: MakeJournal, desk: Desk, dsn: str, pool: asyncpg.Pool[Any]
) -> None:
    journal = await make_journal(settings=JournalSettings(set_holds_s=1e-9))
    merchant = desk.merchant()
    async with head_locked(dsn):
        first = asyncio.create_task(journal.post(desk.paid_in(merchant, 1)))
        await until(pool, WAITS)
        planned = asyncio.create_task(journal.post(desk.paid_in(merchant, 1)))
        await emptied(journal)
        of_set = [desk.paid_in(merchant, 1) for _ in range(5)]
        bulk = asyncio.create_task(journal.post_set(of_set))
        await asyncio.sleep(0)
        alone = [asyncio.create_task(journal.post(desk.paid_in(merchant, 1))) for _ in range(3)]
        await asyncio.sleep(0)
    single: list[Any]
    chunks: Any
    *single, chunks = await asyncio.gather(first, planned, *alone, bulk)
    assert [(receipt.seq, receipt.place) for receipt in single[2:]] == [(3, 1), (3, 2), (3, 3)]
    # One change of the set beside those of single callers, then one by one: each chunk holds the head for a moment.
    assert [(receipt.seq, receipt.place) for receipt in chunks] == [(3, 4), (4, 1), (5, 1), (6, 1), (7, 1)]


async def test_a_set_gets_its_part_under_a_full_load(make_journal: MakeJournal, desk: Desk) -> None:
    journal = await make_journal(settings=JournalSettings(batch_most=8, batch_largest=8))
    merchant = desk.merchant()
    alone = [asyncio.create_task(journal.post(desk.paid_in(merchant, 1))) for _ in range(200)]
    await asyncio.sleep(0)
    receipts: list[Any] = await journal.post_set([desk.paid_in(merchant, 1) for _ in range(4)])
    last: list[Any] = await asyncio.gather(*alone)
    assert max(receipt.seq for receipt in receipts) < max(receipt.seq for receipt in last)


async def test_a_day_closes_in_a_batch_of_its_own_within_a_set(
    journal: Journal, desk: Desk, pool: asyncpg.Pool[Any]
) -> None:
    merchant = desk.merchant()
    changes = [desk.paid_in(merchant, 1), desk.change(close_day=CloseDay(DAY)), desk.paid_in(merchant, 1)]
    before, close, after = await journal.post_set(changes)
    assert isinstance(before, Done)
    assert isinstance(close, Done)
    assert isinstance(after, Done)
    assert before.seq < close.seq < after.seq
    assert (before.booked_on, close.booked_on) == (DAY, DAY)
    assert after.booked_on > DAY
    assert (await verify(pool)).faults == ()


async def test_a_closed_journal_takes_no_set(journal: Journal, desk: Desk) -> None:
    await journal.stop()
    (receipt,) = await journal.post_set([desk.paid_in(desk.merchant(), 1)])
    assert isinstance(receipt, Refused)
    assert receipt.reason is Reason.UNREACHABLE
