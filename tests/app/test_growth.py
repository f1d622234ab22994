"""The timers of growth: each does its work on the books and looks again by itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from gateway.app import store as figures
from gateway.app.growth import HOLDS, KEYS, MONTHS, PARTITIONS, SNAPSHOT, Growth, GrowthSettings
from gateway.app.schema import extend_partitions
from gateway.journal import Change, CloseDay, Done, Journal, Key
from gateway.kernel.clock import ManualClock
from gateway.kernel.ids import UuidSevens
from gateway.kernel.randomness import SystemRandomness
from gateway.ledger import Account, Hold, HoldUse, Leg, Purpose, Transfer, store
from gateway.tasks import TIMER, Timers

START = datetime(2031, 3, 30, 4, 0, tzinfo=UTC)
SETTINGS = GrowthSettings(close_after=timedelta(days=1), keep_months=1)


class Books:
    """A journal, the timers of growth, and a clock that is moved by hand."""

    def __init__(self, pool: asyncpg.Pool[Any]) -> None:
        self.pool = pool
        self.clock = ManualClock(START)
        self.ids = UuidSevens(self.clock, SystemRandomness())
        self.journal = Journal(pool=pool, tables=[TIMER], clock=self.clock, ids=self.ids, first_day=date(2031, 3, 30))
        self.growth = Growth(
            pool=pool, journal=self.journal, ids=self.ids, clock=self.clock, settings=SETTINGS, book="main"
        )
        self.bank = Account(self.ids.new(), "CNY", Purpose.CASH)
        self.merchant = Account(self.ids.new(), "CNY", Purpose.AVAILABLE)

    async def run_due(self) -> int:
        timers = Timers(pool=self.pool, clock=self.clock, handlers=self.growth.handlers(), owner="test")
        return await timers.run_due()

    async def post(self, *postings: Any, **fields: Any) -> None:
        change = Change(id=self.ids.new(), who="t", why="t", occurred_at=START, postings=postings, **fields)
        assert isinstance(await self.journal.post(change), Done)

    async def pay(self, amount: int, **fields: Any) -> None:
        legs = (Leg(self.bank, amount), Leg(self.merchant, -amount))
        transfer = Transfer(id=self.ids.new(), kind="sale", subject=self.bank.party, legs=legs, occurred_at=START)
        await self.post(transfer, **fields)

    async def hold(self, amount: int, *, lasts: timedelta | None) -> Hold:
        expires_at = None if lasts is None else self.clock.now() + lasts
        hold = Hold(
            id=self.ids.new(),
            account=self.merchant,
            amount_minor=amount,
            kind="deposit",
            subject=self.bank.party,
            occurred_at=START,
            expires_at=expires_at,
        )
        await self.post(hold)
        return hold


@pytest.fixture
async def books(pool: asyncpg.Pool[Any]) -> AsyncIterator[Books]:
    books = Books(pool)
    await books.journal.start()
    yield books
    await books.journal.stop()


async def test_all_timers_are_armed_and_run(books: Books, pool: asyncpg.Pool[Any]) -> None:
    await books.growth.schedule()
    await books.growth.schedule()
    armed = [row["kind"] for row in await pool.fetch("SELECT kind FROM timer ORDER BY kind")]
    assert armed == sorted([PARTITIONS, SNAPSHOT, MONTHS, HOLDS, KEYS])
    assert await books.run_due() >= len(armed)
    assert await pool.fetchval("SELECT count(*) FROM timer WHERE state = 'armed' AND due_at > $1", START) == 5
    assert await pool.fetchval("SELECT to_regclass('part.ledger_entry_2031_05')") is not None


async def test_a_year_of_days_goes_by_in_snapshots_closed_and_archived_months(
    books: Books, pool: asyncpg.Pool[Any]
) -> None:
    await books.growth.schedule()
    for number in range(5):
        await books.run_due()
        await books.pay(10)
        await books.post(close_day=CloseDay(date(2031, 3, 30) + timedelta(days=number)))
        books.clock.advance(timedelta(days=31))
    await books.run_due()
    assert await pool.fetchval("SELECT count(*) FROM ledger_snapshot_day WHERE reached_seq = seq") == 5
    archived = await pool.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'archive' ORDER BY 1")
    names = [row["tablename"] for row in archived]
    assert "ledger_entry_2031_03" in names
    assert "ledger_entry_2031_08" not in names
    assert await store.balance(pool, books.merchant) == -50


async def test_a_hold_whose_time_has_passed_is_given_back(books: Books, pool: asyncpg.Pool[Any]) -> None:
    await books.pay(100)
    short, used = await books.hold(30, lasts=timedelta(hours=1)), await books.hold(40, lasts=timedelta(hours=1))
    await books.hold(5, lasts=None)
    await books.hold(6, lasts=timedelta(hours=9))
    frozen = Account(books.merchant.party, "CNY", Purpose.FROZEN)
    legs = (Leg(frozen, 15), Leg(books.bank, -15))
    await books.post(
        Transfer(
            id=books.ids.new(),
            kind="use",
            subject=short.subject,
            legs=legs,
            occurred_at=START,
            uses=(HoldUse(used.id, 15),),
        )
    )
    await books.growth.schedule()
    await books.run_due()
    assert await store.balance(pool, frozen) == -(30 + 25 + 5 + 6)
    books.clock.advance(timedelta(hours=2))
    await books.run_due()
    assert await store.balance(pool, frozen) == -(5 + 6)
    assert await store.balance(pool, books.merchant) == -(100 - 15 - 5 - 6)
    states = await pool.fetch("SELECT state, rest_minor FROM ledger_hold ORDER BY amount_minor DESC")
    assert [tuple(row) for row in states] == [("expired", 0), ("expired", 0), ("open", 6), ("open", 5)]
    kinds = [entry.kind for entry in await store.entries_about(pool, short.subject)]
    assert kinds.count("deposit_expired") == 4


async def test_keys_that_ran_out_are_forgotten(books: Books, pool: asyncpg.Pool[Any]) -> None:
    for name, lasts in (("a", 1), ("b", 3)):
        key = Key(
            scope="s",
            name=name,
            digest=b"d",
            digest_version=1,
            subject=books.bank.party,
            expires_at=START + timedelta(hours=lasts),
        )
        await books.pay(1, keys=(key,))
    await books.growth.schedule()
    books.clock.advance(timedelta(hours=2))
    await books.run_due()
    assert [row["name"] for row in await pool.fetch("SELECT name FROM journal_key")] == ["b"]


async def test_partitions_are_made_when_a_process_starts_and_waited_for_by_nobody(pool: asyncpg.Pool[Any]) -> None:
    now = datetime(2033, 5, 1, tzinfo=UTC)
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("LOCK TABLE ledger_entry IN SHARE MODE")
        await extend_partitions(pool, now=now)
    assert await pool.fetchval("SELECT to_regclass('part.ledger_entry_2033_07')") is None
    await extend_partitions(pool, now=now)
    assert await pool.fetchval("SELECT to_regclass('part.ledger_entry_2033_07')") is not None


async def test_the_doctor_sees_what_found_no_partition(books: Books, pool: asyncpg.Pool[Any]) -> None:
    await books.pay(1)
    found = {one.table: one for one in await figures.partitions(pool, now=START)}
    assert found["ledger_entry"].caught
    assert found["ledger_entry"].ahead == 0
    await extend_partitions(pool, now=START)
    found = {one.table: one for one in await figures.partitions(pool, now=START)}
    assert not found["ledger_entry"].caught
    assert found["ledger_entry"].ahead == 2


async def test_what_parties_owe_is_counted(books: Books, pool: asyncpg.Pool[Any]) -> None:
    await books.pay(100)
    legs = (Leg(books.merchant, 160), Leg(books.bank, -160))
    await books.post(Transfer(id=books.ids.new(), kind="loss", subject=books.bank.party, legs=legs, occurred_at=START))
    assert await store.advances(pool, most_minor=59) == [("CNY", 60, 1)]
    assert await store.advances(pool, most_minor=60) == [("CNY", 60, 0)]
