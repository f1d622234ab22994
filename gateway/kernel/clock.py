"""Time as an argument: the only place where the wall clock is read."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")


class Clock(Protocol):
    """Tells the time; handed to whatever needs it."""

    def now(self) -> datetime:
        """Return the present instant, in UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds that only grow, for budgets and waits."""
        ...


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> datetime:
        """Return the present instant, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return the machine's monotonic seconds."""
        return time.monotonic()


class ManualClock:
    """A clock that moves only when told, for tests and simulations."""

    def __init__(self, now: datetime) -> None:
        self._now = now.astimezone(UTC)
        self._seconds = 0.0

    def now(self) -> datetime:
        """Return the instant the clock was last set to."""
        return self._now

    def monotonic(self) -> float:
        """Return the seconds the clock has been moved by."""
        return self._seconds

    def advance(self, step: timedelta) -> None:
        """Move both readings forward by `step`."""
        self._now += step
        self._seconds += step.total_seconds()
