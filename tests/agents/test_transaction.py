"""Items of a source: any bytes are a transaction, or are refused with the field that is wrong."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.agents import RawTransaction, read_transaction
from gateway.agents.transaction import UnreadableError
from gateway.kernel.money import Money

GOOD: dict[str, Any] = {
    "id": "T1",
    "device": "D1",
    "agent": "X",
    "merchant": "M1",
    "amount": {"minor": 10_000, "unit": "CNY"},
    "fee": {"minor": 60, "unit": "CNY"},
    "cost": {"minor": 50, "unit": "CNY"},
    "state": "success",
    "occurred_at": "2026-11-22T10:00:00+08:00",
}


def said(**fields: Any) -> bytes:
    return json.dumps({name: value for name, value in (GOOD | fields).items() if value is not None}).encode()


def test_a_good_one() -> None:
    read = read_transaction(said())
    assert (read.id, read.amount, read.occurred_at.isoformat()) == (
        "T1",
        Money(10_000, "CNY"),
        "2026-11-22T10:00:00+08:00",
    )


def test_the_digest_is_of_the_content_not_of_its_spelling() -> None:
    spelt = json.dumps(dict(reversed(GOOD.items())), indent=3).encode()
    assert read_transaction(spelt).digest == read_transaction(said()).digest
    assert read_transaction(said(device="D2")).digest != read_transaction(said()).digest


@pytest.mark.parametrize(
    ("fields", "row_id", "why"),
    [
        ({"amount": None}, "T1", "missing required field `amount`"),
        ({"amount": {"minor": 1.5, "unit": "CNY"}}, "T1", "amount.minor"),
        ({"amount": {"minor": -1, "unit": "CNY"}}, "T1", "amount.minor"),
        ({"fee": {"minor": 1, "unit": "USD"}}, "T1", "different units"),
        ({"occurred_at": "2026-11-22T10:00:00"}, "T1", "occurred_at"),
        ({"agent": "a\x00b"}, "T1", "agent"),
        ({"id": "a b"}, "a b", "$.id"),
    ],
)
def test_what_is_wrong_is_named(fields: dict[str, Any], row_id: str, why: str) -> None:
    with pytest.raises(UnreadableError) as refused:
        read_transaction(said(**fields))
    assert refused.value.row_id == row_id
    assert why in str(refused.value)


@given(
    st.binary(max_size=200)
    | st.builds(
        lambda value: json.dumps(value).encode(),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=5),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(list(GOOD)), inner, max_size=9),
            max_leaves=12,
        ),
    )
)
def test_any_bytes_are_a_transaction_or_are_refused(item: bytes) -> None:
    with suppress(UnreadableError):
        assert isinstance(read_transaction(item), RawTransaction)


@given(st.binary(max_size=60))
def test_a_refused_one_has_an_id_to_be_found_by(item: bytes) -> None:
    with pytest.raises(UnreadableError) as refused:
        read_transaction(item)
    assert 0 < len(refused.value.row_id) <= 128
