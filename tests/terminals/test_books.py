"""The door over the real directory and journal: keys are durable and seen by every process."""

from __future__ import annotations

import asyncio

import pytest

from gateway.journal import Journal
from gateway.kernel.clock import SystemClock
from gateway.keys.port import KeyKind
from gateway.merchants import Directory, Onboarding
from gateway.merchants.store import MERCHANT, TERMINAL
from gateway.terminals import Listener, TerminalDoor, TerminalSettings

TMK = bytes.fromhex("CA5D92598DCA48CE8A4C76361A9269E9")
MERCHANT_NUMBER = "104110070110814"


@pytest.fixture
async def journal(pool, ids):
    writer = Journal(pool=pool, tables=[MERCHANT, TERMINAL], clock=SystemClock(), ids=ids)
    await writer.start()
    yield writer
    await writer.stop()


@pytest.fixture
async def process(pool, ids, journal, keys, till, metrics):
    """Open a door with a directory of its own, as another process has it; `poll_s` is long: nothing comes by itself."""
    onboarding = Onboarding(pool=pool, keys=keys, clock=SystemClock(), ids=ids, who="test")
    merchant = await onboarding.merchant(code="M1", number=MERCHANT_NUMBER, name="Shop")
    tmk = await keys.load(KeyKind.TERMINAL_MASTER, TMK)
    await onboarding.terminal(number="10000001", merchant=merchant.id, tmk=tmk)
    started = []

    async def start() -> TerminalDoor:
        directory = Directory(pool=pool, poll_s=3600)
        await directory.start()
        door = TerminalDoor(
            settings=TerminalSettings(listeners=(Listener(),)),
            facts=directory,
            books=journal,
            carry=till,
            keys=keys,
            metrics=metrics,
            clock=SystemClock(),
            ids=ids,
        )
        started.append((door, directory))
        await door.start()
        return door

    yield start
    for door, directory in started:
        await door.stop()
        await directory.stop()


async def test_a_session_made_in_one_process_is_good_in_another(process, dial) -> None:
    here = await dial(await process())
    there = await dial(await process())
    await there.ask(there.network("0820", "301"))  # it knows the terminal as it was before the sign-in
    await here.sign_in()
    assert here.batch == "000001"
    assert (await there.ask(there.sale(), key=here.mac_key)).text(39) == "00"
    old = here.mac_key
    await here.sign_in()
    assert (await there.ask(there.sale(), key=here.mac_key)).text(39) == "00"
    assert (await here.ask(here.sale(), key=old)).text(39) == "00"  # it has not heard yet that they are retired
    assert (await here.ask(here.sale())).text(39) == "00"
    assert (await here.ask(here.sale(), key=old)).text(39) == "A0"


async def test_a_session_outlives_the_process(process, dial) -> None:
    door = await process()
    first = await dial(door)
    await first.sign_in()
    await door.stop()
    again = await dial(await process())
    assert (await again.ask(again.sale(), key=first.mac_key)).text(39) == "00"
    await again.ask(again.network("0820", "002"))
    third = await dial(await process())
    assert (await third.ask(third.sale(), key=first.mac_key)).text(39) == "77"


async def test_sign_ins_at_the_same_time_all_end_well(process, dial) -> None:
    door = await process()
    terminals = [await dial(door) for _ in range(5)]
    await asyncio.gather(*(each.sign_in() for each in terminals))
    good = [(await each.ask(each.sale(), key=each.mac_key)).text(39) for each in terminals]
    # The first key, the last but one and the last, as far as they were used in that order.
    assert good.count("00") in {1, 2, 3}
    assert set(good) == {"00", "A0"}
