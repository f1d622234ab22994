"""Bytes to messages and back, by a dialect's table.

Any bytes give a Message or one CodecError; any Message gives bytes or one CodecError. `encode(decode(x)) == x`
for every `x` that decodes in a dialect with binary lengths (ASCII bitmaps are also read in lower case).

A shape of message that comes often is read and written by a function made for it (`reading`, `writing`). Such a
function only ever says yes or no: what it does not take goes to the table, which takes it or names the fault.
"""

from __future__ import annotations

from channels.iso8583.dialect import Dialect
from channels.iso8583.message import Message
from channels.iso8583.reading import reader
from channels.iso8583.table import read_by_table, write_by_table
from channels.iso8583.writing import writer

_FIRST_HALF = 64
_SECOND_FOLLOWS = frozenset(b"89ABCDEFabcdef")
_FIRST_BIT = 0x80


def decode(dialect: Dialect, data: bytes) -> Message:
    """Read one message, all of it. Raises CodecError, which keeps what was read before the fault."""
    programs = dialect.readers.made
    program = programs.get(data[dialect.half])
    if program is None and dialect.second_bitmap:
        program = programs.get(bitmap_bytes(dialect, data))
    if program is not None:
        message = program(data)
        if message is not None:
            return message
    message = read_by_table(dialect, data)
    if program is None:
        shape = bitmap_bytes(dialect, data)
        dialect.readers.used(shape, lambda: reader(dialect, tuple(message.fields), shape))
    return message


def encode(dialect: Dialect, message: Message) -> bytes:
    """Write a message. Raises CodecError naming the field that does not fit the dialect."""
    shape = tuple(message.fields)
    program = dialect.writers.made.get(shape)
    if program is not None:
        data = program(message.mti, message.fields)
        if data is not None:
            return data
    data = write_by_table(dialect, message)
    if program is None:
        dialect.writers.used(shape, lambda: writer(dialect, shape))
    return data


def bitmap_bytes(dialect: Dialect, data: bytes) -> bytes:
    """Return the bytes of a message's bitmap as they stand, both halves where there are two."""
    first = data[dialect.half.start : dialect.half.start + 1]
    if not (dialect.second_bitmap and first):
        return data[dialect.half]
    follows = first[0] in _SECOND_FOLLOWS if dialect.text else first[0] & _FIRST_BIT
    return data[dialect.half] if not follows else data[dialect.half.start : dialect.half.stop + dialect.bitmap_size]


def mac_field(dialect: Dialect, message: Message) -> int:
    """Return which field carries the MAC: 64, or 128 where the message has fields above 64."""
    return 128 if dialect.second_bitmap and any(number > _FIRST_HALF for number in message.fields) else 64


def mac_input(dialect: Dialect, data: bytes) -> bytes:
    """Return what the MAC of a whole message covers: its bytes from the message type to before the MAC field.

    `data` is the message as sent, its last field the MAC (64 or 128): no field stands behind it.
    """
    return data[: len(data) - dialect.elements[64].encoding.size(8)]
