"""Tag, length, value: field 55 (EMV, BER-TLV) and the reader data of field 62.

Values may be secret and are never shown.

Source: EMV book 3, annex B; `docs/terminal-protocol.md` "Fields", rows 55, 62.
"""

from __future__ import annotations

from collections.abc import Iterator

from channels.iso8583.faults import CodecError

_ICC = 55
_READER = 62


def emv(data: bytes) -> dict[bytes, bytes]:
    """Read field 55 into tag -> value. Raises CodecError where it is broken or a tag stands twice."""
    found: dict[bytes, bytes] = {}
    at = 0
    while at < len(data):
        tag, start, end = _emv_item(data, at)
        if tag in found:
            raise _broken(_ICC, at, "a tag stands twice")
        found[tag] = data[start:end]
        at = end
    return found


def reader_data(data: bytes) -> dict[int, bytes]:
    """Read the reader data of field 62 (tag 1 byte, length 1 byte, value). Raises CodecError."""
    found: dict[int, bytes] = {}
    for at, tag, value in _reader_items(data):
        if tag in found:
            raise _broken(_READER, at, "a tag stands twice")
        found[tag] = value
    return found


def _reader_items(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    at = 0
    while at < len(data):
        end = at + 2 + data[at + 1] if at + 1 < len(data) else len(data) + 1
        if end > len(data):
            raise _broken(_READER, at, "an item is cut short")
        yield at, data[at], data[at + 2 : end]
        at = end


def _emv_item(data: bytes, at: int) -> tuple[bytes, int, int]:
    after = _after_tag(data, at)
    length, start = _length(data, after)
    if start + length > len(data):
        raise _broken(_ICC, at, "an item is cut short")
    return data[at:after], start, start + length


def _after_tag(data: bytes, at: int) -> int:
    end = at + 1
    if data[at] & 0x1F == 0x1F:
        while end < len(data) and data[end] & 0x80:
            end += 1
        end += 1
    if end > len(data):
        raise _broken(_ICC, at, "a tag is cut short")
    return end


def _length(data: bytes, at: int) -> tuple[int, int]:
    if at >= len(data):
        raise _broken(_ICC, at, "a length is missing")
    first = data[at]
    if first < 0x80:
        return first, at + 1
    size = first & 0x7F
    if size not in {1, 2} or at + 1 + size > len(data):
        raise _broken(_ICC, at, "a length is not one of one to three bytes")
    return int.from_bytes(data[at + 1 : at + 1 + size]), at + 1 + size


def _broken(field: int, at: int, why: str) -> CodecError:
    return CodecError(why, field=field, offset=at)
