"""Structured field values (RFC 9651), as far as signatures and digests need them: dictionaries, inner lists, items.

Any text gives a dictionary or one StructuredFieldError. Decimals, dates and display strings are not read: no field of
ours has them.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

Bare = int | str | bytes | bool

_KEY: Final = re.compile(r"[a-z*][a-z0-9_\-.*]*")
_INTEGER: Final = re.compile(r"-?\d{1,15}(?![\d.])")
_STRING: Final = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"')
_BYTES: Final = re.compile(r":([A-Za-z0-9+/]*={0,2}):")
_TOKEN: Final = re.compile(r"[A-Za-z*][!#$%&'*+\-.^_`|~0-9A-Za-z:/]*")
_BOOLEAN: Final = re.compile(r"\?([01])")
_SPACES: Final = re.compile(r" *")
_BLANKS: Final = re.compile(r"[ \t]*")


class StructuredFieldError(ValueError):
    """A field value is not well formed; the text says where."""


class Token(str):
    """A bare word, told apart from a quoted string."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Item:
    """One value with its parameters, in their order."""

    value: Bare
    parameters: Mapping[str, Bare] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class InnerList:
    """Items in parentheses with the parameters of the whole list."""

    items: tuple[Item, ...]
    parameters: Mapping[str, Bare] = field(default_factory=dict)


def read_dictionary(text: str) -> dict[str, Item | InnerList]:
    """Read a dictionary; of a key that comes twice the last value counts, as the standard says."""
    reader = _Reader(text.strip(" "))
    members: dict[str, Item | InnerList] = {}
    while not reader.ended:
        key = reader.key()
        members.pop(key, None)
        members[key] = reader.member()
        reader.skip(_BLANKS)
        if not reader.ended:
            reader.expect(",")
            reader.skip(_BLANKS)
            reader.refuse_end()
    return members


def show_inner_list(values: InnerList) -> str:
    """Write an inner list in its one canonical form."""
    items = " ".join(show_item(item) for item in values.items)
    return f"({items}){_show_parameters(values.parameters)}"


def show_item(item: Item) -> str:
    """Write an item with its parameters in its one canonical form."""
    return f"{_show_bare(item.value)}{_show_parameters(item.parameters)}"


def _show_parameters(parameters: Mapping[str, Bare]) -> str:
    return "".join(f";{key}" if value is True else f";{key}={_show_bare(value)}" for key, value in parameters.items())


def _show_bare(value: Bare) -> str:
    match value:
        case bool():
            return f"?{int(value)}"
        case int() | Token():
            return str(value)
        case bytes():
            return f":{base64.b64encode(value).decode('ascii')}:"
        case str():
            escaped = value.replace("\\", "\\\\").replace('"', '\\"')
            return f'"{escaped}"'


class _Reader:
    """Walks one field value from left to right."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    @property
    def ended(self) -> bool:
        return self._at >= len(self._text)

    def key(self) -> str:
        return self._take(_KEY, "a key")[0]

    def member(self) -> Item | InnerList:
        if not self._next_is("="):
            return Item(value=True, parameters=self._parameters())
        self.expect("=")
        return self._inner_list() if self._next_is("(") else self._item()

    def skip(self, pattern: re.Pattern[str]) -> None:
        self._take(pattern, "")

    def expect(self, letter: str) -> None:
        if not self._next_is(letter):
            raise self._error(f"{letter!r} expected")
        self._at += 1

    def refuse_end(self) -> None:
        if self.ended:
            raise self._error("nothing after a comma")

    def _inner_list(self) -> InnerList:
        self.expect("(")
        items: list[Item] = []
        while True:
            self.skip(_SPACES)
            if self._next_is(")"):
                self.expect(")")
                return InnerList(tuple(items), self._parameters())
            items.append(self._item())
            if not self._next_is(" ") and not self._next_is(")"):
                raise self._error("a space or ')' expected")

    def _item(self) -> Item:
        return Item(self._bare(), self._parameters())

    def _parameters(self) -> dict[str, Bare]:
        found: dict[str, Bare] = {}
        while self._next_is(";"):
            self.expect(";")
            self.skip(_SPACES)
            key = self.key()
            found.pop(key, None)
            found[key] = True
            if self._next_is("="):
                self.expect("=")
                found[key] = self._bare()
        return found

    def _bare(self) -> Bare:
        first = self._text[self._at : self._at + 1]
        if first == '"':
            return re.sub(r"\\(.)", r"\1", self._take(_STRING, "a closed string")[1])
        if first == ":":
            return self._octets()
        if first == "?":
            return self._take(_BOOLEAN, "a boolean")[1] == "1"
        if first == "-" or first.isdecimal():
            return int(self._take(_INTEGER, "a whole number")[0])
        return Token(self._take(_TOKEN, "a value")[0])

    def _octets(self) -> bytes:
        text = self._take(_BYTES, "a closed byte sequence")[1]
        try:
            return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
        except binascii.Error:
            raise self._error("base64 expected") from None

    def _next_is(self, letter: str) -> bool:
        return self._text.startswith(letter, self._at)

    def _take(self, pattern: re.Pattern[str], what: str) -> re.Match[str]:
        match = pattern.match(self._text, self._at)
        if match is None:
            raise self._error(f"{what} expected")
        self._at = match.end()
        return match

    def _error(self, why: str) -> StructuredFieldError:
        return StructuredFieldError(f"{why} at character {self._at + 1}")
