"""PIN blocks of ISO 9564-1, formats 0, 3 and 4: a PIN bound to its card number, enciphered.

The block cipher is handed in as a function, so that the key may be in this process or in a module. No text of an error
holds a PIN, a card number or a block.
"""

from __future__ import annotations

from collections.abc import Callable

from gateway.kernel.randomness import Randomness
from gateway.keys.macs import xored
from gateway.keys.port import KeyStoreError, PinFormat

Blocks = Callable[[bytes], bytes]

_SHORTEST, _LONGEST = 4, 12
_SHORT_BLOCK, _LONG_BLOCK = 8, 16
_DIGITS = 12
_LETTERS = frozenset("ABCDEF")
_CONTROL = {PinFormat.ISO_0: "0", PinFormat.ISO_3: "3", PinFormat.ISO_4: "4"}


def size_of(form: PinFormat) -> int:
    """Return the bytes of a block: formats 0 and 3 are for ciphers of 8-byte blocks, format 4 for those of 16."""
    return _LONG_BLOCK if form is PinFormat.ISO_4 else _SHORT_BLOCK


def opened(form: PinFormat, block: bytes, pan: str, decipher: Blocks) -> str:
    """Return the PIN of an enciphered block. Raises KeyStoreError where it holds none for this card number."""
    _refuse_other_number(pan)
    if len(block) != size_of(form):
        raise KeyStoreError(f"a PIN block of the format {form} has {size_of(form)} bytes")
    if form is PinFormat.ISO_4:
        return _read(form, decipher(xored(decipher(block), _long_number(pan))).hex().upper(), filling="A" * 10)
    field = xored(decipher(block), _short_number(pan)).hex().upper()
    return _read(form, field, filling="F" * 10 if form is PinFormat.ISO_0 else None)


def sealed(form: PinFormat, pin: str, pan: str, encipher: Blocks, randomness: Randomness) -> bytes:
    """Return the enciphered block of a PIN. Raises KeyStoreError where PIN or card number is none."""
    _refuse_other_number(pan)
    if not (_SHORTEST <= len(pin) <= _LONGEST and pin.isascii() and pin.isdigit()):
        raise KeyStoreError("a PIN has 4 to 12 digits")
    head = f"{_CONTROL[form]}{len(pin):X}{pin}"
    if form is PinFormat.ISO_4:
        field = bytes.fromhex(head.ljust(_LONG_BLOCK, "A")) + randomness.octets(_SHORT_BLOCK)
        return encipher(xored(encipher(field), _long_number(pan)))
    filling = "F" * 10 if form is PinFormat.ISO_0 else _random_letters(randomness)
    return encipher(xored(bytes.fromhex((head + filling)[:16]), _short_number(pan)))


def _read(form: PinFormat, field: str, *, filling: str | None) -> str:
    """Read the PIN's field; `filling` is what follows the PIN, None where any letters may (format 3)."""
    control, length, rest = field[0], int(field[1], 16), field[2:16]
    pin, tail = rest[:length], rest[length:]
    whole = _SHORTEST <= length <= _LONGEST and control == _CONTROL[form] and pin.isdigit()
    if not whole or (not _LETTERS.issuperset(tail) if filling is None else tail != (filling + filling)[: len(tail)]):
        raise KeyStoreError("the PIN block does not hold a PIN of this card under this key")
    return pin


def _short_number(pan: str) -> bytes:
    """Return the twelve rightmost digits of the card number without its check digit, four zeros in front."""
    return bytes.fromhex(pan[:-1][-_DIGITS:].rjust(16, "0"))


def _long_number(pan: str) -> bytes:
    """Return the card number field of format 4: its length over 12, the digits, zeros."""
    digits = pan.rjust(_DIGITS, "0")
    return bytes.fromhex(f"{len(digits) - _DIGITS}{digits}".ljust(32, "0"))


def _random_letters(randomness: Randomness) -> str:
    """Return ten hexadecimal digits, each a random one of A to F."""
    letters = ""
    while len(letters) < 10:
        letters += "".join(letter for letter in randomness.octets(16).hex().upper() if letter in _LETTERS)
    return letters[:10]


def _refuse_other_number(pan: str) -> None:
    if not (_DIGITS <= len(pan) <= 19 and pan.isascii() and pan.isdigit()):
        raise KeyStoreError("a PIN block needs a card number of 12 to 19 digits")
