"""When a channel's recurring work is due next."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo


def next_of(times: Sequence[time], now: datetime, zone: ZoneInfo) -> datetime | None:
    """Return the next instant after `now` that shows one of `times` in `zone`; None where there are none."""
    today = now.astimezone(zone).date()
    candidates = [datetime.combine(today + timedelta(days=days), each, zone) for days in (0, 1) for each in times]
    later = [candidate for candidate in candidates if candidate > now]
    return min(later, default=None)
