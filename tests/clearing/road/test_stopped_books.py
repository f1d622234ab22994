"""The database stands still for the whole budget: what may be told then, and what everybody is told afterwards."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.kernel.reasons import Reason
from gateway.payments.model import Original, Transaction


@pytest.fixture
def stopped(postgres) -> Iterator[Callable[[bool], None]]:
    """Stop all processes of the server, `stopped(True)`, or let them go on."""

    def stop(stands_still) -> None:
        for pid in _family(postgres.pid):
            os.kill(pid, signal.SIGSTOP if stands_still else signal.SIGCONT)

    yield stop
    stop(False)


def _family(server: int) -> list[int]:
    """The server and its children, from the oldest; whoever has gone meanwhile is left out."""
    children = Path(f"/proc/{server}/task/{server}/children").read_text().split()
    return [server, *(int(pid) for pid in children)]


def again(world, record, within=2.0):
    return replace(record, answer_by=world.clock.monotonic() + within, repeat=True)


@pytest.mark.parametrize("transaction", [Transaction.PURCHASE, Transaction.VOID, Transaction.REFUND])
@pytest.mark.parametrize("is_marked", [True, False], ids=["xx1", "the very same bytes"])
async def test_a_repeat_of_what_was_approved_hears_nothing_and_then_the_first_answer(
    world, stopped, transaction, is_marked
):
    sale = await world.sold()
    record = world.record(transaction, original=Original(rrn=sale.rrn))
    first = await world.road.carrier.carry(record)
    assert first.reason is Reason.DONE
    stopped(True)
    repeat = replace(again(world, record, within=0.4), repeat=is_marked)
    assert await world.road.carrier.carry(repeat) is None
    stopped(False)
    await world.road.carrier.drain()
    assert (await world.fresh(first.operation)).state == "approved"
    assert await world.road.carrier.carry(again(world, record)) == replace(first, replayed=True)


async def test_a_process_that_knows_nothing_tells_a_repeat_nothing(world, stopped):
    record = world.record()
    first = await world.road.carrier.carry(record)
    reborn = await world.build()
    stopped(True)
    assert await reborn.road.carrier.carry(again(reborn, record, within=0.4)) is None
    stopped(False)
    await reborn.road.carrier.drain()
    assert await reborn.road.carrier.carry(again(reborn, record)) == replace(first, replayed=True)
    assert (await reborn.enquire(record.reference.trace)).standing == "approved"


async def test_a_first_request_is_told_nothing_and_never_reaches_the_bank(world, stopped):
    await world.sold()
    asked = len(world.bank.seen)
    stopped(True)
    record = world.record(budget=0.4)
    assert await world.road.carrier.carry(record) is None
    stopped(False)
    await world.road.carrier.drain()
    assert len(world.bank.seen) == asked
    assert (await world.road.carrier.carry(again(world, record))).reason is Reason.BUSY
    assert len(world.bank.seen) == asked


async def test_what_is_begun_here_is_told_98_and_ends_undone(world, stopped):
    """The bank is silent and the books stand still: the road cannot write its end, and never approves any more."""
    world.bank.gate = asyncio.Event()
    record = world.record(budget=0.6)
    asked = asyncio.create_task(world.road.carrier.carry(record))
    await world.bank.asked.wait()
    stopped(True)
    assert (await asked).reason is Reason.NO_ANSWER
    world.bank.gate.set()
    stopped(False)
    await world.road.carrier.drain()
    await world.run_timers()
    assert (await world.only(record.reference.trace)).state == "reversed"
    assert (await world.road.carrier.carry(again(world, record))).reason is Reason.NO_ANSWER
    assert set((await world.books()).values()) == {0}


async def test_an_approval_that_cannot_be_written_is_told_to_nobody(world, stopped):
    """Whether it lands is decided by books that nobody can ask now: 98 might be untrue, 00 as well."""
    world.bank.gate = asyncio.Event()
    record = world.record(budget=0.8)
    asked = asyncio.create_task(world.road.carrier.carry(record))
    await world.bank.asked.wait()
    stopped(True)
    world.bank.gate.set()
    assert await asked is None
    stopped(False)
    await world.road.carrier.drain()
    await world.run_timers()
    operation = await world.only(record.reference.trace)
    repeated = (await world.road.carrier.carry(again(world, record))).reason
    expected = {"approved": Reason.DONE, "reversing": Reason.NO_ANSWER, "reversed": Reason.NO_ANSWER}
    assert repeated is expected[operation.state]
