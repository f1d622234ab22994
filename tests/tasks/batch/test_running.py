"""Tasks at work: chunk by chunk, each whole or not at all; rows that fail are located; what is lost is taken over."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest

from gateway.journal import Key, Refused
from gateway.journal.store import history
from gateway.kernel.reasons import Reason
from gateway.tasks import Timers
from gateway.tasks.batch import AfterLoss, Commanded, NewTask, SourceError, TaskState, store
from tests.tasks.batch.conftest import LEASE, Numbers, Works
from tests.tasks.conftest import NOW


async def test_a_task_is_answered_at_once_and_done_in_chunks(works: Works, kind: Numbers) -> None:
    task = await works.start()
    assert (task.state, await kind.stored()) == (TaskState.WAITING, [])
    assert await works.worker().run_due() == 1
    done = await works.task(task)
    assert (done.state, done.chunks, done.chunks_total) == (TaskState.DONE, 3, 3)
    assert (done.rows_read, done.stored, done.skipped, done.failed) == (25, 25, 0, 0)
    assert (done.reason, done.owner, done.run) == ("", "", 1)
    assert await kind.stored() == list(range(25))
    assert await works.chunks(task) == [(1, 1, 10, 0, 0), (1, 2, 10, 0, 0), (1, 3, 5, 0, 0)]
    lines = await history(works.pool, task.id)
    assert [line.state for line in lines] == ["waiting", "running", "running", "running", "done"]
    assert [(line.data or {}).get("stored") for line in lines] == [None, 0, 10, 20, 25]


async def test_rows_of_a_chunk_are_worked_on_side_by_side(works: Works, kind: Numbers) -> None:
    await works.start(concurrency=7)
    await works.worker().run_due()
    assert kind.most_in_flight == 7


@pytest.mark.parametrize(("count", "chunks"), [(0, 0), (1, 1), (10, 1), (20, 2), (21, 3)])
async def test_any_number_of_rows(works: Works, kind: Numbers, count: int, chunks: int) -> None:
    kind.count = count
    task = await works.start()
    await works.worker().run_due()
    done = await works.task(task)
    assert (done.state, done.chunks, done.stored) == (TaskState.DONE, chunks, count)


async def test_a_failing_row_is_located_and_stops_no_other(works: Works, kind: Numbers) -> None:
    kind.bad, kind.broken = {13}, {17}
    task = await works.start()
    await works.worker().run_due()
    failed = await works.task(task)
    assert (failed.state, failed.stored, failed.failed) == (TaskState.FAILED, 23, 2)
    assert (failed.reason, failed.failed_chunk, failed.failed_row) == ("2 rows failed", 2, str(UUID(int=13)))
    rows = await store.failed_rows(works.pool, task.id, run=1, limit=9)
    assert [(row.chunk, row.place, row.row_id) for row in rows] == [
        (2, 4, str(UUID(int=13))),
        (2, 8, str(UUID(int=17))),
    ]
    assert rows[0].why == "13 is bad"
    assert rows[1].why.startswith("fault: ZeroDivisionError in work, line ")
    assert set(range(25)) - set(await kind.stored()) == {13, 17}


async def test_a_reset_skips_what_is_stored_and_tries_the_failed_again(works: Works, kind: Numbers) -> None:
    kind.bad = {13}
    task = await works.start()
    await works.worker().run_due()
    kind.bad, kind.worked = set(), []
    assert isinstance(await works.office.reset(task.id, who="tester"), Commanded)
    await works.worker().run_due()
    done = await works.task(task)
    assert (done.state, done.run, done.stored, done.skipped) == (TaskState.DONE, 2, 1, 24)
    assert (done.failed_row, done.reason) == (None, "")
    assert kind.worked == [13]
    assert await works.chunks(task) == [
        *[(1, 1, 10, 0, 0), (1, 2, 9, 0, 1), (1, 3, 5, 0, 0)],
        *[(2, 1, 0, 10, 0), (2, 2, 1, 9, 0), (2, 3, 0, 5, 0)],
    ]
    runs = await store.runs(works.pool, task.id)
    assert [(run.run, run.stored, run.skipped, run.figures["sum"]) for run in runs] == [(1, 24, 0, 287), (2, 1, 24, 13)]


async def test_a_kind_may_stop_at_its_first_failing_row(works: Works, kind: Numbers) -> None:
    kind.stops_at_failed_row, kind.bad = True, {13}
    task = await works.start()
    await works.worker().run_due()
    failed = await works.task(task)
    assert (failed.state, failed.stored, failed.failed_chunk) == (TaskState.FAILED, 10, 2)
    assert failed.reason == f"row {UUID(int=13)}: 13 is bad"
    assert await kind.stored() == list(range(10)), "nothing of its chunk is stored"
    kind.bad = set()
    await works.office.reset(task.id, who="tester", from_start=False)
    await works.worker().run_due()
    assert (await works.task(task)).state is TaskState.DONE
    assert await works.chunks(task) == [(1, 1, 10, 0, 0), (2, 1, 10, 0, 0), (2, 2, 5, 0, 0)], "on from the cursor"


async def test_one_open_task_for_one_thing(works: Works) -> None:
    first = await works.start(params={"of": "a"})
    again = await works.office.start(NewTask(kind="numbers.count", params={"of": "a"}), who="tester")
    assert isinstance(again, Refused)
    assert again.reason is Reason.IN_PROGRESS
    other = await works.start(params={"of": "b"})
    assert await works.worker().run_due() == 2
    assert {(await works.task(task)).state for task in (first, other)} == {TaskState.DONE}
    third = await works.start(params={"of": "a"})
    blocked = await works.office.reset(first.id, who="tester")
    assert isinstance(blocked, Refused)
    assert blocked.reason is Reason.IN_PROGRESS
    assert isinstance(await works.office.cancel(third.id, who="tester"), Commanded)
    assert isinstance(await works.office.reset(first.id, who="tester"), Commanded)


async def test_a_repeated_command_gets_the_first_answer(works: Works) -> None:
    def keys(subject: UUID) -> tuple[Key, ...]:
        return (
            Key(
                scope="api",
                name="k1",
                digest=b"same",
                digest_version=1,
                subject=subject,
                expires_at=NOW + timedelta(days=1),
            ),
        )

    answers = [await works.office.start(NewTask(kind="numbers.count"), who="t", keys=keys) for _ in range(2)]
    first, second = answers
    assert isinstance(first, Commanded)
    assert isinstance(second, Commanded)
    assert (first.record.id, first.replayed, second.replayed) == (second.record.id, False, True)
    assert await works.counts() == {"waiting": 1}


async def test_a_repeated_cancel_is_known_although_the_state_has_moved(works: Works) -> None:
    task = await works.start()

    def keys(subject: UUID) -> tuple[Key, ...]:
        day = NOW + timedelta(days=1)
        return (Key(scope="api", name="k", digest=b"c", digest_version=1, subject=subject, expires_at=day),)

    first = await works.office.cancel(task.id, who="t", keys=keys)
    second = await works.office.cancel(task.id, who="t", keys=keys)
    assert isinstance(second, Commanded)
    assert isinstance(first, Commanded)
    assert (first.replayed, second.replayed, second.record.state) == (False, True, TaskState.CANCELLED)
    other = await works.office.cancel(task.id, who="t")
    assert isinstance(other, Refused)
    assert (other.reason, other.detail) == (Reason.WRONG_STATE, "a task that is cancelled takes no cancel")


@pytest.mark.parametrize(
    ("new", "why"),
    [
        (NewTask(kind="no.such"), "there is no kind of task no.such"),
        (NewTask(kind="numbers.count", chunk_size=0), "1 to 2000 rows"),
        (NewTask(kind="numbers.count", chunk_size=2001), "1 to 2000 rows"),
        (NewTask(kind="numbers.count", concurrency=0), "1 to 256 rows"),
    ],
)
async def test_what_cannot_be_started_is_refused(works: Works, new: NewTask, why: str) -> None:
    refused = await works.office.start(new, who="tester")
    assert isinstance(refused, Refused)
    assert refused.reason is Reason.FORMAT
    assert why in refused.detail
    assert await works.counts() == {}


async def test_a_task_waits_until_it_is_due(works: Works) -> None:
    task = await works.start(due_at=NOW + timedelta(hours=1))
    assert await works.worker().run_due() == 0
    works.clock.advance(timedelta(hours=1))
    assert await works.worker().run_due() == 1
    assert (await works.task(task)).state is TaskState.DONE


async def test_cancelled_at_work_it_stores_no_further_chunk(works: Works, kind: Numbers) -> None:
    kind.halt_at = 14
    task = await works.start()
    working = asyncio.create_task(works.worker().run_due())
    await kind.halted.wait()
    assert isinstance(await works.office.cancel(task.id, who="tester"), Commanded)
    kind.go_on.set()
    await working
    assert (await works.task(task)).state is TaskState.CANCELLED
    assert await kind.stored() == list(range(10))


async def test_a_source_that_fails_is_tried_again_and_goes_on_at_the_cursor(works: Works, kind: Numbers) -> None:
    kind.source_faults = [SourceError("no answer"), SourceError("no answer")]
    task = await works.start(after_loss=AfterLoss.WAIT)
    worker = works.worker()
    await worker.run_due()
    waiting = await works.task(task)
    assert (waiting.state, waiting.standing, waiting.reason) == (TaskState.RUNNING, TaskState.RUNNING, "no answer")
    for _ in range(2):
        works.clock.advance(timedelta(seconds=10))
        await worker.run_due()
    done = await works.task(task)
    assert (done.state, done.stored, done.run, done.reason) == (TaskState.DONE, 25, 1, "")


@pytest.mark.parametrize(("fault", "tries"), [(SourceError("refused", is_final=True), 1), (SourceError("silent"), 5)])
async def test_a_source_that_keeps_failing_fails_the_task(
    works: Works, kind: Numbers, fault: SourceError, tries: int
) -> None:
    kind.source_faults = [fault] * 9
    task = await works.start()
    for _ in range(6):
        await works.worker().run_due()
        works.clock.advance(timedelta(minutes=10))
    failed = await works.task(task)
    assert (failed.state, failed.reason, failed.failed_chunk) == (TaskState.FAILED, str(fault), 1)
    assert len(kind.source_faults) == 9 - tries
    kind.source_faults = []
    await works.office.reset(task.id, who="tester")
    await works.worker().run_due()
    assert (await works.task(task)).state is TaskState.DONE


async def lost(works: Works, kind: Numbers, **fields: object) -> tuple[UUID, asyncio.Task[int], Timers]:
    """A worker that stands still in its second chunk until its lease has run out."""
    kind.halt_at = 14
    task = await works.start(**fields)
    stuck = works.worker("dead")
    working = asyncio.create_task(stuck.run_due())
    await kind.halted.wait()
    works.clock.advance(LEASE)
    kind.halt_at = None
    return task.id, working, stuck


async def test_another_worker_takes_a_lost_task_over_and_the_late_one_writes_nothing(
    works: Works, kind: Numbers
) -> None:
    task, late, _ = await lost(works, kind)
    assert (await works.counts()) == {"interrupted": 1}
    assert await works.worker("heir").run_due() == 1
    kind.go_on.set()
    await late
    done = await works.office.find(task)
    assert done is not None
    assert (done.state, done.stored, done.run, done.takeovers) == (TaskState.DONE, 25, 1, 1)
    assert [one[:3] for one in await works.chunks(done)] == [(1, 1, 10), (1, 2, 10), (1, 3, 5)]
    owners = [one.owner for one in await store.chunks(works.pool, task, limit=9)]
    assert owners == ["dead", "heir", "heir"]
    assert await kind.stored() == list(range(25))


async def test_a_lost_task_may_wait_for_a_person(works: Works, kind: Numbers) -> None:
    task, late, _ = await lost(works, kind, after_loss=AfterLoss.WAIT)
    await works.worker("heir").run_due()
    kind.go_on.set()
    await late
    left = await works.office.find(task)
    assert left is not None
    assert (left.state, left.stored) == (TaskState.INTERRUPTED, 10)
    assert await kind.stored() == list(range(10))
    assert isinstance(await works.office.reset(task, who="tester"), Commanded)
    await works.worker("heir").run_due()
    done = await works.office.find(task)
    assert done is not None
    assert (done.state, done.stored, done.skipped, done.chunks) == (TaskState.DONE, 15, 10, 3)


async def test_a_lost_task_is_reset_where_no_worker_is_left_and_one_at_work_is_not(works: Works, kind: Numbers) -> None:
    kind.halt_at = 14
    task = await works.start()
    working = asyncio.create_task(works.worker("dead").run_due())
    await kind.halted.wait()
    held = await works.office.reset(task.id, who="tester")
    assert isinstance(held, Refused)
    assert held.detail == "a task that is running takes no reset"
    works.clock.advance(LEASE)
    reset = await works.office.reset(task.id, who="tester")
    assert isinstance(reset, Commanded)
    assert reset.record.state is TaskState.WAITING
    kind.go_on.set()
    await working
    chunks = await works.chunks(task)
    assert chunks == [(1, 1, 10, 0, 0), (2, 1, 0, 10, 0), (2, 2, 10, 0, 0), (2, 3, 5, 0, 0)], "the late chunk is not in"
    assert await kind.stored() == list(range(25))


async def test_a_worker_that_is_stopped_hands_its_task_on_at_once(works: Works, kind: Numbers) -> None:
    kind.halt_at = 14
    task = await works.start(after_loss=AfterLoss.WAIT)
    working = asyncio.create_task(works.worker("stopped").run())
    await kind.halted.wait()
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    kind.halt_at = None
    assert (await works.task(task)).standing is TaskState.RUNNING
    assert await works.worker("next").run_due() == 1
    done = await works.task(task)
    assert (done.state, done.stored, done.takeovers) == (TaskState.DONE, 25, 0)


async def test_others_have_their_turn(works: Works, kind: Numbers) -> None:
    task = await works.start()
    await works.worker(turn=timedelta(seconds=-1)).run_due()
    done = await works.task(task)
    assert (done.state, done.run, done.takeovers) == (TaskState.DONE, 1, 0)
    assert len(await works.chunks(task)) == 3


async def test_a_kind_that_is_gone_fails_its_tasks(works: Works, kind: Numbers) -> None:
    task = await works.start()
    worker = works.worker()
    kind.name = "numbers.other"
    await works.worker().run_due()
    failed = await works.task(task)
    assert (failed.state, failed.reason) == (TaskState.FAILED, "this release has no kind of task numbers.count")
    assert worker is not None
