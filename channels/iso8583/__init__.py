"""ISO 8583: field tables as data, one codec over them, frames without sockets. Two dialects: `cups` and `iso87-ascii`.

Any bytes give a Message or one CodecError; errors and printed messages never show the value of a field that its row
does not declare open. Nothing here knows keys, sessions or connections.

Source: ISO 8583:1987, `docs/terminal-protocol.md`.
"""

from channels.iso8583.codec import decode, encode, mac_field, mac_input
from channels.iso8583.definition import DefinitionError, define, house, load
from channels.iso8583.dialect import Dialect, Element
from channels.iso8583.faults import CodecError
from channels.iso8583.frames import KEEP_ALIVE, Envelope, EnvelopeError, FrameError, FrameReader, frame, open_envelope
from channels.iso8583.message import Message, masked, shown
from channels.iso8583.nested import Part, nested_faults, parts_of
from channels.iso8583.terminal_data import OriginalData, TypeBatchCode
from channels.iso8583.tlv import DataObject, emv, reader_data
from channels.iso8583.tracks import Track2, Track3, track2, track3

CUPS = house("cups")
ISO87_ASCII = house("iso87-ascii")
DIALECTS: dict[str, Dialect] = {dialect.name: dialect for dialect in (CUPS, ISO87_ASCII)}

__all__ = [
    "CUPS",
    "DIALECTS",
    "ISO87_ASCII",
    "KEEP_ALIVE",
    "CodecError",
    "DataObject",
    "DefinitionError",
    "Dialect",
    "Element",
    "Envelope",
    "EnvelopeError",
    "FrameError",
    "FrameReader",
    "Message",
    "OriginalData",
    "Part",
    "Track2",
    "Track3",
    "TypeBatchCode",
    "decode",
    "define",
    "emv",
    "encode",
    "frame",
    "load",
    "mac_field",
    "mac_input",
    "masked",
    "nested_faults",
    "open_envelope",
    "parts_of",
    "reader_data",
    "shown",
    "track2",
    "track3",
]
