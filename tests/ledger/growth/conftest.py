"""A book over months: a clock that is moved by hand, days that are closed, months that are closed behind them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from gateway.journal import Change, CloseDay, Done, Journal
from gateway.kernel.clock import ManualClock
from gateway.kernel.ids import UuidSevens
from gateway.kernel.postgres.partitions import ensure_partitions, spans_of
from gateway.kernel.randomness import SystemRandomness
from gateway.ledger import Account, Leg, Purpose, Transfer, store
from gateway.ledger.growth import close_month, take_snapshot

START = datetime(2031, 3, 1, 4, 0, tzinfo=UTC)
GRACE = timedelta(days=3)


class Years:
    """Books that are kept for long in no time."""

    def __init__(self, pool: asyncpg.Pool[Any]) -> None:
        self.pool = pool
        self.clock = ManualClock(START)
        self.ids = UuidSevens(self.clock, SystemRandomness())
        self.day = START.date()
        self.bank = Account(self.ids.new(), "CNY", Purpose.CASH)
        self.merchants = [Account(self.ids.new(), "CNY", Purpose.AVAILABLE) for _ in range(3)]
        self.journal = self.writer()

    def writer(self) -> Journal:
        """A journal that remembers nothing."""
        return Journal(pool=self.pool, tables=[], clock=self.clock, ids=self.ids, first_day=START.date())

    async def restart(self) -> None:
        """Forget every balance."""
        await self.journal.stop()
        self.journal = self.writer()
        await self.journal.start()

    def transfer(self, merchant: int, amount: int, **fields: Any) -> Transfer:
        legs = (Leg(self.bank, amount), Leg(self.merchants[merchant], -amount))
        fields.setdefault("id", self.ids.new())
        return Transfer(kind="sale", subject=self.bank.party, legs=legs, occurred_at=self.clock.now(), **fields)

    async def post(self, *postings: Any, **fields: Any) -> Any:
        self.clock.advance(timedelta(seconds=1))
        change = Change(id=self.ids.new(), who="t", why="t", occurred_at=self.clock.now(), postings=postings, **fields)
        return await self.journal.post(change)

    async def pay(self, merchant: int, amount: int) -> Done:
        done = await self.post(self.transfer(merchant, amount))
        assert isinstance(done, Done), done
        return done

    async def close(self, *, days: int = 1) -> None:
        """Close the open day and let `days` pass on the clock."""
        assert isinstance(await self.post(close_day=CloseDay(self.day)), Done)
        self.day += timedelta(days=1)
        self.clock.advance(timedelta(days=days))

    async def snapshots(self) -> None:
        while await take_snapshot(self.pool, batches=2):
            pass

    async def make_months(self) -> None:
        async with self.pool.acquire() as connection:
            await ensure_partitions(connection, now=self.clock.now())

    async def close_month(self) -> str | None:
        return await close_month(self.pool, now=self.clock.now(), grace=GRACE)

    async def month_of(self, merchant: int) -> str:
        """The partition in which a merchant's newest entry lies."""
        return str(
            await self.pool.fetchval(
                "SELECT e.tableoid::regclass::text FROM ledger_entry e JOIN ledger_account a ON a.id = e.account_id"
                " WHERE a.party = $1 ORDER BY e.version DESC LIMIT 1",
                self.merchants[merchant].party,
            )
        )

    async def balance(self, merchant: int) -> int:
        return await store.balance(self.pool, self.merchants[merchant])

    async def on(self, merchant: int, day: date) -> int:
        account = self.merchants[merchant]
        return (await store.balances_on(self.pool, account.party, day)).get(account, 0)

    async def explain(self, query: str, *values: Any) -> list[str]:
        """The partitions and tables that a query really reads."""
        async with self.pool.acquire() as connection:
            await connection.execute("SET enable_seqscan = off")
            # as the journal runs it: planned once, for any values
            await connection.execute("SET plan_cache_mode = force_generic_plan")
            rows = await connection.fetch(f"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) {query}", *values)
            await connection.execute("RESET ALL")
        lines = [row[0] for row in rows]
        return [line for line in lines if " on " in line and "never executed" not in line]


@pytest.fixture
async def years(pool: asyncpg.Pool[Any]) -> AsyncIterator[Years]:
    book = Years(pool)
    # The months of today are years before this book begins.
    async with pool.acquire() as connection:
        for table in ("ledger_entry", "ledger_transfer"):
            for span in await spans_of(connection, table):
                await connection.execute(f"DROP TABLE part.{span.name}")
    await book.make_months()
    await book.journal.start()
    yield book
    await book.journal.stop()
