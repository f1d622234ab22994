"""Months: closed behind the snapshots, then archived; whatever is asked reads no more than it must."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import pytest

from gateway.journal import Refused, verify
from gateway.kernel.postgres.partitions import lowest_id, see_everything
from gateway.kernel.reasons import Reason
from gateway.ledger import store
from gateway.ledger.growth import archive_old
from gateway.ledger.store import _STANDING_AFTER, _STATEMENT, READ_ACCOUNTS, ArchivedError
from tests.ledger.growth.conftest import START, Years


async def a_month(years: Years, merchant: int, amount: int) -> None:
    """One payment, a closed day, and about a month."""
    await years.pay(merchant, amount)
    await years.close(days=31)
    await years.make_months()


async def test_the_newest_entry_is_found_wherever_it_lies(years: Years) -> None:
    await a_month(years, 0, 100)
    await a_month(years, 1, 20)
    await years.snapshots()
    assert await years.close_month() == "ledger_entry_2031_02"
    assert await years.close_month() == "ledger_entry_2031_03"
    await years.restart()
    await years.pay(0, 1)
    await years.pay(2, 5)
    assert [await years.balance(merchant) for merchant in range(3)] == [-101, -20, -5]
    assert [await years.month_of(merchant) for merchant in range(3)] == [
        f"part.ledger_entry_2031_0{month}" for month in (5, 4, 5)
    ]
    await years.restart()
    # What has lain in a closed month only goes on from its snapshot: version 2 follows version 1.
    await years.pay(0, 1)
    lines = await store.statement(years.pool, years.merchants[0])
    assert [(line.version, line.balance_minor) for line in lines] == [(1, -100), (2, -101), (3, -102)]
    assert (await verify(years.pool)).holds


async def test_a_month_is_closed_only_when_it_is_covered_and_its_grace_is_over(years: Years) -> None:
    await years.pay(0, 1)
    await years.close(days=31 + 2)
    assert await years.close_month() == "ledger_entry_2031_02"
    await years.snapshots()
    assert await years.close_month() is None, "three days of grace"
    years.clock.advance(timedelta(days=2))
    assert await years.close_month() == "ledger_entry_2031_03"


async def test_a_month_without_its_snapshots_stays_open(years: Years) -> None:
    await a_month(years, 0, 1)
    await a_month(years, 0, 2)
    assert await years.close_month() == "ledger_entry_2031_02"
    assert await years.close_month() is None
    await years.snapshots()
    assert await years.close_month() == "ledger_entry_2031_03"


async def test_the_last_second_of_a_month_is_booked_on_another_day_and_waited_for(years: Years) -> None:
    """An id made before the month's end may be written after a younger one: neither is ever overlooked."""
    old = years.ids.new()
    years.clock.advance(timedelta(days=31))
    await years.make_months()
    await years.pay(0, 10)
    await years.post(years.transfer(0, 5, id=old))
    assert await years.month_of(0) == "part.ledger_entry_2031_03"
    years.clock.advance(timedelta(days=20))
    await years.close_month()
    assert await years.close_month() is None, "its day is open"
    await years.close()
    await years.snapshots()
    assert await years.close_month() == "ledger_entry_2031_03"
    await years.restart()
    await years.pay(0, 1)
    assert await years.balance(0) == -16


async def test_nothing_is_written_into_a_closed_month(years: Years) -> None:
    old = years.ids.new()
    await a_month(years, 0, 1)
    await a_month(years, 0, 2)
    await years.snapshots()
    while await years.close_month():
        pass
    for id_ in (old, lowest_id(datetime(2001, 1, 1, tzinfo=START.tzinfo))):
        refused = await years.post(years.transfer(0, 5, id=id_))
        assert isinstance(refused, Refused)
        assert refused.reason is Reason.FAULT
    assert await years.balance(0) == -3
    await years.pay(0, 4)
    assert await years.balance(0) == -7


async def test_old_months_are_archived_and_proven_all_the_same(years: Years, pool: asyncpg.Pool[Any]) -> None:
    for month in range(5):
        await a_month(years, month % 2, 10 + month)
    await years.snapshots()
    while await years.close_month():
        pass
    assert await archive_old(pool, now=years.clock.now(), keep_months=0) == []
    gone = await archive_old(pool, now=years.clock.now(), keep_months=3)
    assert gone == [f"{table}_2031_0{month}" for table in ("ledger_entry", "ledger_transfer") for month in (2, 3, 4)]
    assert await archive_old(pool, now=years.clock.now(), keep_months=3) == []
    await years.restart()
    await years.pay(0, 1)
    assert [await years.balance(merchant) for merchant in (0, 1)] == [-37, -24]
    assert await store.trial_balance(pool) == {"CNY": 0}
    assert await years.on(0, START.date()) == -10, "days keep their snapshots"
    async with pool.acquire() as connection, connection.transaction():
        assert await connection.fetchval("SELECT count(*) FROM ledger_entry") == 8
        await see_everything(connection)
        assert await connection.fetchval("SELECT count(*) FROM ledger_entry") == 12
    assert (await verify(pool)).holds


async def test_an_instant_inside_an_archived_day_is_not_guessed(years: Years, pool: asyncpg.Pool[Any]) -> None:
    first = await years.pay(0, 10)
    await a_month(years, 0, 5)
    await a_month(years, 0, 1)
    await years.snapshots()
    while await years.close_month():
        pass
    assert await store.balance_at(pool, years.merchants[0], first.recorded_at) == -10
    await archive_old(pool, now=years.clock.now(), keep_months=1)
    assert await years.on(0, START.date()) == -15
    with pytest.raises(ArchivedError, match="2031-03-01"):
        await store.balance_at(pool, years.merchants[0], first.recorded_at)


def touched(lines: list[str]) -> list[str]:
    """The months whose entries a query read, each by an index."""
    entries = [line for line in lines if " on ledger_entry_" in line]
    assert all("Index" in line for line in entries), entries
    return sorted({line.split(" on ledger_entry_")[1].split()[0] for line in entries})


async def test_only_open_months_are_read_for_a_balance(years: Years) -> None:
    for month in range(5):
        await a_month(years, month % 2, 10 + month)
    asked = [{"party": str(years.merchants[0].party), "unit": "CNY", "purpose": "available", "item": ""}]
    query = READ_ACCOUNTS.replace("{rows}", "$1::text::json")
    assert len(touched(await years.explain(query, json.dumps(asked)))) == 10
    await years.snapshots()
    while await years.close_month():
        pass
    # The open month, those made ahead, and the net below them.
    open_ones = ["2031_07", "2031_08", "2031_09", "2031_10", "default"]
    assert touched(await years.explain(query, json.dumps(asked))) == open_ones


async def test_a_day_far_back_is_read_from_its_snapshots(years: Years) -> None:
    for month in range(5):
        await a_month(years, 0, 10 + month)
    await years.snapshots()
    day = START.date() + timedelta(days=2)
    seq = await years.pool.fetchval("SELECT max(seq) FROM journal_batch WHERE booked_on = $1", day)
    lines = await years.explain(_STANDING_AFTER, years.merchants[0].party, seq, day, "main")
    assert {line.split("Seq Scan on ")[1].split()[0] for line in lines if "Seq Scan" in line} <= {"ledger_horizon"}
    assert await years.on(0, day) == -33
    account = years.merchants[0]
    named = (account.party, account.unit, account.purpose.value, account.item)
    lines = await years.explain(_STATEMENT, *named, 0, day, day, 10)
    # One look into each month's index for the version, and the transfer's own month alone.
    assert sum(" on ledger_transfer_" in line for line in lines) == 1
