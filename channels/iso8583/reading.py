"""A function that reads the messages of one bitmap, made from the dialect's table.

The function takes a message exactly where the table does, with the same result, and gives None for any other: the
table then names the fault. Its source is put together from the table's own numbers, never from input. Neighbouring
digits are checked together, and what is all characters is checked as one text.
"""

from __future__ import annotations

import re
from binascii import unhexlify
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Any

from channels.iso8583.dialect import Dialect, Element
from channels.iso8583.encodings import (
    ASCII_TEXT,
    DIGIT,
    GBK_TEXT,
    LETTER_OR_DIGIT,
    UPPER_HEX,
    Characters,
    Hexadecimal,
    Octets,
    Packed,
    Text,
)
from channels.iso8583.message import Message

if TYPE_CHECKING:
    from channels.iso8583.dialect import Reader
    from channels.iso8583.encodings import Encoding

# What a made function answers to anything that does not fit; the table then says what it was.
_NO = "return None"
# A message is frozen; setting its slots at once takes half the time of asking its constructor.
_DONE = ("g = new(Message)", "set_mti(g, m)")
_SPACE: dict[str, Any] = {
    "Message": Message,
    "new": object.__new__,
    "set_mti": vars(Message)["mti"].__set__,
    "set_fields": vars(Message)["fields"].__set__,
    "unhexlify": unhexlify,
}
_PRINTABLE = " -~"
_FAULTS = "(KeyError, ValueError, IndexError)"


def reader(dialect: Dialect, present: tuple[int, ...], bitmap: bytes) -> Reader:
    """Make the function that reads messages with these fields, whose bitmap is these bytes."""
    source = _Source(dialect)
    source.begin(len(bitmap), tuple(dialect.elements[number] for number in present))
    for number in present:
        source.element(number, dialect.elements[number])
    return source.made(present)


@cache
def lengths(width: int, most: int) -> Mapping[str, int]:
    """Return the length prefixes of `width` digits that are allowed, and the length each one says."""
    return {str(units).zfill(width): units for units in range(most + 1)}


@cache
def matcher(members: str) -> Any:
    """Return what matches a whole text of these characters."""
    return re.compile(f"[{members}]*").fullmatch


def is_characters(dialect: Dialect, elements: tuple[Element, ...]) -> bool:
    """Tell whether all of a message with these elements is ASCII, so that one look at it says so."""
    return (
        dialect.text
        and not any(each.packed_prefix for each in elements)
        and all(isinstance(each.encoding, Characters | Hexadecimal) or each.encoding == ASCII_TEXT for each in elements)
    )


@dataclass(slots=True)
class _Place:
    """A place in the message: so many bytes behind what a variable holds (none: behind its beginning)."""

    base: str = ""
    offset: int = 0

    def octet(self, more: int = 0) -> str:
        """Say the place in bytes."""
        return _sum(f"a{self.base}" if self.base else "", self.offset + more)

    def nibble(self, more: int = 0) -> str:
        """Say the place in half bytes."""
        return _sum(f"h{self.base}" if self.base else "", self.offset * 2 + more)


@dataclass(frozen=True, slots=True)
class _Run:
    """Characters not yet checked: what they are, in which view, from where; `value` where they are one value alone."""

    members: str
    view: str
    start: str
    value: str
    may_be_empty: bool


@dataclass(frozen=True, slots=True)
class _Span:
    """Where a value stands: its first byte and the one behind it, and, packed, its digits without the fill."""

    start: str
    end: str
    nibbles: str


def _sum(base: str, offset: int) -> str:
    if not base:
        return str(offset)
    return f"{base}+{offset}" if offset else base


@dataclass(slots=True)
class _Source:
    """The source of one function, line by line. `d` is the data, `t` its characters, `x` its hexadecimal digits."""

    dialect: Dialect
    lines: list[str] = field(default_factory=list)
    names: dict[str, Any] = field(default_factory=dict)
    at: _Place = field(default_factory=_Place)
    run: _Run | None = None
    is_text: bool = False
    """All is ASCII, which is checked at once."""

    def begin(self, bitmap: int, elements: tuple[Element, ...]) -> None:
        """Stand behind message type and bitmap, which the caller found the function by."""
        self.is_text = is_characters(self.dialect, elements)
        self.lines.append(f"m = {'t' if self.dialect.text else 'x'}[:4]")
        self.lines.append(f"if not m.isdecimal(): {_NO}")
        self.at.offset = self.dialect.bitmap_at + bitmap

    def element(self, number: int, element: Element) -> None:
        """Read one element and stand behind it."""
        kind = element.encoding
        if not isinstance(kind, Packed | Characters | Octets | Hexadecimal) and kind not in (ASCII_TEXT, GBK_TEXT):
            self._foreign(number, element)
        elif element.prefix:
            self._variable(number, element)
        else:
            self._fixed(number, kind, element.row.most)

    def made(self, present: tuple[int, ...]) -> Reader:
        """Compile the function."""
        self._check_run()
        self.lines.append(f"if {self.at.octet()} != len(d): {_NO}")
        fields = ", ".join(f"{number}: v{number}" for number in present)
        body = "\n  ".join(["", *self._views(), *self.lines, *_DONE, f"set_fields(g, {{{fields}}})", "return g"])
        text = f"def read(d):\n try:{body}\n except {_FAULTS}:\n  return None\n"
        space: dict[str, Any] = {**_SPACE, **self.names}
        exec(compile(text, f"<{self.dialect.name} reader>", "exec"), space)  # noqa: S102 - our own table alone
        made: Reader = space["read"]
        return made

    def _views(self) -> list[str]:
        views = ['t = d.decode("latin-1")']
        if not self.dialect.text or any("x[" in line for line in self.lines):
            views.append("x = d.hex()")
        if self.is_text:
            views.append(f"if not t.isascii(): {_NO}")
        return views

    def _stand_behind(self, number: int) -> None:
        """Go on from what the variable `a{number}` holds; its half bytes are counted where they are needed."""
        if not self.is_text:
            self.lines.append(f"h{number} = a{number} * 2")
        self.at = _Place(str(number))

    def _foreign(self, number: int, element: Element) -> None:
        """Read an element of an encoding that this module does not know as the table does."""
        self._check_run()
        self.names[f"e{number}"] = element
        self.lines.append(f"v{number}, a{number} = e{number}.read(d, {self.at.octet()})")
        self._stand_behind(number)

    def _fixed(self, number: int, kind: Encoding, units: int) -> None:
        size = kind.size(units)
        nibbles = units if isinstance(kind, Packed) else 0
        left = nibbles & 1 if isinstance(kind, Packed) and kind.pad_left else 0
        piece = f"x[{self.at.nibble(left)}:{self.at.nibble(left + nibbles)}]" if nibbles else ""
        if nibbles & 1:
            self._check(DIGIT.members if not kind.track else UPPER_HEX.members, "x")  # type: ignore[attr-defined]
            fill = self.at.nibble(0 if left else nibbles)
            self.lines.append(f'if x[{fill}] != "0": {_NO}')
        self._value(number, kind, _Span(self.at.octet(), self.at.octet(size), piece), alone=False)
        self.at = _Place(self.at.base, self.at.offset + size)

    def _variable(self, number: int, element: Element) -> None:
        self._length(number, element)
        kind, units = element.encoding, f"u{number}"
        self.lines.append(f"a{number} = {self.at.octet()} + {_size_of(kind, units)}")
        piece = ""
        if isinstance(kind, Packed):
            start, end = self.at.nibble(), f"{self.at.nibble()}+{units}"
            fill = start if kind.pad_left else end
            self.lines.append(f'if {units} & 1 and x[{fill}] != "0": {_NO}')
            piece = f"x[a{number}*2-{units}:a{number}*2]" if kind.pad_left else f"x[{start}:{end}]"
        self._value(number, kind, _Span(self.at.octet(), f"a{number}", piece), alone=True)
        self._stand_behind(number)

    def _length(self, number: int, element: Element) -> None:
        if element.packed_prefix:
            self._check(DIGIT.members, "x")
            said, width = f"x[{self.at.nibble()}:{self.at.nibble(element.prefix * 2)}]", element.prefix * 2
        else:
            self._check(DIGIT.members, "t")
            said, width = f"t[{self.at.octet()}:{self.at.octet(element.prefix)}]", element.prefix
        self.names[f"l{number}"] = lengths(width, element.row.most)
        self.lines.append(f"u{number} = l{number}[{said}]")
        self.at = _Place(self.at.base, self.at.offset + element.prefix)

    def _value(self, number: int, kind: Encoding, span: _Span, *, alone: bool) -> None:
        piece = f"[{span.start}:{span.end}]"
        match kind:
            case Packed():
                self._check(kind.charset.members, "x", f"v{number}", alone=alone)
                self.lines.append(f"v{number} = {span.nibbles}{'.upper()' if kind.track else ''}")
            case Characters():
                self._characters(number, kind, f"t{piece}", alone=alone)
            case Hexadecimal():
                self._check_run()
                self.lines.append(f"w = t{piece}")
                self.lines.append(f"v{number} = unhexlify(w)")
                self.lines.append(f"if w.upper() != w: {_NO}")
            case Text():
                self._text(number, kind, piece)
            case _:
                self._check_run()
                self.lines.append(f"v{number} = d{piece}")

    def _characters(self, number: int, kind: Characters, piece: str, *, alone: bool) -> None:
        members = kind.charset.members
        if members == DIGIT.members or (members == LETTER_OR_DIGIT.members and not alone):
            self._check(members, "t", f"v{number}", alone=alone)
            self.lines.append(f"v{number} = {piece}")
            return
        self._check_run()
        self.names[f"m{number}"] = matcher(members)
        self.lines.append(f"v{number} = {piece}")
        self.lines.append(f"if not m{number}(v{number}): {_NO}")

    def _text(self, number: int, kind: Text, piece: str) -> None:
        if self.is_text:
            self._check(_PRINTABLE, "t", f"v{number}")
            self.lines.append(f"v{number} = t{piece}")
            return
        self._check_run()
        self.lines.append(f"v{number} = t{piece}")
        self.names[f"r{number}"] = kind.read
        slow = f"v{number} = r{number}(d{piece}, 0)"
        self.lines.append(f"if not (v{number}.isascii() and v{number}.isprintable()): {slow}")

    def _check(self, members: str, view: str, value: str = "", *, alone: bool = False) -> None:
        """Let the element at this place belong to a run; `value` is its variable, `alone` where it may be empty."""
        if self.run is not None and (self.run.members, self.run.view) == (members, view):
            self.run = replace(self.run, value="")
            return
        self._check_run()
        place = self.at.nibble() if view == "x" else self.at.octet()
        self.run = _Run(members, view, place, value if view == "t" else "", alone)

    def _check_run(self) -> None:
        """Check the characters of the run that ends here."""
        run = self.run
        if run is None:
            return
        self.run = None
        end = self.at.nibble() if run.view == "x" else self.at.octet()
        piece, members = run.value or f"{run.view}[{run.start}:{end}]", run.members
        if members == DIGIT.members:
            test = f"((w := {piece}).isdecimal() or not w)" if run.may_be_empty else f"{piece}.isdecimal()"
            self.lines.append(f"if not {test}: {_NO}")
        elif members == _PRINTABLE:
            self.lines.append(f"if not {piece}.isprintable(): {_NO}")
        elif members == LETTER_OR_DIGIT.members:
            self.names["alphanumeric"] = matcher(members)
            known = "" if self.is_text else "w.isascii() and "
            self.lines.append(f"w = {piece}")
            self.lines.append(f"if not ({known}w.isalnum() or alphanumeric(w)): {_NO}")


def _size_of(kind: Encoding, units: str) -> str:
    match kind:
        case Packed():
            return f"({units} + 1 >> 1)"
        case Hexadecimal():
            return f"{units} * 2"
    return units
