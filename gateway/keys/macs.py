"""Message authentication codes by scheme, over a key that is ready for use.

Source: `docs/terminal-protocol.md` section 4; ANSI X9.9 and X9.19 (ISO 9797-1 algorithms 1 and 3); NIST SP 800-38B;
GB/T 32907 (SM4).
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import reduce
from operator import xor

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES, SM4
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
    refuse_other_cipher(scheme, cipher)
    return _MAKERS[scheme](key)


def refuse_other_cipher(scheme: MacScheme, cipher: KeyCipher) -> None:
    """Raise KeyStoreError where a scheme is not for keys of a cipher."""
    if _CIPHERS.get(scheme, KeyCipher.TRIPLE_DES) is not cipher:
        raise KeyStoreError(f"a {cipher} key cannot make a MAC of the scheme {scheme}")


def fold(encipher: Callable[[bytes], bytes], size: int, data: bytes) -> bytes:
    """Make the `cups` MAC by a cipher of blocks of `size` bytes, given as a function over one block."""
    digits = _folded(data, size).hex().upper().encode("ascii")
    first = encipher(digits[:size])
    second = encipher(xored(first, digits[size:]))
    return second[: LENGTH // 2].hex().upper().encode("ascii")


def padded(data: bytes, size: int = _BLOCK) -> bytes:
    """Pad with zeros to whole blocks; an empty message is one block of zeros."""
    return (data or b"\0") + bytes(-len(data or b"\0") % size)


def xored(left: bytes, right: bytes) -> bytes:
    """Combine two strings of the same length by exclusive or."""
    return (int.from_bytes(left) ^ int.from_bytes(right)).to_bytes(len(left))


def _cups(key: bytes) -> Maker:
    block = _ecb(triple_des(key))
    return lambda data: fold(block.update, _BLOCK, data)


def _cups_sm4(key: bytes) -> Maker:
    block = _ecb(SM4(key))
    return lambda data: fold(block.update, _DOUBLE, data)


def _x919(key: bytes) -> Maker:
    if len(key) > _DOUBLE:
        raise KeyStoreError("an X9.19 MAC key has 8 or 16 bytes")
    chain = Cipher(triple_des(key[:_BLOCK]), _NO_IV)
    if len(key) == _BLOCK:
        return lambda data: chain.encryptor().update(padded(data))[-_BLOCK:]
    left = _ecb(triple_des(key[:_BLOCK]))
    right = Cipher(triple_des(key[_BLOCK:]), modes.ECB()).decryptor()  # noqa: S305 - the standard's single block
    return lambda data: left.update(right.update(chain.encryptor().update(padded(data))[-_BLOCK:]))


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


def _ecb(algorithm: TripleDES | SM4) -> CipherContext:
    return Cipher(algorithm, modes.ECB()).encryptor()  # noqa: S305 - the block cipher itself, one block at a time


def _folded(data: bytes, size: int) -> bytes:
    """XOR all zero-padded blocks together."""
    whole = padded(data, size)
    if size == _BLOCK:
        folded: int = reduce(xor, struct.unpack(f">{len(whole) // _BLOCK}Q", whole))
    else:
        folded = reduce(xor, (int.from_bytes(whole[at : at + size]) for at in range(0, len(whole), size)))
    return folded.to_bytes(size)


_CIPHERS = {MacScheme.CMAC_AES: KeyCipher.AES, MacScheme.CUPS_SM4: KeyCipher.SM4}
_MAKERS: dict[MacScheme, Callable[[bytes], Maker]] = {
    MacScheme.CUPS: _cups,
    MacScheme.CUPS_SM4: _cups_sm4,
    MacScheme.X919: _x919,
    MacScheme.CMAC_3DES: _cmac_3des,
    MacScheme.CMAC_AES: _cmac_aes,
}
