"""Money as an integer count of minor units of one unit; units are ISO 4217 currencies and points currencies.

Source: `docs/adr`; rows U19, conventions of the requirements ("money is an integer count of fen").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal


class UnitMismatchError(ValueError):
    """Two amounts of different units met in one sum; units are never netted."""


# ISO 4217 exponents and numeric codes of the currencies that are in use; points currencies have exponent 0.
CURRENCIES: dict[str, tuple[str, int]] = {
    "CNY": ("156", 2),
    "USD": ("840", 2),
    "EUR": ("978", 2),
    "HKD": ("344", 2),
    "JPY": ("392", 0),
    "IQD": ("368", 3),
    "LBP": ("422", 2),
}


@dataclass(frozen=True, slots=True, order=False)
class Money:
    """`minor` counts minor units (fen for CNY) of `unit` (ISO 4217 letters, or a points currency's code)."""

    minor: int
    unit: str

    def __post_init__(self) -> None:
        """Refuse anything but whole minor units."""
        if type(self.minor) is not int:
            message = f"an amount is a whole number of minor units, not {type(self.minor).__name__}"
            raise TypeError(message)

    def __add__(self, other: Money) -> Money:
        return Money(self.minor + self._same(other).minor, self.unit)

    def __sub__(self, other: Money) -> Money:
        return Money(self.minor - self._same(other).minor, self.unit)

    def __neg__(self) -> Money:
        return Money(-self.minor, self.unit)

    def __lt__(self, other: Money) -> bool:
        return self.minor < self._same(other).minor

    def __le__(self, other: Money) -> bool:
        return self.minor <= self._same(other).minor

    def __str__(self) -> str:
        """Print for people: `12.34 CNY`, `500 PA`."""
        digits = CURRENCIES.get(self.unit, ("", 0))[1]
        if not digits:
            return f"{self.minor} {self.unit}"
        sign = "-" if self.minor < 0 else ""
        whole, part = divmod(abs(self.minor), 10**digits)
        return f"{sign}{whole}.{part:0{digits}d} {self.unit}"

    def _same(self, other: Money) -> Money:
        if other.unit != self.unit:
            message = (
                f"{self.unit} and {other.unit} cannot be added or compared: amounts of different units are never netted"
            )
            raise UnitMismatchError(message)
        return other


def round_half_up(value: Decimal) -> int:
    """Round a computed amount of minor units to a whole one, half away from zero (worked examples' rounding)."""
    if not value.is_finite():
        message = "a computed amount must be finite"
        raise ValueError(message)
    return int(value.quantize(Decimal(1), rounding=ROUND_HALF_UP))


def split(total: int, weights: Sequence[int]) -> list[int]:
    """Share `total` minor units by `weights`; each share is rounded half up, the last takes the rest.

    The parts always add up to `total`. Raises ValueError where there are no weights or their sum is not positive.
    """
    whole = sum(weights)
    if not weights or whole <= 0 or min(weights) < 0:
        message = "weights must be non-negative and add up to more than zero"
        raise ValueError(message)
    parts = [round_half_up(Decimal(total) * weight / whole) for weight in weights[:-1]]
    return [*parts, total - sum(parts)]


def reversed_part(*, original_part: int, original_total: int, reversed_total: int, reversed_part_before: int) -> int:
    """What of `original_part` goes back now, by the cumulative method.

    `reversed_total` counts everything reversed of `original_total` so far, this time included; the answer is
    round(original_part x reversed_total / original_total) - reversed_part_before (worked example 3).
    """
    share = Decimal(original_part) * reversed_total / original_total
    return round_half_up(share) - reversed_part_before
