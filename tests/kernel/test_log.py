from __future__ import annotations

import asyncio
import io
import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import UUID

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from gateway.kernel.clock import ManualClock
from gateway.kernel.log import HIDDEN, configure_log, mask, request_id, scrub

CARD = "6222021234567890"


@pytest.fixture
def out() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    written = io.StringIO()
    configure_log(clock=ManualClock(datetime(2026, 11, 22, 10, tzinfo=UTC)), form="json", out=written)
    yield written
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def lines(out: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"card {CARD} was read", "card ***7890 was read"),
        ("6222 0212 3456 7890", "***7890"),
        ("6222-0212-3456-7890.", "***7890."),
        (f"{CARD}=30125010000", "***"),
        ("pan=6222021234567890123,", "pan=***0123,"),
        # what is not a card number stays
        ("rrn 012345678901", "rrn 012345678901"),
        ("number 20261122000000000001", "number 20261122000000000001"),
        ("01946172-9304-7123-8555-123456789012", "01946172-9304-7123-8555-123456789012"),
    ],
)
def test_card_numbers_are_masked_in_any_text(text: str, shown: str) -> None:
    assert scrub(text) == shown


@given(st.text(), st.from_regex(r"[0-9]{13,19}", fullmatch=True), st.text(alphabet=" .,;:'\"()[]{}<>\n"))
def test_no_card_number_gets_through(before: str, card: str, after: str) -> None:
    assert card not in scrub(f"{before} {card}{after}")


@pytest.mark.parametrize(
    ("field", "value", "shown"),
    [
        ("terminal", "10000001", "10000001"),
        ("merchant", "104110070110814", "104110070110814"),
        ("unheard_of", "anything", HIDDEN),
        ("pin_block", b"\x01", HIDDEN),
        ("pan", int(CARD), HIDDEN),
        ("unheard_of", True, True),
        ("detail", f"of {CARD}", "of ***7890"),
        ("detail", {"pan": CARD, "state": "sent"}, {"pan": HIDDEN, "state": "sent"}),
        ("detail", [CARD, {"cvv": "123"}], ["***7890", {"cvv": HIDDEN}]),
        ("detail", int(CARD), "***7890"),
        ("detail", object(), HIDDEN),
        ("error", ValueError(f"bad card {CARD}"), "ValueError: bad card ***7890"),
        ("id", UUID(int=7), str(UUID(int=7))),
        ("count", 12, 12),
    ],
)
def test_fields_are_shown_by_the_table_and_hidden_without_it(field: str, value: object, shown: object) -> None:
    assert mask(None, "info", {field: value}) == {field: shown}


def test_a_line_has_time_level_and_the_request_it_belongs_to(out: io.StringIO) -> None:
    with request_id("req_1"):
        structlog.get_logger("door").info("answered", terminal="10000001", secret="s")
    structlog.get_logger("door").info("idle")
    first, second = lines(out)
    assert first == {
        "event": "answered",
        "terminal": "10000001",
        "secret": HIDDEN,
        "request": "req_1",
        "level": "info",
        "logger": "door",
        "timestamp": "2026-11-22T10:00:00.000+00:00",
    }
    assert "request" not in second


async def test_the_request_follows_into_tasks(out: io.StringIO) -> None:
    async def work() -> None:
        structlog.get_logger().info("worked")

    with request_id("req_2"):
        task = asyncio.create_task(work())
    await task
    assert lines(out)[0]["request"] == "req_2"


def test_tracebacks_and_other_libraries_lines_are_scrubbed(out: io.StringIO) -> None:
    try:
        int(f"x {CARD}")
    except ValueError:
        structlog.get_logger().exception("broke")
        logging.getLogger("driver").exception("failed for %s", CARD)
    text = out.getvalue()
    assert "invalid literal" in text
    assert CARD not in text
    assert [line["event"] for line in lines(out)] == ["broke", "failed for ***7890"]
    assert text.count("Traceback") == 2


def test_a_terminal_gets_readable_lines() -> None:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    written = io.StringIO()
    try:
        configure_log(clock=ManualClock(datetime(2026, 11, 22, tzinfo=UTC)), form="text", out=written)
        structlog.get_logger().warning("late", channel="xmlbank", pin="1234")
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        structlog.reset_defaults()
    assert "late" in written.getvalue()
    assert "xmlbank" in written.getvalue()
    assert "1234" not in written.getvalue()
