"""Pulling from a source that answers as it likes: pages, circles, repeated and altered rows, down to the books."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from gateway.agents import ProfitSharing, TransactionPull
from gateway.app.batch import TABLES_ALONE
from gateway.fees import RuleCache, store
from gateway.journal import Journal
from gateway.sandbox.source import SourcePlan, transaction
from gateway.tasks import Timers
from gateway.tasks.batch import (
    TASK_TIMER,
    BatchOffice,
    BatchTask,
    Commanded,
    NewTask,
    Runner,
    SourceError,
    TaskState,
    Workshop,
)
from gateway.tasks.batch import store as batch
from gateway.tasks.sources import RemoteSource, SourceRegister, gather, read_page
from tests.plugins.remote_source import Pulling, expected_shares


class Told:
    """A source in memory: a list of items, cut into pages of at most `page`."""

    def __init__(self, items: list[dict[str, Any]], page: int = 7) -> None:
        self.items, self.page = items, page
        self.limits: list[int] = []

    async def fetch(self, cursor: str, limit: int) -> bytes:
        self.limits.append(limit)
        start = int(cursor or "0")
        end = min(start + min(limit, self.page), len(self.items))
        return json.dumps(
            {"items": self.items[start:end], "next": str(end) if end < len(self.items) else None}
        ).encode()


class House:
    def __init__(self, pulling: Pulling, journal: Journal, clock, ids) -> None:
        self.told = Told([])
        self.pool = pulling.pool
        cache = RuleCache(
            read=lambda item, party: store.rule(pulling.pool, item, party),
            generation_of=lambda: store.generation(pulling.pool),
            clock=clock,
        )

        @asynccontextmanager
        async def opened(source: RemoteSource) -> AsyncIterator[Told]:
            yield self.told

        pull = TransactionPull(
            pool=pulling.pool,
            sources=SourceRegister(pool=pulling.pool, keystore=None, clock=clock, ids=ids),  # type: ignore[arg-type]
            open_pages=opened,
            sharing=ProfitSharing(cache),
            ids=ids,
        )
        kinds = {pull.name: pull}
        shop = Workshop(pool=pulling.pool, journal=journal, clock=clock, ids=ids, owner="w")
        self.office = BatchOffice(pool=pulling.pool, journal=journal, kinds=kinds, clock=clock, ids=ids)
        self.timers = Timers(
            pool=pulling.pool, clock=clock, handlers={TASK_TIMER: Runner(shop, kinds=kinds).handle}, owner="w"
        )

    async def pull(self, items: list[dict[str, Any]], of: type[Told] = Told, **fields: Any) -> BatchTask:
        self.told = of(items)
        new = NewTask(kind="transactions.pull", params={"source": "remote"}, **fields)
        started = await self.office.start(new, who="tester")
        assert isinstance(started, Commanded), started
        await self.timers.run_due()
        found = await self.office.find(started.record.id)
        assert found is not None
        return found


@pytest.fixture
async def house(pulling: Pulling, clock, ids) -> AsyncIterator[House]:
    journal = Journal(pool=pulling.pool, tables=TABLES_ALONE, clock=clock, ids=ids)
    await journal.start()
    yield House(pulling, journal, clock, ids)
    await journal.stop()


@pytest.fixture
def plan(remote) -> SourcePlan:
    return remote.tell(count=45)


def told(plan: SourcePlan) -> list[dict[str, Any]]:
    return [transaction(plan, number) for number in range(plan.count)]


async def test_pages_become_chunks_and_every_share_is_stored(house: House, pulling: Pulling, plan: SourcePlan) -> None:
    done = await house.pull(told(plan), chunk_size=20)
    assert (done.state, done.chunks, done.stored) == (TaskState.DONE, 3, 45)
    assert house.told.limits[:3] == [20, 13, 6]
    assert await pulling.shares() == expected_shares(plan)


async def test_the_same_again_is_skipped_and_an_altered_row_is_shown(
    house: House, pulling: Pulling, plan: SourcePlan
) -> None:
    await house.pull(told(plan))
    altered = told(plan)
    altered[5]["amount"]["minor"] += 1
    again = await house.pull(altered)
    assert (again.state, again.stored, again.skipped, again.failed) == (TaskState.FAILED, 0, 44, 1)
    (row,) = await batch.failed_rows(house.pool, again.id, run=1, limit=9)
    assert (row.row_id, row.why) == (altered[5]["id"], "it is stored already, and the source now tells it otherwise")
    assert await pulling.shares() == expected_shares(plan)


async def test_a_row_that_comes_twice_is_stored_once(house: House, pulling: Pulling, plan: SourcePlan) -> None:
    items = [one for item in told(plan) for one in (item, item)]
    done = await house.pull(items, chunk_size=21)
    assert (done.state, done.stored, done.skipped) == (TaskState.DONE, 45, 45)
    assert await pulling.shares() == expected_shares(plan)


async def test_an_unknown_agent_and_a_foreign_unit_are_failing_rows(house: House, plan: SourcePlan) -> None:
    items = told(plan)
    items[1]["agent"] = "Z"
    for name in ("amount", "fee", "cost"):
        items[2][name]["unit"] = "USD"
    failed = await house.pull(items)
    rows = await batch.failed_rows(house.pool, failed.id, run=1, limit=9)
    assert [row.why for row in rows] == ["there is no agent Z", "the rule is in CNY, the transaction in USD"]
    assert failed.stored == 43


async def test_without_a_rule_a_row_is_stored_with_the_reason(house: House, pulling: Pulling, plan: SourcePlan) -> None:
    items = told(plan)
    items[0]["occurred_at"] = "2001-01-01T00:00:00+00:00"
    items[1]["state"] = "failed"
    done = await house.pull(items)
    totals = await house.office.totals(done)
    assert (done.state, totals["rows"], totals["without_rule"]) == (TaskState.DONE, 45, 1)
    reasons = await house.pool.fetch("SELECT no_profit, count(*) FROM raw_transaction GROUP BY 1 ORDER BY 1")
    assert [tuple(row) for row in reasons] == [("", 43), ("no_rule", 1), ("not_successful", 1)]


class Says:
    """A source that answers what it is given, in turn."""

    def __init__(self, *answers: object) -> None:
        self.answers = list(answers)

    async def fetch(self, cursor: str, limit: int) -> bytes:
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return answer if isinstance(answer, bytes) else json.dumps(answer).encode()


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        ([b"<html>"], "no JSON object"),
        ([{"items": 1}], "no JSON object"),
        ([{"items": [1] * 11, "next": None}], "a page has 11 items where 10 were asked for"),
        ([{"items": [1], "next": "a"}, {"items": [1], "next": "a"}], "turns in circles"),
        ([{"items": [], "next": "a"}, {"items": [], "next": "b"}, {"items": [], "next": "a"}], "turns in circles"),
        ([{"items": [], "next": ""}], "a cursor has 1 to 500"),
        ([{"items": [], "next": "x" * 501}], "a cursor has 1 to 500"),
        ([{"items": [1], "next": "\0"}], "printable"),
        ([{"items": [1], "next": "\n"}], "printable"),
    ],
)
async def test_a_source_that_makes_no_sense_is_refused(answers: list[object], why: str) -> None:
    with pytest.raises(SourceError, match=why):
        await gather(Says(*answers), cursor="", size=10, page_most=10)


async def test_empty_pages_without_end_are_refused() -> None:
    pages = Says(*({"items": [], "next": f"c{number}"} for number in range(99)))
    with pytest.raises(SourceError, match="turns in circles"):
        await gather(pages, cursor="", size=10, page_most=10)


def test_a_page_as_it_should_be() -> None:
    page = read_page(b'{"items": [{"id": 1}], "next": "c", "total": 9}', limit=1)
    assert (page.items, page.next, page.total) == ([b'{"id": 1}'], "c", 9)


class Circling(Told):
    """Leads from its third page back to its first."""

    async def fetch(self, cursor: str, limit: int) -> bytes:
        page = json.loads(await super().fetch("0" if cursor == "first" else cursor, limit))
        return json.dumps(page | {"next": {"21": "first"}.get(page["next"], page["next"])}).encode()


@pytest.mark.parametrize("chunk_size", [7, 14, 100])
async def test_a_source_that_leads_back_ends_its_task(house: House, plan: SourcePlan, chunk_size: int) -> None:
    """Also where no chunk by itself comes to the same cursor twice: it would skip what it has stored for ever."""
    ended = await house.pull(told(plan), of=Circling, chunk_size=chunk_size)
    assert "turns in circles" in ended.reason
    assert ended.chunks <= 5
