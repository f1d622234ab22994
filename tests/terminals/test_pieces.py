"""The small parts by themselves: dates, message types, the watch, samples, settings."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from gateway.kernel import settings as kernel_settings
from gateway.kernel.clock import ManualClock
from gateway.kernel.ids import UuidSevens
from gateway.kernel.log import HIDDEN, mask
from gateway.kernel.randomness import SeededRandomness
from gateway.kernel.reasons import Reason
from gateway.payments.model import AcquiringRecord, Reference, Source, Transaction
from gateway.terminals.answers import retrieval_reference
from gateway.terminals.dates import original_day
from gateway.terminals.road import Road
from gateway.terminals.samples import Refusal, Samples
from gateway.terminals.settings import TerminalSettings, terminal_settings
from gateway.terminals.transactions import ROWS, answer_type, found, is_request
from gateway.terminals.watch import MacWatch

LATE = AcquiringRecord(
    source=Source.TERMINAL,
    transaction=Transaction.PURCHASE,
    reference=Reference("10000001", "000001", "000001", "020"),
    merchant="104110070110814",
    amount=None,
    content=(),
    received_at=datetime(2026, 11, 22, 2, 0, tzinfo=UTC),
    answer_by=-1.0,
)
START = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("mmdd", "today", "day"),
    [
        ("1122", date(2026, 11, 22), date(2026, 11, 22)),
        ("1123", date(2026, 11, 22), date(2025, 11, 23)),
        ("1231", date(2027, 1, 1), date(2026, 12, 31)),
        ("0229", date(2026, 11, 22), date(2024, 2, 29)),
        ("0229", date(2103, 3, 1), date(2096, 2, 29)),
        ("0231", date(2026, 11, 22), None),
        ("0000", date(2026, 11, 22), None),
    ],
)
def test_an_originals_date_is_the_latest_not_in_the_future(mmdd: str, today: date, day: date | None) -> None:
    assert original_day(mmdd, today) == day


@given(st.dates(date(1990, 1, 1), date(2199, 12, 31)), st.integers(0, 364))
def test_every_day_of_the_last_year_is_found(today: date, back: int) -> None:
    day = today - timedelta(days=back)
    assert original_day(f"{day:%m%d}", today) == day


@pytest.mark.parametrize(
    ("mti", "request_", "answer"),
    [
        ("0200", True, "0210"),
        ("0201", True, "0210"),
        ("0221", True, "0230"),
        ("0400", True, "0410"),
        ("0820", True, "0830"),
        ("0210", False, ""),
        ("0230", False, ""),
        ("0202", False, ""),
        ("1200", False, ""),
        ("0000", False, ""),
    ],
)
def test_message_types(mti: str, request_: bool, answer: str) -> None:  # noqa: FBT001
    assert is_request(mti) is request_
    if request_:
        assert answer_type(mti) == answer


def test_every_row_is_found_by_its_codes_and_no_other() -> None:
    for row in ROWS:
        assert found(row.message_class, row.processing, row.condition, row.kind) is row
    assert len({(row.message_class, row.processing, row.condition, row.kind) for row in ROWS}) == len(ROWS)
    assert found("020", "000000", "00", "23") is None


def test_references_sort_into_twelve_letters_and_differ() -> None:
    ids = UuidSevens(ManualClock(START), SeededRandomness(1))
    made = {retrieval_reference(ids) for _ in range(1000)}
    assert len(made) == 1000
    assert all(len(each) == 12 and each.isalnum() and each.upper() == each for each in made)


def test_a_block_ends_after_its_time() -> None:
    clock = ManualClock(START)
    watch = MacWatch(clock=clock, most=2, blocked_s=900)
    assert [watch.wrong("a", "t"), watch.wrong("a", "t"), watch.wrong("a", "t")] == [False, True, False]
    assert (watch.blocked("a"), watch.blocked("b"), watch.blocked_now()) == (True, False, 1)
    clock.advance(timedelta(seconds=899))
    assert watch.blocked("a")
    clock.advance(timedelta(seconds=1))
    assert (watch.blocked("a"), watch.blocked_now()) == (False, 0)


def test_a_blocked_source_has_one_check_a_second() -> None:
    clock = ManualClock(START)
    watch = MacWatch(clock=clock, most=1, blocked_s=900)
    watch.wrong("a", "t")
    assert [watch.may_check("a"), watch.may_check("a")] == [True, False]
    clock.advance(timedelta(seconds=1))
    assert watch.may_check("a")


def test_the_watch_does_not_grow_without_end() -> None:
    watch = MacWatch(clock=ManualClock(START), most=2, blocked_s=900)
    for number in range(20_000):
        watch.wrong(f"address {number}", f"terminal {number}")
    assert watch.wrong_of("terminal 0") == 0
    assert watch.wrong_of("terminal 19999") == 1
    assert watch.wrong("address 0", "t") is False
    assert watch.wrong("address 19999", "t") is True


REFUSAL = Refusal(why="because", field=2, source="127.0.0.1")


def test_samples_are_few_and_pass_the_mask_of_the_logs() -> None:
    clock = ManualClock(START)
    samples = Samples(clock=clock)
    with structlog.testing.capture_logs() as lines:
        for _ in range(5):
            samples.take(b"\x02\x006222020000000000", REFUSAL, offset=10)
        clock.advance(timedelta(seconds=1))
        samples.take(b"x", REFUSAL, offset=10)
    assert [line["count"] for line in lines] == [0, 4]
    shown = mask(None, "info", lines[0])
    assert HIDDEN not in {value for name, value in shown.items() if name != "log_level"}
    assert "6222" not in str(lines)


def test_settings_come_from_their_section() -> None:
    assert terminal_settings(kernel_settings.Terminals()).answer_within_ms == 40_000
    section = kernel_settings.Terminals(
        listeners=(
            kernel_settings.Listener(
                dialect="iso87-ascii", port=8583, tls_certificate="c.pem", tls_key="k.pem", client_authorities="ca.pem"
            ),
        ),
        in_flight_most=10,
    )
    made = terminal_settings(section, acquirer="48021000")
    (listener,) = made.listeners
    assert (made.acquirer, made.most_under_way, made.most_per_connection) == ("48021000", 10, 5)
    assert (listener.dialect, listener.port) == ("iso87-ascii", 8583)
    assert listener.tls is not None
    assert (listener.tls.certificate, listener.tls.clients) == (Path("c.pem"), Path("ca.pem"))
    assert TerminalSettings().listeners[0].tls is None


async def test_a_turn_that_comes_too_late_says_nothing_was_sent_but_to_a_repeat(till) -> None:
    road = Road(carry=till, clock=ManualClock(START), guard_s=0.0)
    first = await road.taken(LATE)
    assert first is not None
    assert first.reason is Reason.BUSY
    assert await road.taken(replace(LATE, repeat=True)) is None
    assert till.records == []
