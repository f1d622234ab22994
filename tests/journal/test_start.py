"""Starting: the book is opened once, registered tables are checked against the database."""

from __future__ import annotations

from datetime import date
from typing import Any

import asyncpg
import pytest

from gateway.journal import Done, MalformedChangeError, MetricsMeter, Table, open_day
from gateway.kernel.metrics import build_metrics, expose
from tests.journal.conftest import DAY, Desk, MakeJournal


async def test_a_second_start_goes_on_where_the_first_ended(
    make_journal: MakeJournal, desk: Desk, pool: asyncpg.Pool[Any]
) -> None:
    first = await make_journal()
    await first.post(desk.paid_in(desk.merchant(), 1))
    await first.stop()
    second = await make_journal(first_day=date(2030, 1, 1))
    receipt = await second.post(desk.paid_in(desk.merchant(), 1))
    assert isinstance(receipt, Done)
    assert (receipt.seq, await open_day(pool)) == (2, DAY)


async def test_books_are_apart(make_journal: MakeJournal, desk: Desk, pool: asyncpg.Pool[Any]) -> None:
    await make_journal()
    other = await make_journal(book="south", first_day=date(2026, 1, 1))
    receipt = await other.post(desk.change(book="south"))
    assert isinstance(receipt, Done)
    assert receipt.booked_on == date(2026, 1, 1)
    assert await open_day(pool) == DAY


@pytest.mark.parametrize(
    "table",
    [
        Table(name="nowhere", columns={"id": "uuid"}, history=None),
        Table(name="parcel", columns={"state": "text", "no": "x"}),
    ],
)
async def test_a_table_that_is_not_there_is_noticed_at_the_start(make_journal: MakeJournal, table: Table) -> None:
    with pytest.raises(MalformedChangeError, match="has no column"):
        await make_journal(tables=[table])


async def test_metrics_are_told(make_journal: MakeJournal, desk: Desk) -> None:
    metrics = build_metrics()
    journal = await make_journal(meter=MetricsMeter(metrics))
    await journal.post(desk.paid_in(desk.merchant(), 1))
    await journal.post(desk.change(desk.transfer(desk.merchant(), desk.bank, 1, wish=True)))
    await journal.stop()
    text = str(expose(metrics))
    assert 'tillgate_journal_batch_changes_sum{book="main"} 2.0' in text
    assert 'tillgate_journal_refused_total{book="main",reason="insufficient_funds"} 1.0' in text
