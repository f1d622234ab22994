"""The formula language: what it takes, what it refuses at saving, and that nothing else gets through."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.fees.expression import FormulaError, compile_formula, holds, number, work_out

KNOWN = frozenset({"base", "channel", "gmv"})


def value(text, **names):
    return work_out(compile_formula(text, KNOWN), names)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.1 + 0.2", Decimal("0.3")),
        ("base * 0.9 / 100", Decimal(9)),
        ("base % 7 - -2", Decimal(8)),
        ("min(base, 3, gmv)", Decimal(3)),
        ("abs(0 - base)", Decimal(1000)),
        ("base if base > 5 and not gmv > base else 1", Decimal(1)),
        ("channel in ('a', 'b')", True),
        ("channel not in ['b']", True),
        ("1 <= base <= 1000 or channel == 'z'", True),
        ("channel", "a"),
    ],
)
def test_what_it_takes(text, expected):
    assert value(text, base=Decimal(1000), gmv=Decimal(5000), channel="a") == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "base +",
        "a = 1",
        "base; base",
        "unknown * 2",
        "base ** 2",
        "base << 3",
        "base // 3",
        "__import__('os')",
        "base.real",
        "(lambda: 1)()",
        "[x for x in (1, 2)]",
        "{'a': 1}",
        "f'{base}'",
        "min()",
        "min(base, key=abs)",
        "max",
        "base[0]",
        "None",
        "b'x'",
        "3j",
        "1e999999",
        "1234567890.123456789",
        "*base",
        "(base := 3)",
        "base is 1",
        "~base",
        "1" * 501,
        "-" * 100 + "1",
        "\x00",
    ],
)
def test_what_it_refuses_at_saving(text):
    with pytest.raises(FormulaError):
        compile_formula(text, KNOWN)


@pytest.mark.parametrize("text", ["base / gmv", "base + channel", "base > channel", "min(base, channel)", "(1, 2)"])
def test_what_cannot_be_worked_out(text):
    with pytest.raises(FormulaError):
        value(text, base=Decimal(1), gmv=Decimal(0), channel="a")


def test_a_fact_that_was_not_given_is_named():
    with pytest.raises(FormulaError, match="'gmv' was not given"):
        value("base + gmv", base=Decimal(1))


def test_a_number_is_no_condition_and_a_condition_is_no_number():
    with pytest.raises(FormulaError):
        holds(compile_formula("base", KNOWN), {"base": Decimal(1)})
    with pytest.raises(FormulaError):
        number(compile_formula("base > 1", KNOWN), {"base": Decimal(1)})


@given(st.text(max_size=60))
def test_any_text_is_a_formula_or_one_error(text):
    try:
        formula = compile_formula(text, KNOWN)
        work_out(formula, {"base": Decimal(10), "gmv": Decimal(3), "channel": "a"})
    except FormulaError:
        pass
