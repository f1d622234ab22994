"""The software key store: key blocks and sealing in this process, under master keys from a folder or the environment.

Opened keys are kept in a bounded store of ready ciphers, so that a MAC costs microseconds. Python cannot wipe memory:
who can read this process's memory can read the keys; where that is not acceptable a hardware module belongs here.
One store belongs to one event loop; its ciphers are not shared between threads.
"""

from __future__ import annotations

import asyncio
import hmac
from collections import OrderedDict
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES

from gateway.kernel.randomness import Randomness
from gateway.keys import keyblock, signing
from gateway.keys.des import random_key, triple_des
from gateway.keys.macs import Maker, maker
from gateway.keys.masters import MasterKey, Masters, masters_from_text, read_or_make_masters
from gateway.keys.port import (
    Digest,
    KeyBlock,
    KeyCipher,
    KeyKind,
    KeyStore,
    KeyStoreError,
    MacScheme,
    WrappedKey,
)
from gateway.keys.sealing import NONCE, SealingKey
from gateway.keys.uses import WORKING, cipher_of, header_of, refuse_other_use, secret_algorithm

_FORMAT = b"\x01"
_MARK = 5
_CHECK_VALUE = 4
_THREADED_KEY = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyStoreSettings:
    """`directory` holds the master keys, unless `master_keys` gives them in one text (from the environment).

    `sandbox` allows keys to be handed out in clear; `cached_keys` bounds the opened keys kept ready.
    """

    directory: Path
    master_keys: str | None = field(default=None, repr=False)
    sandbox: bool = False
    cached_keys: int = 20_000


@dataclass(slots=True)
class _OpenKey:
    """A key out of its block, with the ciphers that were made of it so far."""

    kind: KeyKind
    cipher: KeyCipher | None
    value: bytes = field(repr=False)
    makers: dict[MacScheme, Maker] = field(default_factory=dict, repr=False)
    private: signing.PrivateKey | None = field(default=None, repr=False)

    def maker(self, scheme: MacScheme) -> Maker:
        made = self.makers.get(scheme)
        if made is None:
            made = self.makers[scheme] = maker(scheme, self.value, self.cipher or KeyCipher.TRIPLE_DES)
        return made


class _Ring:
    """One master key with what is derived from it, made when first asked for."""

    def __init__(self, master: MasterKey) -> None:
        self.number = master.number
        self.protection = master.derived("key-block")
        self.mark = keyblock.check_value_of(self.protection)
        self._master = master
        self._sealing: dict[str, SealingKey] = {}
        self._digesting: dict[str, bytes] = {}

    def sealing(self, purpose: str) -> SealingKey:
        key = self._sealing.get(purpose)
        if key is None:
            key = self._sealing[purpose] = SealingKey(self._master.derived(f"seal/{purpose}"))
        return key

    def digest(self, purpose: str, data: bytes) -> Digest:
        key = self._digesting.get(purpose)
        if key is None:
            key = self._digesting[purpose] = self._master.derived(f"digest/{purpose}")
        return Digest(hmac.digest(key, data, sha256), self.number)


class SoftwareKeyStore(KeyStore):
    """The port's adapter in software."""

    def __init__(
        self, *, masters: Masters, randomness: Randomness, sandbox: bool = False, cached_keys: int = 20_000
    ) -> None:
        self._rings = [_Ring(master) for master in masters]
        self._newest = self._rings[0]
        self._by_mark = {ring.mark: ring for ring in self._rings}
        self._randomness = randomness
        self._sandbox = sandbox
        self._cached_keys = cached_keys
        self._open: OrderedDict[str, _OpenKey] = OrderedDict()

    async def make(self, kind: KeyKind, length: int, *, cipher: KeyCipher = KeyCipher.TRIPLE_DES) -> KeyBlock:
        """Make a random key and return its block."""
        if kind is KeyKind.SIGNING:
            private = await asyncio.to_thread(signing.make_private_key, length, self._randomness)
            return self._block(kind, signing.algorithm_letter(private), signing.stored_form(private))
        letter = secret_algorithm(cipher, length)
        aes = cipher is KeyCipher.AES
        return self._block(
            kind, letter, self._randomness.octets(length) if aes else random_key(length, self._randomness)
        )

    async def load(self, kind: KeyKind, clear: bytes, *, cipher: KeyCipher = KeyCipher.TRIPLE_DES) -> KeyBlock:
        """Take a key from outside as it is (its parity is not changed) and return its block."""
        if kind is KeyKind.SIGNING:
            private = signing.read_private_key(clear)
            return self._block(kind, signing.algorithm_letter(private), signing.stored_form(private))
        return self._block(kind, secret_algorithm(cipher, len(clear)), clear)

    async def check_value(self, key: KeyBlock) -> bytes:
        """Return the first 4 bytes of a zero block enciphered under a secret key."""
        opened = self._opened(key, key.kind)
        if opened.cipher is None:
            raise KeyStoreError("a signing key has no check value; compare its public key")
        algorithm = AES(opened.value) if opened.cipher is KeyCipher.AES else triple_des(opened.value)
        block = Cipher(algorithm, modes.ECB()).encryptor()  # noqa: S305 - the definition of a check value
        return block.update(bytes(algorithm.block_size // 8))[:_CHECK_VALUE]

    async def wrap(self, tmk: KeyBlock, key: KeyBlock) -> WrappedKey:
        """Encipher a working key by triple-DES ECB; the cryptogram is as long as the key."""
        if key.kind not in WORKING:
            raise KeyStoreError(f"a {key.kind} key does not leave the store under a terminal's master key")
        master, working = self._opened(tmk, KeyKind.TERMINAL_MASTER), self._opened(key, key.kind)
        if KeyCipher.AES in {master.cipher, working.cipher}:
            raise KeyStoreError("keys under a terminal's master key are triple DES")
        cipher = Cipher(triple_des(master.value), modes.ECB()).encryptor()  # noqa: S305 - the terminals' protocol
        return WrappedKey(cipher.update(working.value), await self.check_value(key))

    async def export_clear(self, key: KeyBlock) -> bytes:
        """Hand a key out in clear, in the sandbox: a signing key as PEM."""
        if not self._sandbox:
            raise KeyStoreError(f"a {key.kind} key is handed out in clear only in the sandbox")
        opened = self._opened(key, key.kind)
        return signing.clear_form(self._private(key)) if opened.cipher is None else opened.value

    async def mac(self, key: KeyBlock, scheme: MacScheme, data: bytes) -> bytes:
        """Return the 8-byte MAC of `data`."""
        return self._opened(key, KeyKind.MAC).maker(scheme)(data)

    async def mac_is_good(self, key: KeyBlock, scheme: MacScheme, data: bytes, mac: bytes) -> bool:
        """Compare in constant time."""
        return hmac.compare_digest(self._opened(key, KeyKind.MAC).maker(scheme)(data), mac)

    async def seal(self, purpose: str, clear: bytes) -> bytes:
        """Encipher and authenticate: format 1, mark of the master key 5, nonce 24, ciphertext, tag 16 bytes."""
        nonce = self._randomness.octets(NONCE)
        head = _FORMAT + bytes.fromhex(self._newest.mark)
        return head + nonce + self._newest.sealing(purpose).seal(nonce, clear, head + purpose.encode())

    async def unseal(self, purpose: str, sealed: bytes) -> bytes:
        """Undo `seal`. Raises KeyStoreError where the bytes or the purpose were changed."""
        head, rest = sealed[: 1 + _MARK], sealed[1 + _MARK :]
        if head[:1] != _FORMAT or len(rest) < NONCE:
            raise KeyStoreError("these bytes were not sealed by this key store")
        key = self._ring(head[1:].hex().upper()).sealing(purpose)
        return key.unseal(rest[:NONCE], rest[NONCE:], head + purpose.encode())

    async def digest(self, purpose: str, data: bytes) -> Digest:
        """Return the HMAC-SHA256 under the newest master key's digest key."""
        return self._newest.digest(purpose, data)

    async def digests(self, purpose: str, data: bytes) -> list[Digest]:
        """Return the digest under every master key at hand, newest first."""
        return [ring.digest(purpose, data) for ring in self._rings]

    async def sign(self, key: KeyBlock, data: bytes) -> bytes:
        """Sign `data`; large RSA keys sign in a thread, so that they do not hold up the loop."""
        private = self._private(key)
        if isinstance(private, rsa.RSAPrivateKey) and private.key_size > _THREADED_KEY:
            return await asyncio.to_thread(signing.signature, private, data)
        return signing.signature(private, data)

    async def public_key(self, key: KeyBlock) -> bytes:
        """Return the public half of a signing key."""
        return signing.public_form(self._private(key))

    def _block(self, kind: KeyKind, letter: str, value: bytes) -> KeyBlock:
        header = header_of(kind, letter, self._newest.mark)
        return KeyBlock(kind, keyblock.wrap(self._newest.protection, header, value, self._randomness))

    def _private(self, key: KeyBlock) -> signing.PrivateKey:
        opened = self._opened(key, KeyKind.SIGNING)
        if opened.private is None:
            opened.private = signing.read_stored_key(opened.value)
        return opened.private

    def _opened(self, key: KeyBlock, kind: KeyKind) -> _OpenKey:
        opened = self._open.get(key.text)
        if opened is None:
            opened = self._keep(key.text, self._unwrap(key, kind))
        else:
            self._open.move_to_end(key.text)
        if opened.kind is not kind or key.kind is not kind:
            raise KeyStoreError(f"a {opened.kind} key was given where a {kind} key is needed")
        return opened

    def _unwrap(self, key: KeyBlock, kind: KeyKind) -> _OpenKey:
        mark = keyblock.read_header(key.text)[0].protected_by
        ring = self._newest if mark is None else self._ring(mark)
        header, value = keyblock.unwrap(ring.protection, key.text)
        refuse_other_use(kind, header)
        return _OpenKey(kind, cipher_of(header), value)

    def _keep(self, text: str, opened: _OpenKey) -> _OpenKey:
        self._open[text] = opened
        if len(self._open) > self._cached_keys:
            self._open.popitem(last=False)
        return opened

    def _ring(self, mark: str) -> _Ring:
        ring = self._by_mark.get(mark)
        if ring is None:
            here = ", ".join(self._by_mark)
            raise KeyStoreError(
                f"protected by master key {mark}, which is not here (here: {here}); restore it from its copy"
            )
        return ring


def open_software_store(settings: KeyStoreSettings, randomness: Randomness) -> SoftwareKeyStore:
    """Open the store of this installation; its first start makes the first master key."""
    if settings.master_keys is not None:
        masters = masters_from_text(settings.master_keys)
    else:
        masters = read_or_make_masters(settings.directory, randomness)
    return SoftwareKeyStore(
        masters=masters, randomness=randomness, sandbox=settings.sandbox, cached_keys=settings.cached_keys
    )
