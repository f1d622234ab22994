from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.kernel.clock import ManualClock
from gateway.web import Rates


def clock() -> ManualClock:
    return ManualClock(datetime(2026, 11, 22, tzinfo=UTC))


def test_a_burst_then_the_rate():
    time = clock()
    rates = Rates(clock=time, per_s=2, burst=3)
    assert [rates.take("a") for _ in range(3)] == [None, None, None]
    assert rates.take("a") == pytest.approx(0.5)
    assert rates.take("b") is None
    time.advance(timedelta(seconds=0.5))
    assert rates.take("a") is None
    assert rates.take("a") is not None
    time.advance(timedelta(hours=1))
    assert [rates.take("a") for _ in range(4)].count(None) == 3


@given(st.lists(st.integers(0, 400), max_size=60))
def test_never_more_than_burst_and_rate_allow(waits):
    time = clock()
    rates = Rates(clock=time, per_s=10, burst=5)
    taken = 0
    for wait in waits:
        time.advance(timedelta(milliseconds=wait))
        taken += rates.take("a") is None
    assert taken <= 5 + sum(waits) / 100 + 1e-6
