"""Several journals take turns; one whose turn does not come goes on without it."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg

from gateway.journal import Done, Journal, JournalSettings, verify
from gateway.ledger import store
from tests.journal.conftest import Desk, MakeJournal

HOLD = "SELECT pg_advisory_lock(hashtextextended('journal main', 0))"


def turn_of(journal: Journal) -> Any:
    assert journal._writer is not None
    return journal._writer.turn


async def met(desk: Desk, *journals: Journal) -> None:
    """Let journals post by turns until each has noticed the others."""
    for _ in range(3):
        for journal in journals:
            assert isinstance(await journal.post(desk.paid_in(desk.merchant(), 1)), Done)


async def test_alone_there_are_no_turns(journal: Journal, desk: Desk) -> None:
    await met(desk, journal)
    assert not turn_of(journal).needed


async def test_journals_that_meet_take_turns_until_one_is_alone_again(make_journal: MakeJournal, desk: Desk) -> None:
    one, other = await make_journal(), await make_journal()
    await met(desk, one, other)
    assert turn_of(one).needed
    assert turn_of(other).needed
    await other.stop()
    for _ in range(8):
        assert isinstance(await one.post(desk.paid_in(desk.merchant(), 1)), Done)
    assert not turn_of(one).needed


async def test_in_turns_nobody_is_sent_back(make_journal: MakeJournal, desk: Desk, pool: asyncpg.Pool[Any]) -> None:
    journals = [await make_journal() for _ in range(3)]
    await met(desk, *journals)
    hot, before = desk.merchant(), [journal.round_trips for journal in journals]
    posts = [journals[number % 3].post(desk.paid_in(hot, 1)) for number in range(300)]
    assert {type(receipt) for receipt in await asyncio.gather(*posts)} == {Done}
    assert await store.balance(pool, hot) == -300
    # A turn, a read, a write and the turn's end for each; a batch that is decided again would cost many more.
    assert all(journal.round_trips - asked <= 12 for journal, asked in zip(journals, before, strict=True))


async def test_a_turn_that_does_not_come_is_not_waited_for_long(
    make_journal: MakeJournal, desk: Desk, pool: asyncpg.Pool[Any], dsn: str
) -> None:
    settings = JournalSettings(turn_within_s=0.05, turnless_s=60)
    one, other = await make_journal(settings=settings), await make_journal(settings=settings)
    await met(desk, one, other)
    stopped = await asyncpg.connect(dsn)
    await stopped.execute(HOLD)
    merchant = desk.merchant()
    posts = [journal.post(desk.paid_in(merchant, 1)) for journal in (one, other) for _ in range(20)]
    receipts = await asyncio.wait_for(asyncio.gather(*posts), 20)
    await stopped.close()
    assert {type(receipt) for receipt in receipts} == {Done}
    assert await store.balance(pool, merchant) == -40
    assert (await verify(pool)).faults == ()


async def test_a_turn_ends_with_its_connection(make_journal: MakeJournal, desk: Desk, pool: asyncpg.Pool[Any]) -> None:
    one, other = await make_journal(), await make_journal()
    await met(desk, one, other)
    turn = turn_of(one)
    await turn.take()
    await turn._line.abandon()
    assert isinstance(await asyncio.wait_for(other.post(desk.paid_in(desk.merchant(), 1)), 10), Done)
    assert isinstance(await asyncio.wait_for(one.post(desk.paid_in(desk.merchant(), 1)), 10), Done)
    assert (await verify(pool)).faults == ()
