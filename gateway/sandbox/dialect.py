"""The terminal's side of dialect `cups`: field table for pyiso8583, and frames (`docs/terminal-protocol.md`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import iso8583

_TPDU = bytes.fromhex("6000030000")
_HEADER = bytes.fromhex("602200000000")
_LENGTH = 2


class BadFrameError(Exception):
    """What came is not a message of this dialect; the text names the field, never its value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """A message as it stands on the wire, and its fields by number (`t` is the MTI). Secret: it holds card data."""

    raw: bytes = field(repr=False)
    message: bytes = field(repr=False)
    fields: Mapping[str, str] = field(repr=False)


def _digits(length: int, *, size: int = 0, left: bool = False, most: int = 0) -> dict[str, Any]:
    """Packed BCD: `size` bytes of length for up to `most` digits, or exactly `length` digits."""
    pad = {"left_pad": "0"} if left else {"right_pad": "0"}
    counted = {"len_count": "nibbles", "data_enc": "b", "len_enc": "bcd", "desc": "packed digits"}
    return counted | pad | {"len_type": size, "max_len": most if size else length}


def _text(length: int, *, size: int = 0, encoding: str = "ascii") -> dict[str, Any]:
    return {"data_enc": encoding, "len_enc": "bcd", "len_type": size, "max_len": length, "desc": "text"}


def _octets(length: int, *, size: int = 0) -> dict[str, Any]:
    return {"data_enc": "b", "len_enc": "bcd", "len_type": size, "max_len": length, "desc": "bytes"}


SPECIFICATION: dict[str, dict[str, Any]] = {
    "h": _octets(0),
    "t": _octets(2),
    "p": _octets(8),
    "1": _octets(8),
    "2": _digits(0, size=1, most=19),
    "3": _digits(6),
    "4": _digits(12),
    "11": _digits(6),
    "12": _digits(6),
    "13": _digits(4),
    "14": _digits(4),
    "15": _digits(4),
    "22": _digits(3),
    "23": _digits(3, left=True),
    "25": _digits(2),
    "26": _digits(2),
    "32": _digits(0, size=1, most=11),
    "35": _digits(0, size=1, most=37),
    "36": _digits(0, size=2, most=104),
    "37": _text(12),
    "38": _text(6),
    "39": _text(2),
    "41": _text(8),
    "42": _text(15),
    "44": _text(25, size=1, encoding="gbk"),
    "48": _digits(0, size=2, most=322),
    "49": _text(3),
    "52": _octets(8),
    "53": _digits(16),
    "54": _text(120, size=2),
    "55": _octets(255, size=2),
    "58": _text(100, size=2, encoding="gbk"),
    "59": _text(999, size=2, encoding="gbk"),
    "60": _digits(0, size=2, most=17),
    "61": _digits(0, size=2, most=29),
    "62": _octets(512, size=2),
    "63": _text(163, size=2, encoding="gbk"),
    "64": _octets(8),
}
_NOT_DIGITS_ALONE = frozenset({"p", "35", "36", "52", "55", "62", "64"})


def encode(fields: Mapping[str, str]) -> bytes:
    """Encode a message without frame, MTI first. Raises ValueError naming the field that does not fit."""
    raw, _ = iso8583.encode(dict(fields), SPECIFICATION)
    return bytes(raw)


def frame(message: bytes) -> bytes:
    """Put length, TPDU and header before a message."""
    body = _TPDU + _HEADER + message
    return len(body).to_bytes(_LENGTH) + body


def read_frame(body: bytes) -> Frame:
    """Read what follows a frame's length. Raises BadFrameError for anything that is no answer to our frames."""
    head = len(_TPDU) + len(_HEADER)
    swapped = _TPDU[:1] + _TPDU[3:5] + _TPDU[1:3]
    if body[:head] != swapped + _HEADER:
        raise BadFrameError("the TPDU is not ours swapped, or the header is not ours")
    message = body[head:]
    try:
        fields, _ = iso8583.decode(message, SPECIFICATION)
    except (iso8583.DecodeError, KeyError) as error:
        raise BadFrameError(f"not a message of this dialect: {_place(error)}") from None
    for name, value in fields.items():
        if SPECIFICATION[name]["data_enc"] == "b" and name not in _NOT_DIGITS_ALONE and not value.isdigit():
            raise BadFrameError(f"not a message of this dialect: field {name}")
    return Frame(raw=len(body).to_bytes(_LENGTH) + body, message=message, fields=fields)


def usage(kind: str, batch: str, management: str = "000", *, reader: str = "50") -> str:
    """Write field 60: transaction type, batch, network management code, reader capability and its condition."""
    return f"{kind}{batch}{management}{reader}"


def _place(error: Exception) -> str:
    return f"field {error.field}" if isinstance(error, iso8583.DecodeError) else "a field that is not listed"
