"""How the value of a data element becomes bytes: packed digits, characters, hexadecimal, plain bytes.

An encoding is a small value without state. `units` counts what the element's length counts: digits, characters or
bytes. `read` and `write` are exact inverses: what one takes, the other gives back bit by bit, so a message read and
written again is the same message.

Source: ISO 8583 attribute codes n, an, ans, z, b; `docs/terminal-protocol.md` "Fields".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol

from channels.iso8583.faults import ValueFault

Value = str | bytes

_ALPHANUMERIC = re.compile(rb"[0-9A-Za-z ]*\Z")
_DIGITS = re.compile(rb"[0-9]*\Z")
_TRACK = re.compile(rb"[0-9=D]*\Z")
_UPPER_HEX = re.compile(rb"[0-9A-F]*\Z")
_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")
_PACKED_TRACK = re.compile(r"[0-9A-F]*\Z")


class Encoding(Protocol):
    """Turns `units` of a value into bytes and back."""

    def size(self, units: int) -> int:
        """Return how many bytes `units` take."""
        ...

    def units(self, value: Value, piece: bytes) -> int:
        """Return the length of `value`, written as `piece`, as a length prefix counts it."""
        ...

    def read(self, piece: bytes, units: int) -> Value:
        """Return the value of `piece`, which is exactly `size(units)` bytes. Raises ValueFault."""
        ...

    def write(self, value: Value) -> bytes:
        """Return the bytes of `value`. Raises ValueFault where a character has no place in this encoding."""
        ...


def _text(value: Value) -> str:
    if isinstance(value, str):
        return value
    message = "text expected"
    raise ValueFault(message)


def _octets(value: Value) -> bytes:
    if isinstance(value, bytes):
        return value
    message = "bytes expected"
    raise ValueFault(message)


@dataclass(frozen=True, slots=True)
class Packed:
    """Digits, two a byte; an odd count has one 0 nibble on the side `pad_left` says. `track` also takes A to F."""

    pad_left: bool = False
    track: bool = False

    def size(self, units: int) -> int:
        """Return half the digits, rounded up."""
        return (units + 1) // 2

    def units(self, value: Value, piece: bytes) -> int:  # noqa: ARG002 - two digits a byte: the value says it
        """Return the number of digits."""
        return len(value)

    def read(self, piece: bytes, units: int) -> str:
        """Return the digits; a nibble above 9 (unless `track`) and a pad that is not 0 are faults."""
        digits = piece.hex()
        if units & 1:
            pad, digits = (digits[0], digits[1:]) if self.pad_left else (digits[-1], digits[:-1])
            if pad != "0":
                message = "the pad nibble is not 0"
                raise ValueFault(message)
        if self.track:
            return digits.upper()
        if digits and not digits.isdecimal():
            message = "a nibble is not a digit"
            raise ValueFault(message)
        return digits

    def write(self, value: Value) -> bytes:
        """Return the packed digits."""
        digits = _text(value)
        if not (_PACKED_TRACK.match(digits) if self.track else digits.isascii() and (digits.isdecimal() or not digits)):
            message = "a character is not a digit"
            raise ValueFault(message)
        if len(digits) & 1:
            digits = "0" + digits if self.pad_left else digits + "0"
        return bytes.fromhex(digits)


@dataclass(frozen=True, slots=True)
class Characters:
    """One byte a character out of a fixed set of ASCII characters; `refusal` says what was expected."""

    allowed: re.Pattern[bytes]
    refusal: str

    def size(self, units: int) -> int:
        """Return one byte a character."""
        return units

    def units(self, value: Value, piece: bytes) -> int:  # noqa: ARG002 - one byte a character: the piece says it
        """Return the number of characters."""
        return len(piece)

    def read(self, piece: bytes, units: int) -> str:  # noqa: ARG002 - one byte a character: the piece says it
        """Return the characters."""
        if not self.allowed.match(piece):
            raise ValueFault(self.refusal)
        return piece.decode("ascii")

    def write(self, value: Value) -> bytes:
        """Return the characters' bytes."""
        try:
            piece = _text(value).encode("ascii")
        except UnicodeEncodeError:
            raise ValueFault(self.refusal) from None
        if not self.allowed.match(piece):
            raise ValueFault(self.refusal)
        return piece


@dataclass(frozen=True, slots=True)
class Text:
    """Printable text in `charset`; lengths count bytes, so a Chinese character in GBK counts two."""

    charset: str

    def size(self, units: int) -> int:
        """Return the same number: units are bytes."""
        return units

    def units(self, value: Value, piece: bytes) -> int:  # noqa: ARG002 - units are bytes: the piece says it
        """Return the number of bytes."""
        return len(piece)

    def read(self, piece: bytes, units: int) -> str:  # noqa: ARG002 - units are bytes: the piece says it
        """Return the text; control characters and broken multi-byte characters are faults."""
        try:
            text = piece.decode(self.charset)
        except UnicodeDecodeError:
            message = f"not {self.charset} text"
            raise ValueFault(message) from None
        _printable(piece)
        return text

    def write(self, value: Value) -> bytes:
        """Return the text's bytes."""
        try:
            piece = _text(value).encode(self.charset)
        except UnicodeEncodeError:
            message = f"a character is not in {self.charset}"
            raise ValueFault(message) from None
        _printable(piece)
        return piece


def _printable(piece: bytes) -> None:
    if _CONTROL.search(piece):
        message = "a control character"
        raise ValueFault(message)


@dataclass(frozen=True, slots=True)
class Octets:
    """Plain bytes."""

    def size(self, units: int) -> int:
        """Return the same number."""
        return units

    def units(self, value: Value, piece: bytes) -> int:  # noqa: ARG002 - units are the value's bytes
        """Return the number of bytes."""
        return len(value)

    def read(self, piece: bytes, units: int) -> bytes:  # noqa: ARG002 - units are bytes: the piece says it
        """Return the bytes."""
        return piece

    def write(self, value: Value) -> bytes:
        """Return the bytes."""
        return _octets(value)


@dataclass(frozen=True, slots=True)
class Hexadecimal:
    """Bytes written as upper-case hexadecimal characters; lengths count bytes, not characters."""

    def size(self, units: int) -> int:
        """Return two characters a byte."""
        return units * 2

    def units(self, value: Value, piece: bytes) -> int:  # noqa: ARG002 - units are the value's bytes
        """Return the number of bytes."""
        return len(value)

    def read(self, piece: bytes, units: int) -> bytes:  # noqa: ARG002 - the piece is exactly as long as it must be
        """Return the bytes."""
        if not _UPPER_HEX.match(piece):
            message = "upper-case hexadecimal expected"
            raise ValueFault(message)
        return bytes.fromhex(piece.decode("ascii"))

    def write(self, value: Value) -> bytes:
        """Return the characters."""
        return _octets(value).hex().upper().encode("ascii")


PACKED = Packed()
PACKED_LEFT = Packed(pad_left=True)
PACKED_TRACK = Packed(track=True)
DIGITS = Characters(_DIGITS, "a character is not a digit")
TRACK = Characters(_TRACK, "a character is not one of a track")
ALPHANUMERIC = Characters(_ALPHANUMERIC, "a character is not a letter, a digit or a space")
GBK_TEXT = Text("gbk")
ASCII_TEXT = Text("ascii")
OCTETS = Octets()
HEXADECIMAL = Hexadecimal()
