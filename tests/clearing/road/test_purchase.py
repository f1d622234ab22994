"""A purchase from the record to the books: worked example 2a and 2b, its repeats, its refusals."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import date

import pytest

from gateway.clearing import store as clearing_store
from gateway.fees import RateError
from gateway.journal import Refused
from gateway.kernel.money import Money
from gateway.kernel.reasons import Reason
from gateway.keys.port import Digest
from gateway.payments import store as payments_store
from gateway.payments.model import Original, Transaction


async def test_a_sale_is_posted_as_in_worked_example_2(world):
    answer = await world.pay(minor=1_000_000)

    assert (answer.reason, answer.approval_code, answer.settled_on) == (Reason.DONE, "123456", date(2026, 11, 22))
    assert len(answer.rrn) == 12
    assert await world.books() == {
        "channel.due": 1_000_000,
        "merchant.M": 994_000,
        "merchant.M.frozen": 0,
        "income.merchant_fee": 6_000,
        "channel.fee_owed": 5_000,
        "expense.channel_cost": 5_000,
    }
    assert await world.unripe() == 994_000
    operation = await world.operation(answer)
    assert (operation.state, operation.rest_minor, operation.told) == ("approved", 1_000_000, "done")
    assert operation.card_mask == "622202******0001"
    assert b"6222020000000001" not in operation.card_sealed
    assert await world.instruction_states(operation.id) == [("pay", "success", "answered")]
    assert await world.timer_kinds() == []


async def test_a_decline_of_the_bank_posts_nothing_and_is_remembered(world):
    record = world.record(behaviour="151")
    first = await world.road.carrier.carry(record)
    again = await world.road.carrier.carry(replace(record, repeat=True))

    assert (first.reason, first.replayed) == (Reason.INSUFFICIENT_FUNDS, False)
    assert (again.reason, again.replayed, again.rrn) == (Reason.INSUFFICIENT_FUNDS, True, first.rrn)
    assert len(world.bank.seen) == 1
    assert set((await world.books()).values()) == {0}


@pytest.mark.parametrize("minor", [0, None])
async def test_an_amount_of_nothing_is_refused_under_the_reference(world, minor):
    record = world.record(minor=minor)
    assert (await world.road.carrier.carry(record)).reason is Reason.BAD_AMOUNT
    assert (await world.road.carrier.carry(record)).replayed
    assert world.bank.seen == []


@pytest.mark.parametrize("transaction", [Transaction.PURCHASE, Transaction.VOID, Transaction.REFUND])
@pytest.mark.parametrize("unit", ["USD", "PTA", "999"])
async def test_a_unit_that_is_not_offered_is_refused_under_the_reference(world, transaction, unit):
    sale = await world.sold()
    record = world.record(transaction, original=Original(rrn=sale.rrn), amount=Money(10_000, unit))
    first = await world.road.carrier.carry(record)
    assert first.reason is Reason.NOT_SUPPORTED
    assert await world.road.carrier.carry(record) == replace(first, replayed=True)
    assert (await world.operation(first)).unit == unit


async def test_a_used_reference_with_another_unit_is_94(world):
    record = world.record()
    await world.road.carrier.carry(record)
    other = replace(record, amount=Money(10_000, "USD"), content=(*record.content, ("49", "840")))
    assert (await world.road.carrier.carry(other)).reason is Reason.REFERENCE_REUSED


async def test_a_purchase_by_qr_code_is_refused_under_its_reference(world):
    record = world.record(entry_mode="032", card=None)
    first = await world.road.carrier.carry(record)
    assert first.reason is Reason.NOT_SUPPORTED
    assert await world.road.carrier.carry(record) == replace(first, replayed=True)
    assert world.bank.seen == []


async def test_the_same_reference_gives_the_first_answer_and_other_content_is_refused(world):
    record = world.record()
    first = await world.road.carrier.carry(record)
    again = await world.road.carrier.carry(replace(record, repeat=True))
    other = await world.road.carrier.carry(replace(record, content=(("4", "1"),)))

    assert again == replace(first, replayed=True)
    assert other.reason is Reason.REFERENCE_REUSED
    assert len(world.bank.seen) == 1


async def test_repeats_wait_for_the_first_while_it_is_open(world):
    world.bank.gate = asyncio.Event()
    record = world.record()
    tasks = [asyncio.create_task(world.road.carrier.carry(record)) for _ in range(5)]
    await world.bank.asked.wait()
    other = await world.road.carrier.carry(replace(record, content=(("4", "1"),)))
    world.bank.gate.set()
    answers = await asyncio.gather(*tasks)

    assert other.reason is Reason.REFERENCE_REUSED
    assert {answer.reason for answer in answers} == {Reason.DONE}
    assert len({answer.rrn for answer in answers}) == 1
    assert len(world.bank.seen) == 1


async def test_a_repeat_in_another_process_waits_for_the_first_too(world):
    other = await world.build()
    world.bank.gate = asyncio.Event()
    record = world.record()
    first = asyncio.create_task(world.road.carrier.carry(record))
    await world.bank.asked.wait()
    second = asyncio.create_task(other.road.carrier.carry(record))
    await asyncio.sleep(0.05)
    assert not second.done()
    world.bank.gate.set()

    assert (await second).rrn == (await first).rrn
    assert len(world.bank.seen) == 1


async def test_an_unreachable_bank_is_a_durable_decline(world):
    world.bank.down = True
    answer = await world.pay()
    operation = await world.operation(answer)

    assert answer.reason is Reason.UNREACHABLE
    assert (operation.state, operation.told) == ("declined", "unreachable")
    assert await world.instruction_states(operation.id) == [("pay", "failed", "send_failed")]


async def test_a_merchant_without_a_channel_leaves_no_trace(world):
    await world.pool.execute("UPDATE channel_opening SET state = 'off'")
    record = world.record()
    assert (await world.road.carrier.carry(record)).reason is Reason.CHANNEL_CLOSED
    await world.pool.execute("UPDATE channel_opening SET state = 'on'")
    assert (await world.road.carrier.carry(record)).reason is Reason.DONE


async def test_a_channel_row_of_a_later_release_leaves_the_others_working(world):
    await world.pool.execute("UPDATE channel SET asks = asks || '{authorise}', version = version + 1")
    await world.road.carrier._deciding.refresh()
    assert (await world.pay()).reason is Reason.DONE


async def test_an_unknown_merchant_leaves_no_trace(world):
    answer = await world.pay(merchant="999999999999999")
    assert (answer.reason, answer.operation) == (Reason.MERCHANT_UNKNOWN, None)


@pytest.mark.parametrize(
    ("state", "reason"), [("suspended", Reason.NOT_PERMITTED), ("closed", Reason.MERCHANT_UNKNOWN)]
)
async def test_a_merchant_that_sells_no_more_is_refused_but_its_past_is_answered(world, state, reason):
    record = world.record()
    first, sale = await world.road.carrier.carry(record), await world.sold()
    await world.pool.execute("UPDATE merchant SET state = $1", state)
    for transaction in (Transaction.PURCHASE, Transaction.VOID, Transaction.REFUND):
        refused = world.record(transaction, original=Original(rrn=sale.rrn))
        assert (await world.road.carrier.carry(refused)).reason is reason
        assert (await world.road.carrier.carry(refused)).replayed
    assert await world.road.carrier.carry(replace(record, repeat=True)) == replace(first, replayed=True)
    assert (await world.enquire(sale)).standing == "approved"
    assert (await world.reverse(sale)).reason is Reason.DONE


async def test_a_merchant_closed_while_its_request_is_identified_is_not_paid(world, monkeypatch):
    identification = world.road.carrier._identification
    directory, digest = identification._merchants, identification._keystore.digest

    async def closing(purpose, data):
        if purpose == "request":
            await world.pool.execute("UPDATE merchant SET state = 'closed', version = version + 1")
            await directory.refresh()
        return await digest(purpose, data)

    monkeypatch.setattr(identification._keystore, "digest", closing)
    assert (await world.pay()).reason is Reason.MERCHANT_UNKNOWN
    assert world.bank.seen == []


async def test_a_repeat_gets_the_first_answer_where_a_new_request_could_not_be_decided(world, monkeypatch):
    record, other = world.record(), world.record()
    first = await world.road.carrier.carry(record)

    def broken(**_):
        raise RateError("no tier holds")

    monkeypatch.setattr(world.fees, "quote", broken)
    assert await world.road.carrier.carry(record) == replace(first, replayed=True)
    await world.pool.execute("UPDATE channel SET state = 'off', version = version + 1")
    assert await world.road.carrier.carry(record) == replace(first, replayed=True)
    changed = replace(record, content=(("4", "1"),))
    assert (await world.road.carrier.carry(changed)).reason is Reason.REFERENCE_REUSED
    assert (await world.road.carrier.carry(other)).reason in (Reason.FAULT, Reason.CHANNEL_CLOSED)


async def test_a_repeat_is_told_nothing_before_the_books_were_asked(world, monkeypatch):
    async def gone(*_, **__):
        raise OSError("no connection")

    late = world.record(budget=0.0)
    assert (await world.road.carrier.carry(late)).reason is Reason.BUSY
    assert await world.road.carrier.carry(replace(late, repeat=True)) is None
    monkeypatch.setattr("gateway.payments.store.standing_by_rrn", gone)
    monkeypatch.setattr("gateway.payments.store.used_by", gone)
    record = world.record(Transaction.REFUND, original=Original(rrn="632600001000"))
    assert (await world.road.carrier.carry(record)).reason is Reason.UNREACHABLE
    assert await world.road.carrier.carry(replace(record, repeat=True)) is None
    monkeypatch.setattr(world.road.carrier._identification._merchants, "merchant", gone)
    assert (await world.pay()).reason is Reason.UNREACHABLE
    assert await world.pay(repeat=True) is None


async def test_books_that_fail_while_deciding_again_leave_no_trace(world, monkeypatch):
    async def moved(_):
        return Refused(Reason.MOVED, "a generation moved")

    async def gone():
        raise OSError("no connection")

    monkeypatch.setattr(world.journal, "post", moved)
    monkeypatch.setattr(world.road.carrier._deciding, "refresh", gone)
    assert (await world.pay()).reason is Reason.UNREACHABLE


async def test_a_repeat_under_a_new_digest_key_joins_the_first_under_way(world, monkeypatch):
    world.bank.gate = asyncio.Event()
    record = world.record()
    first = asyncio.create_task(world.road.carrier.carry(record))
    await world.bank.asked.wait()
    keystore = world.road.carrier._identification._keystore
    digest, digests = keystore.digest, keystore.digests

    async def rotated(purpose, data):
        made = await digest(purpose, data)
        return Digest(bytes(reversed(made.value)), made.version + 1)

    async def both(purpose, data):
        return [await rotated(purpose, data), *await digests(purpose, data)]

    monkeypatch.setattr(keystore, "digest", rotated)
    monkeypatch.setattr(keystore, "digests", both)
    repeat = asyncio.create_task(world.road.carrier.carry(record))
    other = await world.road.carrier.carry(replace(record, content=(("4", "1"),)))
    world.bank.gate.set()
    assert other.reason is Reason.REFERENCE_REUSED
    assert [(await first).reason, (await repeat).reason] == [Reason.DONE, Reason.DONE]


async def test_a_new_rate_holds_for_the_next_sale_without_a_restart(world):
    await world.pay(minor=10_000)
    await world.pool.execute("UPDATE generation SET number = number + 1 WHERE name = 'fees'")
    assert (await world.pay(minor=10_000)).reason is Reason.DONE


async def test_a_request_whose_turn_comes_after_its_budget_is_not_sent(world):
    answer = await world.pay(budget=-1)
    assert (answer.reason, answer.operation) == (Reason.BUSY, None)
    late = await world.pay(budget=0.09)
    await world.road.carrier.drain()
    assert late is None or late.reason in (Reason.BUSY, Reason.NO_ANSWER)
    assert await world.pool.fetchval("SELECT count(*) FROM operation WHERE state <> 'declined'") == 0
    assert (world.bank.seen, await world.books()) == ([], dict.fromkeys(await world.books(), 0))


async def test_a_sale_without_a_card_is_refused(world):
    assert (await world.pay(card=None)).reason is Reason.BAD_CARD


async def test_many_sales_at_once_balance(world):
    answers = await asyncio.gather(*(world.pay(minor=100 + n) for n in range(60)))
    assert {answer.reason for answer in answers} == {Reason.DONE}
    assert len({answer.rrn for answer in answers}) == 60
    assert await world.imbalance() == 0
    assert (await world.books())["channel.due"] == sum(100 + n for n in range(60))


async def test_a_sale_waits_for_the_books_twice_and_reads_nothing(world, monkeypatch):
    await world.pay()
    posts, reads = [], []
    post = world.journal.post

    async def counted(change):
        posts.append(change.why)
        return await post(change)

    monkeypatch.setattr(world.journal, "post", counted)
    for module in (payments_store, clearing_store):
        for name in ("operation", "standing", "standing_by_rrn", "standing_by_reference", "instruction", "generation"):
            if hasattr(module, name):
                monkeypatch.setattr(module, name, _noting(reads, getattr(module, name)))
    sale = await world.pay()
    assert posts == ["purchase accepted, the bank is asked", "purchase approved by the bank"]
    assert reads == []

    monkeypatch.setattr(world.journal, "post", post)
    await world.carry(Transaction.REFUND, original=Original(rrn=sale.rrn), minor=100)
    assert reads == ["standing_by_rrn"]


def _noting(reads, function):
    async def noted(*args, **fields):
        reads.append(function.__name__)
        return await function(*args, **fields)

    return noted


async def test_an_enquiry_shows_its_evidence(world):
    sale = await world.sold()
    happened = await payments_store.evidence(world.pool, sale.id)
    assert [each.what for each in happened].count("posting") == 2


async def test_figures_of_what_is_not_final(world):
    record = world.record(behaviour="600", budget=0.3)
    await world.road.carrier.carry(record)
    [lane] = await clearing_store.lanes(world.pool)
    assert (lane.channel, lane.depth) == ("bank", 1)
