"""The key store port: everything that needs a secret key is done behind it, by key block, never with a clear key.

Adapters: software and PKCS#11. The same contract tests run over each. Every method is one call of the store, however
many steps it takes inside: a purchase needs two, `check_and_translate` (or `mac_is_good`) for the request and `mac` for
the answer. Source: `docs/terminal-protocol.md` section 4, TR-31 (ANSI X9.143) for blocks, ANSI X9.24-1 and -3 (DUKPT),
ISO 9564-1 (PIN blocks), rows C92-C93, A86.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol


class KeyKind(StrEnum):
    """What a key may be used for; a block of one kind is refused for any other use.

    `TERMINAL_MASTER` enciphers working keys for a terminal, `ZONE_MASTER` those shared with a channel. `PIN` only opens
    PIN blocks, `ZONE_PIN` also makes them. `BASE_DERIVATION` is a DUKPT base key, `TRANSPORT` protects TR-31 blocks to
    and from others. A `COMPONENT` is the part of a key entered so far, a `SHARE` one of the slips by which a key is
    handed out.
    """

    TERMINAL_MASTER = "terminal_master"
    MAC = "mac"
    PIN = "pin"
    DATA = "data"
    SIGNING = "signing"
    ZONE_MASTER = "zone_master"
    ZONE_PIN = "zone_pin"
    BASE_DERIVATION = "base_derivation"
    TRANSPORT = "transport"
    COMPONENT = "component"
    SHARE = "share"


class KeyCipher(StrEnum):
    """The algorithm a secret key is made for; a block says it too, and a key is refused for another."""

    TRIPLE_DES = "triple_des"
    AES = "aes"
    SM4 = "sm4"


class MacScheme(StrEnum):
    """How a MAC is computed (`docs/terminal-protocol.md` section 4)."""

    CUPS = "cups"
    CUPS_SM4 = "cups_sm4"
    X919 = "x919"
    CMAC_3DES = "cmac_3des"
    CMAC_AES = "cmac_aes"


class PinFormat(StrEnum):
    """PIN block formats of ISO 9564-1."""

    ISO_0 = "iso_0"
    ISO_3 = "iso_3"
    ISO_4 = "iso_4"


class DataMode(StrEnum):
    """How data is enciphered: block by block, or chained from a block of zeros."""

    ECB = "ecb"
    CBC = "cbc"


@dataclass(frozen=True, slots=True)
class KeyBlock:
    """A key enciphered under the store's master key, safe to keep in the database.

    A TR-31 version D block where the store is software, a block of the store's own (version 1) where it is a module.
    """

    kind: KeyKind
    text: str


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """A working key on its way to a terminal: cryptogram under the TMK and its check value (4 bytes)."""

    cryptogram: bytes
    check_value: bytes


@dataclass(frozen=True, slots=True)
class DukptKey:
    """The key of one transaction of a DUKPT device: its base derivation key and the key serial number of its message.

    What it is used for follows from the call: a check takes the request's MAC key, a MAC made the response's.
    """

    base: KeyBlock
    ksn: bytes


MacKey = KeyBlock | DukptKey


@dataclass(frozen=True, slots=True, kw_only=True)
class PinMove:
    """A PIN block to be carried from one key and format to another; the card number is the same on both sides.

    Neither block nor number is ever shown: they live in memory between door and channel.
    """

    block: bytes = field(repr=False)
    pan: str = field(repr=False)
    source: MacKey
    source_format: PinFormat
    target: KeyBlock
    target_format: PinFormat


@dataclass(frozen=True, slots=True)
class Checked:
    """Whether a MAC was good, and then the PIN block for the channel, where one was to be carried."""

    good: bool
    pin_block: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Digest:
    """A keyed digest and the version of the key it was made with."""

    value: bytes
    version: int


class KeyStoreError(Exception):
    """The store refused or failed; the text names the block's kind and what to do, never a key or its value."""


class StoreUnavailableError(KeyStoreError):
    """The store cannot be reached or did not answer in time; nothing was refused, and the call may be made again."""


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

    async def wrap(self, master: KeyBlock, key: KeyBlock) -> WrappedKey:
        """Encipher a working key under a terminal's or a zone's master key of the same cipher (ECB)."""
        ...

    async def unwrap(self, zone_master: KeyBlock, kind: KeyKind, wrapped: WrappedKey) -> KeyBlock:
        """Take a working key that a channel sent under the zone's master key, where its check value is right."""
        ...

    async def export_block(self, transport: KeyBlock, key: KeyBlock) -> str:
        """Hand a key out as a TR-31 block: version D under an AES key, B under a triple-DES one."""
        ...

    async def import_block(self, transport: KeyBlock, kind: KeyKind, text: str) -> KeyBlock:
        """Take a key from a TR-31 block (version B or D) whose header says that it is of `kind`."""
        ...

    async def enter(
        self, component: bytes, *, onto: KeyBlock | None, cipher: KeyCipher = KeyCipher.TRIPLE_DES
    ) -> KeyBlock:
        """Take one component of a key, combined by XOR with those entered before (`onto`)."""
        ...

    async def component_check_value(self, component: bytes, *, cipher: KeyCipher = KeyCipher.TRIPLE_DES) -> bytes:
        """Return the check value of one component, for its holder to compare; nothing is kept."""
        ...

    async def complete(self, component: KeyBlock, kind: KeyKind) -> KeyBlock:
        """Make a key of the components entered. Raises KeyStoreError where the result is no good key."""
        ...

    async def split(self, key: KeyBlock, share: KeyBlock) -> KeyBlock:
        """Return the other share of a master key: both shares combined by XOR are the key, one alone says nothing."""
        ...

    async def reveal(self, share: KeyBlock) -> bytes:
        """Return one share in clear, for its slip."""
        ...

    async def export_clear(self, key: KeyBlock) -> bytes:
        """Hand a key out in clear: sandbox only; any other installation refuses."""
        ...

    async def mac(self, key: MacKey, scheme: MacScheme, data: bytes) -> bytes:
        """Return the 8-byte MAC of `data`."""
        ...

    async def mac_is_good(self, key: MacKey, scheme: MacScheme, data: bytes, mac: bytes) -> bool:
        """Compare in constant time."""
        ...

    async def check_and_translate(
        self, key: MacKey, scheme: MacScheme, data: bytes, mac: bytes, *, pin: PinMove | None
    ) -> Checked:
        """Check a MAC and, where it is good, carry the message's PIN block to the channel's zone key, in one call."""
        ...

    async def translate_pin(self, pin: PinMove) -> bytes:
        """Carry a PIN block to another key and format.

        Raises KeyStoreError where the table of allowed translations has no such line, where the block holds no PIN of
        this card, and where PIN work is not allowed in this process.
        """
        ...

    async def decipher(self, key: MacKey, data: bytes, *, mode: DataMode) -> bytes:
        """Decipher whole blocks of data under a data key, or under the request's data key of a DUKPT transaction."""
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
