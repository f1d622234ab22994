"""The terminal's own cryptography: working keys, message authentication codes, PIN blocks, enciphered tracks.

Written from the protocol's text a second time, on `cryptography` alone, so that a mistake of the front is not repeated.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes

_BLOCK = 8
_KEY_AND_CHECK = {"001": ((8, 4), (8, 4)), "003": ((16, 4), (16, 4)), "004": ((16, 4), (16, 4), (16, 4))}


class BadKeysError(Exception):
    """The keys of a sign-in answer do not pass their check values, or are not laid out as promised."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkingKeys:
    """The keys of one sign-in, in clear."""

    pin: bytes = field(repr=False)
    mac: bytes = field(repr=False)
    data: bytes | None = field(default=None, repr=False)


def des_encipher(key: bytes, blocks: bytes) -> bytes:
    """Encipher whole blocks under a key of 8 (DES), 16 or 24 bytes (triple DES), each block by itself."""
    encryptor = Cipher(TripleDES(_long(key)), modes.ECB()).encryptor()  # noqa: S305 - the protocol's own mode
    return encryptor.update(blocks) + encryptor.finalize()


def des_decipher(key: bytes, blocks: bytes) -> bytes:
    """Undo `des_encipher`."""
    decryptor = Cipher(TripleDES(_long(key)), modes.ECB()).decryptor()  # noqa: S305 - the protocol's own mode
    return decryptor.update(blocks) + decryptor.finalize()


def check_value(key: bytes) -> bytes:
    """Return the first 4 bytes of a zero block enciphered under `key`."""
    return des_encipher(key, bytes(_BLOCK))[:4]


def open_keys(tmk: bytes, kind: str, field_62: bytes) -> WorkingKeys:
    """Decipher the working keys of a sign-in of `kind` (60.3) and check them. Raises BadKeysError."""
    parts = _KEY_AND_CHECK[kind]
    if len(field_62) != sum(key + check for key, check in parts):
        raise BadKeysError(f"field 62 has {len(field_62)} bytes")
    slots, start = [], 0
    for key, check in parts:
        slots.append((field_62[start : start + key], field_62[start + key : start + key + check]))
        start += key + check
    pin = _checked(des_decipher(tmk, slots[0][0]), slots[0][1])
    return WorkingKeys(pin=pin, mac=_mac_key(tmk, kind, *slots[1]), data=_data_key(tmk, slots))


def message_code(key: bytes, data: bytes) -> bytes:
    """Compute field 64 of dialect `cups`: 8 upper-case hexadecimal characters as ASCII."""
    folded = bytes(_BLOCK)
    for start in range(0, len(data), _BLOCK):
        folded = _xor(folded, data[start : start + _BLOCK].ljust(_BLOCK, b"\0"))
    text = folded.hex().upper().encode()
    once = des_encipher(key, text[:_BLOCK])
    return des_encipher(key, _xor(once, text[_BLOCK:])).hex().upper()[:_BLOCK].encode()


def pin_block(pin: str, pan: str, key: bytes) -> bytes:
    """Build and encipher a PIN block of ISO 9564-1 format 0."""
    clear = bytes.fromhex(f"0{len(pin):X}{pin}".ljust(16, "F"))
    return des_encipher(key, _xor(clear, bytes.fromhex("0000" + pan[:-1].rjust(12, "0")[-12:])))


def encipher_track(track: str, key: bytes) -> str:
    """Encipher the 16 digits that end one (odd length) or two (even length) before the end of a track."""
    end = len(track) - (1 if len(track) % 2 else 2)
    hidden = des_encipher(key, bytes.fromhex(track[end - 16 : end])).hex().upper()
    return track[: end - 16] + hidden + track[end:]


def _mac_key(tmk: bytes, kind: str, slot: bytes, check: bytes) -> bytes:
    if kind != "001" and any(slot[_BLOCK:]):
        raise BadKeysError("the second half of the MAC key's slot is not empty")
    return _checked(des_decipher(tmk, slot[:_BLOCK]), check)


def _data_key(tmk: bytes, slots: list[tuple[bytes, bytes]]) -> bytes | None:
    return _checked(des_decipher(tmk, slots[2][0]), slots[2][1]) if len(slots) > 2 else None


def _checked(key: bytes, check: bytes) -> bytes:
    if check_value(key) != check:
        raise BadKeysError("a key does not pass its check value")
    return key


def _long(key: bytes) -> bytes:
    return {8: key * 3, 16: key + key[:8], 24: key}[len(key)]


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))
