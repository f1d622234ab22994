"""Sealing: authenticated encryption for storage, by XAES-256-GCM.

Every message has a 24-byte random nonce, from whose first half a key of its own is derived (NIST SP 800-108 with CMAC),
so that random nonces may be used for as many messages as there will ever be. Source: C2SP XAES-256-GCM.
"""

from __future__ import annotations

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES

from gateway.keys.port import KeyStoreError

NONCE = 24
TAG = 16
_HALF = 12
_BLOCK = 16
_REDUCTION = 0x87


class SealingKey:
    """A 256-bit key ready for use."""

    __slots__ = ("_cipher", "_mask")

    def __init__(self, key: bytes) -> None:
        self._cipher = Cipher(AES(key), modes.ECB()).encryptor()  # noqa: S305 - the block cipher itself, for CMAC
        first = int.from_bytes(self._cipher.update(bytes(_BLOCK)))
        doubled = (first << 1) & ((1 << 128) - 1)
        self._mask = doubled ^ (_REDUCTION if first >> 127 else 0)

    def seal(self, nonce: bytes, clear: bytes, bound: bytes) -> bytes:
        """Encipher `clear` and bind `bound` to it; returns ciphertext and tag."""
        return self._of_message(nonce).encrypt(nonce[_HALF:], clear, bound)

    def unseal(self, nonce: bytes, sealed: bytes, bound: bytes) -> bytes:
        """Undo `seal`. Raises KeyStoreError where any of the three was changed."""
        try:
            return self._of_message(nonce).decrypt(nonce[_HALF:], sealed, bound)
        except InvalidTag:
            raise KeyStoreError("the sealed bytes or their purpose were changed") from None

    def _of_message(self, nonce: bytes) -> AESGCM:
        blocks = (bytes([0, counter, 0x58, 0]) + nonce[:_HALF] for counter in (1, 2))
        return AESGCM(b"".join(self._cipher.update(self._masked(block)) for block in blocks))

    def _masked(self, block: bytes) -> bytes:
        return (int.from_bytes(block) ^ self._mask).to_bytes(_BLOCK)
