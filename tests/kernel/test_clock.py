from __future__ import annotations

from datetime import UTC, datetime, timedelta

from gateway.kernel.clock import SHANGHAI, ManualClock, SystemClock


def test_a_manual_clock_moves_only_when_told() -> None:
    clock = ManualClock(datetime(2026, 11, 22, 8, tzinfo=SHANGHAI))
    assert clock.now() == datetime(2026, 11, 22, 0, tzinfo=UTC)
    assert clock.now().tzinfo is UTC
    clock.advance(timedelta(seconds=90))
    assert clock.now() == datetime(2026, 11, 22, 0, 1, 30, tzinfo=UTC)
    assert clock.monotonic() == 90


def test_the_system_clock_is_in_utc_and_only_grows() -> None:
    clock = SystemClock()
    first = clock.monotonic()
    assert clock.now().utcoffset() == timedelta(0)
    assert clock.monotonic() >= first
