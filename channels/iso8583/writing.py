"""A function that writes the messages of one set of fields, made from the dialect's table.

The function writes what the table would write, or gives None: the table then writes it (a value to be filled up, a
text outside ASCII in a field of fixed length) or names the fault. Its source is put together from the table's own
numbers, never from input.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from channels.iso8583.dialect import Dialect, Element, bitmap
from channels.iso8583.encodings import (
    ASCII_TEXT,
    CONTROL,
    DIGIT,
    GBK_TEXT,
    LETTER_OR_DIGIT,
    UPPER_HEX,
    Characters,
    Charset,
    Hexadecimal,
    Octets,
    Packed,
)
from channels.iso8583.reading import matcher

if TYPE_CHECKING:
    from channels.iso8583.dialect import Writer

_NO = "return None"
_FAULTS = "(KeyError, ValueError, TypeError, IndexError, AttributeError)"
_FILL = ("", "0")


def writer(dialect: Dialect, present: tuple[int, ...]) -> Writer:
    """Make the function that writes messages with these fields, whose numbers it is found by."""
    source = _Source(dialect)
    source.begin(present)
    for number in sorted(present):
        source.element(number, dialect.elements[number])
    return source.made(sorted(present))


def _fill(value: str, element: Element) -> str:
    """Say the nibble that fills an odd number of digits up."""
    if element.prefix:
        return f"{{fill[len({value}) & 1]}}"
    return "0" if element.row.most & 1 else ""


@cache
def _heads(width: int, most: int) -> tuple[str, ...]:
    return tuple(str(units).zfill(width) for units in range(most + 1))


@dataclass(slots=True)
class _Source:
    """The source of one function. `pieces` are what is written, in order: text, hexadecimal digits or bytes."""

    dialect: Dialect
    names: dict[str, Any] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    pieces: list[tuple[str, str]] = field(default_factory=list)
    alike: dict[str, list[str]] = field(default_factory=dict)
    """Values that are checked together, by what their characters must be."""
    sizes: list[str] = field(default_factory=list)

    def begin(self, present: tuple[int, ...]) -> None:
        """Write message type and bitmap."""
        self.alike[DIGIT.members] = ["m"]
        self.sizes.append("len(m) != 4")
        head = bitmap(self.dialect, present)
        self._put("text" if self.dialect.text else "hex", "{m}" + (head.decode() if self.dialect.text else head.hex()))

    def element(self, number: int, element: Element) -> None:
        """Write one element."""
        kind = element.encoding
        if isinstance(kind, Packed | Characters):
            self._of_charset(number, element, kind.charset)
        elif kind in (ASCII_TEXT, GBK_TEXT):
            self._text(number, element)
        elif isinstance(kind, Octets | Hexadecimal):
            self._octets(number, element, written_out=isinstance(kind, Hexadecimal))
        else:
            self.names[f"e{number}"] = element
            self._put("bytes", f"e{number}.write(v{number})")

    def made(self, present: list[int]) -> Writer:
        """Compile the function."""
        values = [f"v{number} = f[{number}]" for number in present]
        lines = [*values, f"if {' or '.join(self.sizes)}: {_NO}", *self._checks(), *self.lines, self._result()]
        text = "def write(m, f):\n try:\n  " + "\n  ".join(lines) + f"\n except {_FAULTS}:\n  return None\n"
        space = {"control": CONTROL.search, "fill": _FILL, "packed": bytes.fromhex, **self.names}
        exec(compile(text, f"<{self.dialect.name} writer>", "exec"), space)  # noqa: S102 - our own table alone
        made: Writer = space["write"]
        return made

    def _of_charset(self, number: int, element: Element, charset: Charset) -> None:
        kind, value = element.encoding, f"v{number}"
        self.alike.setdefault(charset.members, []).append(value)
        view, shown = "text", f"{{{value}}}"
        if isinstance(kind, Packed):
            fill = _fill(value, element)
            view, shown = "hex", fill + shown if kind.pad_left else shown + fill
        self._length(number, element, f"len({value})")
        self._put(view, shown)

    def _text(self, number: int, element: Element) -> None:
        value = f"v{number}"
        if not element.prefix or element.encoding == ASCII_TEXT:
            self.alike.setdefault("text", []).append(value)
            self._length(number, element, f"len({value})")
            self._put("text", f"{{{value}}}")
            return
        self.lines.append(f'p{number} = {value}.encode("gbk")')
        self.lines.append(f"if control(p{number}): {_NO}")
        self._length(number, element, f"len(p{number})")
        self._put("bytes", f"p{number}")

    def _octets(self, number: int, element: Element, *, written_out: bool) -> None:
        value = f"v{number}"
        self.sizes.append(f"type({value}) is not bytes")
        self._length(number, element, f"len({value})")
        self._put(*(("text", f"{{{value}.hex().upper()}}") if written_out else ("bytes", value)))

    def _length(self, number: int, element: Element, units: str) -> None:
        """Write the length prefix, or see that a value of fixed length is as long as it must be."""
        if not element.prefix:
            self.sizes.append(f"{units} != {element.row.most}")
            return
        width = element.prefix * 2 if element.packed_prefix else element.prefix
        self.names[f"l{number}"] = _heads(width, element.row.most)
        self._put("hex" if element.packed_prefix else "text", f"{{l{number}[{units}]}}")

    def _put(self, view: str, piece: str) -> None:
        if self.pieces and self.pieces[-1][0] == view and view != "bytes":
            self.pieces[-1] = (view, self.pieces[-1][1] + piece)
        else:
            self.pieces.append((view, piece))

    def _checks(self) -> list[str]:
        return [_check(members, values, self.names) for members, values in self.alike.items()]

    def _result(self) -> str:
        forms = {"text": 'f"{}".encode("ascii")', "hex": 'packed(f"{}")', "bytes": "{}"}
        pieces = [forms[view].replace("{}", piece, 1) for view, piece in self.pieces]
        return f"return {pieces[0]}" if len(pieces) == 1 else f'return b"".join(({", ".join(pieces)}))'


def _check(members: str, values: list[str], names: dict[str, Any]) -> str:
    """Say the check of all values of one kind; joining them shows at once that every one is text."""
    joined = f'(w := "".join(({", ".join(values)},)))'
    if members == DIGIT.members:
        return f"if not ({joined}.isascii() and w.isdecimal()): {_NO}"
    if members == "text":
        return f"if not ({joined}.isascii() and w.isprintable()): {_NO}"
    name = {LETTER_OR_DIGIT.members: "alphanumeric", UPPER_HEX.members: "nibbles"}.get(members, "track")
    names[name] = matcher(members)
    return f"if not {name}{joined}: {_NO}"
