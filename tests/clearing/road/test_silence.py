"""A silent bank: asked within the budget, told 98 at its end, and what an operation can still become then."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from gateway.clearing.conclusion import Conclusions
from gateway.journal import InDoubtError, Refused
from gateway.kernel.reasons import Reason
from gateway.payments.model import Original, Transaction


async def test_an_approval_found_by_a_query_is_answered_00(world):
    answer = await world.pay(behaviour="200")
    assert (answer.reason, answer.approval_code) == (Reason.DONE, "123456")
    assert [path for path, _ in world.bank.seen] == ["/ask", "/query"]
    assert (await world.books())["channel.due"] == 10_000


async def test_a_purchase_that_stays_silent_is_told_98_and_undone(world):
    record = world.record(behaviour="600", budget=0.4)
    answer = await world.road.carrier.carry(record)
    operation = await world.only(record.reference.trace)

    assert answer.reason is Reason.NO_ANSWER
    assert (operation.state, operation.told) == ("reversing", "no_answer")
    assert await world.instruction_states(operation.id) == [
        ("pay", "unknown", "no_answer"),
        ("reverse", "routed", "waiting"),
    ]
    assert await world.timer_kinds() == ["clearing.reverse"]
    assert (await world.enquire(operation)).standing == "reversed"

    await world.run_timers()
    after = await world.fresh(operation.id)
    assert after.state == "reversed"
    assert await world.instruction_states(operation.id) == [
        ("pay", "cancelled", "no_answer"),
        ("reverse", "success", "answered"),
    ]
    assert world.bank.done[operation.instruction_number] == "barred"
    assert set((await world.books()).values()) == {0}
    assert await world.timer_kinds() == []
    again = await world.road.carrier.carry(replace(record, answer_by=world.clock.monotonic() + 2))
    assert (again.reason, again.replayed) == (Reason.NO_ANSWER, True)


async def test_the_lane_goes_on_until_the_bank_has_answered(world):
    record = world.record(behaviour="600", budget=0.4)
    await world.road.carrier.carry(record)
    world.bank.down = True
    for _ in range(2):
        await world.pool.execute("UPDATE timer SET due_at = now()")
        timers = await world.timers._take(10)
        await asyncio.gather(*(world.timers._handle(timer) for timer in timers))
    operation = await world.only(record.reference.trace)
    assert (await world.instruction_states(operation.id))[1] == ("reverse", "sent", "send_failed")
    world.bank.down = False
    await world.run_timers()
    assert (await world.fresh(operation.id)).state == "reversed"


async def test_a_silent_void_is_undone_and_its_original_stands(world):
    sale = await world.sold()
    before, unripe = await world.books(), await world.unripe()
    original = Original(rrn=sale.rrn)
    world.bank.silent = True
    record = world.record(Transaction.VOID, original=original, budget=0.4)
    assert (await world.road.carrier.carry(record)).reason is Reason.NO_ANSWER
    void = await world.only(record.reference.trace)
    assert (await world.books())["merchant.M.frozen"] == void.net_minor
    assert (await world.fresh(sale.id)).counter_id == void.id

    world.bank.silent = False
    await world.run_timers()
    assert (await world.fresh(void.id)).state == "reversed"
    assert await world.books() == before
    assert await world.unripe() == unripe
    after = await world.fresh(sale.id)
    assert (after.state, after.voided, after.counter_id) == ("approved", False, None)
    assert (await world.enquire(sale)).standing == "approved"


async def test_a_silent_refund_is_never_undone_but_asked_about(world):
    sale = await world.sold()
    world.bank.silent = True
    record = world.record(Transaction.REFUND, original=Original(rrn=sale.rrn), minor=4_000, budget=0.4)
    answer = await world.road.carrier.carry(record)
    refund = await world.only(record.reference.trace)

    assert answer.reason is Reason.NO_ANSWER
    assert (refund.state, refund.told) == ("unknown", "no_answer")
    assert (await world.enquire(refund)).standing == "in progress"
    repeated = await world.road.carrier.carry(replace(record, answer_by=world.clock.monotonic() + 2))
    assert repeated.reason is Reason.NO_ANSWER
    assert await world.timer_kinds() == ["clearing.ask"]

    world.bank.silent = False
    await world.run_timers()
    assert (await world.fresh(refund.id)).state == "approved"
    assert (await world.books())["channel.due"] == 6_000
    repeated = await world.road.carrier.carry(replace(record, answer_by=world.clock.monotonic() + 2))
    assert repeated.reason is Reason.DONE
    assert await world.timer_kinds() == []


async def test_not_found_ends_an_unknown_refund_only_by_two_queries_apart(world):
    sale = await world.sold()
    world.bank.not_found_is_final_after_s = 3600
    record = world.record(Transaction.REFUND, original=Original(rrn=sale.rrn), minor=4_000, behaviour="600", budget=0.4)
    record = replace(record, card=None)
    world.bank.silent = True
    await world.road.carrier.carry(record)
    refund = await world.only(record.reference.trace)
    world.bank.silent = False
    del world.bank.done[refund.instruction_number]

    async def ask_once():
        await world.pool.execute("UPDATE timer SET due_at = now()")
        for timer in await world.timers._take(10):
            await world.timers._handle(timer)

    await ask_once()
    await ask_once()
    assert (await world.fresh(refund.id)).state == "unknown"
    world.bank.not_found_is_final_after_s = 0
    await ask_once()
    assert (await world.fresh(refund.id)).state == "declined"
    assert (await world.books())["merchant.M.frozen"] == 0


async def test_two_not_founds_far_enough_apart_decline_within_the_budget(world):
    world.bank.not_found_is_final_after_s = 0
    answer = await world.pay(behaviour="600")
    assert answer.reason is Reason.UNREACHABLE
    assert (await world.operation(answer)).state == "declined"


async def test_an_approval_of_another_amount_is_no_approval(world):
    world.bank.amount_said = 1
    answer = await world.pay(budget=0.4)
    assert answer.reason is Reason.NO_ANSWER


async def test_a_late_answer_joins_its_operation(world):
    world.bank.gate = asyncio.Event()
    record = world.record(budget=0.3)
    assert (await world.road.carrier.carry(record)).reason is Reason.NO_ANSWER
    world.bank.gate.set()
    await world.road.carrier.drain()
    operation = await world.only(record.reference.trace)

    assert operation.state == "reversing"
    assert (await world.instruction_states(operation.id))[0] == ("pay", "success", "answered")
    assert set((await world.books()).values()) == {0}
    await world.run_timers()
    assert (await world.fresh(operation.id)).state == "reversed"
    assert world.bank.done[operation.instruction_number] == "reversed"


async def test_a_late_answer_to_a_refund_decides_it(world):
    sale = await world.sold()
    world.bank.gate = asyncio.Event()
    record = world.record(Transaction.REFUND, original=Original(rrn=sale.rrn), minor=4_000, budget=0.3)
    assert (await world.road.carrier.carry(record)).reason is Reason.NO_ANSWER
    world.bank.gate.set()
    await world.road.carrier.drain()
    assert (await world.only(record.reference.trace)).state == "approved"


async def test_an_approval_durable_only_after_the_budget_is_told_to_nobody_but_its_repeat(world, monkeypatch):
    """The commit of the approval hangs beyond the budget: the terminal hears nothing, so it repeats or reverses."""
    conclude, budget = Conclusions.conclude, 0.4
    record = world.record(budget=budget)

    async def slow(self, case, outcome, **fields):
        concluded = await conclude(self, case, outcome, **fields)
        await asyncio.sleep(budget + 0.1)
        return concluded

    monkeypatch.setattr(Conclusions, "conclude", slow)
    assert await world.road.carrier.carry(record) is None
    await world.road.carrier.drain()
    monkeypatch.undo()
    operation = await world.only(record.reference.trace)
    assert (operation.state, operation.told) == ("approved", "done")
    again = replace(record, answer_by=world.clock.monotonic() + 2, repeat=True)
    assert (await world.road.carrier.carry(again)).reason is Reason.DONE
    assert (await world.reverse(operation)).reason is Reason.DONE
    assert set((await world.books()).values()) == {0}
    assert await world.unripe() == 0


async def test_a_cancelled_door_does_not_stop_the_road(world):
    world.bank.gate = asyncio.Event()
    record = world.record()
    door = asyncio.create_task(world.road.carrier.carry(record))
    await world.bank.asked.wait()
    door.cancel()
    with pytest.raises(asyncio.CancelledError):
        await door
    world.bank.gate.set()
    await world.road.carrier.drain()
    assert (await world.only(record.reference.trace)).state == "approved"


async def test_a_first_commit_that_outlasts_the_budget_is_never_sent(world, monkeypatch):
    post = world.journal.post

    async def slow(change):
        receipt = await post(change)
        if change.why.startswith("purchase accepted"):
            await asyncio.sleep(0.4)
        return receipt

    monkeypatch.setattr(world.journal, "post", slow)
    record = world.record(budget=0.3)
    assert await world.road.carrier.carry(record) is None
    await world.road.carrier.drain()
    operation = await world.only(record.reference.trace)
    assert (operation.state, operation.reason, operation.told) == ("declined", "busy", "busy")
    assert world.bank.seen == []
    again = replace(record, answer_by=world.clock.monotonic() + 2, repeat=True)
    assert (await world.road.carrier.carry(again)).reason is Reason.BUSY


async def test_books_out_of_reach_leave_no_trace(world, monkeypatch):
    async def gone(*_, **__):
        raise OSError("no connection")

    monkeypatch.setattr(world.journal, "post", lambda _: _refused(Reason.UNREACHABLE))
    answer = await world.pay()
    assert (answer.reason, answer.operation) == (Reason.UNREACHABLE, None)
    assert await world.pay(repeat=True) is None
    monkeypatch.setattr("gateway.payments.store.standing_by_rrn", gone)
    answer = await world.carry(Transaction.REFUND, original=Original(rrn="632600001000"))
    assert (answer.reason, answer.operation) == (Reason.UNREACHABLE, None)
    assert world.bank.seen == []


async def test_a_first_commit_in_doubt_is_told_to_nobody_and_nothing_is_sent(world, monkeypatch):
    async def in_doubt(_):
        raise InDoubtError

    monkeypatch.setattr(world.journal, "post", in_doubt)
    assert await world.pay() is None
    assert world.bank.seen == []


async def _refused(reason):
    return Refused(reason, "the books cannot be reached")
