"""DES keys as they are met in the field: single, double and triple length, with odd parity.

Source: FIPS 46-3 and NIST SP 800-67 for parity and weak keys, ANSI X9.24-1 for key lengths.
"""

from __future__ import annotations

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES

from gateway.kernel.randomness import Randomness
from gateway.keys.port import KeyStoreError

BLOCK = 8
LENGTHS = (8, 16, 24)

# Each byte with its lowest bit set so that the number of one bits is odd.
_ODD = bytes((byte & 0xFE) | ((byte >> 1).bit_count() % 2 == 0) for byte in range(256))

# The four weak and twelve semi-weak keys of NIST SP 800-67, with odd parity.
_WEAK = frozenset(
    bytes.fromhex(text)
    for text in (
        "0101010101010101",
        "FEFEFEFEFEFEFEFE",
        "E0E0E0E0F1F1F1F1",
        "1F1F1F1F0E0E0E0E",
        "01FE01FE01FE01FE",
        "FE01FE01FE01FE01",
        "1FE01FE00EF10EF1",
        "E01FE01FF10EF10E",
        "01E001E001F101F1",
        "E001E001F101F101",
        "1FFE1FFE0EFE0EFE",
        "FE1FFE1FFE0EFE0E",
        "011F011F010E010E",
        "1F011F010E010E01",
        "E0FEE0FEF1FEF1FE",
        "FEE0FEE0FEF1FEF1",
    )
)


def with_odd_parity(key: bytes) -> bytes:
    """Return `key` with the parity bit of every byte set right; no other bit changes."""
    return key.translate(_ODD)


def has_odd_parity(key: bytes) -> bool:
    """Tell whether every byte of `key` has an odd number of one bits."""
    return key.translate(_ODD) == key


def random_key(length: int, randomness: Randomness) -> bytes:
    """Make a DES key of 8, 16 or 24 bytes: odd parity, no weak part, no two parts equal."""
    if length not in LENGTHS:
        raise KeyStoreError(f"a DES key has 8, 16 or 24 bytes, not {length}")
    while True:
        key = with_odd_parity(randomness.octets(length))
        parts = [key[start : start + BLOCK] for start in range(0, length, BLOCK)]
        if len(set(parts)) == len(parts) and not _WEAK.intersection(parts):
            return key


def triple_des(key: bytes) -> TripleDES:
    """Return the cipher of a key of any DES length; a single-length key gives single DES."""
    return TripleDES({8: key * 3, 16: key + key[:8], 24: key}[len(key)])
