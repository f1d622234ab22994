"""When a schedule is due: cron lines in the local time of a zone, pure (row A15).

`minute hour day month weekday`, each `*`, a number, a range `a-b`, a step `*/n` or `a-b/n`, or a list of these with
commas; weekdays are 0-7 with Sunday as 0 and 7. Where day and weekday are both given, either is enough, as cron has it.
A bare `HH:MM` is every day at that time. Where clocks go forward, a time that does not exist is the instant it would
have been (02:30 is then 03:30); where they go back, a time that comes twice is due the first time only, except under
hour `*`, which counts both.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import product
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_DAILY = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")
_PART = re.compile(r"(?:\*|(\d{1,2})(?:-(\d{1,2}))?)(?:/(\d{1,2}))?")
_BOUNDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
_NAMES = ("minute", "hour", "day", "month", "weekday")
# 29 February of a weekday comes back within this
_HORIZON = timedelta(days=366 * 41)
_SUNDAY = 7


class CronError(ValueError):
    """A schedule's time cannot be read, or never comes; the text says what is wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cron:
    """A cron line, read."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    any_hour: bool
    any_day: bool
    any_weekday: bool
    zone: ZoneInfo

    @classmethod
    def read(cls, line: str, zone: str) -> Cron:
        """Read a line for a zone of the IANA database. Raises CronError."""
        daily = _DAILY.fullmatch(line.strip())
        fields = [daily[2], daily[1], "*", "*", "*"] if daily else line.split()
        if len(fields) != len(_BOUNDS):
            raise CronError("a time is HH:MM, or five fields: minute hour day month weekday")
        minutes, hours, days, months, weekdays = (_field(text, place) for place, text in enumerate(fields))
        return cls(
            minutes=tuple(sorted(minutes)),
            hours=tuple(sorted(hours)),
            days=days,
            months=months,
            weekdays=frozenset(day % _SUNDAY for day in weekdays),
            any_hour=fields[1].startswith("*"),
            any_day=fields[2] == "*",
            any_weekday=fields[4] == "*",
            zone=_zone(zone),
        )

    def after(self, instant: datetime) -> datetime:
        """Return the first due instant later than `instant`, in UTC. Raises CronError where none comes."""
        day = instant.astimezone(self.zone).date() - timedelta(days=1)
        end = day + _HORIZON
        while day < end:
            if self._holds(day):
                due = next((at for at in self._instants(day) if at > instant), None)
                if due is not None:
                    return due
            day += timedelta(days=1)
        raise CronError("this time never comes")

    def _holds(self, day: date) -> bool:
        if day.month not in self.months:
            return False
        on_day, on_weekday = day.day in self.days, day.isoweekday() % _SUNDAY in self.weekdays
        if self.any_day or self.any_weekday:
            return on_day and on_weekday
        return on_day or on_weekday

    def _instants(self, day: date) -> list[datetime]:
        """The due instants of a local day, in order."""
        found: set[datetime] = set()
        for hour, minute in product(self.hours, self.minutes):
            found.update(self._of(datetime.combine(day, time(hour, minute), self.zone)))
        return sorted(found)

    def _of(self, local: datetime) -> Iterator[datetime]:
        first = local.astimezone(UTC)
        yield first
        # a time that does not exist reads back as another one: it comes once, as the first reading has it
        if self.any_hour and first.astimezone(self.zone).replace(fold=0) == local:
            yield local.replace(fold=1).astimezone(UTC)


def _field(text: str, place: int) -> frozenset[int]:
    found: set[int] = set()
    for part in text.split(","):
        found.update(_part(part, place))
    return frozenset(found)


def _part(text: str, place: int) -> range:
    low, high = _BOUNDS[place]
    read = _PART.fullmatch(text)
    if read is None:
        raise CronError(f"the {_NAMES[place]} {text!r} cannot be read")
    first, last, step = (None if group is None else int(group) for group in read.groups())
    begin = low if first is None else first
    end = (high if step is not None or first is None else first) if last is None else last
    if not low <= begin <= end <= high or step == 0:
        raise CronError(f"the {_NAMES[place]} {text!r} is not within {low} to {high}")
    return range(begin, end + 1, step or 1)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise CronError(f"{name!r} is no zone of the IANA database, as Asia/Shanghai is") from None
