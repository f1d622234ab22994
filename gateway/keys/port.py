"""The key store port: everything that needs a secret key is done behind it, by key block, never with a clear key.

Adapters: software (this release), PKCS#11. The same contract tests run over each. Source: `docs/terminal-protocol.md`
section 4, TR-31 (ANSI X9.143) for blocks, rows C92-C93, A86.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class KeyKind(StrEnum):
    """What a key may be used for; a block of one kind is refused for any other use."""

    TERMINAL_MASTER = "terminal_master"
    MAC = "mac"
    PIN = "pin"
    DATA = "data"
    SIGNING = "signing"


class KeyCipher(StrEnum):
    """The algorithm a secret key is made for; a block says it too, and a key is refused for another."""

    TRIPLE_DES = "triple_des"
    AES = "aes"


class MacScheme(StrEnum):
    """How a MAC is computed (`docs/terminal-protocol.md` section 4)."""

    CUPS = "cups"
    X919 = "x919"
    CMAC_3DES = "cmac_3des"
    CMAC_AES = "cmac_aes"


@dataclass(frozen=True, slots=True)
class KeyBlock:
    """A key enciphered under the store's master key: a TR-31 version D block, safe to keep in the database."""

    kind: KeyKind
    text: str


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """A working key on its way to a terminal: cryptogram under the TMK and its check value (4 bytes)."""

    cryptogram: bytes
    check_value: bytes


@dataclass(frozen=True, slots=True)
class Digest:
    """A keyed digest and the version of the key it was made with."""

    value: bytes
    version: int


class KeyStoreError(Exception):
    """The store refused or failed; the text names the block's kind and what to do, never a key or its value."""


class KeyStore(Protocol):
    """The port. No method has a default; every method may be slow and is awaited."""

    async def make(self, kind: KeyKind, length: int, *, cipher: KeyCipher = KeyCipher.TRIPLE_DES) -> KeyBlock:
        """Make a random key of `length` bytes (8, 16 or 24, with odd parity where it is a DES key).

        An AES key has 16, 24 or 32 bytes. For SIGNING, 32 makes an Ed25519 key, 256, 384 or 512 an RSA key with a
        modulus of that many bytes.
        """
        ...

    async def load(self, kind: KeyKind, clear: bytes, *, cipher: KeyCipher = KeyCipher.TRIPLE_DES) -> KeyBlock:
        """Take a key that was entered from outside (components, sandbox) and return its block.

        A SIGNING key comes as PKCS#8 in PEM (RSA or Ed25519).
        """
        ...

    async def check_value(self, key: KeyBlock) -> bytes:
        """Return the first 4 bytes of a zero block enciphered under the key."""
        ...

    async def wrap(self, tmk: KeyBlock, key: KeyBlock) -> WrappedKey:
        """Encipher a working key under a terminal's master key for the sign-in answer."""
        ...

    async def export_clear(self, key: KeyBlock) -> bytes:
        """Hand a key out in clear: sandbox only; any other installation refuses."""
        ...

    async def mac(self, key: KeyBlock, scheme: MacScheme, data: bytes) -> bytes:
        """Return the 8-byte MAC of `data`."""
        ...

    async def mac_is_good(self, key: KeyBlock, scheme: MacScheme, data: bytes, mac: bytes) -> bool:
        """Compare in constant time."""
        ...

    async def seal(self, purpose: str, clear: bytes) -> bytes:
        """Encipher and authenticate bytes for storage; `purpose` is bound in."""
        ...

    async def unseal(self, purpose: str, sealed: bytes) -> bytes:
        """Undo `seal`. Raises KeyStoreError where the bytes or the purpose were changed."""
        ...

    async def digest(self, purpose: str, data: bytes) -> Digest:
        """Return the HMAC-SHA256 of `data` under the current key for `purpose`."""
        ...

    async def digests(self, purpose: str, data: bytes) -> list[Digest]:
        """Return the digest under every key version still looked up, newest first (rotation)."""
        ...

    async def sign(self, key: KeyBlock, data: bytes) -> bytes:
        """Return an RSA PKCS#1 v1.5 SHA-256 signature by a SIGNING key; an Ed25519 one where the key is Ed25519."""
        ...

    async def public_key(self, key: KeyBlock) -> bytes:
        """Return the public half of a SIGNING key, as SubjectPublicKeyInfo in PEM."""
        ...
