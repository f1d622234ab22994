"""Settling a batch: closed, compared, uploaded, ended; what is settled ripens; every message may come twice."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from gateway.kernel.reasons import Reason
from gateway.parties import PLATFORM
from gateway.parties import store as parties
from gateway.payments.batches import store
from gateway.payments.model import Item, Settling, Side, Totals, Transaction

EMPTY = Totals()
TERMINAL = "10000001"


def totals(debits: tuple[int, int] = (0, 0), credits_: tuple[int, int] = (0, 0)) -> Totals:
    return Totals(
        debits=Side(amount_minor=debits[0], count=debits[1]), credits=Side(amount_minor=credits_[0], count=credits_[1])
    )


async def kept(world) -> tuple[str, str]:
    now = await world.terminal()
    return now.batch_no, now.batch_state


async def found(world) -> list[tuple[str, str, int | None, int | None]]:
    scope = await parties.scope_of(world.pool, PLATFORM)
    assert scope is not None
    rows = await store.differences_in(world.pool, scope)
    return sorted((row.kind, row.trace, row.own_minor, row.terminal_minor) for row in rows)


async def test_a_batch_comes_to_what_was_sold_and_given_back(world):
    sale, voided, reversed_ = [await world.sold(minor) for minor in (10_000, 20_000, 40_000)]
    hold = await world.hold(50_000)
    await world.complete(hold, 55_000)
    await world.void(voided)
    await world.refund(sale, 3_000)
    await world.reverse(reversed_, minor=40_000)
    await world.pay(behaviour="151")
    answer = await world.settle(totals((85_000, 3), (23_000, 2)))
    assert answer.reason is Reason.DONE
    assert answer.settled.totals == totals((85_000, 3), (23_000, 2))
    assert (answer.settled.domestic_balanced, answer.settled.foreign_balanced) == (True, True)
    assert await kept(world) == ("000001", "closed")


async def test_an_empty_batch_is_settled_and_ended(world):
    assert (await world.settle(EMPTY)).settled.is_balanced
    assert (await world.end(0)).reason is Reason.DONE
    assert await kept(world) == ("000001", "settled")
    assert await found(world) == []


@pytest.mark.parametrize("transaction", [Transaction.PURCHASE, Transaction.PREAUTHORISATION])
async def test_a_closed_batch_takes_no_transaction(world, transaction):
    sale = await world.sold()
    await world.settle(EMPTY)
    late = await world.carry(transaction)
    assert (late.reason, late.operation) == (Reason.SIGN_IN_FIRST, None)
    assert (await world.void(sale)).reason is Reason.SIGN_IN_FIRST
    await world.end(0)
    assert (await world.carry(transaction)).reason is Reason.SIGN_IN_FIRST


async def test_what_is_settled_ripens_once_less_what_was_given_back(world):
    sale, other = await world.sold(1_000_000), await world.sold(100_000)
    await world.refund(sale, 400_000)
    assert await world.unripe() == 994_000 + 99_400 - 397_600
    sums = totals((1_100_000, 2), (400_000, 1))
    await world.settle(sums)
    assert await world.unripe() == 0
    await world.end(3)
    assert await world.unripe() == 0
    batch = await store.batch_of(world.pool, terminal=TERMINAL, number="000001")
    assert batch.ripened_minor == 695_800
    assert other.unripe_minor == 99_400


async def test_another_terminals_money_does_not_ripen_with_it(world):
    await world.sold(1_000_000)
    await world.sold(100_000, terminal="10000002")
    await world.settle(totals((1_000_000, 1)))
    assert await world.unripe() == 99_400


async def test_what_differs_ripens_only_when_its_batch_is_ended(world):
    sale = await world.sold(1_000_000)
    await world.settle(EMPTY)
    assert await world.unripe() == 994_000
    await world.upload(Item(trace=sale.trace, amount_minor=1_000_000))
    assert await world.unripe() == 994_000
    await world.end(1, "202")
    assert await world.unripe() == 0


async def test_an_unbalanced_batch_is_compared_item_by_item(world):
    same, differs, ours = [await world.sold(minor) for minor in (100, 200, 300)]
    answer = await world.settle(totals((1_000, 3)))
    assert not answer.settled.is_balanced
    assert answer.settled.totals == totals((600, 3))
    await world.upload(Item(trace=same.trace, amount_minor=100), Item(trace=differs.trace, amount_minor=250))
    await world.upload(Item(trace="999999", amount_minor=650, card_mask="622202******0001"))
    assert await found(world) == []
    assert (await world.end(3, "202")).reason is Reason.DONE
    assert await found(world) == [
        ("amount_differs", differs.trace, 200, 250),
        ("missing_at_terminal", ours.trace, 300, None),
        ("missing_at_us", "999999", None, 650),
    ]


async def test_foreign_totals_are_not_ours(world):
    answer = await world.settle(Totals(foreign_debits=Side(amount_minor=1, count=1)))
    assert (answer.settled.domestic_balanced, answer.settled.foreign_balanced) == (True, False)


@pytest.mark.parametrize(
    ("transaction", "said", "other"),
    [
        (Transaction.SETTLEMENT, Settling(totals=EMPTY), Settling(totals=totals((1, 1)))),
        (
            Transaction.UPLOAD,
            Settling(items=(Item(trace="000001", amount_minor=1),)),
            Settling(items=(Item(trace="000002", amount_minor=1),)),
        ),
        (Transaction.UPLOAD_END, Settling(count=0, end_code="207"), Settling(count=1, end_code="207")),
    ],
)
async def test_a_repeat_gets_the_first_answer_and_other_content_94(world, transaction, said, other):
    if transaction is not Transaction.SETTLEMENT:
        await world.settle(EMPTY)
    first = await world.settling(transaction, said, trace="000777")
    for repeat in (False, True):
        again = await world.settling(transaction, said, trace="000777", repeat=repeat)
        assert (again.rrn, again.answered_at, again.settled) == (first.rrn, first.answered_at, first.settled)
        assert again.replayed
    assert (await world.settling(transaction, other, trace="000777")).reason is Reason.REFERENCE_REUSED
    assert await world.pool.fetchval("SELECT count(*) FROM terminal_batch_item") == len(said.items)


async def test_totals_are_asked_for_again_until_the_batch_is_ended(world):
    await world.sold(100)
    assert not (await world.settle(EMPTY)).settled.is_balanced
    assert (await world.settle(totals((100, 1)))).settled.is_balanced
    await world.end(0)
    assert (await world.settle(totals((100, 1)))).reason is Reason.SIGN_IN_FIRST


async def test_nothing_is_uploaded_before_its_settlement(world):
    assert (await world.upload(Item(trace="000001", amount_minor=1))).reason is Reason.WRONG_STATE
    assert (await world.end(0)).reason is Reason.WRONG_STATE
    assert await kept(world) == ("000001", "open")


async def test_another_batch_is_answered_77(world):
    assert (await world.settle(EMPTY, batch="000002")).reason is Reason.SIGN_IN_FIRST
    assert (await world.settle(EMPTY, terminal="10000099")).reason is Reason.TERMINAL_UNKNOWN


async def test_a_settlement_waits_for_what_is_under_way(world):
    world.bank.gate = asyncio.Event()
    sale = asyncio.create_task(world.pay(minor=10_000))
    await world.bank.asked.wait()
    settling = asyncio.create_task(world.settle(totals((10_000, 1))))
    await asyncio.sleep(0.05)
    assert not settling.done()
    world.bank.gate.set()
    assert (await sale).reason is Reason.DONE
    assert (await settling).settled.is_balanced


async def test_a_settlement_whose_budget_ends_first_is_answered_96_and_can_be_sent_again(world):
    world.bank.gate = asyncio.Event()
    sale = asyncio.create_task(world.pay(minor=10_000))
    await world.bank.asked.wait()
    assert (await world.settle(EMPTY, budget=0.4, trace="000777")).reason is Reason.BUSY
    assert await kept(world) == ("000001", "closed")
    world.bank.gate.set()
    await sale
    await world.road.carrier.drain()
    assert (await world.settle(EMPTY, trace="000777")).reason is Reason.DONE


async def test_two_processes_settle_a_batch_once(world):
    await world.sold(100)
    other = await world.build()
    answers = await asyncio.gather(*(each.settle(totals((100, 1)), trace="000777") for each in (world, other)))
    assert [each.reason for each in answers] == [Reason.DONE, Reason.DONE]
    assert answers[0].rrn == answers[1].rrn
    assert await world.pool.fetchval("SELECT count(*) FROM terminal_batch") == 1
    ends = await asyncio.gather(*(each.end(0, trace="000778") for each in (world, other)))
    assert [each.reason for each in ends] == [Reason.DONE, Reason.DONE]
    assert await world.unripe() == 0


async def test_a_suspended_merchant_settles_all_the_same(world):
    await world.sold(100)
    await world.pool.execute("UPDATE merchant SET state = 'suspended' WHERE id = $1", world.merchant.id)
    assert (await world.settle(totals((100, 1)))).settled.is_balanced


async def test_a_terminal_that_never_signs_in_has_its_next_batch_at_once(world):
    now = await world.terminal()
    await world.pool.execute("UPDATE terminal SET tmk = NULL, batch_no = '999999' WHERE id = $1", now.id)
    await world.settle(EMPTY, batch="999999")
    await world.end(0, batch="999999")
    assert await kept(world) == ("000001", "open")
    assert (await world.pay()).reason is Reason.DONE


async def test_a_batch_takes_999_sales(world, monkeypatch):
    monkeypatch.setattr("gateway.payments.batches.counts.MOST", 2)
    first = await world.sold()
    await world.sold()
    assert (await world.pay()).reason is Reason.SIGN_IN_FIRST
    assert (await world.void(first)).reason is Reason.DONE


async def test_a_merchant_paid_at_once_has_nothing_to_ripen(world):
    await world.pool.execute("UPDATE merchant SET ripening = 'at_once' WHERE id = $1", world.merchant.id)
    again = await world.build()
    await again.sold(100)
    await again.settle(totals((100, 1)))
    batch = await store.batch_of(world.pool, terminal=TERMINAL, number="000001")
    assert (batch.ripened_minor, await world.unripe()) == (None, 0)


async def test_a_repeated_settlement_is_the_record_with_its_mark(world):
    record = world.record(Transaction.SETTLEMENT, settling=Settling(totals=EMPTY), minor=None, card=None)
    first = await world.road.carrier.carry(record)
    again = await world.road.carrier.carry(replace(record, repeat=True))
    assert (again.rrn, again.settled.is_balanced) == (first.rrn, True)
