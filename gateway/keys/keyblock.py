"""Key blocks of TR-31 (ANSI X9.143): a key and its use, enciphered and authenticated together.

Version D is protected by an AES key, version B by a triple-DES key; encryption and authentication keys are derived from
it by the key derivation binding method. The optional block `KP` names the protection key by its check value, so that a
block says itself which master key opens it. A header alone is also the head of a module's own blocks (version 1).
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC

from gateway.kernel.randomness import Randomness
from gateway.keys.des import triple_des
from gateway.keys.port import KeyStoreError

OWN = "1"
_FIXED = 16
_MOST = 9_999
_CHECK_VALUE = 5
_ENCRYPTION, _AUTHENTICATION = 0x0000, 0x0001
_SIZES = {"B": 8, "D": 16, OWN: 8}
# of the protection key, by its length: code of X9.143 table 3
_CODES = {"B": {16: 0x0000, 24: 0x0001}, "D": {16: 0x0002, 24: 0x0003, 32: 0x0004}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What a block says of its key in clear; all of it is authenticated.

    `usage` (2 letters: K0, M3, P0, …), `algorithm` (A AES, D DES, T triple DES, R RSA, E elliptic curve, 4 SM4), `mode`
    of use, `version` of the key, `exportability`, and `optional` blocks as (identifier, data). `form` is the block's
    version.
    """

    usage: str
    algorithm: str
    mode: str
    version: str = "00"
    exportability: str = "N"
    optional: tuple[tuple[str, str], ...] = ()
    form: str = "D"

    @property
    def protected_by(self) -> str | None:
        """Check value of the protection key (10 hexadecimal digits), where the block names it."""
        data = dict(self.optional).get("KP", "")
        return data[2:] if data[:2] == "01" else None


def check_value_of(protection_key: bytes) -> str:
    """Return the check value of an AES key: CMAC of a zero block, first 5 bytes, as hexadecimal digits (X9.24-1)."""
    return _cmac(AES(protection_key), bytes(16))[:_CHECK_VALUE].hex().upper()


def wrap(protection_key: bytes, header: Header, key: bytes, randomness: Randomness) -> str:
    """Return the block of `key` under `protection_key`: 16, 24 or 32 bytes for form D, 16 or 24 for form B."""
    size = _SIZES[header.form]
    filling = -(2 + len(key)) % size
    payload = (len(key) * 8).to_bytes(2) + key + randomness.octets(filling)
    head = show_header(header, body_length=2 * len(payload) + 2 * size)
    mac = _authentic(header.form, protection_key, head, payload)
    cipher = _enciphering(header.form, protection_key, mac).encryptor()
    return f"{head}{(cipher.update(payload) + cipher.finalize()).hex().upper()}{mac.hex().upper()}"


def unwrap(protection_key: bytes, text: str) -> tuple[Header, bytes]:
    """Open a block of form D or B. Raises KeyStoreError where it is not whole, not ours or was changed."""
    header, length = read_header(text)
    if len(protection_key) not in _CODES.get(header.form, {}):
        raise KeyStoreError(f"a key block of form {header.form} is not for a protection key of this length")
    size = _SIZES[header.form]
    head, body, mac = text[:length], hexadecimal(text[length : -2 * size]), hexadecimal(text[-2 * size :])
    if not body or len(body) % size or len(mac) != size:
        raise KeyStoreError("the key block is cut or has a length that no block has")
    cipher = _enciphering(header.form, protection_key, mac).decryptor()
    payload = cipher.update(body) + cipher.finalize()
    if not hmac.compare_digest(_authentic(header.form, protection_key, head, payload), mac):
        raise KeyStoreError("the key block was changed, or is protected by another master key")
    bits = int.from_bytes(payload[:2])
    if bits % 8 or not 0 < bits // 8 <= len(payload) - 2:
        raise KeyStoreError("the key block holds a key of impossible length")
    return header, payload[2 : 2 + bits // 8]


def read_header(text: str) -> tuple[Header, int]:
    """Read what a block says in clear, unproven, and how many characters that is."""
    if not text.isascii() or len(text) < _FIXED or text[0] not in _SIZES:
        raise KeyStoreError("not a TR-31 key block of version B or D")
    if not text[1:5].isdigit() or int(text[1:5]) != len(text) or not text[12:14].isdigit():
        raise KeyStoreError("the key block's length is not what it says")
    optional, at = _read_optional(text, count=int(text[12:14]))
    if at % _SIZES[text[0]]:
        raise KeyStoreError("the key block's header is not padded to whole cipher blocks")
    header = Header(
        usage=text[5:7],
        algorithm=text[7],
        mode=text[8],
        version=text[9:11],
        exportability=text[11],
        optional=optional,
        form=text[0],
    )
    return header, at


def show_header(header: Header, *, body_length: int) -> str:
    """Write a header for a block with `body_length` characters behind it."""
    optional = "".join(f"{name}{len(data) + 4:02X}{data}" for name, data in header.optional)
    total = _FIXED + len(optional) + body_length
    if len(optional) % _SIZES[header.form] or total > _MOST:
        raise KeyStoreError("the key does not fit into a key block")
    return (
        f"{header.form}{total:04d}{header.usage}{header.algorithm}{header.mode}{header.version}{header.exportability}"
        f"{len(header.optional):02d}00{optional}"
    )


def hexadecimal(text: str) -> bytes:
    """Read hexadecimal digits; nothing where the text is not only those."""
    try:
        return bytes.fromhex(text) if not any(map(str.isspace, text)) else b""
    except ValueError:
        return b""


def _read_optional(text: str, *, count: int) -> tuple[tuple[tuple[str, str], ...], int]:
    found, at = [], _FIXED
    for _ in range(count):
        length = int.from_bytes(hexadecimal(text[at + 2 : at + 4]))
        if length < 4 or at + length > len(text):
            raise KeyStoreError("the key block has an optional block of impossible length")
        found.append((text[at : at + 2], text[at + 4 : at + length]))
        at += length
    return tuple(found), at


def _authentic(form: str, protection_key: bytes, head: str, payload: bytes) -> bytes:
    key = _derive(form, protection_key, _AUTHENTICATION)
    return _cmac(_algorithm(form, key), head.encode("ascii") + payload)


def _enciphering(form: str, protection_key: bytes, mac: bytes) -> Cipher[modes.CBC]:
    return Cipher(_algorithm(form, _derive(form, protection_key, _ENCRYPTION)), modes.CBC(mac))


def _derive(form: str, protection_key: bytes, purpose: int) -> bytes:
    """Derive the key for `purpose`, as long as the protection key: CMAC in counter mode (X9.143 section 5.3)."""
    length = len(protection_key)
    tail = purpose.to_bytes(2) + b"\0" + _CODES[form][length].to_bytes(2) + (length * 8).to_bytes(2)
    counters = range(1, 2 + (length - 1) // _SIZES[form])
    algorithm = _algorithm(form, protection_key)
    return b"".join(_cmac(algorithm, bytes([counter]) + tail) for counter in counters)[:length]


def _algorithm(form: str, key: bytes) -> AES | TripleDES:
    return AES(key) if form == "D" else triple_des(key)


def _cmac(algorithm: AES | TripleDES, data: bytes) -> bytes:
    cmac = CMAC(algorithm)
    cmac.update(data)
    return cmac.finalize()
