"""Message authentication codes by scheme, over a key that is ready for use.

Source: `docs/terminal-protocol.md` section 4; ANSI X9.9 and X9.19 (ISO 9797-1 algorithms 1 and 3); NIST SP 800-38B.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import reduce
from operator import xor

from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC

from gateway.keys.des import triple_des
from gateway.keys.port import KeyCipher, KeyStoreError, MacScheme

LENGTH = 8
_BLOCK = 8
_DOUBLE = 16
_NO_IV = modes.CBC(bytes(_BLOCK))

Maker = Callable[[bytes], bytes]


def maker(scheme: MacScheme, key: bytes, cipher: KeyCipher) -> Maker:
    """Return the function that makes the 8-byte MAC of a message under `key`.

    Raises:
        KeyStoreError: the scheme is not for a key of this cipher or length.
    """
    if (scheme is MacScheme.CMAC_AES) is not (cipher is KeyCipher.AES):
        raise KeyStoreError(f"a {cipher} key cannot make a MAC of the scheme {scheme}")
    return _MAKERS[scheme](key)


def _cups(key: bytes) -> Maker:
    block = _ecb(key)

    def make(data: bytes) -> bytes:
        digits = _folded(data).hex().upper().encode("ascii")
        first = block.update(digits[:_BLOCK])
        second = block.update(_xored(first, digits[_BLOCK:]))
        return second[: LENGTH // 2].hex().upper().encode("ascii")

    return make


def _x919(key: bytes) -> Maker:
    if len(key) > _DOUBLE:
        raise KeyStoreError("an X9.19 MAC key has 8 or 16 bytes")
    chain = Cipher(triple_des(key[:_BLOCK]), _NO_IV)
    if len(key) == _BLOCK:
        return lambda data: chain.encryptor().update(_padded(data))[-_BLOCK:]
    left = _ecb(key[:_BLOCK])
    right = Cipher(triple_des(key[_BLOCK:]), modes.ECB()).decryptor()  # noqa: S305 - the standard's single block
    return lambda data: left.update(right.update(chain.encryptor().update(_padded(data))[-_BLOCK:]))


def _cmac_3des(key: bytes) -> Maker:
    fresh = CMAC(triple_des(key))

    def make(data: bytes) -> bytes:
        cmac: CMAC = fresh.copy()
        cmac.update(data)
        return cmac.finalize()

    return make


def _cmac_aes(key: bytes) -> Maker:
    fresh = CMAC(AES(key))

    def make(data: bytes) -> bytes:
        cmac: CMAC = fresh.copy()
        cmac.update(data)
        return cmac.finalize()[:LENGTH]

    return make


def _ecb(key: bytes) -> CipherContext:
    return Cipher(triple_des(key), modes.ECB()).encryptor()  # noqa: S305 - the block cipher itself, one block at a time


def _padded(data: bytes) -> bytes:
    """Pad with zeros to whole blocks; an empty message is one block of zeros."""
    return (data or b"\0") + bytes(-len(data or b"\0") % _BLOCK)


def _folded(data: bytes) -> bytes:
    """XOR all zero-padded blocks together."""
    padded = _padded(data)
    folded: int = reduce(xor, struct.unpack(f">{len(padded) // _BLOCK}Q", padded))
    return folded.to_bytes(_BLOCK)


def _xored(left: bytes, right: bytes) -> bytes:
    return (int.from_bytes(left) ^ int.from_bytes(right)).to_bytes(_BLOCK)


_MAKERS: dict[MacScheme, Callable[[bytes], Maker]] = {
    MacScheme.CUPS: _cups,
    MacScheme.X919: _x919,
    MacScheme.CMAC_3DES: _cmac_3des,
    MacScheme.CMAC_AES: _cmac_aes,
}
