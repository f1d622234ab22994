"""The base field table: what each data element is, before a dialect says how its digits and lengths are written.

The table itself is data (`dialects/base.toml`). Source: ISO 8583:1987 and public descriptions of terminals in China;
`docs/terminal-protocol.md` "Fields".
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache
from importlib.resources import files
from typing import Any


class Kind(Enum):
    """ISO 8583 attribute: which characters an element has."""

    N = "n"
    Z = "z"
    AN = "an"
    ANS = "ans"
    B = "b"


class Side(Enum):
    """On which side a value shorter than its fixed length is filled up."""

    LEFT = "left"
    RIGHT = "right"


class Mask(Enum):
    """How much of an element may be shown in a log or an error; what no row says is HIDDEN."""

    HIDDEN = "hidden"
    CARD = "card"
    OPEN = "open"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One data element. `prefix` is the number of length digits, 0 for an element of exactly `most` units."""

    number: int
    name: str
    kind: Kind
    most: int
    prefix: int = 0
    mask: Mask = Mask.HIDDEN
    pad: Side = Side.RIGHT

    @property
    def format(self) -> str:
        """The row's format in the standard's words: `n6`, `n..19 LL`."""
        if not self.prefix:
            return f"{self.kind.value}{self.most}"
        return f"{self.kind.value}..{self.most} {'L' * self.prefix}"


class RowError(ValueError):
    """A row of a definition is not one: says which and what was expected."""


_FORMAT = re.compile(r"(?P<kind>n|z|an|ans|b)(?:(?P<fixed>[1-9]\d{0,2})|\.\.(?P<most>[1-9]\d{0,2}) (?P<prefix>L{2,3}))")
_LAST_FIELD = 128


def row(number: int, *, name: str, form: str, mask: Mask = Mask.HIDDEN) -> Row:
    """Make a row of its format: `n6`, `n..19 LL`. Raises RowError."""
    found = _FORMAT.fullmatch(form)
    if not 1 < number <= _LAST_FIELD or found is None:
        message = f"field {number}: {form!r} is not a format such as n6 or ans..25 LL, or there is no such field"
        raise RowError(message)
    kind, prefix = Kind(found["kind"]), len(found["prefix"] or "")
    most = int(found["fixed"] or found["most"])
    if prefix and most >= 10**prefix:
        message = f"field {number}: {most} does not fit into {prefix} length digits"
        raise RowError(message)
    pad = Side.LEFT if kind is Kind.N else Side.RIGHT
    return Row(number=number, name=name, kind=kind, most=most, prefix=prefix, mask=mask, pad=pad)


@cache
def written(name: str) -> Mapping[str, Any]:
    """Return what a definition of the house says, by its name."""
    return tomllib.loads((files("channels.iso8583") / "dialects" / f"{name}.toml").read_text("utf-8"))


def read_rows(table: Mapping[str, Mapping[str, str]]) -> tuple[Row, ...]:
    """Read rows as a definition writes them: number -> name, format, mask. Raises RowError."""
    return tuple(
        row(int(number), name=each["name"], form=each["format"], mask=Mask(each.get("mask", "hidden")))
        for number, each in table.items()
    )


BASE: tuple[Row, ...] = read_rows(written("base")["fields"])
