"""Who may wait, and what is said to those who may not."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg

from gateway.journal import Done, Journal, JournalSettings, Refused
from gateway.kernel.reasons import Reason
from gateway.ledger import store
from tests.journal.conftest import Desk, MakeJournal
from tests.journal.test_doubt import WAITS, head_locked, until


async def emptied(journal: Journal) -> None:
    """Wait until everything that waited is on its way."""
    async with asyncio.timeout(10):
        await asyncio.sleep(0)
        while len(journal._queue):  # noqa: ASYNC110 - there is no event of it on this side
            await asyncio.sleep(0.005)


async def test_wishes_are_refused_when_full_and_facts_wait(
    make_journal: MakeJournal, desk: Desk, pool: asyncpg.Pool[Any], dsn: str
) -> None:
    journal = await make_journal(settings=JournalSettings(room=3, reserved=2, batch_most=2))
    merchant = desk.merchant()
    async with head_locked(dsn):
        first = asyncio.create_task(journal.post(desk.paid_in(merchant, 1)))
        await until(pool, WAITS)
        planned = [asyncio.create_task(journal.post(desk.paid_in(merchant, 1))) for _ in range(2)]
        await emptied(journal)
        waiting = [asyncio.create_task(journal.post(desk.paid_in(merchant, 1))) for _ in range(3)]
        await asyncio.sleep(0)
        refused = await journal.post(desk.paid_in(merchant, 1))
        assert isinstance(refused, Refused)
        assert refused.reason is Reason.BUSY
        facts = [
            asyncio.create_task(journal.post(desk.change(desk.transfer(desk.bank, merchant, 1), fact=True)))
            for _ in range(6)
        ]
        await asyncio.sleep(0)
        assert not any(fact.done() for fact in facts)
    receipts: list[Any] = await asyncio.gather(first, *planned, *waiting, *facts)
    assert {type(receipt) for receipt in receipts} == {Done}
    assert await store.balance(pool, merchant) == -12


async def test_stop_writes_what_waits_and_takes_no_more(
    make_journal: MakeJournal, desk: Desk, pool: asyncpg.Pool[Any]
) -> None:
    journal = await make_journal(settings=JournalSettings(batch_most=3))
    merchant = desk.merchant()
    posted = [asyncio.create_task(journal.post(desk.paid_in(merchant, 1))) for _ in range(20)]
    await asyncio.sleep(0)
    await journal.stop()
    assert {type(receipt) for receipt in await asyncio.gather(*posted)} == {Done}
    assert await store.balance(pool, merchant) == -20
    closed = await journal.post(desk.paid_in(merchant, 1))
    assert isinstance(closed, Refused)
    assert closed.reason is Reason.UNREACHABLE


async def test_many_callers_share_few_batches(make_journal: MakeJournal, desk: Desk, pool: asyncpg.Pool[Any]) -> None:
    journal = await make_journal()
    merchant = desk.merchant()
    receipts: list[Any] = await asyncio.gather(*(journal.post(desk.paid_in(merchant, 1)) for _ in range(700)))
    assert [(r.seq, r.place) for r in receipts] == [(1, n) for n in range(1, 501)] + [(2, n) for n in range(1, 201)]
