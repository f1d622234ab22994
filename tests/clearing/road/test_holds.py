"""Pre-authorisations: held at the bank, completed up to 115 per cent, voided; and the undoing of each."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from channels.instruction import Ask
from gateway.clearing.change import EXPIRE_HOLD
from gateway.kernel.reasons import Reason
from gateway.payments.model import CardData, Original, Transaction

HELD, COMPLETION = Transaction.PREAUTHORISATION, Transaction.COMPLETION
NOTHING = {0}


async def standing(world, of) -> tuple[str, int, bool]:
    now = await world.fresh(of.id)
    return now.state, now.rest_minor, now.counter_id is not None


async def test_a_hold_posts_nothing_and_stands_on_its_record(world):
    hold = await world.hold(1_000_000)
    assert set((await world.books()).values()) == NOTHING
    assert await standing(world, hold) == ("held", 1_000_000, False)
    assert (hold.told, hold.transfer_id, hold.approval_code) == ("done", None, "123456")
    assert (await world.enquire(hold)).standing == "approved"
    assert await world.instruction_states(hold.id) == [(Ask.AUTHORISE, "success", "answered")]


async def test_a_completion_is_a_sale_and_takes_the_whole_hold(world):
    hold = await world.hold(1_000_000)
    answer = await world.complete(hold, 900_000)
    assert answer.reason is Reason.DONE
    assert await world.books() == {
        "channel.due": 900_000,
        "merchant.M": 894_600,
        "merchant.M.frozen": 0,
        "income.merchant_fee": 5_400,
        "channel.fee_owed": 4_500,
        "expense.channel_cost": 4_500,
    }
    assert await world.unripe() == 894_600
    assert await standing(world, hold) == ("completed", 0, False)
    enquired = await world.enquire(hold)
    assert (enquired.reason, enquired.standing) == (Reason.DONE, "completed")
    sale = await world.operation(answer)
    assert (sale.original_id, sale.rest_minor, sale.card_mask) == (hold.id, 900_000, hold.card_mask)
    assert (await world.complete(hold, 100)).reason is Reason.WRONG_STATE
    assert (await world.release(hold)).reason is Reason.WRONG_STATE


@pytest.mark.parametrize(
    ("minor", "reason"),
    [(11_500, Reason.DONE), (11_501, Reason.LIMIT_EXCEEDED), (0, Reason.BAD_AMOUNT), (1, Reason.DONE)],
)
async def test_a_completion_goes_up_to_115_per_cent(world, minor, reason):
    hold = await world.hold(10_000)
    assert (await world.complete(hold, minor)).reason is reason
    assert (await world.fresh(hold.id)).state == ("completed" if reason is Reason.DONE else "held")


async def test_a_completion_is_priced_as_of_its_hold(world):
    hold = await world.hold(10_000)
    sale = await world.operation(await world.complete(hold, 10_000))
    assert (sale.fee_minor, sale.cost_minor, sale.fee_version is not None) == (60, 50, True)


async def test_what_names_no_hold_is_answered_25(world):
    hold, sale = await world.hold(), await world.sold()
    cases = {
        "another code": (hold, {"original": Original(batch=hold.batch, trace=hold.trace, approval_code="999999")}),
        "no such trace": (hold, {"original": Original(batch=hold.batch, trace="999999", approval_code="123456")}),
        "a purchase": (sale, {}),
        "the next day": (hold, {"original": replace_day(hold)}),
    }
    for name, (of, fields) in cases.items():
        assert (await world.complete(of, 10_000, **fields)).reason is Reason.ORIGINAL_NOT_FOUND, name
        assert (await world.release(of, **fields)).reason is Reason.ORIGINAL_NOT_FOUND, name
    assert (await world.void_completion(sale)).reason is Reason.ORIGINAL_NOT_FOUND
    assert (await world.void(hold)).reason is Reason.ORIGINAL_NOT_FOUND
    assert await standing(world, hold) == ("held", 10_000, False)


def replace_day(hold) -> Original:
    day = (hold.occurred_at + timedelta(days=1)).date()
    return Original(batch=hold.batch, trace=hold.trace, on=day, approval_code=hold.approval_code)


async def test_a_hold_is_completed_from_another_terminal_of_its_merchant(world):
    hold = await world.hold()
    assert (await world.complete(hold, 10_000, terminal="10000002")).reason is Reason.DONE


async def test_another_card_completes_nothing(world):
    hold = await world.hold()
    other = CardData(pan="6222020000000999")
    assert (await world.complete(hold, 10_000, card=other)).reason is Reason.BAD_CARD
    assert (await world.complete(hold, 10_000, card=CardData(pan="6222020000000001"))).reason is Reason.DONE


async def test_a_void_lets_the_hold_go(world):
    hold = await world.hold()
    assert (await world.release(hold)).reason is Reason.DONE
    assert await standing(world, hold) == ("released", 0, False)
    assert (await world.enquire(hold)).standing == "voided"
    assert (await world.complete(hold, 100)).reason is Reason.WRONG_STATE
    assert set((await world.books()).values()) == NOTHING


async def test_a_void_of_another_amount_is_refused(world):
    hold = await world.hold(10_000)
    answer = await world.on_hold(Transaction.PREAUTHORISATION_VOID, hold, 9_999)
    assert answer.reason is Reason.AMOUNT_EXCEEDS_ORIGINAL


async def test_a_voided_completion_leaves_its_hold_standing(world):
    hold = await world.hold()
    sale = await world.operation(await world.complete(hold, 9_000))
    assert (await world.void_completion(sale)).reason is Reason.DONE
    assert set((await world.books()).values()) == NOTHING
    assert await world.unripe() == 0
    assert await standing(world, hold) == ("held", 10_000, False)
    assert (await world.enquire(sale)).standing == "voided"
    assert (await world.complete(hold, 8_000)).reason is Reason.DONE
    assert await standing(world, hold) == ("completed", 0, False)


async def test_a_completion_is_refunded_as_a_purchase_is(world):
    sale = await world.operation(await world.complete(await world.hold(), 10_000))
    assert (await world.refund(sale, 4_000)).reason is Reason.DONE
    assert (await world.enquire(sale)).standing == "part refunded"
    assert (await world.void_completion(sale)).reason is Reason.WRONG_STATE


async def test_a_reversed_hold_is_told_to_the_bank(world):
    hold = await world.hold()
    assert (await world.reverse(hold)).reason is Reason.DONE
    assert (await world.fresh(hold.id)).state == "reversing"
    await world.run_timers()
    assert (await world.fresh(hold.id)).state == "reversed"
    assert world.bank.done[hold.instruction_number] == "reversed"
    assert (await world.complete(hold, 100)).reason is Reason.WRONG_STATE


@pytest.mark.parametrize("undo", ["completion", "void", "completion void"])
async def test_what_is_reversed_leaves_what_it_stood_on_standing(world, undo):
    hold = await world.hold()
    if undo == "void":
        done, before = await world.operation(await world.release(hold)), ("held", 10_000)
    else:
        done, before = await world.operation(await world.complete(hold, 10_000)), ("held", 10_000)
    if undo == "completion void":
        done, before = await world.operation(await world.void_completion(done)), ("completed", 0)
    assert (await world.reverse(done)).reason is Reason.DONE
    assert (await standing(world, hold))[:2] == before
    await world.run_timers()
    assert (await world.fresh(done.id)).state == "reversed"
    assert await standing(world, hold) == (*before, False)
    assert await world.imbalance() == 0
    books = await world.books()
    assert books["channel.due"] == (10_000 if undo == "completion void" else 0)


async def test_a_completed_hold_is_not_reversed(world):
    hold = await world.hold()
    await world.complete(hold, 10_000)
    assert (await world.reverse(hold)).reason is Reason.WRONG_STATE


async def test_an_undone_void_of_a_completion_whose_hold_was_completed_again_is_too_late(world):
    hold = await world.hold()
    sale = await world.operation(await world.complete(hold, 9_000))
    void = await world.operation(await world.void_completion(sale))
    assert (await world.complete(hold, 8_000)).reason is Reason.DONE
    assert (await world.reverse(void, minor=9_000)).reason is Reason.WRONG_STATE


@pytest.mark.parametrize("transaction", [HELD, COMPLETION, Transaction.PREAUTHORISATION_VOID])
async def test_what_is_told_98_is_undone_and_the_hold_is_free_again(world, transaction):
    hold = await world.hold()
    world.bank.silent = True
    if transaction is HELD:
        record = world.record(transaction, behaviour="600", budget=0.5)
    else:
        original = Original(batch=hold.batch, trace=hold.trace, approval_code=hold.approval_code)
        record = world.record(transaction, original=original, budget=0.5)
    answer = await world.road.carrier.carry(record)
    assert answer.reason is Reason.NO_ANSWER
    await world.road.carrier.drain()
    world.bank.silent = False
    await world.run_timers()
    told = await payments_by(world, record.reference.trace)
    assert (told.state, told.told) == ("reversed", "no_answer")
    assert await standing(world, hold) == ("held", 10_000, False)
    assert set((await world.books()).values()) == NOTHING


async def payments_by(world, trace):
    found = await world.only(trace)
    return await world.fresh(found.id)


async def test_a_declined_completion_leaves_the_hold(world):
    hold = await world.hold(behaviour="000")
    world.bank.refuse = "51"
    declined = await world.complete(hold, 10_000)
    assert declined.reason is Reason.INSUFFICIENT_FUNDS
    assert await standing(world, hold) == ("held", 10_000, False)


async def test_two_completions_at_once_are_one(world):
    hold = await world.hold()
    answers = await asyncio.gather(world.complete(hold, 10_000), world.complete(hold, 10_000))
    assert sorted(each.reason for each in answers) == [Reason.DONE, Reason.WRONG_STATE]
    assert (await world.books())["channel.due"] == 10_000


async def test_a_repeat_gets_the_first_answer(world):
    record = world.record(HELD)
    first = await world.road.carrier.carry(record)
    again = await world.road.carrier.carry(replace(record, repeat=True))
    assert (again.rrn, again.reason, again.replayed) == (first.rrn, Reason.DONE, True)


async def test_a_hold_expires(world):
    hold, kept = await world.hold(), await world.hold()
    await world.complete(kept, 10_000)
    assert (await world.timer_kinds()).count(EXPIRE_HOLD) == 2
    await world.run_timers(holds=True)
    assert await standing(world, hold) == ("expired", 0, False)
    assert (await world.complete(hold, 100)).reason is Reason.WRONG_STATE
    assert (await world.enquire(hold)).standing == "voided"
    assert await standing(world, kept) == ("completed", 0, False)


async def test_a_killed_process_leaves_no_hold_hanging(world):
    world.faults.point = "clearing.answered"
    record = world.record(HELD, budget=10.0)
    await world.road.carrier.carry(record)
    await world.run_timers()
    await world.run_timers()
    assert (await world.only(record.reference.trace)).state == "reversed"


async def test_a_balance_is_asked_for_and_leaves_no_trace(world):
    answer = await world.carry(Transaction.BALANCE, minor=None)
    assert answer.reason is Reason.DONE
    assert [(each.unit, each.amount_minor) for each in answer.balances] == [("CNY", 123_456)]
    assert await world.pool.fetchval("SELECT count(*) FROM operation") == 0
    declined = await world.carry(Transaction.BALANCE, minor=None, behaviour="151")
    assert declined.reason is Reason.INSUFFICIENT_FUNDS
    assert (await world.carry(Transaction.BALANCE, minor=None, behaviour="200")).reason is Reason.NO_ANSWER
    world.bank.down = True
    assert (await world.carry(Transaction.BALANCE, minor=None)).reason is Reason.UNREACHABLE
