"""Snapshots: made after the close in chunks, made once, and what is read of the past with and without them."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import asyncpg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.journal import verify
from gateway.ledger import store
from gateway.ledger.growth import take_snapshot
from tests.ledger.growth.conftest import START, Years


async def rows(pool: asyncpg.Pool[Any]) -> list[tuple[str, int, int]]:
    found = await pool.fetch(
        "SELECT s.booked_on, s.version, s.balance_minor, s.seq FROM ledger_snapshot s"
        " JOIN ledger_account a ON a.id = s.account_id WHERE a.purpose = 'available' ORDER BY 1, 2"
    )
    return [(f"{row['booked_on']:%d}", row["version"], row["balance_minor"]) for row in found]


async def test_each_day_has_the_accounts_that_moved_on_it(years: Years, pool: asyncpg.Pool[Any]) -> None:
    assert await take_snapshot(pool) is None
    await years.pay(0, 100)
    await years.pay(0, 20)
    assert await take_snapshot(pool) is None
    await years.close()
    await years.pay(1, 7)
    await years.close()
    await years.snapshots()
    assert await rows(pool) == [("01", 2, -120), ("02", 1, -7)]
    assert (await verify(pool)).holds


async def test_chunks_go_on_where_the_last_ended(years: Years, pool: asyncpg.Pool[Any]) -> None:
    for amount in (1, 2, 3, 4):
        await years.pay(0, amount)
    await years.close()
    seen = []
    while progress := await take_snapshot(pool, batches=2):
        seen.append((progress.reached_seq, progress.seq, progress.is_whole, progress.rows))
    assert seen == [(2, 5, False, 2), (4, 5, False, 2), (5, 5, True, 0)]
    assert await rows(pool) == [("01", 4, -10)]


async def test_several_workers_make_one_snapshot(years: Years, pool: asyncpg.Pool[Any]) -> None:
    for day in range(3):
        await years.pay(day, 5)
        await years.close()
    await asyncio.gather(*(years.snapshots() for _ in range(4)))
    assert await rows(pool) == [("01", 1, -5), ("02", 1, -5), ("03", 1, -5)]
    assert await pool.fetchval("SELECT count(*) FROM ledger_snapshot_day WHERE reached_seq = seq") == 3


async def test_a_half_made_snapshot_answers_as_rightly_as_none(years: Years, pool: asyncpg.Pool[Any]) -> None:
    for amount in (1, 2, 3):
        await years.pay(0, amount)
    await years.close()
    await years.pay(0, 100)
    await take_snapshot(pool, batches=1)
    assert await years.on(0, START.date()) == -6
    assert await years.balance(0) == -106
    lines = await store.statement(pool, years.merchants[0], booked_to=START.date())
    assert [line.amount_minor for line in lines] == [-1, -2, -3]


async def test_a_snapshot_that_lies_is_found(years: Years, pool: asyncpg.Pool[Any]) -> None:
    await years.pay(0, 1)
    await years.close()
    await years.snapshots()
    await pool.execute("UPDATE ledger_snapshot SET balance_minor = -9 WHERE balance_minor = -1")
    await pool.execute("UPDATE ledger_snapshot SET version = 8 WHERE balance_minor = 1")
    faults = (await verify(pool)).faults
    assert {fault.kind for fault in faults} == {"standing"}
    assert sorted(fault.detail for fault in faults if "snapshot" in fault.detail) == [
        "a snapshot of 2031-03-01 says -9 at version 1",
        "a snapshot of 2031-03-01 says 1 at version 8",
    ]


PAYMENTS = st.lists(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 9)), max_size=4), min_size=1, max_size=5)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(days=PAYMENTS, whole=st.integers(0, 5))
async def test_the_past_is_what_it_was(pool: asyncpg.Pool[Any], days: Any, whole: int) -> None:
    """At every instant and on every day, whether or not snapshots have come so far."""
    years = Years(pool)
    await pool.execute(EMPTY)
    await years.journal.start()
    try:
        await check_the_past(years, days, whole)
    finally:
        await years.journal.stop()


EMPTY = """
SET session_replication_role = replica;
TRUNCATE ledger_account, ledger_transfer, ledger_entry, ledger_snapshot, ledger_snapshot_day, journal_batch,
    journal_event, journal_head;
RESET session_replication_role;
"""


async def check_the_past(years: Years, days: Any, whole: int) -> None:
    instants, ends, now = [], [], [0, 0, 0]
    for number, payments in enumerate(days):
        for merchant, amount in payments:
            done = await years.pay(merchant, amount)
            now[merchant] -= amount
            instants.append((done.recorded_at, list(now)))
        ends.append((years.day, list(now)))
        await years.close()
        if number < whole:
            await years.snapshots()
    for account, place in zip(years.merchants, range(3), strict=True):
        for instant, balances in instants:
            assert await store.balance_at(years.pool, account, instant) == balances[place]
        for day, balances in ends:
            assert await years.on(place, day) == balances[place]
        assert await years.on(place, years.day + timedelta(days=9)) == now[place]
        assert await store.balance_at(years.pool, account, START) == 0


async def test_a_statement_of_days_is_read_by_pages(years: Years, pool: asyncpg.Pool[Any]) -> None:
    for _ in range(4):
        for amount in (1, 2, 3):
            await years.pay(0, amount)
        await years.close()
    await years.snapshots()
    second, third = START.date() + timedelta(days=1), START.date() + timedelta(days=2)
    account, read = years.merchants[0], []
    page = await store.statement(pool, account, booked_from=second, booked_to=third, limit=4)
    while page:
        read += page
        page = await store.statement(
            pool, account, booked_from=second, booked_to=third, limit=4, after_version=page[-1].version
        )
    assert [(line.version, line.amount_minor, line.balance_minor) for line in read] == [
        (4, -1, -7),
        (5, -2, -9),
        (6, -3, -12),
        (7, -1, -13),
        (8, -2, -15),
        (9, -3, -18),
    ]
    assert {line.booked_on for line in read} == {second, third}
    assert {(line.kind, line.subject) for line in read} == {("sale", years.bank.party)}
