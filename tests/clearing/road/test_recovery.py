"""A process that dies at any point: what was committed and not concluded is picked up once, from the books alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from channels.instruction import Approved
from gateway.kernel.reasons import Reason
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


async def test_the_evidence_tells_the_story_in_order(world):
    sale = await world.sold()
    await world.reverse(sale)
    await world.run_timers()
    told = [(each.what, each.state) for each in await store.evidence(world.pool, sale.id)]
    assert told[:2] == [("operation", "sent"), ("instruction", "sent")]
    assert ("posting", "purchase") in told
    assert ("posting", "reversal") in told
    assert told[-1][1] in ("reversed", "cancelled", "success")
