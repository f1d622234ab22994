"""The base field table: what each data element is, before a dialect says how its digits and lengths are written.

Source: ISO 8583:1987 and public descriptions of terminals in China; `docs/terminal-protocol.md` "Fields".
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto


class Kind(Enum):
    """ISO 8583 attribute: which characters an element has."""

    N = auto()
    Z = auto()
    AN = auto()
    ANS = auto()
    B = auto()


class Side(Enum):
    """On which side a value shorter than its fixed length is filled up."""

    LEFT = auto()
    RIGHT = auto()


class Mask(Enum):
    """How much of an element may be shown in a log or an error; what no row says is HIDDEN."""

    HIDDEN = auto()
    CARD = auto()
    OPEN = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One data element. `prefix` is the number of length digits, 0 for an element of exactly `most` units."""

    number: int
    name: str
    kind: Kind
    most: int
    prefix: int = 0
    mask: Mask = Mask.HIDDEN
    pad: Side = Side.RIGHT


def _row(number: int, name: str, kind: Kind, most: int, prefix: int = 0, mask: Mask = Mask.HIDDEN) -> Row:
    pad = Side.LEFT if kind is Kind.N else Side.RIGHT
    return Row(number=number, name=name, kind=kind, most=most, prefix=prefix, mask=mask, pad=pad)


BASE: tuple[Row, ...] = (
    _row(2, "primary account number", Kind.N, 19, 2, Mask.CARD),
    _row(3, "processing code", Kind.N, 6, 0, Mask.OPEN),
    _row(4, "amount", Kind.N, 12, 0, Mask.OPEN),
    _row(11, "system trace audit number", Kind.N, 6, 0, Mask.OPEN),
    _row(12, "local time", Kind.N, 6, 0, Mask.OPEN),
    _row(13, "local date", Kind.N, 4, 0, Mask.OPEN),
    _row(14, "expiry", Kind.N, 4),
    _row(15, "settlement date", Kind.N, 4, 0, Mask.OPEN),
    _row(22, "POS entry mode", Kind.N, 3, 0, Mask.OPEN),
    _row(23, "card sequence number", Kind.N, 3, 0, Mask.OPEN),
    _row(25, "POS condition code", Kind.N, 2, 0, Mask.OPEN),
    _row(26, "PIN capture code", Kind.N, 2, 0, Mask.OPEN),
    _row(32, "acquiring institution", Kind.N, 11, 2, Mask.OPEN),
    _row(35, "track 2", Kind.Z, 37, 2),
    _row(36, "track 3", Kind.Z, 104, 3),
    _row(37, "retrieval reference number", Kind.AN, 12, 0, Mask.OPEN),
    _row(38, "authorisation code", Kind.AN, 6, 0, Mask.OPEN),
    _row(39, "response code", Kind.AN, 2, 0, Mask.OPEN),
    _row(41, "terminal id", Kind.ANS, 8, 0, Mask.OPEN),
    _row(42, "merchant id", Kind.ANS, 15, 0, Mask.OPEN),
    _row(44, "additional response data", Kind.ANS, 25, 2, Mask.OPEN),
    _row(48, "additional data", Kind.N, 322, 3),
    _row(49, "unit", Kind.AN, 3, 0, Mask.OPEN),
    _row(52, "PIN block", Kind.B, 8),
    _row(53, "security control information", Kind.N, 16, 0, Mask.OPEN),
    _row(54, "balances", Kind.AN, 120, 3),
    _row(55, "ICC data", Kind.B, 255, 3),
    _row(58, "member, voucher or bound-card reference", Kind.ANS, 100, 3),
    _row(59, "terminal information", Kind.ANS, 999, 3),
    _row(60, "transaction type, batch, network code", Kind.N, 17, 3, Mask.OPEN),
    _row(61, "original", Kind.N, 29, 3, Mask.OPEN),
    _row(62, "keys, serial or reader data", Kind.B, 512, 3),
    _row(63, "card scheme or operator", Kind.ANS, 163, 3),
    _row(64, "message authentication code", Kind.B, 8, 0, Mask.OPEN),
)

# Elements that only dialects with longer headers or a second bitmap have.
EXTRA: tuple[Row, ...] = (
    _row(7, "transmission date and time", Kind.N, 10, 0, Mask.OPEN),
    _row(70, "network management code", Kind.N, 3, 0, Mask.OPEN),
    _row(90, "original data elements", Kind.N, 42, 0, Mask.OPEN),
    _row(128, "message authentication code", Kind.B, 8, 0, Mask.OPEN),
)
