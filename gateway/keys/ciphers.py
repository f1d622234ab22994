"""Block ciphers over a key in clear: what the software store, and what is derived outside a module, computes with.

Source: NIST SP 800-67 (triple DES), FIPS 197 (AES), GB/T 32907 (SM4); the block ciphers are the library's.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES, SM4

from gateway.keys.des import triple_des
from gateway.keys.port import DataMode, KeyCipher, KeyStoreError

CHECK_VALUE = 4


def block_size(cipher: KeyCipher) -> int:
    """Return the bytes of one block."""
    return 8 if cipher is KeyCipher.TRIPLE_DES else 16


def algorithm(cipher: KeyCipher, key: bytes) -> TripleDES | AES | SM4:
    """Return the library's algorithm with this key."""
    if cipher is KeyCipher.TRIPLE_DES:
        return triple_des(key)
    return AES(key) if cipher is KeyCipher.AES else SM4(key)


@dataclass(frozen=True, slots=True)
class ClearKey:
    """A key in clear, never shown."""

    cipher: KeyCipher
    value: bytes = field(repr=False)

    @property
    def check_value(self) -> bytes:
        """The first 4 bytes of a zero block enciphered."""
        return self.encipher(bytes(block_size(self.cipher)))[:CHECK_VALUE]

    def encipher(self, data: bytes, mode: DataMode = DataMode.ECB) -> bytes:
        """Encipher whole blocks."""
        return self._used(mode).encryptor().update(self._whole(data))

    def decipher(self, data: bytes, mode: DataMode = DataMode.ECB) -> bytes:
        """Decipher whole blocks."""
        return self._used(mode).decryptor().update(self._whole(data))

    def _used(self, mode: DataMode) -> Cipher[modes.ECB | modes.CBC]:
        chained = modes.CBC(bytes(block_size(self.cipher)))
        return Cipher(
            algorithm(self.cipher, self.value),
            chained if mode is DataMode.CBC else modes.ECB(),  # noqa: S305 - as the terminals' protocol says
        )

    def _whole(self, data: bytes) -> bytes:
        if len(data) % block_size(self.cipher):
            raise KeyStoreError(f"data for a {self.cipher} key is not whole blocks of {block_size(self.cipher)} bytes")
        return data
