"""Several journals on one book: one hot account, no deadlock, sums right, limits held, nobody held up for long."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg

from gateway.journal import Count, Cursor, Done, Happened, Insert, JournalSettings, Move, Refused, feed, verify
from gateway.journal import store as journal_store
from gateway.kernel.reasons import Reason
from gateway.ledger import Account, Purpose, store
from tests.journal.conftest import Desk, MakeJournal


class Missed:
    """Counts missed fences."""

    def __init__(self) -> None:
        self.count = 0

    def missed(self) -> None:
        self.count += 1

    def __getattr__(self, _name: str) -> Any:
        return lambda *_, **__: None


async def test_two_journals_share_one_hot_account(
    make_journal: MakeJournal, desk: Desk, pool: asyncpg.Pool[Any]
) -> None:
    meters = [Missed(), Missed()]
    journals = [await make_journal(writer=f"w{n}", meter=meter) for n, meter in enumerate(meters)]
    hot = desk.merchant()

    async def caller(number: int) -> int:
        journal, posted = journals[number % 2], 0
        for _ in range(10):
            posted += isinstance(await journal.post(desk.paid_in(hot, 1)), Done)
        return posted

    assert sum(await asyncio.gather(*(caller(number) for number in range(40)))) == 400
    assert await store.balance(pool, hot) == -400
    assert {row["writer"] for row in await pool.fetch("SELECT DISTINCT writer FROM journal_batch")} == {"w0", "w1"}
    assert (await verify(pool)).faults == ()


async def test_a_limit_and_a_balance_hold_across_journals(
    make_journal: MakeJournal, desk: Desk, pool: asyncpg.Pool[Any]
) -> None:
    journals = [await make_journal() for _ in range(2)]
    merchant, till = desk.merchant(), Account(desk.new(), "CNY", Purpose.TRANSIT)
    await journals[0].post(desk.paid_in(merchant, 30))
    wishes = [
        journals[number % 2].post(
            desk.change(
                desk.transfer(merchant, till, 1, wish=True),
                counts=(Count("daily", "c", 1, most=50),),
            )
        )
        for number in range(60)
    ]
    receipts = await asyncio.gather(*wishes)
    assert sum(isinstance(receipt, Done) for receipt in receipts) == 30
    assert await store.balances(pool, [merchant, till]) == {merchant: 0, till: -30}
    assert await pool.fetchval("SELECT value FROM journal_counter") == 30


async def test_one_of_two_moves_wins(make_journal: MakeJournal, desk: Desk) -> None:
    journals = [await make_journal() for _ in range(2)]
    parcels = [desk.new() for _ in range(20)]
    records = tuple(Insert("parcel", {"id": parcel, "state": "packed"}) for parcel in parcels)
    await journals[0].post(desk.change(records=records))
    for parcel in parcels:
        moves = [desk.change(records=(Move("parcel", parcel, 1, {"state": f"s{n}"}),)) for n in range(2)]
        receipts = await asyncio.gather(*(j.post(move) for j, move in zip(journals, moves, strict=True)))
        assert sorted(type(receipt).__name__ for receipt in receipts) == ["Done", "Refused"]
        assert [r.reason for r in receipts if isinstance(r, Refused)] == [Reason.MOVED]


async def test_what_another_journal_wrote_is_noticed(make_journal: MakeJournal, desk: Desk) -> None:
    settings = JournalSettings(alone_batches=1)
    mine, other = await make_journal(settings=settings), await make_journal()
    merchant = desk.merchant()
    for _ in range(5):
        await mine.post(desk.paid_in(merchant, 10))
    assert isinstance(await other.post(desk.change(desk.transfer(merchant, desk.bank, 50, wish=True))), Done)
    refused = await mine.post(desk.change(desk.transfer(merchant, desk.bank, 1, wish=True)))
    assert isinstance(refused, Refused)
    assert refused.reason is Reason.INSUFFICIENT_FUNDS


async def test_a_holder_that_stopped_is_cut_off(make_journal: MakeJournal, desk: Desk) -> None:
    settings = JournalSettings(idle_in_transaction_ms=200)
    stopped, other = await make_journal(settings=settings), await make_journal()
    writer = stopped._writer
    assert writer is not None
    connection = await writer._writing.connection()
    begun = connection.transaction()
    await begun.start()
    await journal_store.lock_head(connection, "main")
    merchant = desk.merchant()
    assert isinstance(await asyncio.wait_for(other.post(desk.paid_in(merchant, 1)), 5), Done)
    assert isinstance(await asyncio.wait_for(stopped.post(desk.paid_in(merchant, 1)), 5), Done)


async def test_a_reader_of_the_feed_misses_nothing(
    make_journal: MakeJournal, desk: Desk, pool: asyncpg.Pool[Any]
) -> None:
    journals = [await make_journal() for _ in range(2)]
    posted = asyncio.Event()
    read: list[Happened] = []

    async def reader() -> None:
        while True:
            last = posted.is_set()
            lines = await feed(pool, after=read[-1].cursor if read else Cursor(), limit=7)
            read.extend(lines)
            if last and not lines:
                return
            await asyncio.sleep(0)

    async def writer(number: int) -> None:
        for _ in range(8):
            await journals[number % 2].post(desk.paid_in(desk.merchant(), 1))

    reading = asyncio.create_task(reader())
    await asyncio.gather(*(writer(number) for number in range(16)))
    posted.set()
    await reading
    cursors = [(line.cursor.seq, line.cursor.place, line.cursor.line) for line in read]
    assert cursors == sorted(set(cursors))
    assert len(read) == 128
    assert {line.who for line in read} == {"tester"}
