"""The event feed: the platform sees everything, a party what is about it and its records, in the order of the books."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.kernel.clock import SystemClock
from gateway.sandbox.day.api_client import ApiRefusedError
from gateway.sandbox.day.world import World as Outside
from gateway.sandbox.slips import Slip
from gateway.sandbox.terminal import SimulatedTerminal, TerminalSettings

_AWAY_FROM_OTHERS = 700_000


async def _buy(outside: Outside, place: int) -> tuple[str, Slip]:
    """Pay once at the terminal at `place`, and return the merchant's number with the slip."""
    known, listener, clock = outside.terminals[place], outside.listener("cups"), SystemClock()
    terminal = SimulatedTerminal(
        TerminalSettings(host=listener.host, port=listener.port, terminal=known.terminal, merchant=known.merchant),
        tmk=bytes.fromhex(known.tmk),
        clock=clock,
        trace=int(clock.now().timestamp() * 10 + _AWAY_FROM_OTHERS) % 1_000_000,
    )
    try:
        await terminal.sign_in()
        return known.merchant, await terminal.purchase(5_00 + place, pan=outside.pans("approve")[0])
    finally:
        await terminal.close()


async def _all(api: Any, limit: int = 1000) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = await api.get(f"/v1/events?limit={limit}{cursor}")
        if not page["events"]:
            return found
        found += page["events"]
        cursor = f"&cursor={page['next']}"


@pytest.fixture
async def bought(outside: Outside) -> dict[str, Slip]:
    """A purchase at a terminal of the first merchant and one of the second, by merchant number."""
    return dict([await _buy(outside, 1), await _buy(outside, 3)])


async def test_a_merchant_sees_its_own_and_the_platform_all(bought: dict[str, Slip], api_as, outside: Outside) -> None:
    slips = list(bought.items())
    ids = []
    for number, slip in slips:
        reference = f"{_terminal(outside, number)}/{slip.request.batch}/{slip.request.trace}"
        shown = await api_as("operator").get(f"/v1/acquiring/by-reference/{reference}")
        ids.append(shown["id"])
    seen = {
        key: {event["subject"] for event in await _all(api_as(key))}
        for key in ("operator", "merchant.M1", "merchant.M2", "merchant.M3", "agent.X", "agent.Y")
    }
    assert set(ids) <= seen["operator"]
    assert ids[0] in seen["merchant.M1"]
    assert ids[1] in seen["merchant.M2"]
    assert seen["merchant.M1"] & seen["merchant.M2"] == set()
    assert not set(ids) & seen["merchant.M3"]
    assert ids[0] in seen["agent.Y"], "the first merchant belongs to the lower agent"
    assert seen["agent.Y"] <= seen["agent.X"]
    assert ids[1] not in seen["agent.X"]
    assert all(seen[key] <= seen["operator"] for key in seen)


async def test_the_instruction_of_a_payment_is_seen_with_it(bought: dict[str, Slip], api_as) -> None:
    kinds = {event["kind"].partition(".")[0] for event in await _all(api_as("merchant.M1"))}
    assert {"operation", "instruction"} <= kinds, kinds


async def test_parts_of_the_feed_are_the_feed(bought: dict[str, Slip], api_as) -> None:
    whole = await _all(api_as("merchant.M1"))
    parts = await _all(api_as("merchant.M1"), limit=7)
    assert parts[: len(whole)] == whole
    cursors = [tuple(map(int, event["cursor"].split("."))) for event in parts]
    assert cursors == sorted(set(cursors))


async def test_another_merchants_payment_is_not_there(bought: dict[str, Slip], api_as, outside: Outside) -> None:
    number, slip = next(iter(bought.items()))
    reference = f"{_terminal(outside, number)}/{slip.request.batch}/{slip.request.trace}"
    assert (await api_as("merchant.M1").get(f"/v1/acquiring/by-reference/{reference}"))["state"] == "approved"
    with pytest.raises(ApiRefusedError) as refused:
        await api_as("merchant.M2").get(f"/v1/acquiring/by-reference/{reference}")
    assert refused.value.status == 404


def _terminal(outside: Outside, merchant: str) -> str:
    return {"104110070110811": outside.terminals[1].terminal, "104110070110812": outside.terminals[3].terminal}[
        merchant
    ]
