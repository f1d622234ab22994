"""When a schedule is due, in the local time of its zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.tasks.batch import Cron, CronError

# each row: line, zone, after and due (both in UTC)
DUE = """
02:30 | Asia/Shanghai | 2026-11-22T00:00 | 2026-11-22T18:30
02:30 | Asia/Shanghai | 2026-11-22T18:30 | 2026-11-23T18:30
*/15 * * * * | Asia/Shanghai | 2026-11-22T00:07 | 2026-11-22T00:15
0 9 1 * * | Asia/Shanghai | 2026-11-22T00:00 | 2026-12-01T01:00
0 9 * * 1-5 | Asia/Shanghai | 2026-11-20T02:00 | 2026-11-23T01:00
0 9 * * 0 | Asia/Shanghai | 2026-11-16T02:00 | 2026-11-22T01:00
0 9 * * 7 | Asia/Shanghai | 2026-11-16T02:00 | 2026-11-22T01:00
0 9 13 * 5 | Asia/Shanghai | 2026-11-14T00:00 | 2026-11-20T01:00
0 0 29 2 * | UTC | 2026-03-01T00:00 | 2028-02-29T00:00
0,30 8-9 * * * | UTC | 2026-11-22T08:30 | 2026-11-22T09:00
5-10/5 0 * * * | UTC | 2026-11-22T00:05 | 2026-11-22T00:10
02:30 | Europe/Berlin | 2026-03-28T12:00 | 2026-03-29T01:30
02:30 | Europe/Berlin | 2026-10-24T12:00 | 2026-10-25T00:30
02:30 | Europe/Berlin | 2026-10-25T00:30 | 2026-10-26T01:30
30 * * * * | Europe/Berlin | 2026-10-25T00:30 | 2026-10-25T01:30
30 * * * * | Europe/Berlin | 2026-03-29T00:30 | 2026-03-29T01:30
"""
CASES = [tuple(row.split(" | ")) for row in DUE.strip().splitlines()]


@pytest.mark.parametrize(("line", "zone", "after", "due"), CASES)
def test_due(line: str, zone: str, after: str, due: str) -> None:
    cron = Cron.read(line, zone)
    assert cron.after(datetime.fromisoformat(after).replace(tzinfo=UTC)) == datetime.fromisoformat(due).replace(
        tzinfo=UTC
    )


@pytest.mark.parametrize(
    ("line", "zone", "why"),
    [
        ("", "UTC", "five fields"),
        ("24:00", "UTC", "five fields"),
        ("0 0 * *", "UTC", "five fields"),
        ("60 0 * * *", "UTC", "minute '60' is not within 0 to 59"),
        ("0 0 0 * *", "UTC", "day '0' is not within"),
        ("0 0 * * 8", "UTC", "weekday '8' is not within"),
        ("*/0 0 * * *", "UTC", "minute '\\*/0' is not within"),
        ("5-1 0 * * *", "UTC", "is not within"),
        ("a 0 * * *", "UTC", "minute 'a' cannot be read"),
        ("0 0 * * *", "Mars/Olympus", "no zone of the IANA"),
        ("0 0 * * *", "../etc/passwd", "no zone of the IANA"),
    ],
)
def test_what_is_no_time_is_refused(line: str, zone: str, why: str) -> None:
    with pytest.raises(CronError, match=why):
        Cron.read(line, zone)


def test_a_time_that_never_comes_is_refused() -> None:
    with pytest.raises(CronError, match="never comes"):
        Cron.read("0 0 31 2 *", "UTC").after(datetime(2026, 1, 1, tzinfo=UTC))


@given(
    hours=st.integers(min_value=0, max_value=20 * 366 * 24),
    zone=st.sampled_from(["Asia/Shanghai", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]),
)
def test_a_daily_time_comes_once_a_day(hours: int, zone: str) -> None:
    cron, at = Cron.read("02:15", zone), datetime(2020, 1, 1, tzinfo=UTC) + timedelta(hours=hours)
    first = cron.after(at)
    second = cron.after(first)
    assert at < first <= at + timedelta(hours=26)
    days = [due.astimezone(ZoneInfo(zone)).date() for due in (first, second)]
    assert days[1] - days[0] == timedelta(days=1)
