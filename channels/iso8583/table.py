"""Messages read and written element by element: the oracle of the made functions, and the author of every error."""

from __future__ import annotations

from collections.abc import Mapping

from channels.iso8583.dialect import Dialect, bitmap, numbers
from channels.iso8583.encodings import Value
from channels.iso8583.faults import CodecError, ValueFault
from channels.iso8583.message import Message

_HEX = frozenset(b"0123456789ABCDEFabcdef")
_FOREIGN = "not a field of this dialect"
_MTI_DIGITS = 4


def read_by_table(dialect: Dialect, data: bytes) -> Message:
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
        raise _fault(dialect, _FOREIGN, number, at, mti, present, fields) from None
    except ValueFault as fault:
        raise _fault(dialect, str(fault), number, at, mti, present, fields) from None
    if at != len(data):
        raise _fault(dialect, "bytes after the last field", number, at, mti, present, fields)
    return Message(mti, fields)


def write_by_table(dialect: Dialect, message: Message) -> bytes:
    """Write a message. Raises CodecError naming the field that does not fit the dialect."""
    pieces = [_written_mti(dialect, message.mti)]
    table = dialect.elements
    number = 0
    try:
        pieces.append(bitmap(dialect, message.fields))
        for number in sorted(message.fields):
            pieces.append(table[number].write(message.fields[number]))
    except KeyError as fault:
        raise CodecError(_FOREIGN, field=int(fault.args[0])) from None
    except ValueFault as fault:
        raise CodecError(str(fault), field=number, rule=table[number].row.format) from None
    return b"".join(pieces)


def _fault(
    dialect: Dialect, why: str, number: int, at: int, mti: str, present: tuple[int, ...], read: Mapping[int, Value]
) -> CodecError:
    element = dialect.element(number)
    error = CodecError(why, field=number, offset=at, rule=element.row.format if element else "")
    error.mti, error.bitmap, error.read = mti, present, read
    return error


def _is_mti(text: str) -> bool:
    return len(text) == _MTI_DIGITS and text.isascii() and text.isdecimal()


def _mti(dialect: Dialect, data: bytes) -> tuple[str, int]:
    size = dialect.bitmap_at
    head = data[:size]
    mti = head.decode("ascii", "replace") if dialect.text else head.hex()
    if not _is_mti(mti):
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
    size = dialect.bitmap_size
    piece = data[at : at + size]
    if len(piece) < size or (dialect.text and not _HEX.issuperset(piece)):
        why = "the bitmap is cut short" if len(piece) < size else "the bitmap is not hexadecimal"
        error = CodecError(why, field=1, offset=at)
        error.mti = mti
        raise error
    return int(piece, 16) if dialect.text else int.from_bytes(piece), at + size


def _written_mti(dialect: Dialect, mti: str) -> bytes:
    if not _is_mti(mti):
        why = "the message type is not four digits"
        raise CodecError(why, field=0)
    return mti.encode("ascii") if dialect.text else bytes.fromhex(mti)
