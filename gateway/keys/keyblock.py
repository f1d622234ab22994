"""Key blocks of TR-31 (ANSI X9.143), version D: a key and its use, enciphered and authenticated together.

The block protection key is an AES key; encryption and authentication keys are derived from it by the key derivation
binding method. The optional block `KP` names the protection key by its check value, so that a block says itself which
master key opens it.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC

from gateway.kernel.randomness import Randomness
from gateway.keys.port import KeyStoreError

_FIXED = 16
_MAC = 16
_MOST = 9_999
_CHECK_VALUE = 5
_ENCRYPTION, _AUTHENTICATION = 0x0000, 0x0001
_AES_CODES = {16: 0x0002, 24: 0x0003, 32: 0x0004}


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What a block says of its key in clear; all of it is authenticated.

    `usage` (2 letters: K0, M3, P0, …), `algorithm` (A AES, D DES, T triple DES, R RSA, E elliptic curve),
    `mode` of use, `version` of the key, `exportability`, and `optional` blocks as (identifier, data).
    """

    usage: str
    algorithm: str
    mode: str
    version: str = "00"
    exportability: str = "N"
    optional: tuple[tuple[str, str], ...] = ()

    @property
    def protected_by(self) -> str | None:
        """Check value of the protection key (10 hexadecimal digits), where the block names it."""
        data = dict(self.optional).get("KP", "")
        return data[2:] if data[:2] == "01" else None


def check_value_of(protection_key: bytes) -> str:
    """Return the check value of an AES key: CMAC of a zero block, first 5 bytes, as hexadecimal digits (X9.24-1)."""
    return _cmac(protection_key, bytes(16))[:_CHECK_VALUE].hex().upper()


def wrap(protection_key: bytes, header: Header, key: bytes, randomness: Randomness) -> str:
    """Return the block of `key` under `protection_key` (16, 24 or 32 bytes)."""
    filling = -(2 + len(key)) % 16
    payload = (len(key) * 8).to_bytes(2) + key + randomness.octets(filling)
    head = _show(header, payload_length=len(payload))
    mac = _cmac(_derive(protection_key, _AUTHENTICATION), head.encode("ascii") + payload)
    cipher = Cipher(AES(_derive(protection_key, _ENCRYPTION)), modes.CBC(mac)).encryptor()
    return f"{head}{(cipher.update(payload) + cipher.finalize()).hex().upper()}{mac.hex().upper()}"


def unwrap(protection_key: bytes, text: str) -> tuple[Header, bytes]:
    """Open a block. Raises KeyStoreError where it is not whole, not ours or was changed."""
    header, length = read_header(text)
    head, body, mac = text[:length], _hexadecimal(text[length : -2 * _MAC]), _hexadecimal(text[-2 * _MAC :])
    if not body or len(body) % 16 or len(mac) != _MAC:
        raise KeyStoreError("the key block is cut or has a length that no block has")
    cipher = Cipher(AES(_derive(protection_key, _ENCRYPTION)), modes.CBC(mac)).decryptor()
    payload = cipher.update(body) + cipher.finalize()
    if not hmac.compare_digest(_cmac(_derive(protection_key, _AUTHENTICATION), head.encode("ascii") + payload), mac):
        raise KeyStoreError("the key block was changed, or is protected by another master key")
    bits = int.from_bytes(payload[:2])
    if bits % 8 or not 0 < bits // 8 <= len(payload) - 2:
        raise KeyStoreError("the key block holds a key of impossible length")
    return header, payload[2 : 2 + bits // 8]


def read_header(text: str) -> tuple[Header, int]:
    """Read what a block says in clear, unproven, and how many characters that is."""
    if not text.isascii() or len(text) < _FIXED or text[0] != "D":
        raise KeyStoreError("not a TR-31 version D key block")
    if not text[1:5].isdigit() or int(text[1:5]) != len(text) or not text[12:14].isdigit():
        raise KeyStoreError("the key block's length is not what it says")
    optional, at = _read_optional(text, count=int(text[12:14]))
    if at % 16:
        raise KeyStoreError("the key block's header is not padded to whole cipher blocks")
    header = Header(
        usage=text[5:7],
        algorithm=text[7],
        mode=text[8],
        version=text[9:11],
        exportability=text[11],
        optional=optional,
    )
    return header, at


def _read_optional(text: str, *, count: int) -> tuple[tuple[tuple[str, str], ...], int]:
    found, at = [], _FIXED
    for _ in range(count):
        length = int.from_bytes(_hexadecimal(text[at + 2 : at + 4]))
        if length < 4 or at + length > len(text):
            raise KeyStoreError("the key block has an optional block of impossible length")
        found.append((text[at : at + 2], text[at + 4 : at + length]))
        at += length
    return tuple(found), at


def _show(header: Header, *, payload_length: int) -> str:
    optional = "".join(f"{name}{len(data) + 4:02X}{data}" for name, data in header.optional)
    total = _FIXED + len(optional) + 2 * payload_length + 2 * _MAC
    if len(optional) % 16 or total > _MOST:
        raise KeyStoreError("the key does not fit into a key block")
    return (
        f"D{total:04d}{header.usage}{header.algorithm}{header.mode}{header.version}{header.exportability}"
        f"{len(header.optional):02d}00{optional}"
    )


def _derive(protection_key: bytes, purpose: int) -> bytes:
    """Derive the key for `purpose`, as long as the protection key: CMAC in counter mode (X9.143 section 5.3)."""
    length = len(protection_key)
    tail = purpose.to_bytes(2) + b"\0" + _AES_CODES[length].to_bytes(2) + (length * 8).to_bytes(2)
    return b"".join(_cmac(protection_key, bytes([counter]) + tail) for counter in (1, 2))[:length]


def _cmac(key: bytes, data: bytes) -> bytes:
    cmac = CMAC(AES(key))
    cmac.update(data)
    return cmac.finalize()


def _hexadecimal(text: str) -> bytes:
    try:
        return bytes.fromhex(text) if not any(map(str.isspace, text)) else b""
    except ValueError:
        return b""
