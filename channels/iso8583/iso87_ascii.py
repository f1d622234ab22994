"""Dialect `iso87-ascii`: the same rows written as characters, with a second bitmap; no TPDU and no header.

Source: ISO 8583:1987; `docs/terminal-protocol.md` "Dialect iso87-ascii".
"""

from __future__ import annotations

from channels.iso8583.cups import CUPS
from channels.iso8583.dialect import elements
from channels.iso8583.encodings import ALPHANUMERIC, ASCII_TEXT, DIGITS, HEXADECIMAL, TRACK
from channels.iso8583.frames import Framing
from channels.iso8583.rows import BASE, EXTRA, Kind

ISO87_ASCII = CUPS.replaced(
    "iso87-ascii",
    elements(
        (*BASE, *EXTRA),
        {Kind.N: DIGITS, Kind.Z: TRACK, Kind.AN: ALPHANUMERIC, Kind.ANS: ASCII_TEXT, Kind.B: HEXADECIMAL},
        packed_prefix=False,
    ).values(),
    framing=Framing(tpdu=False, header=0),
    text=True,
    second_bitmap=True,
    charset="ascii",
)
