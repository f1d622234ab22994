"""A process that dies at any point: what was committed and not concluded is picked up once, from the books alone."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from channels.instruction import Approved, Declined
from gateway.kernel.reasons import Reason
from gateway.ledger import Purpose
from gateway.parties import PLATFORM
from gateway.payments import store
from gateway.payments.model import Original, Transaction

POINTS = ("clearing.decided", "clearing.sending", "clearing.answered")


async def die_at(world, point, record):
    world.faults.point = point
    await world.road.carrier.carry(record)
    await world.road.carrier.drain()
    assert world.faults.point == ""
    return await world.only(record.reference.trace)


@pytest.mark.parametrize("point", POINTS)
async def test_a_purchase_is_undone_after_a_crash(world, point):
    record = world.record()
    operation = await die_at(world, point, record)
    assert operation.state == "sent"
    reborn = await world.build()

    assert await reborn.run_timers() == 2
    after = await reborn.fresh(operation.id)
    assert (after.state, after.told) == ("reversed", "no_answer")
    assert set((await reborn.books()).values()) == {0}
    assert world.bank.done[operation.instruction_number] == ("reversed" if point == "clearing.answered" else "barred")
    asked = [number for path, number in world.bank.seen if path == "/ask"]
    assert asked.count(operation.instruction_number) == (1 if point == "clearing.answered" else 0)
    assert await reborn.timer_kinds() == []


async def test_a_declined_one_ends_declined_after_a_crash(world):
    operation = await die_at(world, "clearing.answered", world.record(behaviour="151"))
    reborn = await world.build()
    await reborn.run_timers()
    assert (await reborn.fresh(operation.id)).state == "declined"


async def test_what_was_answered_stays_after_a_crash(world):
    record = world.record()
    operation = await die_at(world, "clearing.concluded", record)
    assert operation.state == "approved"
    reborn = await world.build()
    assert await reborn.run_timers() == 0
    again = await reborn.road.carrier.carry(replace(record, answer_by=world.clock.monotonic() + 2))
    assert (again.reason, again.replayed) == (Reason.DONE, True)


async def test_an_approved_refund_is_posted_after_a_crash(world):
    sale = await world.sold()
    record = world.record(Transaction.REFUND, original=Original(rrn=sale.rrn), minor=4_000)
    operation = await die_at(world, "clearing.answered", record)
    reborn = await world.build()
    await reborn.run_timers()
    assert (await reborn.fresh(operation.id)).state == "approved"
    assert (await reborn.books())["channel.due"] == 6_000


@pytest.mark.parametrize("point", POINTS)
async def test_a_void_is_undone_after_a_crash(world, point):
    sale = await world.sold()
    before = await world.books()
    record = world.record(Transaction.VOID, original=Original(rrn=sale.rrn))
    operation = await die_at(world, point, record)
    reborn = await world.build()
    await reborn.run_timers()
    assert (await reborn.fresh(operation.id)).state == "reversed"
    assert (await reborn.fresh(sale.id)).counter_id is None
    assert await reborn.books() == before


@pytest.mark.parametrize("point", ["clearing.sending", "clearing.answered", "clearing.concluded"])
async def test_the_lane_survives_a_crash(world, point):
    sale = await world.sold()
    await world.reverse(sale)
    world.faults.point = point
    await world.run_timers()
    reborn = await world.build()
    await world.pool.execute("UPDATE timer SET due_at = now(), lease_until = NULL, state = 'armed'")
    await reborn.run_timers()
    assert (await reborn.fresh(sale.id)).state == "reversed"
    assert world.bank.done[sale.instruction_number] == "reversed"
    assert await reborn.timer_kinds() == []


async def test_recovery_leaves_alone_what_is_still_carried(world):
    operation = await die_at(world, "clearing.answered", world.record())
    await world.pool.execute("UPDATE timer SET due_at = now()")
    timers = await world.timers._take(10)
    await world.timers._handle(timers[0])
    assert (await world.fresh(operation.id)).state == "sent"


async def test_a_file_decides_what_stayed_unknown(world):
    sale = await world.sold()
    world.bank.silent = True
    record = world.record(Transaction.REFUND, original=Original(rrn=sale.rrn), minor=4_000, budget=0.3)
    await world.road.carrier.carry(record)
    refund = await world.only(record.reference.trace)
    outcome = Approved(bank_reference="F1")

    assert await world.road.conclusions.conclude_from_file(refund.instruction_id, outcome)
    assert (await world.fresh(refund.id)).state == "approved"
    assert not await world.road.conclusions.conclude_from_file(refund.instruction_id, outcome)
    assert not await world.road.conclusions.conclude_from_file(sale.instruction_id, outcome)
    assert await world.timer_kinds() == []


async def test_a_final_answer_against_a_final_one_is_a_question(world):
    operation = await world.operation(await world.pay(behaviour="151"))
    case = await world.road.conclusions.case(operation.id)
    approved = Approved(bank_reference="B2")
    for _ in range(2):
        await world.road.conclusions.conclude(case, approved, ripens_at_once=False, who="test")
    assert await world.questions() == ["late_answer_differs"]
    assert (await world.fresh(operation.id)).state == "declined"
    assert await suspended(world) == (10_000, -10_000)


async def suspended(world):
    assert await world.imbalance() == 0
    due = await world.balance(world.channel.id, Purpose.DUE)
    return due, await world.balance(PLATFORM, Purpose.SUSPENSE, "diff")


@pytest.mark.parametrize("transaction", [Transaction.VOID, Transaction.REFUND])
async def test_a_late_approval_of_a_declined_void_or_refund_stands_in_suspense_once(world, transaction, monkeypatch):
    sale = await world.sold()
    monkeypatch.setattr(world.bank, "_do", lambda _: "51")
    record = world.record(transaction, original=Original(rrn=sale.rrn))
    assert (await world.road.carrier.carry(record)).reason is Reason.INSUFFICIENT_FUNDS
    case = await world.road.conclusions.case((await world.only(record.reference.trace)).id)
    late = (
        world.road.conclusions.conclude(case, Approved(bank_reference="B2"), ripens_at_once=False, who="test")
        for _ in range(3)
    )
    await asyncio.gather(*late)
    assert await suspended(world) == (0, 10_000)
    assert await world.questions() == ["late_answer_differs"]
    assert (await world.only(record.reference.trace)).state == "declined"


async def test_a_late_decline_of_an_approved_sale_stands_in_suspense_once(world):
    sale = await world.sold()
    for _ in range(2):
        case = await world.road.conclusions.case(sale.id)
        declined = Declined(code="05", reason="bank_declined")
        await world.road.conclusions.conclude(case, declined, ripens_at_once=False, who="test")
    assert await suspended(world) == (0, 10_000)
    assert await world.questions() == ["late_answer_differs"]
    assert (await world.fresh(sale.id)).state == "approved"


async def test_what_a_file_has_settled_is_not_suspended_a_second_time(world):
    operation = await world.operation(await world.pay(behaviour="151"))
    await world.pool.execute("UPDATE instruction SET result = 'status_differs' WHERE id = $1", operation.instruction_id)
    case = await world.road.conclusions.case(operation.id)
    await world.road.conclusions.conclude(case, Approved(bank_reference="B2"), ripens_at_once=False, who="test")
    assert await suspended(world) == (0, 0)
    assert await world.questions() == ["late_answer_differs"]


async def test_an_approval_after_the_bank_knew_nothing_for_long_enough_stands_in_suspense(world):
    world.bank.not_found_is_final_after_s = 0
    world.bank.gate = asyncio.Event()
    record = world.record(budget=0.3)
    assert (await world.road.carrier.carry(record)).reason is Reason.NO_ANSWER
    gate, world.bank.gate, world.bank.refuse_reversals = world.bank.gate, None, True
    for _ in range(3):
        await world.run_timers()
    operation = await world.only(record.reference.trace)
    assert operation.state == "declined"
    gate.set()
    await world.road.carrier.drain()
    assert world.bank.done[operation.instruction_number] == "success"
    assert await suspended(world) == (10_000, -10_000)
    assert await world.questions() == ["late_answer_differs"]


async def test_the_evidence_tells_the_story_in_order(world):
    sale = await world.sold()
    await world.reverse(sale)
    await world.run_timers()
    told = [(each.what, each.state) for each in await store.evidence(world.pool, sale.id)]
    assert told[:2] == [("operation", "sent"), ("instruction", "sent")]
    assert ("posting", "purchase") in told
    assert ("posting", "reversal") in told
    assert told[-1][1] in ("reversed", "cancelled", "success")
