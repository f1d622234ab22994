"""Tracks 2 and 3 of a card's stripe, taken apart. Nothing of them is ever shown.

Source: ISO/IEC 7813 (track 2), ISO/IEC 4909 (track 3). The separator is `=` or, in packed digits, `D`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from channels.iso8583.faults import CodecError

# Number, separator, expiry or a separator in its place, service code or a separator in its place, the rest.
_TRACK_2 = re.compile(
    r"(?P<pan>\d{8,19})[=D](?:(?P<expiry>\d{4})|[=D])(?:(?P<service>\d{3})|[=D])(?P<rest>[0-9=D]*)", re.ASCII
)
# Format code, number, separator, the rest.
_TRACK_3 = re.compile(r"(?P<code>\d{2})(?P<pan>\d{8,19})[=D](?P<rest>[0-9=D]*)", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Track2:
    """Track 2: `expiry` is YYMM, `service` the service code; None where a separator stands in its place."""

    pan: str = field(repr=False)
    expiry: str | None = field(repr=False)
    service: str | None
    discretionary: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Track3:
    """Track 3: `code` is its format code."""

    code: str
    pan: str = field(repr=False)
    rest: str = field(repr=False)


def track2(value: str) -> Track2:
    """Read track 2 without sentinels. Raises CodecError."""
    found = _TRACK_2.fullmatch(value)
    if found is None:
        why = "number, separator, expiry and service code expected"
        raise CodecError(why, field=35)
    return Track2(pan=found["pan"], expiry=found["expiry"], service=found["service"], discretionary=found["rest"])


def track3(value: str) -> Track3:
    """Read track 3 without sentinels. Raises CodecError."""
    found = _TRACK_3.fullmatch(value)
    if found is None:
        why = "format code, number and separator expected"
        raise CodecError(why, field=36)
    return Track3(code=found["code"], pan=found["pan"], rest=found["rest"])
