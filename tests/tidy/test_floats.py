from __future__ import annotations

import pytest

from tests.tidy.floats import no_float_money
from tests.tidy.source import Source, caught, findings


def test_no_float_stands_beside_money(sources: tuple[Source, ...]) -> None:
    assert findings(no_float_money, sources) == []


@pytest.mark.parametrize(
    "text",
    [
        "amount_minor: float = 0",
        "def pay(amount: float | None): ...",
        "def pay(*, fee_minor: 'int', rest_minor: float): ...",
        "def fee_minor(self) -> float: ...",
        "amount = 12.5",
        "self.rest_minor = float(text)",
        "pay(amount_minor=1.0)",
        "half = amount_minor / 2",
        "share = total / self.amount_minor",
        "fee = amount_minor * 0.006",
        "fee = 0.006 * row['amount_minor']",
        "if amount_minor > 0.5: ...",
        "shown = float(amount_minor)",
    ],
)
def test_a_float_beside_money_is_caught(text: str) -> None:
    assert len(caught(no_float_money, "gateway/fees/quote.py", text)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "amount_minor: int = 0",
        "half, rest = divmod(amount_minor, 2)",
        "fee = amount_minor * Decimal('0.006')",
        "delay = 0.5 * tries",
        "root = directory / 'amount'",
        "seconds: float = 1.5",
        "timeout = budget_ms / 1000",
    ],
)
def test_whole_money_and_other_floats_are_left_alone(text: str) -> None:
    assert caught(no_float_money, "gateway/fees/quote.py", text) == []
