"""How the value of a data element becomes bytes: packed digits, characters, hexadecimal, plain bytes.

An encoding is a small value without state. `units` counts what the element's length counts: digits, characters or
bytes. `read` and `write` are exact inverses: what one takes, the other gives back bit by bit, so a message read and
written again is the same message. A fault names the first unit that does not fit, counted from 1, never what it is.

Source: ISO 8583 attribute codes n, an, ans, z, b; `docs/terminal-protocol.md` "Fields".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol

from channels.iso8583.faults import ValueFault

Value = str | bytes


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
class Charset:
    """A set of ASCII characters: `members` as inside the brackets of a regular expression, `named` in words."""

    members: str
    named: str

    def check(self, text: str) -> None:
        """Raise ValueFault naming the first place that is not of this set."""
        stranger = re.search(f"[^{self.members}]", text)
        if stranger:
            message = f"{self.named} expected at {stranger.start() + 1}"
            raise ValueFault(message)


DIGIT = Charset("0-9", "digit")
TRACK_CHARACTER = Charset("0-9=D", "digit or separator")
LETTER_OR_DIGIT = Charset("0-9A-Za-z ", "letter, digit or space")
UPPER_HEX = Charset("0-9A-F", "upper-case hexadecimal digit")
_NIBBLE = UPPER_HEX


@dataclass(frozen=True, slots=True)
class Packed:
    """Digits, two a byte; an odd count has one 0 nibble on the side `pad_left` says. `track` also takes A to F."""

    pad_left: bool = False
    track: bool = False

    @property
    def charset(self) -> Charset:
        """What a nibble may be."""
        return _NIBBLE if self.track else DIGIT

    def size(self, units: int) -> int:
        """Return half the digits, rounded up."""
        return (units + 1) // 2

    def units(self, value: Value, piece: bytes) -> int:  # noqa: ARG002 - two digits a byte: the value says it
        """Return the number of digits."""
        return len(value)

    def read(self, piece: bytes, units: int) -> str:
        """Return the digits; a nibble above 9 (unless `track`) and a fill nibble that is not 0 are faults."""
        digits = piece.hex().upper()
        if units & 1:
            pad, digits = (digits[0], digits[1:]) if self.pad_left else (digits[-1], digits[:-1])
            if pad != "0":
                message = "the fill nibble is not 0"
                raise ValueFault(message)
        self.charset.check(digits)
        return digits

    def write(self, value: Value) -> bytes:
        """Return the packed digits."""
        digits = _text(value)
        self.charset.check(digits)
        if len(digits) & 1:
            digits = "0" + digits if self.pad_left else digits + "0"
        return bytes.fromhex(digits)


@dataclass(frozen=True, slots=True)
class Characters:
    """One byte a character out of a fixed set of ASCII characters."""

    charset: Charset

    def size(self, units: int) -> int:
        """Return one byte a character."""
        return units

    def units(self, value: Value, piece: bytes) -> int:  # noqa: ARG002 - one byte a character: the piece says it
        """Return the number of characters."""
        return len(piece)

    def read(self, piece: bytes, units: int) -> str:  # noqa: ARG002 - one byte a character: the piece says it
        """Return the characters."""
        text = piece.decode("latin-1")
        self.charset.check(text)
        return text

    def write(self, value: Value) -> bytes:
        """Return the characters' bytes."""
        text = _text(value)
        self.charset.check(text)
        return text.encode("ascii")


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
        except UnicodeDecodeError as fault:
            message = f"{self.charset} character expected at {fault.start + 1}"
            raise ValueFault(message) from None
        _printable(piece)
        return text

    def write(self, value: Value) -> bytes:
        """Return the text's bytes."""
        try:
            piece = _text(value).encode(self.charset)
        except UnicodeEncodeError as fault:
            message = f"{self.charset} character expected at {fault.start + 1}"
            raise ValueFault(message) from None
        _printable(piece)
        return piece


CONTROL = re.compile(rb"[\x00-\x1f\x7f]")


def _printable(piece: bytes) -> None:
    control = CONTROL.search(piece)
    if control:
        message = f"a control character at {control.start() + 1}"
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
        text = piece.decode("latin-1")
        UPPER_HEX.check(text)
        return bytes.fromhex(text)

    def write(self, value: Value) -> bytes:
        """Return the characters."""
        return _octets(value).hex().upper().encode("ascii")


PACKED = Packed()
PACKED_LEFT = Packed(pad_left=True)
PACKED_TRACK = Packed(track=True)
DIGITS = Characters(DIGIT)
TRACK = Characters(TRACK_CHARACTER)
ALPHANUMERIC = Characters(LETTER_OR_DIGIT)
GBK_TEXT = Text("gbk")
ASCII_TEXT = Text("ascii")
OCTETS = Octets()
HEXADECIMAL = Hexadecimal()

# What a definition may call them.
ENCODINGS: dict[str, Encoding] = {
    "packed": PACKED,
    "packed left": PACKED_LEFT,
    "packed track": PACKED_TRACK,
    "digits": DIGITS,
    "track": TRACK,
    "characters": ALPHANUMERIC,
    "gbk": GBK_TEXT,
    "ascii": ASCII_TEXT,
    "bytes": OCTETS,
    "hexadecimal": HEXADECIMAL,
}
