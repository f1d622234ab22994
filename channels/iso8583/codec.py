"""Bytes to messages and back, by a dialect's table.

Any bytes give a Message or one CodecError; any Message gives bytes or one CodecError. `encode(decode(x)) == x`
for every `x` that decodes in a dialect with binary lengths (ASCII bitmaps are also read in lower case).
"""

from __future__ import annotations

from collections.abc import Mapping

from channels.iso8583.dialect import Dialect, numbers
from channels.iso8583.encodings import Value
from channels.iso8583.faults import CodecError, ValueFault
from channels.iso8583.message import Message

_HEX = frozenset(b"0123456789ABCDEFabcdef")
MAC_FIELDS = (64, 128)


def decode(dialect: Dialect, data: bytes) -> Message:
    """Read one message, all of it. Raises CodecError, which keeps what was read before the fault."""
    mti, at = _mti(dialect, data)
    present, at = _bitmap(dialect, data, at, mti)
    fields: dict[int, Value] = {}
    table = dialect.elements
    number = 1
    try:
        for number in present:
            fields[number], at = table[number].read(data, at)
    except KeyError:
        raise _fault("not a field of this dialect", number, at, mti, present, fields) from None
    except ValueFault as fault:
        raise _fault(str(fault), number, at, mti, present, fields) from None
    if at != len(data):
        raise _fault("bytes after the last field", number, at, mti, present, fields)
    return Message(mti, fields)


def encode(dialect: Dialect, message: Message) -> bytes:
    """Write a message. Raises CodecError naming the field that does not fit the dialect."""
    pieces = [_written_mti(dialect, message.mti), _written_bitmap(dialect, message.fields)]
    table = dialect.elements
    number = 0
    try:
        for number in sorted(message.fields):
            pieces.append(table[number].write(message.fields[number]))
    except KeyError:
        message_ = "not a field of this dialect"
        raise CodecError(message_, field=number) from None
    except ValueFault as fault:
        raise CodecError(str(fault), field=number) from None
    return b"".join(pieces)


def mac_field(dialect: Dialect, message: Message) -> int:
    """Return which field carries the MAC: 64, or 128 where the message has fields above 64."""
    return 128 if dialect.second_bitmap and any(number > 64 for number in message.fields) else 64


def mac_input(dialect: Dialect, data: bytes) -> bytes:
    """Return what the MAC of a whole message covers: its bytes from the message type to before the MAC field.

    `data` is the message as sent, its last field the MAC (64 or 128): no field stands behind it.
    """
    return data[: len(data) - dialect.elements[64].encoding.size(8)]


def _fault(why: str, number: int, at: int, mti: str, present: tuple[int, ...], read: Mapping[int, Value]) -> CodecError:
    error = CodecError(why, field=number, offset=at)
    error.mti, error.bitmap, error.read = mti, present, read
    return error


def _mti(dialect: Dialect, data: bytes) -> tuple[str, int]:
    size = 4 if dialect.text else 2
    head = data[:size]
    mti = head.decode("ascii", "replace") if dialect.text else head.hex()
    if len(mti) != 4 or not (mti.isascii() and mti.isdecimal()):
        why = "no message type of four digits"
        raise CodecError(why, field=0)
    return mti, size


def _bitmap(dialect: Dialect, data: bytes, at: int, mti: str) -> tuple[tuple[int, ...], int]:
    bits, end = _half(dialect, data, at, mti)
    if not dialect.second_bitmap or not bits >> 63:
        return numbers(bits, 64), end
    second, end = _half(dialect, data, end, mti)
    return numbers((bits & ~(1 << 63)) << 64 | second, 128), end


def _half(dialect: Dialect, data: bytes, at: int, mti: str) -> tuple[int, int]:
    size = 16 if dialect.text else 8
    piece = data[at : at + size]
    if len(piece) < size or (dialect.text and not _HEX.issuperset(piece)):
        why = "the bitmap is cut short" if len(piece) < size else "the bitmap is not hexadecimal"
        error = CodecError(why, field=1, offset=at)
        error.mti = mti
        raise error
    return int(piece, 16) if dialect.text else int.from_bytes(piece), at + size


def _written_mti(dialect: Dialect, mti: str) -> bytes:
    if len(mti) != 4 or not (mti.isascii() and mti.isdecimal()):
        why = "the message type is not four digits"
        raise CodecError(why, field=0)
    return mti.encode("ascii") if dialect.text else bytes.fromhex(mti)


def _written_bitmap(dialect: Dialect, fields: Mapping[int, Value]) -> bytes:
    long = dialect.second_bitmap and any(number > 64 for number in fields)
    width = 128 if long else 64
    bits = 1 << 127 if long else 0
    for number in fields:
        if not 2 <= number <= width:
            why = "not a field of this dialect"
            raise CodecError(why, field=number)
        bits |= 1 << (width - number)
    piece = bits.to_bytes(width // 8)
    return piece.hex().upper().encode("ascii") if dialect.text else piece
