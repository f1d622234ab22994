"""Reversals: undone as soon as they are durable, whatever became of the original; the bank is told by its lane."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from gateway.kernel.reasons import Reason
from gateway.ledger import Purpose
from gateway.payments.model import Original, Transaction
from gateway.payments.operation import Operation


async def test_an_approved_sale_is_mirrored_at_once_and_the_bank_is_told_later(world):
    sale = await world.sold(1_000_000)
    answer = await world.reverse(sale, minor=1_000_000)

    assert answer.reason is Reason.DONE
    assert set((await world.books()).values()) == {0}
    assert await world.unripe() == 0
    assert (await world.fresh(sale.id)).state == "reversing"
    assert world.bank.done[sale.instruction_number] == "success"
    assert (await world.enquire(sale)).standing == "reversed"
    await world.run_timers()
    assert (await world.fresh(sale.id)).state == "reversed"
    assert world.bank.done[sale.instruction_number] == "reversed"
    assert (await world.instruction_states(sale.id))[0][:2] == ("pay", "cancelled")


async def test_a_repeated_reversal_gets_00_again(world):
    sale = await world.sold()
    record = world.record(Transaction.REVERSAL, trace=sale.trace)
    assert (await world.road.carrier.carry(record)).reason is Reason.DONE
    again = await world.road.carrier.carry(record)
    assert (again.reason, again.replayed) == (Reason.DONE, True)


async def test_a_sale_whose_money_is_gone_is_reversed_all_the_same(world):
    """A fact is always taken: what is missing becomes an advance."""
    sale = await world.sold(10_000)
    await world.withdraw_all()
    assert (await world.reverse(sale)).reason is Reason.DONE
    assert await world.balance(world.merchant.id, Purpose.ADVANCE) == 9_940
    assert await world.imbalance() == 0


async def test_a_reversal_meets_the_fronts_own(world):
    record = world.record(behaviour="600", budget=0.4)
    await world.road.carrier.carry(record)
    assert (await world.reverse(record.reference.trace)).reason is Reason.DONE


async def test_a_declined_original_is_answered_00(world):
    declined = await world.operation(await world.pay(behaviour="151"))
    assert (await world.reverse(declined)).reason is Reason.DONE
    assert (await world.fresh(declined.id)).state == "declined"


async def test_an_original_that_never_came_is_barred(world):
    answer = await world.reverse("000777")
    assert answer.reason is Reason.ORIGINAL_NOT_FOUND
    assert (await world.reverse("000777")).reason is Reason.ORIGINAL_NOT_FOUND
    assert (await world.enquire("000777")).standing == "never seen"
    late = await world.pay(trace="000777")
    assert (late.reason, late.operation) == (Reason.WRONG_STATE, None)
    assert world.bank.seen == []


async def test_a_reversal_waits_for_its_original_under_way(world):
    world.bank.gate = asyncio.Event()
    record = world.record()
    sale = asyncio.create_task(world.road.carrier.carry(record))
    await world.bank.asked.wait()
    reversal = asyncio.create_task(world.reverse(record.reference.trace))
    await asyncio.sleep(0.05)
    assert not reversal.done()
    world.bank.gate.set()

    assert (await sale).reason is Reason.DONE
    assert (await reversal).reason is Reason.DONE
    assert set((await world.books()).values()) == {0}


async def test_a_reversal_in_another_process_waits_too(world):
    other = await world.build()
    world.bank.gate = asyncio.Event()
    record = world.record()
    sale = asyncio.create_task(world.road.carrier.carry(record))
    await world.bank.asked.wait()
    reversal = asyncio.create_task(other.reverse(record.reference.trace))
    await asyncio.sleep(0.05)
    assert not reversal.done()
    world.bank.gate.set()
    await sale
    assert (await reversal).reason is Reason.DONE


async def test_a_reversal_whose_budget_ends_first_is_answered_98_and_leaves_no_trace(world):
    world.bank.gate = asyncio.Event()
    record = world.record()
    sale = asyncio.create_task(world.road.carrier.carry(record))
    await world.bank.asked.wait()
    answer = await world.reverse(record.reference.trace, budget=0.2)
    assert (answer.reason, answer.operation) == (Reason.NO_ANSWER, None)
    world.bank.gate.set()
    await sale
    assert (await world.reverse(record.reference.trace)).reason is Reason.DONE


async def test_purchase_and_reversal_at_the_same_moment_end_in_one_of_two_ways(world):
    for number in range(20):
        trace = f"9{number:05d}"
        sale, reversal = await asyncio.gather(world.pay(trace=trace), world.reverse(trace))
        pair = (sale.reason, reversal.reason)
        assert pair in ((Reason.DONE, Reason.DONE), (Reason.WRONG_STATE, Reason.ORIGINAL_NOT_FOUND))
    assert set((await world.books()).values()) == {0}


async def test_a_reversed_void_leaves_its_original_standing(world):
    sale = await world.sold(1_000_000)
    before, unripe = await world.books(), await world.unripe()
    void = await world.operation(await world.void(sale))
    assert (await world.reverse(void, minor=1_000_000)).reason is Reason.DONE

    assert await world.books() == before
    assert await world.unripe() == unripe
    assert (await world.enquire(sale)).standing == "approved"
    waiting = asyncio.create_task(world.void(sale, budget=5.0))
    await asyncio.sleep(0)
    await world.run_timers()
    assert (await waiting).reason is Reason.DONE
    after = await world.fresh(sale.id)
    assert (after.rest_minor, after.reversed_minor, after.voided, after.counter_id) == (0, 1_000_000, True, None)


async def test_a_void_is_not_taken_while_the_bank_has_not_heard_of_the_reversal_of_another(world):
    sale = await world.sold()
    void = await world.operation(await world.void(sale))
    await world.reverse(void)
    await _busy_until_the_bank_has_heard(world, sale, world.record(Transaction.VOID, original=Original(rrn=sale.rrn)))


async def _busy_until_the_bank_has_heard(world, sale, record):
    hurried = replace(record, answer_by=world.clock.monotonic() + 0.3)
    assert (await world.road.carrier.carry(hurried)).reason is Reason.BUSY
    assert (await world.enquire(record.reference.trace)).standing == "never seen"
    await world.run_timers()
    assert (await world.fresh(sale.id)).counter_id is None
    assert (
        await world.road.carrier.carry(replace(record, answer_by=world.clock.monotonic() + 2))
    ).reason is Reason.DONE


async def test_what_was_voided_or_refunded_cannot_be_reversed(world):
    voided, refunded = await world.sold(), await world.sold()
    await world.void(voided)
    await world.refund(refunded, 100)
    for sale in (voided, refunded):
        assert (await world.reverse(sale)).reason is Reason.WRONG_STATE


async def test_a_reversal_waits_for_a_refund_that_may_still_be_declined(world, monkeypatch):
    sale = await world.sold()
    world.bank.gate = asyncio.Event()
    world.bank.asked.clear()
    monkeypatch.setattr(world.bank, "_do", lambda _: "51")
    refund = asyncio.create_task(world.refund(sale, 4_000))
    await world.bank.asked.wait()
    reversing = asyncio.create_task(world.reverse(sale))
    done, _ = await asyncio.wait({reversing}, timeout=0.1)
    assert not done
    world.bank.gate.set()
    assert [(await refund).reason, (await reversing).reason] == [Reason.INSUFFICIENT_FUNDS, Reason.DONE]
    assert (await world.fresh(sale.id)).state == "reversing"


async def test_a_reversal_that_waits_in_vain_is_98_and_may_be_sent_again(world, monkeypatch):
    sale = await world.sold()
    monkeypatch.setattr(world.bank, "silent", True)
    refund = world.record(Transaction.REFUND, original=Original(rrn=sale.rrn), minor=4_000, budget=0.3)
    await world.road.carrier.carry(refund)
    assert (await world.reverse(sale, budget=0.3)).reason is Reason.NO_ANSWER
    monkeypatch.setattr(world.bank, "silent", False)
    await world.run_timers()
    assert (await world.only(refund.reference.trace)).state == "approved"
    assert (await world.reverse(sale)).reason is Reason.WRONG_STATE


async def test_another_amount_than_the_originals_is_refused(world):
    sale = await world.sold()
    assert (await world.reverse(sale, minor=1)).reason is Reason.AMOUNT_EXCEEDS_ORIGINAL
    assert (await world.fresh(sale.id)).state == "approved"


async def test_a_bank_that_refuses_makes_a_question_for_a_person(world):
    sale = await world.sold()
    world.bank.refuse_reversals = True
    assert (await world.reverse(sale)).reason is Reason.DONE
    await world.run_timers()

    assert await world.questions() == ["reversal_refused"]
    assert (await world.fresh(sale.id)).state == "reversing"
    assert (await world.reverse(sale)).reason is Reason.DONE
    assert await world.timer_kinds() == []


async def test_a_bank_that_refuses_because_it_had_declined_ends_it_declined(world):
    record = world.record(behaviour="600", budget=0.4)
    await world.road.carrier.carry(record)
    operation = await world.only(record.reference.trace)
    world.bank.refuse_reversals = True
    world.bank.done[operation.instruction_number] = "failed"
    await world.run_timers()

    after = await world.fresh(operation.id)
    assert (after.state, after.told) == ("declined", "no_answer")
    assert await world.questions() == []
    assert [state for _, state, _ in await world.instruction_states(operation.id)] == ["failed", "failed"]


async def test_a_lane_item_that_is_too_old_goes_to_a_person(world):
    sale = await world.sold()
    world.bank.down = True
    await world.reverse(sale)
    await world.pool.execute("UPDATE instruction SET created_at = created_at - interval '8 days'")
    await world.run_timers()
    assert await world.questions() == ["lane_expired"]
    assert await world.timer_kinds() == []


async def test_a_refund_is_repeated_never_reversed(world):
    sale = await world.sold()
    record = world.record(Transaction.REFUND, original=Original(rrn=sale.rrn), minor=100)
    await world.road.carrier.carry(record)
    refund: Operation = await world.only(record.reference.trace)
    assert (await world.reverse(refund, minor=100)).reason is Reason.ORIGINAL_NOT_FOUND
    assert (await world.fresh(refund.id)).state == "approved"
