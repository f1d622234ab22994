"""What both adapters check and reckon alike, over keys in clear or functions of a module."""

from __future__ import annotations

from dataclasses import replace

from gateway.kernel.randomness import Randomness
from gateway.keys import dukpt, keyblock
from gateway.keys.ciphers import ClearKey
from gateway.keys.des import random_key
from gateway.keys.keyblock import Header
from gateway.keys.macs import maker
from gateway.keys.openkey import OpenKey
from gateway.keys.port import KeyCipher, KeyKind, KeyStoreError, MacScheme
from gateway.keys.uses import (
    ENTERED,
    EXPORTED,
    bare_header,
    cipher_of,
    refuse_other_use,
    secret_algorithm,
)

# a base key of triple DES has two parts, one of SM4 is not defined; a transport key has no single length
_LENGTHS: dict[tuple[KeyKind, KeyCipher], frozenset[int]] = {
    (KeyKind.BASE_DERIVATION, KeyCipher.TRIPLE_DES): frozenset({16}),
    (KeyKind.BASE_DERIVATION, KeyCipher.SM4): frozenset(),
    (KeyKind.TRANSPORT, KeyCipher.TRIPLE_DES): frozenset({16, 24}),
    (KeyKind.TRANSPORT, KeyCipher.SM4): frozenset(),
}
_FORMS = {KeyCipher.AES: "D", KeyCipher.TRIPLE_DES: "B"}


def random_secret(cipher: KeyCipher, length: int, randomness: Randomness) -> bytes:
    """Make a secret key: random bytes, with odd parity and no weak part where it is a DES key."""
    secret_algorithm(cipher, length)
    return random_key(length, randomness) if cipher is KeyCipher.TRIPLE_DES else randomness.octets(length)


def refuse_other_length(kind: KeyKind, key: ClearKey) -> None:
    """Raise KeyStoreError where a key of this kind does not have this length or cipher."""
    secret_algorithm(key.cipher, len(key.value))
    allowed = _LENGTHS.get((kind, key.cipher))
    if allowed is not None and len(key.value) not in allowed:
        raise KeyStoreError(f"a {kind} key of {len(key.value)} bytes ({key.cipher}) is not used")


def checked(cipher: KeyCipher, value: bytes, check_value: bytes) -> ClearKey:
    """Return a key that came enciphered. Raises KeyStoreError where its check value (3 or 4 bytes) is another."""
    secret_algorithm(cipher, len(value))
    key = ClearKey(cipher, value)
    if len(check_value) not in {3, 4} or key.check_value[: len(check_value)] != check_value:
        raise KeyStoreError("the key's check value is not the one that came with it")
    return key


def exported(transport: ClearKey, kind: KeyKind, opened: OpenKey, randomness: Randomness) -> str:
    """Return the TR-31 block of a key under a transport key. Raises KeyStoreError for what does not leave."""
    if kind not in EXPORTED:
        raise KeyStoreError(f"a {kind} key does not leave the store")
    key = opened.secret
    header = replace(bare_header(kind, secret_algorithm(key.cipher, len(key.value))), form=_form(transport))
    return keyblock.wrap(transport.value, header, key.value, randomness)


def imported(transport: ClearKey, kind: KeyKind, text: str) -> ClearKey:
    """Return the key of a TR-31 block. Raises KeyStoreError where its header is for another use."""
    if kind not in EXPORTED and kind not in ENTERED:
        raise KeyStoreError(f"a {kind} key is not taken from a key block")
    if text[:1] != _form(transport):
        raise KeyStoreError(f"a key block of this version is not under a {transport.cipher} key")
    header, value = keyblock.unwrap(transport.value, text)
    refuse_other_import(kind, header)
    cipher = cipher_of(header)
    if cipher is None or secret_algorithm(cipher, len(value)) != header.algorithm:
        raise KeyStoreError("the key block's key is not of the length that its algorithm has")
    return ClearKey(cipher, value)


def refuse_other_import(kind: KeyKind, header: Header) -> None:
    """Raise KeyStoreError where a block from outside is for another use; its mode may differ from ours."""
    own = bare_header(kind, header.algorithm)
    refuse_other_use(kind, replace(header, mode=own.mode))


def dukpt_mac(key: ClearKey, scheme: MacScheme, data: bytes) -> bytes:
    """Make a MAC by the key of one transaction: X9.19 for triple DES, CMAC for AES."""
    if scheme not in {MacScheme.X919, MacScheme.CMAC_AES}:
        raise KeyStoreError(f"a DUKPT key makes no MAC of the scheme {scheme}")
    return maker(scheme, key.value, key.cipher)(data)


def serial_of(base: KeyCipher, ksn: bytes) -> dukpt.Serial:
    """Return a key serial number. Raises KeyStoreError where it is not of the base key's method."""
    serial = dukpt.Serial(ksn)
    if serial.cipher is not base:
        raise KeyStoreError(f"the key serial number has {len(ksn)} bytes, which is not for a {base} base key")
    return serial


def _form(transport: ClearKey) -> str:
    form = _FORMS.get(transport.cipher)
    if form is None:
        raise KeyStoreError(f"a {transport.cipher} key does not protect key blocks")
    return form
