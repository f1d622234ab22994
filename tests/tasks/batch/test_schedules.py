"""Schedules: one task at each due time, whoever notices first; missed times are caught up once, or not."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.journal import Refused
from gateway.kernel.reasons import Reason
from gateway.tasks.batch import (
    CatchUp,
    Commanded,
    NewSchedule,
    Schedule,
    ScheduleEvent,
    ScheduleState,
    TaskState,
    store,
)
from tests.tasks.batch.conftest import Numbers, Works
from tests.tasks.conftest import NOW

# NOW is 10:00 in Shanghai
DUE = datetime(2026, 11, 22, 2, 30, tzinfo=UTC)


async def made(works: Works, **fields: Any) -> Schedule:
    wanted: dict[str, Any] = {"kind": "numbers.count", "name": "count", "cron": "10:30", "chunk_size": 10, **fields}
    result = await works.schedules.make(NewSchedule(**wanted), who="tester")
    assert isinstance(result, Commanded), result
    return result.record


async def read(works: Works, schedule: Schedule) -> Schedule:
    found = await works.schedules.find(schedule.id)
    assert found is not None
    return found


async def tasks(works: Works) -> list[tuple[TaskState, str]]:
    found = await store.tasks(works.pool, now=works.clock.now(), state=None, kind=None, before=None, limit=99)
    return [(task.state, task.created_by) for task in reversed(found)]


async def test_the_task_appears_at_the_set_time_and_not_before(works: Works) -> None:
    schedule = await made(works)
    assert schedule.next_at == DUE
    works.clock.advance(timedelta(minutes=29, seconds=59))
    assert await works.worker().run_due() == 0
    assert await tasks(works) == []
    works.clock.advance(timedelta(seconds=1))
    await works.worker().run_due()
    assert await tasks(works) == [(TaskState.DONE, "schedule:count")]
    after = await read(works, schedule)
    assert (after.next_at, after.last_at) == (DUE + timedelta(days=1), DUE)
    works.clock.advance(timedelta(days=1))
    await works.worker().run_due()
    assert len(await tasks(works)) == 2


async def test_of_several_workers_one_makes_the_task(works: Works) -> None:
    await made(works)
    works.clock.advance(timedelta(minutes=30))
    await asyncio.gather(*(works.worker(f"w{number}").run_due() for number in range(4)))
    assert await tasks(works) == [(TaskState.DONE, "schedule:count")]


@pytest.mark.parametrize(("catch_up", "made_tasks"), [(CatchUp.ONCE, 1), (CatchUp.SKIP, 0)])
async def test_missed_times_are_caught_up_once_or_not(works: Works, catch_up: CatchUp, made_tasks: int) -> None:
    schedule = await made(works, catch_up=catch_up)
    works.clock.advance(timedelta(days=3, hours=1))
    await works.worker().run_due()
    assert len(await tasks(works)) == made_tasks
    after = await read(works, schedule)
    assert after.next_at == DUE + timedelta(days=4)
    assert after.last_note == ("" if made_tasks else "missed at 2026-11-22T02:30:00+00:00")


async def test_once_and_then_no_more(works: Works) -> None:
    schedule = await made(works, cron="", once_at=DUE)
    works.clock.advance(timedelta(minutes=30))
    await works.worker().run_due()
    after = await read(works, schedule)
    assert (after.state, after.next_at, len(await tasks(works))) == (ScheduleState.ENDED, None, 1)


async def test_while_the_task_before_is_open_none_is_made(works: Works, kind: Numbers) -> None:
    schedule = await made(works)
    held = await works.start(due_at=NOW + timedelta(days=9))
    works.clock.advance(timedelta(minutes=30))
    await works.worker().run_due()
    after = await read(works, schedule)
    assert (after.last_note, after.next_at) == ("the task before is still open", DUE + timedelta(days=1))
    assert await tasks(works) == [(TaskState.WAITING, "tester")]
    assert held.due_at == NOW + timedelta(days=9)


async def test_a_paused_one_makes_no_task_and_goes_on_with_the_next_time(works: Works) -> None:
    schedule = await made(works)
    await works.schedules.move(schedule.id, ScheduleEvent.PAUSE, who="tester")
    works.clock.advance(timedelta(hours=1))
    await works.worker().run_due()
    assert await tasks(works) == []
    resumed = await works.schedules.move(schedule.id, ScheduleEvent.RESUME, who="tester")
    assert isinstance(resumed, Commanded)
    assert resumed.record.next_at == DUE + timedelta(days=1)
    again = await works.schedules.move(schedule.id, ScheduleEvent.RESUME, who="tester")
    assert isinstance(again, Refused)
    assert again.reason is Reason.WRONG_STATE


async def test_another_time_is_set(works: Works) -> None:
    schedule = await made(works)
    moved = await works.schedules.set_time(
        schedule.id, cron="0 4 * * *", zone="Europe/Berlin", once_at=None, who="tester"
    )
    assert isinstance(moved, Commanded)
    assert moved.record.next_at == datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
    works.clock.advance(timedelta(hours=1))
    await works.worker().run_due()
    assert len(await tasks(works)) == 1


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"cron": ""}, "a cron line, or one instant"),
        ({"once_at": DUE}, "a cron line, or one instant"),
        ({"cron": "", "once_at": NOW}, "lies in the past"),
        ({"cron": "0 0 31 2 *"}, "never comes"),
        ({"zone": "Nowhere"}, "no zone"),
        ({"kind": "no.such"}, "no kind of task"),
    ],
)
async def test_what_is_no_schedule_is_refused(works: Works, fields: dict[str, Any], why: str) -> None:
    wanted: dict[str, Any] = {"kind": "numbers.count", "name": "count", "cron": "10:30"} | fields
    refused = await works.schedules.make(NewSchedule(**wanted), who="tester")
    assert isinstance(refused, Refused)
    assert refused.reason is Reason.FORMAT
    assert why in refused.detail
