from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.kernel.clock import ManualClock
from gateway.kernel.ids import BadIdError, UuidSevens, read, show
from gateway.kernel.randomness import SeededRandomness

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def maker(clock: ManualClock) -> UuidSevens:
    return UuidSevens(clock, SeededRandomness(1))


def test_ids_sort_in_the_order_they_were_made() -> None:
    clock = ManualClock(NOON)
    ids = maker(clock)
    made = []
    for step_ms in (0, 0, 1, 0, 5, -3, 0):  # the clock may also be set back
        made += [ids.new() for _ in range(5000)]
        clock.advance(timedelta(milliseconds=step_ms))
    assert made == sorted(made)
    assert len(set(made)) == len(made)


def test_an_id_is_a_uuid_seven_with_its_time() -> None:
    made = maker(ManualClock(NOON)).new()
    assert (made.version, made.variant) == (7, "specified in RFC 4122")
    assert made.int >> 80 == int(NOON.timestamp() * 1000)


@given(st.uuids(), st.sampled_from(["pay", "wd", "trm"]))
def test_what_is_shown_reads_back(value: UUID, kind: str) -> None:
    text = show(kind, value)
    assert len(text) == len(kind) + 27
    assert read(kind, text) == value


@given(st.uuids(), st.uuids())
def test_shown_ids_sort_like_ids(one: UUID, other: UUID) -> None:
    assert (show("pay", one) < show("pay", other)) == (one < other)


@given(st.text(max_size=40))
def test_any_text_is_an_id_or_an_error(text: str) -> None:
    try:
        assert show("pay", read("pay", text)) == text
    except BadIdError:
        return


@pytest.mark.parametrize(
    "text",
    [
        show("wd", UUID(int=1)),
        "pay_",
        show("pay", UUID(int=1))[:-1],
        show("pay", UUID(int=1)) + "0",
        "pay_" + "u" * 26,
        "pay_8" + "0" * 25,
        show("pay", UUID(int=1)).upper(),
    ],
)
def test_what_is_no_id_of_the_kind_is_refused(text: str) -> None:
    with pytest.raises(BadIdError):
        read("pay", text)
