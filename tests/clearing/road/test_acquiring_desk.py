"""The HTTP dialect on the whole road: the terminal's own checks, the reference that wins, batches settled at once."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from gateway.api.acquiring_port import ReadCard, SettlingWish, Wish
from gateway.api.ports import Page
from gateway.app.desks.acquiring import AcquiringService
from gateway.journal.model import Key, Refused
from gateway.kernel.money import Money
from gateway.kernel.reasons import Reason
from gateway.keys import KeyRegister
from gateway.merchants import Directory
from gateway.parties import PLATFORM
from gateway.parties import store as parties
from gateway.payments.batches import DifferenceKind
from gateway.payments.model import Item, Original, Side, Totals, Transaction

TERMINAL = "10000001"
CARD = ReadCard(pan="6222020000000001", expiry="3012")


@dataclass
class Office:
    """A caller at the desk."""

    world: Any
    desk: AcquiringService
    scope: Any
    traces: Any

    def order(self, *, key: str = "", digest: bytes = b"same") -> Any:
        now = self.world.clock.now()

        kept = {"expires_at": now.replace(year=2099), "refusal": Reason.KEY_REUSED}

        def keys(subject: UUID) -> tuple[Key, ...]:
            found = Key(scope="api:test", name=key, digest=digest, digest_version=1, subject=subject, **kept)
            return (found,) if key else ()

        return SimpleNamespace(caller=SimpleNamespace(sees=self.scope), at=now, keys=keys)

    async def ask(self, transaction=Transaction.PURCHASE, minor: int | None = 10_000, **fields):
        order = fields.pop("order", None) or self.order()
        values = {
            "terminal": TERMINAL,
            "batch": "000001",
            "trace": f"{next(self.traces):06d}",
            "amount": None if minor is None else Money(minor, "CNY"),
            "card": CARD,
        }
        return await self.desk.carry(order, Wish(transaction=transaction, **{**values, **fields}))

    async def settle(self, debits=(0, 0), credits_=(0, 0), items=(), **fields):
        totals = Totals(debits=Side(amount_minor=debits[0], count=debits[1]), credits=side(credits_))
        values = {"terminal": TERMINAL, "batch": "000001", "trace": "000000", "totals": totals, "items": items}
        return await self.desk.settle(self.order(), SettlingWish(**{**values, **fields}))


def side(of: tuple[int, int]) -> Side:
    return Side(amount_minor=of[0], count=of[1])


@pytest.fixture
async def office(world, keystore):
    directory = Directory(pool=world.pool)
    await directory.refresh()
    register = KeyRegister(pool=world.pool, keystore=keystore, clock=world.clock)
    desk = AcquiringService(
        pool=world.pool,
        carrier=world.road.carrier,
        facts=directory,
        keystore=keystore,
        register=register,
        clock=world.clock,
        within_s=2.0,
    )
    scope = await parties.scope_of(world.pool, world.merchant.id)
    return Office(world, desk, scope, iter(range(500, 600)))


def named(done, trace: str) -> Original:
    return Original(batch="000001", trace=trace, approval_code=done.value.answer.approval_code)


async def test_a_purchase_is_the_record_a_terminal_makes(world, office):
    done = await office.ask(trace="000501")
    assert (done.value.state, done.value.answer.reason, done.replayed) == ("approved", Reason.DONE, False)
    kept = await world.only("000501")
    assert (kept.source, kept.message_class, kept.merchant_id) == ("api", "020", world.merchant.id)
    assert (await world.books())["channel.due"] == 10_000


async def test_a_decline_is_an_answer(office):
    done = await office.ask(card=replace(CARD, pan="6222021510000001"))
    assert (done.value.state, done.value.answer.reason) == ("declined", Reason.INSUFFICIENT_FUNDS)


async def test_every_transaction_finds_its_original(office):
    sale = await office.ask(trace="000501")
    refund = await office.ask(Transaction.REFUND, 4_000, original=named(sale, "000501"), card=None)
    hold = await office.ask(Transaction.PREAUTHORISATION, trace="000511")
    completion = await office.ask(Transaction.COMPLETION, original=named(hold, "000511"), trace="000512", card=None)
    void = await office.ask(Transaction.COMPLETION_VOID, original=named(completion, "000512"), card=None)
    release = await office.ask(Transaction.PREAUTHORISATION_VOID, original=named(hold, "000511"), card=None)
    other = await office.ask(trace="000521")
    undone = await office.ask(Transaction.VOID, original=named(other, "000521"), card=None)
    balance = await office.ask(Transaction.BALANCE, None)
    for each in (refund, hold, completion, void, release, undone, balance):
        assert each.value.answer.reason is Reason.DONE, each
    assert balance.value.answer.balances[0].amount_minor == 123_456


async def test_a_reversal_is_known_by_its_original(world, office):
    await office.ask(trace="000501")
    undone = await office.ask(Transaction.REVERSAL, trace="000501", card=None, reversal_reason="98")
    assert undone.value.answer.reason is Reason.DONE
    assert (await world.only("000501")).state == "reversing"


async def test_the_reference_wins_over_the_key(world, office):
    first = await office.ask(trace="000501", order=office.order(key="one"))
    again = await office.ask(trace="000501", order=office.order(key="two"))
    assert (again.value.answer.rrn, again.replayed) == (first.value.answer.rrn, True)
    other = await office.ask(trace="000502", order=office.order(key="one", digest=b"other"))
    assert (isinstance(other, Refused), other.reason) == (True, Reason.KEY_REUSED)
    changed = await office.ask(trace="000501", minor=10_001)
    assert changed.reason is Reason.REFERENCE_REUSED
    assert await world.pool.fetchval("SELECT count(*) FROM operation") == 1


async def test_two_at_once_are_one(world, office):
    answers = await asyncio.gather(*(office.ask(trace="000501") for _ in range(3)))
    assert len({each.value.answer.rrn for each in answers}) == 1
    assert await world.pool.fetchval("SELECT count(*) FROM operation") == 1


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("UPDATE terminal SET state = 'locked'", Reason.TERMINAL_UNKNOWN),
        ("UPDATE merchant SET state = 'closed'", Reason.MERCHANT_UNKNOWN),
        ("UPDATE terminal SET batch_state = 'closed'", Reason.SIGN_IN_FIRST),
    ],
)
async def test_a_terminal_is_served_as_at_its_own_door(world, office, change, reason):
    await world.pool.execute(change)
    await office.desk._facts.refresh()
    assert (await office.ask()).reason is reason


async def test_another_merchants_terminal_is_unknown(world, office):
    office.scope = await parties.scope_of(world.pool, world.channel.id)
    assert (await office.ask()).reason is Reason.TERMINAL_UNKNOWN
    assert (await office.settle()).reason is Reason.TERMINAL_UNKNOWN
    assert (await office.desk.batches(office.scope, Page(limit=10), terminal=None)).items == []


async def test_what_is_told_98_is_to_be_asked_for(office):
    refused = await office.ask(card=replace(CARD, pan="6222026000000001"))
    assert refused.reason is Reason.NO_ANSWER


async def test_a_reader_without_a_key_is_refused(office):
    card = ReadCard(ksn=bytes(10), data=bytes(16))
    assert (await office.ask(card=card)).reason is Reason.BAD_CARD


async def test_a_balanced_batch_is_ended_at_once(world, office):
    await office.ask()
    done = await office.settle((10_000, 1))
    assert (done.value.settled.is_balanced, done.value.is_ended) == (True, True)
    assert (await world.terminal()).batch_state == "settled"
    assert await world.unripe() == 0
    again = await office.settle((10_000, 1))
    assert (again.value.rrn, again.value.is_ended, again.replayed) == (done.value.rrn, True, True)


async def test_an_unbalanced_batch_waits_for_its_items(world, office):
    await office.ask(trace="000501")
    waiting = await office.settle()
    assert (waiting.value.settled.is_balanced, waiting.value.is_ended) == (False, False)
    assert (await world.terminal()).batch_state == "closed"
    items = (Item(trace="000501", amount_minor=9_000), Item(trace="000777", amount_minor=1))
    done = await office.settle((9_001, 2), items=items, trace="000001")
    assert done.value.is_ended
    kinds = {each.kind for each in done.value.differences}
    assert kinds == {DifferenceKind.AMOUNT_DIFFERS, DifferenceKind.MISSING_AT_US}
    everything = await parties.scope_of(world.pool, PLATFORM)
    first = await office.desk.differences(everything, Page(limit=1), terminal=TERMINAL, batch=None)
    assert (len(first.items), first.more) == (1, True)
    rest = await office.desk.differences(everything, Page(limit=1, after=first.items[0].id), terminal=None, batch=None)
    assert (len(rest.items), rest.more) == (1, False)
    (batch,) = (await office.desk.batches(everything, Page(limit=10), terminal=TERMINAL)).items
    assert (batch.state, batch.end_code, batch.end_count) == ("ended", "202", 2)
