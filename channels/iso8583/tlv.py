"""Tag, length, value: field 55 (EMV, BER-TLV), the reader data of field 62, and private fields of such form.

Values may be secret and are never shown.

Source: EMV book 3, annex B; ISO/IEC 8825-1; `docs/terminal-protocol.md` "Fields", rows 55, 59, 62.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from channels.iso8583.faults import CodecError

_ICC = 55
_READER = 62
_DEEPEST = 8
_CONSTRUCTED = 0x20
_LONG_TAG = 0x1F
_LONGEST_TAG = 4
_MOST_LENGTH_BYTES = 4
_INDEFINITE = 0x80


@dataclass(frozen=True, slots=True)
class DataObject:
    """One BER-TLV object: `offset` counts from the first byte of the field, `inside` is what a constructed one has."""

    tag: bytes
    value: bytes = field(repr=False)
    offset: int
    inside: tuple[DataObject, ...] = ()

    @property
    def name(self) -> str:
        """The tag in hexadecimal."""
        return self.tag.hex().upper()

    @property
    def is_constructed(self) -> bool:
        """Tell whether the value is made of objects."""
        return bool(self.tag[0] & _CONSTRUCTED)


def emv(data: bytes) -> tuple[DataObject, ...]:
    """Read field 55, objects in their order, those of one tag all kept. Raises CodecError naming what is broken.

    Zero bytes before, between and after objects mean nothing. Lengths are short (one byte) or long (81 to 84); the
    indefinite form is not of EMV.
    """
    return tuple(_objects(data, 0, len(data), 0))


def reader_data(data: bytes) -> dict[int, bytes]:
    """Read the reader data of field 62 (tag 1 byte, length 1 byte, value). Raises CodecError."""
    found: dict[int, bytes] = {}
    for at, tag, value in _reader_items(data):
        if tag in found:
            raise _broken(_READER, at, "a tag stands twice")
        found[tag] = value
    return found


def text_items(value: str, *, number: int, tag: int, length: int) -> Iterator[tuple[int, str, str]]:
    """Read a text field of tag (so many characters), length (so many digits), value. Raises CodecError."""
    at = 0
    while at < len(value):
        digits = value[at + tag : at + tag + length]
        if len(digits) < length or not (digits.isascii() and digits.isdecimal()):
            raise _broken(number, at, "a length is missing or not a number")
        start = at + tag + length
        if start + int(digits) > len(value):
            raise _broken(number, at, "an item is cut short")
        yield at, value[at : at + tag], value[start : start + int(digits)]
        at = start + int(digits)


def _reader_items(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    at = 0
    while at < len(data):
        end = at + 2 + data[at + 1] if at + 1 < len(data) else len(data) + 1
        if end > len(data):
            raise _broken(_READER, at, "an item is cut short")
        yield at, data[at], data[at + 2 : end]
        at = end


def _objects(data: bytes, at: int, end: int, depth: int) -> Iterator[DataObject]:
    if depth > _DEEPEST:
        raise _broken(_ICC, at, "objects inside objects, too deep")
    while at < end:
        if data[at] == 0:
            at += 1
            continue
        begin, after = at, _after_tag(data, at, end)
        tag = data[begin:after]
        size, start = _length(data, after, end, tag)
        at = start + size
        if at > end:
            raise _broken(_ICC, begin, f"tag {tag.hex().upper()}: the value is cut short")
        inside = tuple(_objects(data, start, at, depth + 1)) if tag[0] & _CONSTRUCTED else ()
        yield DataObject(tag, data[start:at], begin, inside)


def _after_tag(data: bytes, at: int, end: int) -> int:
    after = at + 1
    if data[at] & _LONG_TAG == _LONG_TAG:
        while after < end and data[after] & 0x80:
            after += 1
        after += 1
    if after > end:
        raise _broken(_ICC, at, "a tag is cut short")
    if after - at > _LONGEST_TAG:
        raise _broken(_ICC, at, f"a tag of more than {_LONGEST_TAG} bytes")
    return after


def _length(data: bytes, at: int, end: int, tag: bytes) -> tuple[int, int]:
    named = f"tag {tag.hex().upper()}"
    if at >= end:
        raise _broken(_ICC, at, f"{named}: the length is missing")
    first = data[at]
    if first < _INDEFINITE:
        return first, at + 1
    if first == _INDEFINITE:
        raise _broken(_ICC, at, f"{named}: a length of the indefinite form")
    size = first & 0x7F
    if size > _MOST_LENGTH_BYTES or at + 1 + size > end:
        raise _broken(_ICC, at, f"{named}: the length is cut short or of more than {_MOST_LENGTH_BYTES} bytes")
    return int.from_bytes(data[at + 1 : at + 1 + size]), at + 1 + size


def _broken(number: int, at: int, why: str) -> CodecError:
    return CodecError(why, field=number, offset=at)
