"""Years for the dates of terminals, which say month and day only (`docs/terminal-protocol.md` "Dates")."""

from __future__ import annotations

from datetime import date

_LEAP_CYCLE = 8


def original_day(mmdd: str, today: date) -> date | None:
    """Return the latest date of `mmdd` that is not after `today`; None where no calendar has it."""
    for year in range(today.year, today.year - _LEAP_CYCLE - 1, -1):
        day = _on(year, mmdd)
        if day is not None and day <= today:
            return day
    return None


def _on(year: int, mmdd: str) -> date | None:
    try:
        return date(year, int(mmdd[:2]), int(mmdd[2:]))
    except ValueError:
        return None
