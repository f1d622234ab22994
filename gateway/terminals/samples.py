"""Masked samples of what could not be read: the shape of the bytes, never a value, and not many a second."""

from __future__ import annotations

import structlog

from gateway.kernel.clock import Clock

_LOG = structlog.get_logger(__name__)
_MOST_BYTES = 64


def shape(data: bytes) -> str:
    """Return one character a byte: n digit, a letter, _ a space, 0 a zero byte, # any other (at most 64)."""
    return "".join(_class(octet) for octet in data[:_MOST_BYTES])


def _class(octet: int) -> str:
    character = chr(octet)
    if octet == 0:
        return "0"
    if not character.isascii():
        return "#"
    if character.isdigit():
        return "n"
    if character.isalpha():
        return "a"
    return "_" if octet == 0x20 else "#"


class Samples:
    """Writes one sample in `every_s` seconds to the log and says how many it left out."""

    def __init__(self, *, clock: Clock, every_s: float = 1.0) -> None:
        self._clock = clock
        self._every_s = every_s
        self._next = float("-inf")
        self._left_out = 0

    def take(self, data: bytes, *, why: str, field: int, offset: int, source: str) -> None:
        """Log what was wrong and where, with the shape of the first bytes."""
        now = self._clock.monotonic()
        if now < self._next:
            self._left_out += 1
            return
        _LOG.info(
            "terminals.unreadable",
            why=why,
            code=f"F{field}",
            offset=offset,
            address=source,
            bytes=len(data),
            detail=shape(data),
            count=self._left_out,
        )
        self._next, self._left_out = now + self._every_s, 0
