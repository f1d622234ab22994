"""Ids: UUIDv7 (RFC 9562) made by us, shown to the outside with a kind prefix.

Inside, an id is a `uuid.UUID`; outside it is `<kind>_<26 characters>`, Crockford base32 in lower case.
"""

from __future__ import annotations

from typing import Protocol
from uuid import UUID

from gateway.kernel.clock import Clock
from gateway.kernel.randomness import Randomness

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_VALUES = {letter: value for value, letter in enumerate(_ALPHABET)}
_LENGTH = 26


class Ids(Protocol):
    """Makes ids."""

    def new(self) -> UUID:
        """Return a new id that sorts after every earlier one of this maker."""
        ...


class UuidSevens:
    """UUIDv7 with a 12-bit counter inside one millisecond, so ids of one process sort in the order they were made."""

    def __init__(self, clock: Clock, randomness: Randomness) -> None:
        self._clock = clock
        self._randomness = randomness
        self._last = 0

    def new(self) -> UUID:
        """Return the next id."""
        stamp = int(self._clock.now().timestamp() * 1000) << 12
        self._last = stamp if stamp > self._last else self._last + 1
        tail = int.from_bytes(self._randomness.octets(8)) & ((1 << 62) - 1)
        return UUID(int=(self._last >> 12) << 80 | 0x7 << 76 | (self._last & 0xFFF) << 64 | 0b10 << 62 | tail)


class BadIdError(ValueError):
    """A text is not an id of the kind that was asked for."""


def show(kind: str, value: UUID) -> str:
    """Write an id for the outside: `show("pay", id)` gives `pay_01h…`."""
    rest, letters = value.int, []
    for _ in range(_LENGTH):
        rest, digit = divmod(rest, 32)
        letters.append(_ALPHABET[digit])
    return f"{kind}_{''.join(reversed(letters))}"


def read(kind: str, text: str) -> UUID:
    """Read an id from the outside. Raises BadIdError where `text` is not an id of `kind`."""
    prefix, _, tail = text.rpartition("_")
    if prefix != kind or len(tail) != _LENGTH or not set(tail) <= _VALUES.keys():
        message = f"not an id of kind {kind}_: expected {kind}_ and {_LENGTH} letters and digits"
        raise BadIdError(message)
    value = 0
    for letter in tail:
        value = value * 32 + _VALUES[letter]
    if value >= 1 << 128:
        message = f"not an id of kind {kind}_: its value is out of range"
        raise BadIdError(message)
    return UUID(int=value)
