"""The card of a request: number, expiry, sequence, PIN block and chip data, from the fields that may hold them.

Nothing of it is ever put into an error text. Source: ISO/IEC 7813 (track 2); `docs/terminal-protocol.md` "Fields".
"""

from __future__ import annotations

from dataclasses import dataclass, field

from channels.iso8583 import CodecError, Message, emv, reader_data
from gateway.kernel.reasons import Reason
from gateway.payments.model import CardData
from gateway.terminals.request import InadmissibleError, lacking

_ENCIPHERED_DIGITS = 16
_CARD_DATA, _AES_PIN_BLOCK = 2, 3


@dataclass(frozen=True, slots=True)
class _Track:
    pan: str = field(repr=False)
    expiry: str | None = field(repr=False)


def card(message: Message) -> CardData | None:
    """Return the request's card, None where it names none. Raises InadmissibleError."""
    _refuse_reader_data(message)
    track = _track(message)
    pan = message.text(2) or (track.pan if track else None)
    if pan is None:
        return None
    if track and track.pan != pan:
        raise lacking(35)
    return CardData(
        pan=pan,
        expiry=message.text(14) or (track.expiry if track else None),
        sequence=message.text(23),
        pin_block=message.octets(52),
        icc=_icc(message),
    )


def is_enciphered(message: Message) -> bool:
    """Tell whether the tracks came enciphered (53.3 = 1): then the answer does not repeat the number."""
    return (message.text(53) or "")[2:3] == "1"


def _refuse_reader_data(message: Message) -> None:
    """Card data and PIN blocks of readers with keys of their own (field 62) cannot be opened here yet."""
    data = message.octets(62)
    if data is None:
        return
    try:
        tags = reader_data(data)
    except CodecError:
        raise lacking(62) from None
    if tags.keys() & {_CARD_DATA, _AES_PIN_BLOCK}:
        raise InadmissibleError(Reason.NOT_SUPPORTED)


def _track(message: Message) -> _Track | None:
    value = message.text(35)
    if value is None:
        return None
    clear = _clear_part(value) if is_enciphered(message) else value
    pan, separator, rest = clear.replace("=", "D").partition("D")
    if separator and pan.isdecimal():
        return _Track(pan, rest[:4] if len(rest) >= 4 and rest[:4].isdecimal() else None)
    if not is_enciphered(message) or separator:
        raise lacking(35)
    if message.text(2) is None:
        raise InadmissibleError(Reason.NOT_SUPPORTED)
    return None


def _clear_part(track: str) -> str:
    """What stands before the 16 enciphered digits, which end one (odd length) or two (even) before the end."""
    end = len(track) - (1 if len(track) % 2 else 2)
    return track[: max(end - _ENCIPHERED_DIGITS, 0)]


def _icc(message: Message) -> bytes | None:
    data = message.octets(55)
    if data is not None:
        try:
            emv(data)
        except CodecError:
            raise lacking(55) from None
    return data
