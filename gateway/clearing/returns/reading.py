"""Reading a return file whole before a row of it is kept: lines sound, totals proven, sums by business and unit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from channels.instruction import ReturnLine
from channels.ports import BadFileError, BatchChannel
from gateway.kernel.money import CURRENCIES

_LARGEST = (1 << 63) - 1
_LONGEST_NUMBER = 64
_MOST_BATCHES = 100


@dataclass(slots=True)
class Sum:
    """Count, amount and fee of the lines of one business and unit."""

    count: int = 0
    amount_minor: int = 0
    fee_minor: int = 0


def sound(language: BatchChannel, template: str, pieces: Iterable[bytes]) -> Iterator[ReturnLine]:
    """Give the lines of a file, numbered, refusing what no store could keep. Raises BadFileError."""
    for count, line in enumerate(language.read(template, pieces), start=1):
        placed = line if line.place else replace(line, place=count)
        why = _why_unsound(placed)
        if why is not None:
            raise BadFileError(why, line=placed.place, offset=placed.offset)
        yield placed


def summed(language: BatchChannel, template: str, pieces: Iterable[bytes]) -> dict[tuple[str, str], Sum]:
    """Read a file to its end and return its sums by business and unit. Raises BadFileError."""
    sums: dict[tuple[str, str], Sum] = {}
    for line in sound(language, template, pieces):
        total = sums.setdefault((line.business, line.unit), Sum())
        if len(sums) > _MOST_BATCHES:
            raise BadFileError("more businesses than a file can hold", line=line.place, offset=line.offset)
        total.count += 1
        total.amount_minor += line.amount_minor
        total.fee_minor += line.fee_minor
        if total.amount_minor > _LARGEST:
            raise BadFileError("the amounts add up beyond any amount", line=line.place, offset=line.offset)
    return sums


def _why_unsound(line: ReturnLine) -> str | None:
    if not 0 <= line.amount_minor <= _LARGEST or not 0 <= line.fee_minor <= _LARGEST:
        return "an amount is out of range"
    if not line.number or len(line.number) > _LONGEST_NUMBER:
        return "the number is empty or too long"
    if line.unit not in CURRENCIES:
        return "the unit is no currency that we keep"
    texts = (line.number, line.business, line.unit, line.code, line.text, line.bank_reference)
    if any("\x00" in text or not text.isprintable() for text in texts):
        return "a text holds a character that cannot be printed"
    return None
