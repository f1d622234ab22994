"""The `cups` dialect as a terminal speaks it: fields on pyiso8583, frames around them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import iso8583

FieldTable = Mapping[str, Mapping[str, Any]]


class NotCupsError(ValueError):
    """The bytes are no message or frame of this dialect."""


def packed(most: int, *, length: int = 0, left: bool = False) -> dict[str, Any]:
    """Digits (or track characters) as packed BCD; `length` is the number of length bytes, 0 = fixed."""
    pad = "left_pad" if left else "right_pad"
    return {
        "data_enc": "b",
        "len_enc": "bcd",
        "len_type": length,
        "len_count": "nibbles",
        "max_len": most,
        pad: "0",
        "desc": "",
    }


def text(most: int, *, length: int = 0) -> dict[str, Any]:
    """One byte a character, two for a Chinese one; lengths count bytes."""
    return {"data_enc": "gbk", "len_enc": "bcd", "len_type": length, "max_len": most, "desc": ""}


def binary(most: int, *, length: int = 0) -> dict[str, Any]:
    """Bytes, written as hexadecimal digits in a `Message`."""
    return {"data_enc": "b", "len_enc": "bcd", "len_type": length, "max_len": most, "desc": ""}


FIELDS: FieldTable = MappingProxyType(
    {
        "h": binary(0),
        "t": binary(2),
        "p": binary(8),
        "2": packed(19, length=1),
        "3": packed(6),
        "4": packed(12),
        "11": packed(6),
        "12": packed(6),
        "13": packed(4),
        "14": packed(4),
        "15": packed(4),
        "22": packed(3),
        "23": packed(3, left=True),
        "25": packed(2),
        "26": packed(2),
        "32": packed(11, length=1),
        "35": packed(37, length=1),
        "36": packed(104, length=2),
        "37": text(12),
        "38": text(6),
        "39": text(2),
        "41": text(8),
        "42": text(15),
        "44": text(25, length=1),
        "48": packed(322, length=2),
        "49": text(3),
        "52": binary(8),
        "53": packed(16),
        "54": text(120, length=2),
        "55": binary(255, length=2),
        "58": text(100, length=2),
        "59": text(999, length=2),
        "60": packed(17, length=2),
        "61": packed(29, length=2),
        "62": binary(512, length=2),
        "63": text(163, length=2),
        "64": binary(8),
    }
)
TRACKS = frozenset({35, 36})
DIGITS = frozenset(int(name) for name, field in FIELDS.items() if field.get("len_count") == "nibbles") - TRACKS


@dataclass(frozen=True, slots=True)
class Message:
    """One message: digits and text as they are, bytes as hexadecimal digits."""

    mti: str
    fields: Mapping[int, str]

    def __getitem__(self, field: int) -> str:
        return self.fields[field]

    def __contains__(self, field: object) -> bool:
        return field in self.fields

    def get(self, field: int) -> str:
        return self.fields.get(field, "")

    def but(self, changed: Mapping[int, str | None] | None = None, *, mti: str = "") -> Message:
        """The same message with some fields replaced, and those set to None left out."""
        merged = {**self.fields, **(changed or {})}
        return Message(mti or self.mti, {field: value for field, value in merged.items() if value is not None})


def encode(message: Message, table: FieldTable = FIELDS) -> bytes:
    """Message type, bitmap and fields. Nothing looks whether digits are digits, so that wrong ones can be sent."""
    document = {"t": message.mti} | {str(field): value for field, value in message.fields.items()}
    encoded, _ = iso8583.encode(document, table)
    return bytes(encoded)


def decode(data: bytes, table: FieldTable = FIELDS) -> Message:
    """Read one message; digits must be digits and padding must be there."""
    try:
        document, _ = iso8583.decode(data, table)
    except KeyError as unlisted:
        raise NotCupsError(f"field {unlisted.args[0]} is not listed") from unlisted
    except iso8583.DecodeError as wrong:
        raise NotCupsError(str(wrong)) from wrong
    fields = {int(name): value for name, value in document.items() if name.isdecimal()}
    for field in sorted(DIGITS & fields.keys()):
        if not _is_digits(fields[field]):
            raise NotCupsError(f"field {field} has more than digits")
    return Message(_digits(document["t"], "message type"), fields)


def answer_mti(mti: str) -> str:
    """The message type of the answer: 0200 and 0201 -> 0210."""
    return f"{mti[:2]}{int(mti[2]) + 1}0"


@dataclass(frozen=True, slots=True)
class Envelope:
    """What goes before a message: the two addresses of the TPDU and the header, as digits."""

    destination: str = "0003"
    origin: str = "0000"
    header: str = "603100310000"

    def wrap(self, message: bytes) -> bytes:
        """Make a whole frame of a message's bytes."""
        return framed(bytes.fromhex(f"60{self.destination}{self.origin}{self.header}") + message)

    def answered(self) -> Envelope:
        """The envelope the answer must come in: addresses swapped, header echoed."""
        return Envelope(destination=self.origin, origin=self.destination, header=self.header)


def framed(body: bytes) -> bytes:
    """Put the length before what follows it."""
    return len(body).to_bytes(2, "big") + body


def unwrap(body: bytes) -> tuple[Envelope, bytes]:
    """Part the body of a frame into its envelope and the message's bytes."""
    if len(body) < 11 or body[0] != 0x60:
        raise NotCupsError("no TPDU and header")
    digits = _digits(body[:11].hex(), "TPDU and header")
    return Envelope(destination=digits[2:6], origin=digits[6:10], header=digits[10:]), body[11:]


def _digits(value: str, what: str) -> str:
    if not _is_digits(value):
        raise NotCupsError(f"{what} has more than digits")
    return value


def _is_digits(value: str) -> bool:
    return value.isdecimal() and value.isascii()
