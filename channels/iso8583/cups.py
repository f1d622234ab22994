"""Dialect `cups`: packed digits, binary bitmap, GBK text, as terminals in China write messages.

Source: public descriptions of UnionPay-style terminals; `docs/terminal-protocol.md` "Dialect cups".
"""

from __future__ import annotations

from channels.iso8583.dialect import Dialect, elements
from channels.iso8583.encodings import ALPHANUMERIC, GBK_TEXT, OCTETS, PACKED, PACKED_LEFT, PACKED_TRACK
from channels.iso8583.frames import Framing
from channels.iso8583.rows import BASE, Kind

CUPS = Dialect(
    name="cups",
    framing=Framing(tpdu=True, header=6),
    elements=elements(
        BASE,
        {Kind.N: PACKED, Kind.Z: PACKED_TRACK, Kind.AN: ALPHANUMERIC, Kind.ANS: GBK_TEXT, Kind.B: OCTETS},
        packed_prefix=True,
        over={23: PACKED_LEFT},
    ),
    text=False,
    second_bitmap=False,
    charset="gbk",
)
