"""Voids and refunds: held when asked for, posted when approved, by the original's version and cumulatively."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.kernel.clock import SHANGHAI
from gateway.kernel.reasons import Reason
from gateway.keys.port import Digest
from gateway.payments.model import CardData, Original, Transaction

SOLD = {
    "channel.due": 1_000_000,
    "merchant.M": 994_000,
    "merchant.M.frozen": 0,
    "income.merchant_fee": 6_000,
    "channel.fee_owed": 5_000,
    "expense.channel_cost": 5_000,
}
NOTHING = dict.fromkeys(SOLD, 0)


async def test_two_refunds_of_worked_example_3(world):
    sale = await world.sold(1_000_000)

    first = await world.refund(sale, 400_000)
    assert first.reason is Reason.DONE
    assert await world.books() == {
        "channel.due": 600_000,
        "merchant.M": 596_400,
        "merchant.M.frozen": 0,
        "income.merchant_fee": 3_600,
        "channel.fee_owed": 3_000,
        "expense.channel_cost": 3_000,
    }
    assert (await world.enquire(sale)).standing == "part refunded"
    second = await world.refund(sale, 600_000)
    assert second.reason is Reason.DONE
    assert await world.books() == NOTHING
    after = await world.fresh(sale.id)
    assert (after.rest_minor, after.reversed_minor, after.counter_id) == (0, 1_000_000, None)
    assert (await world.enquire(sale)).standing == "refunded"
    assert (await world.refund(after, 1)).reason is Reason.AMOUNT_EXCEEDS_ORIGINAL
    assert await world.unripe() == 0


async def test_small_refunds_give_back_the_fee_to_the_fen(world):
    """A fee of 0.05 on 8.33: refunds of 2.78, 2.78 and 2.77 give back 0.02 + 0.01 + 0.02."""
    sale = await world.sold(833)
    assert sale.fee_minor == 5
    given = []
    for part in (278, 278, 277):
        refund = await world.operation(await world.refund(sale, part))
        given.append(refund.fee_minor)
    assert given == [2, 1, 2]
    assert await world.books() == NOTHING


async def test_a_void_gives_everything_back(world):
    sale = await world.sold(1_000_000)
    answer = await world.void(sale)

    assert answer.reason is Reason.DONE
    assert await world.books() == NOTHING
    assert await world.unripe() == 0
    assert (await world.enquire(sale)).standing == "voided"
    assert (await world.enquire(sale)).reason is Reason.WRONG_STATE
    assert (await world.void(sale)).reason is Reason.WRONG_STATE
    assert (await world.refund(sale, 100)).reason is Reason.WRONG_STATE


async def test_a_void_is_recorded_refused_with_its_reason(world):
    sale = await world.sold()
    cases = {
        "no such original": (Original(batch="000001", trace="999999", rrn="000000000000"), Reason.ORIGINAL_NOT_FOUND),
        "another trace": (Original(batch="000001", trace="999999", rrn=sale.rrn), Reason.ORIGINAL_NOT_FOUND),
        "nothing said": (None, Reason.ORIGINAL_NOT_FOUND),
    }
    for original, reason in cases.values():
        answer = await world.carry(Transaction.VOID, original=original)
        assert answer.reason is reason
        assert (await world.operation(answer)).state == "declined"
    other_amount = await world.carry(Transaction.VOID, original=Original(rrn=sale.rrn), minor=1)
    assert other_amount.reason is Reason.AMOUNT_EXCEEDS_ORIGINAL
    assert (await world.fresh(sale.id)).counter_id is None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"terminal": "10000002"}, Reason.ORIGINAL_NOT_FOUND),
        ({"batch": "000002"}, Reason.WRONG_STATE),
        ({"behaviour": "001"}, Reason.BAD_CARD),
    ],
    ids=["another terminal", "the batch was settled", "another card"],
)
async def test_who_may_not_void(world, change, reason):
    sale = await world.sold()
    original = Original(batch=sale.batch, trace=sale.trace, rrn=sale.rrn)
    answer = await world.carry(Transaction.VOID, original=original, **change)
    assert answer.reason is reason


async def test_no_void_after_the_day_is_closed(world):
    sale = await world.sold()
    await world.pool.execute("UPDATE journal_head SET open_day = open_day + 1")
    assert (await world.void(sale)).reason is Reason.WRONG_STATE


async def test_a_refund_comes_from_any_terminal_and_may_name_only_the_rrn(world):
    sale = await world.sold()
    today = world.clock.now()
    nowhere = Original(batch="000000", trace="000000", rrn=sale.rrn, on=_shanghai(today))
    answer = await world.carry(Transaction.REFUND, original=nowhere, minor=100, terminal="10000009")
    assert answer.reason is Reason.DONE
    other_day = Original(batch="000000", trace="000000", rrn=sale.rrn, on=_shanghai(today).replace(year=2020))
    answer = await world.carry(Transaction.REFUND, original=other_day, minor=100)
    assert answer.reason is Reason.ORIGINAL_NOT_FOUND


async def test_a_refund_may_be_dated_as_any_answer_was(world):
    """Sold before midnight, the answer lost, the repeat answered after it: the number says which one it is."""
    sale = await world.sold()
    await world.pool.execute(
        "UPDATE operation SET occurred_at = occurred_at - interval '1 day',"
        " answered_at = answered_at - interval '1 day'"
    )
    today = _shanghai(world.clock.now())
    by_number = {"batch": "000000", "trace": "000000", "rrn": sale.rrn}
    for on, reason in {
        today: Reason.DONE,
        today - timedelta(days=1): Reason.DONE,
        today - timedelta(days=2): Reason.ORIGINAL_NOT_FOUND,
    }.items():
        answer = await world.carry(Transaction.REFUND, original=Original(on=on, **by_number), minor=100)
        assert answer.reason is reason


async def test_only_the_originals_card_is_paid_back_also_after_a_rotation_of_keys(world):
    sale = await world.sold()
    await world.pool.execute("UPDATE operation SET card_version = card_version - 1")
    other = replace(card(), pan="6222020000009999")
    assert (await world.refund(sale, 100, card=other)).reason is Reason.BAD_CARD
    identification = world.road.carrier._identification
    digests = identification._keystore.digests

    async def with_the_older_key(purpose, data):
        return [Digest(each.value, each.version - 1) for each in await digests(purpose, data)]

    identification._keystore.digests = with_the_older_key
    assert (await world.refund(sale, 100, card=other)).reason is Reason.BAD_CARD
    assert (await world.refund(sale, 100)).reason is Reason.DONE


def card():
    return CardData(pan="6222020000000001", expiry="3012")


async def test_what_the_balance_does_not_cover_is_refused_and_nothing_stays_held(world):
    sale = await world.sold(10_000)
    await world.withdraw_all()
    record = world.record(Transaction.REFUND, original=Original(rrn=sale.rrn), minor=5_000)

    answer = await world.road.carrier.carry(record)
    assert answer.reason is Reason.INSUFFICIENT_FUNDS
    assert (await world.road.carrier.carry(record)).replayed
    assert (await world.books())["merchant.M.frozen"] == 0
    assert (await world.fresh(sale.id)).counter_id is None
    assert len(world.bank.seen) == 1


async def test_a_refund_that_the_bank_refuses_leaves_all_as_it_was(world, monkeypatch):
    sale = await world.sold(10_000)
    before, unripe = await world.books(), await world.unripe()
    monkeypatch.setattr(world.bank, "_do", lambda _: "05")

    answer = await world.refund(sale, 4_000)
    assert answer.reason is Reason.BANK_DECLINED
    assert await world.books() == before
    assert await world.unripe() == unripe
    after = await world.fresh(sale.id)
    assert (after.rest_minor, after.counter_id) == (10_000, None)
    assert await world.pool.fetchval("SELECT state FROM ledger_hold") == "voided"


async def test_of_refunds_at_once_only_what_is_left_goes_back(world):
    sale = await world.sold(10_000)
    answers = await asyncio.gather(*(world.refund(sale, 6_000, budget=5.0) for _ in range(4)))
    reasons = sorted(answer.reason for answer in answers)

    assert reasons == [*[Reason.AMOUNT_EXCEEDS_ORIGINAL] * 3, Reason.DONE]
    assert (await world.fresh(sale.id)).rest_minor == 4_000


async def test_refunds_at_once_that_all_fit_are_done_one_after_the_other(world):
    sale = await world.sold(10_000)
    answers = await asyncio.gather(*(world.refund(sale, 1_000, budget=10.0) for _ in range(10)))

    assert {answer.reason for answer in answers} == {Reason.DONE}
    assert (await world.fresh(sale.id)).rest_minor == 0
    assert set((await world.books()).values()) == {0}


async def test_of_a_void_and_a_refund_at_once_one_is_done(world):
    sale = await world.sold(10_000)
    reasons = {answer.reason for answer in await asyncio.gather(world.void(sale), world.refund(sale, 10_000))}
    assert reasons in (
        {Reason.DONE, Reason.WRONG_STATE},  # the void came first, or the refund: a void of what is refunded is 12 too
        {Reason.DONE, Reason.AMOUNT_EXCEEDS_ORIGINAL},
    )
    assert set((await world.books()).values()) == {0}


async def test_a_refund_whose_turn_comes_because_the_other_was_declined(world, monkeypatch):
    sale = await world.sold(10_000)
    world.bank.gate = asyncio.Event()
    world.bank.asked.clear()
    answers, do = iter(["51"]), world.bank._do
    monkeypatch.setattr(world.bank, "_do", lambda said: next(answers, None) or do(said))
    first = asyncio.create_task(world.refund(sale, 6_000))
    await world.bank.asked.wait()
    second = asyncio.create_task(world.refund(sale, 7_000))
    world.bank.gate.set()
    assert [(await first).reason, (await second).reason] == [Reason.INSUFFICIENT_FUNDS, Reason.DONE]
    assert (await world.fresh(sale.id)).rest_minor == 3_000


async def test_a_refund_waits_for_one_that_another_process_carries(world):
    sale, other = await world.sold(10_000), await world.build()
    world.bank.gate = asyncio.Event()
    world.bank.asked.clear()
    first = asyncio.create_task(other.refund(sale, 5_000))
    await world.bank.asked.wait()
    second = asyncio.create_task(world.refund(sale, 5_000, trace="000777"))
    await until_asked_again(second)
    world.bank.gate.set()
    assert [(await first).reason, (await second).reason] == [Reason.DONE, Reason.DONE]
    assert (await world.fresh(sale.id)).rest_minor == 0


async def until_asked_again(waiting):
    """Give a request time to find out that it has to wait; it must not have ended by then."""
    done, _ = await asyncio.wait({waiting}, timeout=0.1)
    assert not done


async def test_a_refund_that_waits_in_vain_is_96_and_leaves_its_reference_unused(world, monkeypatch):
    sale = await world.sold(10_000)
    monkeypatch.setattr(world.bank, "silent", True)
    assert (await world.refund(sale, 4_000, budget=0.3)).reason is Reason.NO_ANSWER
    record = world.record(Transaction.REFUND, original=Original(rrn=sale.rrn), minor=6_000, budget=0.3)

    assert (await world.road.carrier.carry(record)).reason is Reason.BUSY
    assert (await world.enquire(record.reference.trace)).standing == "never seen"
    monkeypatch.setattr(world.bank, "silent", False)
    await world.run_timers()
    again = replace(record, answer_by=world.clock.monotonic() + 2, repeat=True)
    assert (await world.road.carrier.carry(again)).reason is Reason.DONE
    assert (await world.fresh(sale.id)).rest_minor == 0


async def test_a_repeat_does_not_wait_for_another_refund(world, monkeypatch):
    sale = await world.sold(10_000)
    record = world.record(Transaction.REFUND, original=Original(rrn=sale.rrn), minor=1_000)
    first = await world.road.carrier.carry(record)
    monkeypatch.setattr(world.bank, "silent", True)
    assert (await world.refund(sale, 4_000, budget=0.3)).reason is Reason.NO_ANSWER

    again = await world.road.carrier.carry(replace(record, answer_by=world.clock.monotonic() + 0.3))
    assert again == replace(first, replayed=True)


async def test_a_merchant_that_ripens_at_once_has_no_unripe_sum(world):
    await world.pool.execute("UPDATE merchant SET ripening = 'at_once'")
    sale = await world.sold(10_000)
    assert await world.unripe() == 0
    assert (await world.refund(sale, 4_000)).reason is Reason.DONE
    assert await world.unripe() == 0


async def test_the_unripe_sum_pays_first_and_never_goes_below_nothing(world):
    sale = await world.sold(10_000)
    await world.ripen(leave=1_000)
    refund = await world.operation(await world.refund(sale, 4_000))
    assert (refund.unripe_minor, await world.unripe()) == (-1000, 0)


def _shanghai(instant):
    return instant.astimezone(SHANGHAI).date()
