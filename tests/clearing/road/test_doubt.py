"""What was told 98 does not stand, and what may stand is not told 98, whatever books, clock or crash do to it."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from gateway.app.desks.payments import PaymentService
from gateway.clearing import store as clearing_store
from gateway.clearing.change import WITHDRAW, arm
from gateway.journal import Change, InDoubtError, Refused
from gateway.kernel.reasons import Reason
from gateway.parties.store import scope_of
from gateway.payments.model import Original, Transaction

GONE = ("declined", "reversing", "reversed")


@pytest.fixture
def around(monkeypatch):
    """Put something around the posts whose reason begins so."""

    def wrap(world, why, act):
        post = world.journal.post

        async def posting(change):
            return await (act(post, change) if change.why.startswith(why) else post(change))

        monkeypatch.setattr(world.journal, "post", posting)

    return wrap


async def outlasting(post, change):
    """The commit is done in time, its receipt comes when the budget has ended."""
    receipt = await post(change)
    await asyncio.sleep(0.5)
    return receipt


async def until(world, record, *states):
    async with asyncio.timeout(10):
        while (await world.only(record.reference.trace)).state not in states:  # noqa: ASYNC110 - the books give no sign
            await asyncio.sleep(0.01)


def again(world, record, within=2.0):
    return replace(record, answer_by=world.clock.monotonic() + within, repeat=True)


@pytest.mark.parametrize("transaction", [Transaction.PURCHASE, Transaction.VOID])
async def test_an_approval_in_doubt_is_told_to_nobody_and_a_repeat_learns_that_it_landed(world, around, transaction):
    sale, landing = await world.sold(), []

    async def doubt(post, change):
        landing.append(asyncio.create_task(post(change)))
        raise InDoubtError

    around(world, f"{transaction} approved", doubt)
    record = world.record(transaction, original=Original(rrn=sale.rrn))
    assert await world.road.carrier.carry(record) is None
    await asyncio.gather(*landing)
    assert (await world.only(record.reference.trace)).state == "approved"
    assert (await world.road.carrier.carry(again(world, record))).reason is Reason.DONE
    await world.run_timers()
    assert (await world.only(record.reference.trace)).state == "approved"


async def test_an_approval_in_doubt_that_landed_is_undone_by_the_terminals_reversal(world, around):
    landing = []

    async def doubt(post, change):
        landing.append(asyncio.create_task(post(change)))
        raise InDoubtError

    around(world, "purchase approved", doubt)
    record = world.record()
    assert await world.road.carrier.carry(record) is None
    await asyncio.gather(*landing)
    assert (await world.reverse(record.reference.trace)).reason is Reason.DONE
    await world.run_timers()
    assert (await world.only(record.reference.trace)).state == "reversed"
    assert set((await world.books()).values()) == {0}


async def test_an_approval_in_doubt_that_never_lands_is_given_up(world, around):
    async def doubt(post, change):
        raise InDoubtError

    around(world, "purchase approved", doubt)
    record = world.record()
    assert await world.road.carrier.carry(record) is None
    await world.run_timers()
    operation = await world.only(record.reference.trace)
    assert (operation.state in GONE, operation.told) == (True, "no_answer")
    assert (await world.road.carrier.carry(again(world, record))).reason is Reason.NO_ANSWER


async def test_nobody_is_told_98_while_an_approval_is_on_its_way(world, around):
    """A repeat whose budget ends meanwhile hears nothing; the first is told what comes of it."""
    posted, go = asyncio.Event(), asyncio.Event()

    async def held(post, change):
        posted.set()
        await go.wait()
        return await post(change)

    around(world, "purchase approved", held)
    record = world.record()
    first = asyncio.create_task(world.road.carrier.carry(record))
    await posted.wait()
    heard = await world.road.carrier.carry(again(world, record, within=0.1))
    go.set()
    assert heard is None
    assert (await first).reason is Reason.DONE


async def test_a_broken_road_tells_98_only_of_what_it_has_begun(world, around):
    broken = iter([OSError("gone"), OSError("gone")])

    async def failing(post, change):
        if (fault := next(broken, None)) is not None:
            raise fault
        return await post(change)

    around(world, "purchase declined", failing)
    record = world.record(behaviour="151")
    assert (await world.road.carrier.carry(record)).reason is Reason.NO_ANSWER
    around(world, "purchase accepted", failing)
    assert await world.pay() is None
    await world.run_timers()
    assert (await world.only(record.reference.trace)).state in GONE


async def test_a_crash_after_a_late_approval_leaves_the_guard_to_undo_it(guarded, around):
    around(guarded, "purchase approved", outlasting)
    guarded.faults.point = "clearing.concluded"
    record = guarded.record(budget=0.4)
    assert await guarded.road.carrier.carry(record) is None
    await guarded.road.carrier.drain()
    assert (await guarded.only(record.reference.trace)).state == "approved"

    reborn = await guarded.build()
    await reborn.run_timers()
    operation = await reborn.only(record.reference.trace)
    assert (operation.state, operation.told) == ("reversed", "no_answer")
    assert await reborn.timer_kinds() == []


async def test_a_late_approval_that_is_told_is_let_stand_first(guarded, around):
    posts = []

    async def noted(post, change):
        posts.append(change.why)
        return await post(change)

    around(guarded, "", noted)
    assert (await guarded.pay()).reason is Reason.DONE
    assert posts[1:] == ["purchase approved by the bank", "the approval was durable in time"]
    assert await guarded.timer_kinds() == []


async def test_a_late_approval_whose_guard_cannot_be_ended_is_told_to_nobody_and_undone(guarded, around):
    async def gone(post, change):
        return Refused(Reason.UNREACHABLE, "the books cannot be reached")

    around(guarded, "the approval was durable", gone)
    record = guarded.record()
    assert await guarded.road.carrier.carry(record) is None
    await guarded.run_timers()
    assert set((await guarded.books()).values()) == {0}
    assert (await guarded.road.carrier.carry(again(guarded, record))).reason is Reason.NO_ANSWER


async def test_an_approval_that_reaches_the_books_too_late_is_given_up(world, around):
    async def queued(post, change):
        await asyncio.sleep(0.5)
        return await post(change)

    around(world, "purchase approved", queued)
    record = world.record(budget=0.4)
    assert await world.road.carrier.carry(record) is None
    await world.road.carrier.drain()
    operation = await world.only(record.reference.trace)
    assert (operation.state, operation.told) == ("reversing", "no_answer")
    repeated = await world.road.carrier.carry(again(world, record))
    assert (repeated.reason, repeated.answered_at) == (Reason.NO_ANSWER, operation.answered_at)
    assert await world.instruction_states(operation.id) == [
        ("pay", "unknown", "no_answer"),
        ("reverse", "routed", "waiting"),
    ]


async def test_nobody_is_told_anything_while_an_approval_may_be_withdrawn(guarded, around):
    around(guarded, "purchase approved", outlasting)
    other = await guarded.build()
    record = guarded.record(budget=0.4)
    assert await guarded.road.carrier.carry(record) is None
    await until(guarded, record, "approved")
    service, sees = PaymentService(pool=guarded.pool), await scope_of(guarded.pool, guarded.merchant.id)
    assert sees is not None
    operation = await guarded.only(record.reference.trace)
    assert (await service.find(sees, payment=operation.id)).state == "sent"
    for world in (guarded, other):
        enquired = await world.enquire(record.reference.trace)
        assert (enquired.reason, enquired.standing) == (Reason.IN_PROGRESS, "in progress")
        assert await world.road.carrier.carry(again(world, record, within=0.2)) is None
    await guarded.road.carrier.drain()
    await guarded.run_timers()
    assert (await guarded.enquire(record.reference.trace)).standing == "reversed"
    assert (await service.find(sees, payment=operation.id)).state == "reversed"
    assert (await guarded.road.carrier.carry(again(guarded, record))).reason is Reason.NO_ANSWER


async def test_an_approval_stands_once_nothing_guards_it(world):
    sale = await world.sold()
    assert await clearing_store.stands(world.pool, sale.id)
    await guard(world, sale)
    assert not await clearing_store.stands(world.pool, sale.id)
    await world.run_timers()
    assert not await clearing_store.stands(world.pool, sale.id)


async def test_a_guarded_approval_that_was_refunded_meanwhile_is_a_question(world):
    sale = await world.sold()
    assert (await world.refund(sale, 100)).reason is Reason.DONE
    await guard(world, sale)
    await world.run_timers()
    assert await world.questions() == ["told_98_stands"]
    assert (await world.fresh(sale.id)).state == "approved"
    assert await world.timer_kinds() == []


async def test_a_guarded_approval_waits_for_its_open_counter_operation(world, monkeypatch):
    sale = await world.sold()
    monkeypatch.setattr(world.bank, "silent", True)
    assert (await world.refund(sale, 100, budget=0.3)).reason is Reason.NO_ANSWER
    await guard(world, sale)
    [timer] = [each for each in await world.timers._take(10) if each.kind == WITHDRAW]
    await world.timers._handle(timer)
    assert (await world.fresh(sale.id)).state == "approved"
    assert WITHDRAW in await world.timer_kinds()


async def guard(world, sale):
    now = world.clock.now()
    timer = arm(WITHDRAW, sale.id, now)
    await world.journal.post(Change(id=world.ids.new(), who="test", why="guarded", occurred_at=now, records=(timer,)))


async def test_a_repeat_that_is_told_98_binds_the_first(world):
    world.bank.gate = asyncio.Event()
    record = world.record()
    first = asyncio.create_task(world.road.carrier.carry(record))
    await world.bank.asked.wait()
    repeat = replace(record, answer_by=world.clock.monotonic() + 0.1, repeat=True)
    assert (await world.road.carrier.carry(repeat)).reason is Reason.NO_ANSWER
    world.bank.gate.set()
    assert (await first).reason is Reason.NO_ANSWER
    await world.road.carrier.drain()
    assert (await world.only(record.reference.trace)).state == "reversing"
