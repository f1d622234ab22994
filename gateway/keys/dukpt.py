"""DUKPT: a key of its own for every transaction of a device, found from the message's key serial number.

Both methods of ANSI X9.24: part 1 (triple DES, key serial numbers of 10 bytes) and part 3 (AES, 12 bytes). Only the
first step, from base key to the device's initial key, needs the base key; it is handed in as functions over blocks, so
that the base key may stay in a module.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from gateway.keys.ciphers import ClearKey
from gateway.keys.macs import xored
from gateway.keys.port import KeyCipher, KeyStoreError

Blocks = Callable[[bytes], bytes]

TDES_KSN, AES_KSN = 10, 12
_COUNTER_BITS = 21
_MOST_BITS, _MOST_BITS_AES = 10, 16
_LAST_AES = 0xFFFF0000
MASK = bytes.fromhex("C0C0C0C000000000C0C0C0C000000000")
_AES_TYPES = {16: 2, 24: 3, 32: 4}


class Purpose(Enum):
    """What a transaction's key is for: its variant of X9.24-1 annex A, and its key usage of X9.24-3 table 2."""

    PIN = ("00000000000000FF00000000000000FF", 0x1000)
    MAC_REQUEST = ("000000000000FF00000000000000FF00", 0x2000)
    MAC_RESPONSE = ("00000000FF00000000000000FF000000", 0x2001)
    DATA_REQUEST = ("0000000000FF00000000000000FF0000", 0x3000)
    DATA_RESPONSE = ("000000FF00000000000000FF00000000", 0x3001)

    @property
    def variant(self) -> bytes:
        """The mask over a triple-DES transaction key."""
        return bytes.fromhex(self.value[0])

    @property
    def usage(self) -> int:
        """The key usage of an AES working key."""
        return self.value[1]


_DATA = frozenset({Purpose.DATA_REQUEST, Purpose.DATA_RESPONSE})


@dataclass(frozen=True, slots=True)
class Serial:
    """A key serial number: who the device is and which of its transactions this is.

    `device` is what stays the same over all transactions of the device; `counter` only grows, so a device whose counter
    does not is a copy or a replay. Raises KeyStoreError where the number is none that a device can send.
    """

    value: bytes

    def __post_init__(self) -> None:
        """Refuse what no device sends: other lengths, counter 0, more bits than one ever sets, a spent counter."""
        if len(self.value) not in {TDES_KSN, AES_KSN}:
            raise KeyStoreError("a key serial number has 10 bytes (triple DES) or 12 (AES)")
        most = _MOST_BITS if self.cipher is KeyCipher.TRIPLE_DES else _MOST_BITS_AES
        spent = self.cipher is KeyCipher.AES and self.counter > _LAST_AES
        if not self.counter or self.counter.bit_count() > most or spent:
            raise KeyStoreError("the key serial number's counter is one that no device sends")

    @property
    def cipher(self) -> KeyCipher:
        """The method that numbers of this length belong to."""
        return KeyCipher.TRIPLE_DES if len(self.value) == TDES_KSN else KeyCipher.AES

    @property
    def counter(self) -> int:
        """Which transaction of the device it is, from 1."""
        return int.from_bytes(self.value[-4:]) & (
            (1 << _COUNTER_BITS) - 1 if len(self.value) == TDES_KSN else 0xFFFFFFFF
        )

    @property
    def device(self) -> bytes:
        """The number with its counter at zero (10 bytes), or the initial key's id (8 bytes)."""
        if self.cipher is KeyCipher.AES:
            return self.value[:8]
        return (int.from_bytes(self.value) >> _COUNTER_BITS << _COUNTER_BITS).to_bytes(TDES_KSN)


def transaction_key(initial: bytes, serial: Serial, purpose: Purpose) -> ClearKey:
    """Return the key of one transaction for one purpose, from the device's initial key.

    An AES key is as long as the initial key.
    """
    if serial.cipher is KeyCipher.AES:
        return ClearKey(
            KeyCipher.AES, _aes_working(_aes_derivation(initial, serial), serial, purpose.usage, len(initial))
        )
    key = xored(_tdes_derivation(initial, serial), purpose.variant)
    # X9.24-1 annex A.4.1: a data key goes through one more step, which the other variants do not
    once = ClearKey(KeyCipher.TRIPLE_DES, key).encipher(key) if purpose in _DATA else key
    return ClearKey(KeyCipher.TRIPLE_DES, once)


def initial_key(serial: Serial, *, length: int, encipher: Blocks, encipher_masked: Blocks | None) -> bytes:
    """Return the initial key of a device.

    `length` is the base key's; `encipher` enciphers blocks under it and, for triple DES, `encipher_masked` under the
    base key XOR `MASK`. Raises KeyStoreError where the serial number is of the other method.
    """
    if serial.cipher is KeyCipher.AES:
        id_ = serial.device
        return b"".join(encipher(_aes_data(block, 0x8001, length, id_)) for block in range(1, 2 + (length > 16)))[
            :length
        ]
    if encipher_masked is None:
        raise KeyStoreError("the key serial number is of a triple-DES device, the base key is an AES key")
    head = serial.device[:8]
    return encipher(head) + encipher_masked(head)


def _tdes_derivation(initial: bytes, serial: Serial) -> bytes:
    """Walk the counter's bits from the highest: one non-reversible step for each that is set (X9.24-1 annex A.3)."""
    key, register = initial, int.from_bytes(serial.device[2:])
    for place in range(_COUNTER_BITS - 1, -1, -1):
        if serial.counter >> place & 1:
            register |= 1 << place
            key = _next_tdes(key, register.to_bytes(8))
    return key


def _next_tdes(key: bytes, register: bytes) -> bytes:
    right = _half(key, register)
    return _half(xored(key, MASK), register) + right


def _half(key: bytes, register: bytes) -> bytes:
    left = ClearKey(KeyCipher.TRIPLE_DES, key[:8])
    return xored(left.encipher(xored(register, key[8:])), key[8:])


def _aes_derivation(initial: bytes, serial: Serial) -> bytes:
    """Walk the counter's bits from the highest: one derived key for each that is set (X9.24-3 section 6.3.3)."""
    key, counter = initial, 0
    for place in range(31, -1, -1):
        if serial.counter >> place & 1:
            counter |= 1 << place
            key = _derived(key, 0x8000, len(initial), serial.device[4:] + counter.to_bytes(4))
    return key


def _aes_working(key: bytes, serial: Serial, usage: int, length: int) -> bytes:
    return _derived(key, usage, length, serial.device[4:] + serial.counter.to_bytes(4))


def _derived(key: bytes, usage: int, length: int, context: bytes) -> bytes:
    cipher = ClearKey(KeyCipher.AES, key)
    blocks = range(1, 2 + (length > 16))
    return b"".join(cipher.encipher(_aes_data(block, usage, length, context)) for block in blocks)[:length]


def _aes_data(block: int, usage: int, length: int, context: bytes) -> bytes:
    """Return the derivation data of X9.24-3 section 6.3.2: 16 bytes."""
    return bytes([1, block]) + usage.to_bytes(2) + _AES_TYPES[length].to_bytes(2) + (length * 8).to_bytes(2) + context
