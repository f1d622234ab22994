"""Which channel is taken, and what is recorded of the choice."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest

from channels.instruction import Ask
from gateway.routing.choose import choose
from gateway.routing.model import Candidate, Choice, NoChannel, Wanted

A = Candidate(
    channel=UUID(int=1),
    code="a",
    is_on=True,
    is_open=True,
    is_spared=False,
    asks=frozenset({Ask.PAY}),
    units=frozenset({"CNY"}),
    priority=10,
)
B = replace(A, channel=UUID(int=2), code="b", priority=20)
PAY = Wanted(ask=Ask.PAY, unit="CNY")


def test_the_lowest_priority_number_is_taken_then_the_code():
    assert choose([B, A], PAY) == Choice(A.channel, "a, priority 10")
    assert choose([replace(B, priority=10), A], PAY).channel == A.channel


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"is_on": False}, "a: switched off"),
        ({"is_open": False}, "a: not open for this merchant"),
        ({"asks": frozenset({Ask.VOID})}, "a: cannot be asked for pay"),
        ({"units": frozenset({"USD"})}, "a: does not carry CNY"),
    ],
)
def test_what_cannot_carry_it_is_passed_over_and_said(change, why):
    unfit = replace(A, **change)
    assert choose([unfit], PAY) == NoChannel(why)
    assert choose([unfit, B], PAY) == Choice(B.channel, f"b, priority 20 (passed over: {why})")


def test_a_spared_channel_is_the_last_resort():
    spared = replace(A, is_spared=True)
    assert choose([spared, B], PAY).channel == B.channel
    assert choose([spared], PAY) == Choice(A.channel, "a, priority 10 (passed over: a: being spared)")


def test_nothing_opened():
    assert choose([], PAY) == NoChannel("no channel is opened for this merchant")
