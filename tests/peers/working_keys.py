"""Working keys as a terminal takes them at sign-in, and what it does with them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes

BLOCK = 8


class WrongKeyError(ValueError):
    """A key does not fit its check value, or the key field its size."""


@dataclass(frozen=True, slots=True)
class WorkingKeys:
    """Clear working keys; `data` only where 004 was asked for."""

    pin: bytes
    mac: bytes
    data: bytes = b""


def opened(download: str, tmk: bytes, enciphered: bytes) -> WorkingKeys:
    """Decipher field 62 of a sign-in answer and hold each key against its check value."""
    slots = {"001": (8, 8), "003": (16, 16), "004": (16, 16, 16)}[download]
    if len(enciphered) != sum(slots) + 4 * len(slots):
        raise WrongKeyError(f"{len(enciphered)} bytes of keys for {download}")
    pin, mac, *data = _parts(enciphered, slots)
    return WorkingKeys(
        pin=_key(tmk, *pin),
        mac=_mac_key(tmk, *mac),
        data=_key(tmk, *data[0]) if data else b"",
    )


def check_value(key: bytes) -> bytes:
    """The first four bytes of a zero block under the key."""
    return encipher(key, bytes(BLOCK))[:4]


def message_authentication_code(key: bytes, message: bytes) -> bytes:
    """The MAC of `cups`: eight hexadecimal characters over a message that ends before its field 64."""
    folded = bytes(BLOCK)
    for block in _blocks(message):
        folded = _xor(folded, block)
    characters = folded.hex().upper().encode()
    first = encipher(key, characters[:BLOCK])
    second = encipher(key, _xor(first, characters[BLOCK:]))
    return second.hex().upper().encode()[:BLOCK]


def pin_block(pin: str, pan: str, key: bytes) -> bytes:
    """ISO 9564 format 0 under the PIN key."""
    return encipher(key, clear_pin_block(pin, pan))


def clear_pin_block(pin: str, pan: str) -> bytes:
    """The block of format 0 before it is enciphered."""
    return _xor(bytes.fromhex(f"0{len(pin):X}{pin}".ljust(16, "F")), bytes.fromhex("0000" + pan[-13:-1]))


def enciphered_track(track: str, key: bytes) -> str:
    """The track with the sixteen characters that end one (odd length) or two (even) before its end enciphered."""
    end = len(track) - (1 if len(track) % 2 else 2)
    secret = encipher(key, bytes.fromhex(track[end - 16 : end]))
    return track[: end - 16] + secret.hex().upper() + track[end:]


def encipher(key: bytes, blocks: bytes) -> bytes:
    """Whole blocks, each by itself; single DES with an 8-byte key, triple DES with a 16-byte one."""
    encryptor = _cipher(key).encryptor()
    return encryptor.update(blocks) + encryptor.finalize()


def decipher(key: bytes, blocks: bytes) -> bytes:
    """The way back from `encipher`."""
    decryptor = _cipher(key).decryptor()
    return decryptor.update(blocks) + decryptor.finalize()


def _cipher(key: bytes) -> Cipher[modes.ECB]:
    whole = {8: key * 3, 16: key + key[:8], 24: key}[len(key)]
    return Cipher(TripleDES(whole), modes.ECB())  # noqa: S305 - keys and PIN blocks are single blocks


def _key(tmk: bytes, enciphered: bytes, check: bytes) -> bytes:
    return _checked(decipher(tmk, enciphered), check)


def _mac_key(tmk: bytes, enciphered: bytes, check: bytes) -> bytes:
    """Single-length in every download; in a slot of sixteen the rest is zero in clear."""
    if any(enciphered[BLOCK:]):
        raise WrongKeyError("the second half of the MAC key's slot is not zero")
    return _checked(decipher(tmk, enciphered[:BLOCK]), check)


def _checked(key: bytes, check: bytes) -> bytes:
    if check_value(key) != check:
        raise WrongKeyError("a key does not fit its check value")
    return key


def _parts(enciphered: bytes, slots: tuple[int, ...]) -> Iterator[tuple[bytes, bytes]]:
    start = 0
    for size in slots:
        yield enciphered[start : start + size], enciphered[start + size : start + size + 4]
        start += size + 4


def _blocks(message: bytes) -> Iterator[bytes]:
    for start in range(0, len(message), BLOCK):
        yield message[start : start + BLOCK].ljust(BLOCK, b"\0")


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))
