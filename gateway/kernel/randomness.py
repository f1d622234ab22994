"""Randomness as an argument: real for keys and ids, seeded for simulations."""

from __future__ import annotations

import os
import random
from typing import Protocol


class Randomness(Protocol):
    """Gives random bytes."""

    def octets(self, count: int) -> bytes:
        """Return `count` random bytes."""
        ...


class SystemRandomness:
    """The operating system's generator; the only one keys are made from."""

    def octets(self, count: int) -> bytes:
        """Return `count` bytes fit for keys."""
        return os.urandom(count)


class SeededRandomness:
    """A repeatable generator for tests and simulations; never for keys of a real installation."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - repeatable on purpose

    def octets(self, count: int) -> bytes:
        """Return the next `count` bytes of the seed's stream."""
        return self._random.randbytes(count)


Draw = random.Random
"""A repeatable generator of choices, for the plans of simulations."""


def draw(name: str) -> Draw:
    """Return the generator of `name`, the same choices for the same name; never for keys."""
    return Draw(name)
