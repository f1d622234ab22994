"""Voids and refunds: held when asked for, posted when approved, by the original's version and cumulatively."""

from __future__ import annotations

import asyncio

import pytest

from gateway.kernel.clock import SHANGHAI
from gateway.kernel.reasons import Reason
from gateway.payments.model import Original, Transaction

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


async def test_of_two_refunds_at_once_only_what_is_left_goes_back(world):
    sale = await world.sold(10_000)
    answers = await asyncio.gather(*(world.refund(sale, 6_000) for _ in range(4)))
    reasons = sorted(answer.reason for answer in answers)

    assert reasons.count(Reason.DONE) == 1
    assert set(reasons) <= {Reason.DONE, Reason.WRONG_STATE, Reason.AMOUNT_EXCEEDS_ORIGINAL}
    assert (await world.fresh(sale.id)).rest_minor == 4_000


async def test_a_merchant_that_ripens_at_once_has_no_unripe_sum(world):
    await world.pool.execute("UPDATE merchant SET ripening = 'at_once'")
    sale = await world.sold(10_000)
    assert await world.unripe() == 0
    assert (await world.refund(sale, 4_000)).reason is Reason.DONE
    assert await world.unripe() == 0


async def test_the_unripe_sum_pays_first_and_never_goes_below_nothing(world):
    sale = await world.sold(10_000)
    await world.pool.execute("UPDATE journal_counter SET value = 1000 WHERE scope = 'unripe'")
    refund = await world.operation(await world.refund(sale, 4_000))
    assert (refund.unripe_minor, await world.unripe()) == (-1000, 0)


def _shanghai(instant):
    return instant.astimezone(SHANGHAI).date()
