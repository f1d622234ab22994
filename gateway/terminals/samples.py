"""Masked samples of what was refused: the shape of the bytes, never a value.

A few a second go to the log; all are counted by what was wrong, until somebody takes the counts to the books.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from gateway.kernel.clock import Clock

_LOG = structlog.get_logger(__name__)
_MOST_BYTES = 64
_MOST_KINDS = 500
_TERMINAL_DIGITS = 8
_MANY = "more kinds of refusals than are told apart"


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """What tells refused messages apart. `code` is field 39 of the answer, empty where none was sent.

    `terminal` is what stood in field 41; only a registered one's number is ever kept or shown. `why` is in words of
    ours, with places and never a value.
    """

    why: str
    source: str
    field: int = 0
    code: str = ""
    dialect: str = ""
    terminal: str = ""
    mti: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """So many messages refused alike, and the shape of the newest one."""

    refusal: Refusal
    offset: int
    size: int
    shape: str
    count: int
    first_at: datetime
    last_at: datetime


class Samples:
    """Counts refusals, and writes one in `every_s` seconds to the log with how many it left out."""

    def __init__(self, *, clock: Clock, every_s: float = 1.0, most_kinds: int = _MOST_KINDS) -> None:
        self._clock = clock
        self._every_s = every_s
        self._most_kinds = most_kinds
        self._next = float("-inf")
        self._left_out = 0
        self._counted: dict[Refusal, Sample] = {}

    def take(self, data: bytes, refusal: Refusal, *, offset: int = 0) -> None:
        """Count a message that could not be read or was dropped, and log it where it is its turn."""
        self.count(data, refusal, offset=offset)
        now = self._clock.monotonic()
        if now < self._next:
            self._left_out += 1
            return
        _LOG.info(
            "terminals.unreadable",
            why=refusal.why,
            code=f"F{refusal.field}",
            offset=offset,
            address=refusal.source,
            bytes=len(data),
            detail=shape(data),
            count=self._left_out,
        )
        self._next, self._left_out = now + self._every_s, 0

    def count(self, data: bytes, refusal: Refusal, *, offset: int = 0) -> None:
        """Count a refused message."""
        kind = replace(refusal, terminal=refusal.terminal[:_TERMINAL_DIGITS].rstrip())
        if kind not in self._counted and len(self._counted) >= self._most_kinds:
            kind = Refusal(why=_MANY, source="")
        at, known = self._clock.now(), self._counted.get(kind)
        self._counted[kind] = Sample(
            refusal=kind,
            offset=offset,
            size=len(data),
            shape=shape(data),
            count=known.count + 1 if known else 1,
            first_at=known.first_at if known else at,
            last_at=at,
        )

    def taken(self) -> list[Sample]:
        """Return what was counted since the last time, and begin anew."""
        counted, self._counted = self._counted, {}
        return list(counted.values())

    def put_back(self, samples: list[Sample]) -> None:
        """Count again what could not be kept; what came meanwhile is added to it."""
        for each in samples:
            known = self._counted.get(each.refusal)
            if known is None and len(self._counted) >= self._most_kinds:
                continue
            self._counted[each.refusal] = (
                replace(known, count=known.count + each.count, first_at=each.first_at) if known else each
            )
