"""Where terminals stand: the terminals of the dialect, and which of them have a merchant in one."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """A terminal as its operator knows it."""

    terminal: str
    merchant: str
    tmk: bytes


def of_one_merchant(places: tuple[Place, ...]) -> tuple[Place, Place]:
    """Two terminals of the same merchant."""
    for one, other in itertools.combinations(places, 2):
        if one.merchant == other.merchant:
            return one, other
    raise LookupError("no merchant has two terminals of this dialect")


def of_another_merchant(places: tuple[Place, ...], place: Place) -> Place:
    """A terminal of some other merchant."""
    for other in places:
        if other.merchant != place.merchant:
            return other
    raise LookupError("only one merchant has terminals of this dialect")


def trace_numbers() -> Iterator[str]:
    """Trace numbers that start from the time, forty a second, so that several runs on one world do not meet."""
    for number in itertools.count(time.time_ns() // 25_000_000):
        yield f"{number % 999_999 + 1:06d}"
