from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.kernel.money import CURRENCIES, Money, UnitMismatchError, reversed_part, round_half_up, split

FEN = st.integers(min_value=-(10**15), max_value=10**15)


@pytest.mark.parametrize(
    ("money", "text"),
    [
        (Money(1234, "CNY"), "12.34 CNY"),
        (Money(-5, "CNY"), "-0.05 CNY"),
        (Money(1500, "JPY"), "1500 JPY"),
        (Money(1234, "IQD"), "1.234 IQD"),
        (Money(500, "PA"), "500 PA"),
    ],
)
def test_an_amount_reads_like_its_currency(money: Money, text: str) -> None:
    assert str(money) == text


def test_units_are_never_netted() -> None:
    with pytest.raises(UnitMismatchError, match="CNY and USD"):
        Money(1, "CNY") + Money(1, "USD")
    with pytest.raises(UnitMismatchError):
        assert Money(1, "CNY") < Money(2, "PA")


@pytest.mark.parametrize("minor", [1.0, Decimal(1), "1", True])
def test_only_whole_minor_units_are_money(minor: object) -> None:
    with pytest.raises(TypeError, match="whole number of minor units"):
        Money(minor, "CNY")  # type: ignore[arg-type]


@given(FEN, FEN)
def test_sums_are_exact(one: int, other: int) -> None:
    total = Money(one, "CNY") + Money(other, "CNY")
    assert total.minor == one + other
    assert total - Money(other, "CNY") == Money(one, "CNY")
    negated = -total
    assert -negated == total


@pytest.mark.parametrize(
    ("value", "rounded"),
    [("0.5", 1), ("-0.5", -1), ("1.4999", 1), ("2.5", 3), ("-2.5", -3), ("0", 0)],
)
def test_half_goes_away_from_zero(value: str, rounded: int) -> None:
    assert round_half_up(Decimal(value)) == rounded


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity"])
def test_what_is_no_number_is_no_amount(value: str) -> None:
    with pytest.raises(ValueError, match="finite"):
        round_half_up(Decimal(value))


@given(
    FEN,
    st.lists(st.integers(min_value=0, max_value=10**9), min_size=1, max_size=20).filter(any),
)
def test_the_parts_of_a_split_add_up(total: int, weights: list[int]) -> None:
    parts = split(total, weights)
    assert sum(parts) == total
    assert len(parts) == len(weights)
    for part, weight in zip(parts[:-1], weights[:-1], strict=True):
        assert abs(Decimal(part) - Decimal(total) * weight / sum(weights)) <= Decimal("0.5")


@pytest.mark.parametrize(
    ("total", "weights", "parts"),
    [(100, [1, 1, 1], [33, 33, 34]), (5, [1, 1], [3, 2]), (-5, [1, 1], [-3, -2]), (7, [0, 1], [0, 7]), (1, [3], [1])],
)
def test_the_last_takes_the_rest(total: int, weights: list[int], parts: list[int]) -> None:
    assert split(total, weights) == parts


@pytest.mark.parametrize("weights", [[], [0, 0], [1, -1], [2, -1]])
def test_weights_that_share_nothing_are_refused(weights: list[int]) -> None:
    with pytest.raises(ValueError, match="weights"):
        split(100, weights)


@given(
    st.integers(min_value=0, max_value=10**9),
    st.lists(st.integers(min_value=1, max_value=10**6), min_size=1, max_size=10),
)
def test_reversals_in_steps_give_the_whole_part_back(part: int, steps: list[int]) -> None:
    total, done, given_back = sum(steps), 0, 0
    for step in steps:
        done += step
        given_back += reversed_part(
            original_part=part,
            original_total=total,
            reversed_total=done,
            reversed_part_before=given_back,
        )
        assert 0 <= given_back <= part
    assert given_back == part


def test_currencies_have_iso_exponents() -> None:
    assert {unit: exponent for unit, (_, exponent) in CURRENCIES.items()} == {
        "CNY": 2,
        "USD": 2,
        "EUR": 2,
        "HKD": 2,
        "JPY": 0,
        "IQD": 3,
        "LBP": 2,
    }
