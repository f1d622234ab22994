"""Timers: due once, taken by one, tried again, put before a person, never ended by one who lost them."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest

from gateway.tasks import Again, BackOff, Finished, Outcome, Timer, parked, store, waiting
from tests.tasks.conftest import NOW, World, until


async def test_due_ones_are_handled_and_end(world: World) -> None:
    due, later = world.new(), world.new()
    await world.arm(due, number="20261122000000000001")
    await world.arm(later, after_s=60)
    noted: list[tuple[str, str]] = []
    assert await world.timers(noted=lambda kind, outcome: noted.append((kind, outcome))).run_due() == 1
    assert noted == [("ask", "finished")]
    (timer,) = world.handled
    assert (timer.kind, timer.subject, timer.tries, timer.data) == (
        "ask",
        due,
        1,
        {"number": "20261122000000000001"},
    )
    assert [standing.subject for standing in await waiting(world.pool)] == [later]
    world.clock.advance(timedelta(seconds=60))
    assert await world.timers().run_due() == 1
    assert await world.left() == 0


async def test_other_kinds_are_left_to_other_workers(world: World) -> None:
    await world.arm(world.new(), kind="cut-off")
    assert await world.timers().run_due() == 0
    assert await world.left() == 1


async def test_ended_by_a_change_before_it_is_due(world: World) -> None:
    subject = world.new()
    await world.arm(subject, after_s=5)
    await world.end(subject)
    assert await world.left() == 0


async def test_arming_again_moves_it(world: World) -> None:
    subject = world.new()
    await world.arm(subject, after_s=5, step=1)
    await world.arm(subject, after_s=0, step=2)
    assert await world.timers().run_due() == 1
    assert world.handled[0].data == {"step": 2}


@pytest.mark.parametrize(("last", "left"), [("set", 1), ("done", 0)])
async def test_of_two_words_in_one_batch_the_later_stands(world: World, last: str, left: int) -> None:
    subject = world.new()
    await world.arm(subject)
    words = [world.arm(subject, after_s=9), world.end(subject)]
    await asyncio.gather(*(words if last == "done" else reversed(words)))
    assert await world.left() == left


async def test_again_comes_back_after_its_while_with_a_clean_count(world: World) -> None:
    await world.arm(world.new())
    world.answers = [Again(timedelta(seconds=30)), Again(timedelta(seconds=30))]
    timers = world.timers()
    assert await timers.run_due() == 1
    assert await timers.run_due() == 0
    world.clock.advance(timedelta(seconds=30))
    assert await timers.run_due() == 1
    assert [timer.tries for timer in world.handled] == [1, 1]


async def test_a_failing_handler_is_tried_ever_later_then_parked(world: World) -> None:
    subject = world.new()
    await world.arm(subject)
    world.answers = [ConnectionError("card 6222020000000000"), ValueError(), ValueError()]
    timers = world.timers(back_off={"ask": BackOff(first=timedelta(seconds=2), most=timedelta(seconds=3), tries=3)})
    for tries, wait in ((1, 2), (2, 3)):
        assert await timers.run_due() == 1
        (standing,) = await waiting(world.pool)
        assert (standing.tries, standing.due_at) == (tries, world.clock.now() + timedelta(seconds=wait))
        world.clock.advance(timedelta(seconds=wait))
    assert await timers.run_due() == 1
    (before_a_person,) = await parked(world.pool)
    assert (before_a_person.subject, before_a_person.tries) == (subject, 3)
    assert before_a_person.last_error == "ValueError"
    world.clock.advance(timedelta(days=1))
    assert await timers.run_due() == 0


async def test_a_person_lets_a_parked_one_go_on(world: World) -> None:
    subject = world.new()
    await world.arm(subject)
    world.answers = [ValueError()]
    timers = world.timers(otherwise=BackOff(tries=1))
    await timers.run_due()
    assert await store.release(world.pool, kind="ask", subject=subject, now=world.clock.now())
    assert not await store.release(world.pool, kind="ask", subject=subject, now=world.clock.now())
    assert await timers.run_due() == 1
    assert await world.left() == 0


async def test_workers_share_without_taking_twice(world: World) -> None:
    subjects = {world.new() for _ in range(60)}
    for subject in subjects:
        await world.arm(subject)
    workers = [world.timers(owner=f"w{n}", concurrency=5) for n in range(4)]
    assert sum(await asyncio.gather(*(worker.run_due() for worker in workers))) == 60
    assert {timer.subject for timer in world.handled} == subjects


async def test_a_lease_that_ran_out_is_taken_and_the_late_one_ends_nothing(world: World) -> None:
    subject = world.new()
    await world.arm(subject)
    lease: dict[str, Any] = {"kinds": ["ask"], "owner": "slow", "most": 1}
    (slow,) = await store.take(world.pool, now=NOW, lease_until=NOW + timedelta(seconds=10), **lease)
    assert await store.take(world.pool, now=NOW, lease_until=NOW, **lease) == []
    world.clock.advance(timedelta(seconds=10))
    (quick,) = await store.take(
        world.pool, now=world.clock.now(), lease_until=world.clock.now() + timedelta(seconds=10), **lease
    )
    assert (quick.fence > slow.fence, quick.tries) == (True, 2)
    later = NOW + timedelta(days=1)
    assert not await store.renew(world.pool, slow, lease_until=later)
    assert await store.renew(world.pool, quick, lease_until=world.clock.now() + timedelta(seconds=10))
    assert not await store.finish(world.pool, slow)
    assert not await store.arm_again(world.pool, slow, due_at=later)
    assert not await store.back_off(world.pool, slow, due_at=later, error="x")
    assert not await store.park(world.pool, slow, error="x")
    assert await store.finish(world.pool, quick)


@pytest.mark.parametrize("answer", [Finished(), Again(timedelta(hours=1)), ValueError()])
async def test_armed_anew_while_its_handler_runs_the_newer_arming_stays(
    world: World, answer: Outcome | Exception
) -> None:
    subject = world.new()
    await world.arm(subject, step=1)

    async def arms_anew(timer: Timer) -> Outcome:
        if timer.data["step"] == 1:
            await world.arm(subject, after_s=7, step=2)
            world.answers = [answer]
        return await world.handle(timer)

    timers = world.timers(handlers={"ask": arms_anew})
    assert await timers.run_due() == 1
    (standing,) = await waiting(world.pool)
    assert (standing.state, standing.due_at, standing.tries) == ("armed", NOW + timedelta(seconds=7), 0)
    world.clock.advance(timedelta(seconds=7))
    assert await timers.run_due() == 1
    assert world.handled[-1].data == {"step": 2}
    assert await world.left() == 0


async def test_ended_and_armed_while_its_handler_runs(world: World) -> None:
    subject = world.new()
    await world.arm(subject)
    (old,) = await store.take(
        world.pool, kinds=["ask"], now=NOW, lease_until=NOW + timedelta(seconds=9), owner="w", most=1
    )
    await world.end(subject)
    await world.arm(subject, after_s=3)
    assert not await store.finish(world.pool, old)
    assert await world.left() == 1


async def test_a_handler_that_never_ends_is_cancelled_and_tried_again(world: World) -> None:
    await world.arm(world.new())

    async def hangs(timer: Timer) -> Outcome:
        world.handled.append(timer)
        await asyncio.Event().wait()
        raise AssertionError

    await world.timers(handlers={"ask": hangs}, longest=timedelta(milliseconds=30)).run_due()
    (standing,) = await waiting(world.pool)
    assert (standing.state, standing.last_error) == ("armed", "TimeoutError")


async def test_a_lease_is_renewed_for_as_long_as_the_handler_works(world: World) -> None:
    await world.arm(world.new())
    seen: list[datetime] = []

    async def works(_timer: Timer) -> Outcome:
        async with asyncio.timeout(10):
            while len(set(seen)) < 3:  # the clock of the leases moves on with every look
                world.clock.advance(timedelta(milliseconds=10))
                seen.append(await world.pool.fetchval("SELECT lease_until FROM timer"))
        return Finished()

    assert await world.timers(handlers={"ask": works}, lease=timedelta(milliseconds=60)).run_due() == 1
    assert await world.left() == 0


async def test_a_handler_whose_timer_was_taken_by_another_is_stopped_and_ends_nothing(world: World) -> None:
    subject = world.new()
    await world.arm(subject)
    stopped = asyncio.Event()

    async def works(_timer: Timer) -> Outcome:
        await world.pool.execute("UPDATE timer SET fence = nextval('timer_fence'), owner = 'other'")
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()
        raise AssertionError

    await world.timers(handlers={"ask": works}, lease=timedelta(milliseconds=30)).run_due()
    assert stopped.is_set()
    assert [(one.state, one.owner) for one in await waiting(world.pool)] == [("taken", "other")]


async def test_what_was_taken_too_often_without_a_word_is_put_before_a_person(world: World) -> None:
    await world.arm(world.new())
    await world.pool.execute("UPDATE timer SET tries = 3")
    await world.timers(otherwise=BackOff(tries=3)).run_due()
    assert world.handled == []
    assert [one.last_error for one in await parked(world.pool)] == ["LeaseLostError"]


class Running:
    """A worker running beside the test."""

    def __init__(self, timers: Any) -> None:
        self.timers = timers

    async def __aenter__(self) -> Any:
        self._task = asyncio.create_task(self.timers.run())
        return self.timers

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


async def test_a_running_worker_polls(world: World) -> None:
    async with Running(world.timers()):
        await world.arm(world.new())
        await until(lambda: len(world.handled) == 1)
    await _empty(world)


async def test_a_nudge_is_heard_at_once(world: World) -> None:
    async with Running(world.timers(poll=timedelta(hours=1))) as timers:
        await world.arm(world.new())
        timers.nudge()
        await until(lambda: len(world.handled) == 1)


async def test_no_more_than_its_concurrency_at_a_time(world: World) -> None:
    for _ in range(9):
        await world.arm(world.new())
    running, most, release = 0, 0, asyncio.Semaphore(0)

    async def counts(_timer: Timer) -> Outcome:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await release.acquire()
        running -= 1
        return await world.handle(_timer)

    async with Running(world.timers(handlers={"ask": counts}, concurrency=3)):
        await until(lambda: running == 3)
        for _ in range(9):
            release.release()
        await until(lambda: len(world.handled) == 9)
    assert most == 3


async def test_a_stopped_worker_leaves_its_timers_to_the_lease(world: World) -> None:
    await world.arm(world.new())
    entered = asyncio.Event()

    async def hangs(_timer: Timer) -> Outcome:
        entered.set()
        await asyncio.Event().wait()
        raise AssertionError

    async with Running(world.timers(handlers={"ask": hangs})):
        await entered.wait()
    assert [standing.state for standing in await waiting(world.pool)] == ["taken"]
    world.clock.advance(timedelta(minutes=2))
    assert await world.timers().run_due() == 1


async def test_books_away_for_a_moment_are_waited_for(world: World) -> None:
    timers = world.timers()
    real, tried = timers._take, 0

    async def away(most: int) -> list[Timer]:
        nonlocal tried
        tried += 1
        if tried == 1:
            raise ConnectionRefusedError
        return await real(most)

    timers._take = away  # type: ignore[method-assign]
    await world.arm(world.new())
    async with Running(timers):
        await until(lambda: len(world.handled) == 1)


async def _empty(world: World) -> None:
    async with asyncio.timeout(10):
        while await world.left():  # noqa: ASYNC110 - there is no event of it on this side
            await asyncio.sleep(0.005)
