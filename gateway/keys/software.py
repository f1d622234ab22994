"""The software key store: key blocks and sealing in this process, under master keys from a folder or the environment.

Opened keys are kept in a bounded store of ready ciphers. Python cannot wipe memory: who can read this process's memory
can read the keys; where that is not acceptable a hardware module belongs here. One store belongs to one event loop; its
ciphers are not shared between threads. PIN blocks are opened only in the sandbox, or where the settings say so in full
words.
"""

from __future__ import annotations

import asyncio
import hmac
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa

from gateway.kernel.randomness import Randomness
from gateway.keys import components, dukpt, keyblock, prepared, signing, translation
from gateway.keys.ciphers import ClearKey
from gateway.keys.envelopes import Envelopes, Ring
from gateway.keys.macs import xored
from gateway.keys.masters import MasterKey, Masters, masters_from_text, read_or_make_masters
from gateway.keys.openkey import OpenKey, OpenKeys
from gateway.keys.port import (
    Checked,
    DataMode,
    Digest,
    DukptKey,
    KeyBlock,
    KeyCipher,
    KeyKind,
    KeyStore,
    KeyStoreError,
    MacKey,
    MacScheme,
    PinMove,
    WrappedKey,
)
from gateway.keys.translation import PinWork, Side
from gateway.keys.uses import (
    cipher_of,
    header_of,
    refuse_other_carrier,
    refuse_other_use,
    secret_algorithm,
)

_THREADED_KEY = 2048
_CARRYING = frozenset({KeyCipher.TRIPLE_DES, KeyCipher.SM4})


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyStoreSettings:
    """`directory` holds the master keys, unless `master_keys` gives them in one text (from the environment).

    `sandbox` allows keys to be handed out in clear; `pin_work` are the words that allow PIN blocks to be opened outside
    the sandbox; `cached_keys` bounds the opened keys kept ready.
    """

    directory: Path
    master_keys: str | None = field(default=None, repr=False)
    sandbox: bool = False
    pin_work: str = ""
    cached_keys: int = 20_000


class SoftwareKeyStore(KeyStore):
    """The port's adapter in software."""

    def __init__(
        self,
        *,
        masters: Masters,
        randomness: Randomness,
        sandbox: bool = False,
        pin_work: str = "",
        cached_keys: int = 20_000,
    ) -> None:
        self._protection = {_mark(master): master.derived("key-block") for master in masters}
        self._newest = _mark(masters.newest)
        self._envelopes = Envelopes([_ring(master) for master in masters], randomness)
        self._randomness = randomness
        self._sandbox = sandbox
        self._pin_work = PinWork(sandbox, pin_work)
        self._open = OpenKeys(cached_keys)

    async def make(self, kind: KeyKind, length: int, *, cipher: KeyCipher = KeyCipher.TRIPLE_DES) -> KeyBlock:
        """Make a random key and return its block."""
        if kind is KeyKind.SIGNING:
            private = await asyncio.to_thread(signing.make_private_key, length, self._randomness)
            return self._block(kind, signing.algorithm_letter(private), signing.stored_form(private))
        return self._secret(kind, ClearKey(cipher, prepared.random_secret(cipher, length, self._randomness)))

    async def load(self, kind: KeyKind, clear: bytes, *, cipher: KeyCipher = KeyCipher.TRIPLE_DES) -> KeyBlock:
        """Take a key from outside as it is (its parity is not changed) and return its block."""
        if kind is KeyKind.SIGNING:
            private = signing.read_private_key(clear)
            return self._block(kind, signing.algorithm_letter(private), signing.stored_form(private))
        return self._secret(kind, ClearKey(cipher, clear))

    async def check_value(self, key: KeyBlock) -> bytes:
        """Return the first 4 bytes of a zero block enciphered under a secret key."""
        return self._opened(key, key.kind).secret.check_value

    async def wrap(self, master: KeyBlock, key: KeyBlock) -> WrappedKey:
        """Encipher a working key by ECB; the cryptogram is as long as the key."""
        refuse_other_carrier(master.kind, key.kind)
        over, under = self._opened(master, master.kind).secret, self._opened(key, key.kind).secret
        _refuse_other_cipher(over, under.cipher)
        return WrappedKey(over.encipher(under.value), under.check_value)

    async def unwrap(self, zone_master: KeyBlock, kind: KeyKind, wrapped: WrappedKey) -> KeyBlock:
        """Take a working key from under a zone's master key, where its check value is right."""
        refuse_other_carrier(zone_master.kind, kind)
        over = self._opened(zone_master, KeyKind.ZONE_MASTER).secret
        _refuse_other_cipher(over, over.cipher)
        return self._secret(kind, prepared.checked(over.cipher, over.decipher(wrapped.cryptogram), wrapped.check_value))

    async def export_block(self, transport: KeyBlock, key: KeyBlock) -> str:
        """Hand a terminal's or a zone's key out as a TR-31 block."""
        over, opened = self._opened(transport, KeyKind.TRANSPORT).secret, self._opened(key, key.kind)
        return prepared.exported(over, key.kind, opened, self._randomness)

    async def import_block(self, transport: KeyBlock, kind: KeyKind, text: str) -> KeyBlock:
        """Take a key from a TR-31 block."""
        over = self._opened(transport, KeyKind.TRANSPORT).secret
        return self._secret(kind, prepared.imported(over, kind, text))

    async def enter(
        self, component: bytes, *, onto: KeyBlock | None, cipher: KeyCipher = KeyCipher.TRIPLE_DES
    ) -> KeyBlock:
        """Take one component, combined by XOR with those before it."""
        before = self._opened(onto, KeyKind.COMPONENT).secret if onto else None
        return self._secret(KeyKind.COMPONENT, components.entered(before, ClearKey(cipher, component)))

    async def component_check_value(self, component: bytes, *, cipher: KeyCipher = KeyCipher.TRIPLE_DES) -> bytes:
        """Return the check value of one component; nothing is kept."""
        secret_algorithm(cipher, len(component))
        return ClearKey(cipher, component).check_value

    async def complete(self, component: KeyBlock, kind: KeyKind) -> KeyBlock:
        """Make a key of the components entered."""
        return self._secret(kind, components.completed(self._opened(component, KeyKind.COMPONENT).secret, kind))

    async def split(self, key: KeyBlock, share: KeyBlock) -> KeyBlock:
        """Return the other share of a master key."""
        whole, one = self._opened(key, key.kind).secret, self._opened(share, KeyKind.SHARE).secret
        return self._secret(KeyKind.SHARE, components.other_share(whole, one, key.kind))

    async def reveal(self, share: KeyBlock) -> bytes:
        """Return one share in clear, for its slip."""
        return self._opened(share, KeyKind.SHARE).value

    async def export_clear(self, key: KeyBlock) -> bytes:
        """Hand a key out in clear, in the sandbox: a signing key as PEM."""
        if not self._sandbox:
            raise KeyStoreError(f"a {key.kind} key is handed out in clear only in the sandbox")
        opened = self._opened(key, key.kind)
        return signing.clear_form(self._private(key)) if opened.cipher is None else opened.value

    async def mac(self, key: MacKey, scheme: MacScheme, data: bytes) -> bytes:
        """Return the 8-byte MAC of `data`."""
        if isinstance(key, DukptKey):
            return prepared.dukpt_mac(self._transaction(key, dukpt.Purpose.MAC_RESPONSE), scheme, data)
        return self._opened(key, KeyKind.MAC).maker(scheme)(data)

    async def mac_is_good(self, key: MacKey, scheme: MacScheme, data: bytes, mac: bytes) -> bool:
        """Compare in constant time."""
        return hmac.compare_digest(self._expected(key, scheme, data), mac)

    async def check_and_translate(
        self, key: MacKey, scheme: MacScheme, data: bytes, mac: bytes, *, pin: PinMove | None
    ) -> Checked:
        """Check a MAC and, where it is good, carry the PIN block."""
        if not hmac.compare_digest(self._expected(key, scheme, data), mac):
            return Checked(good=False)
        return Checked(good=True, pin_block=await self.translate_pin(pin) if pin else None)

    async def translate_pin(self, pin: PinMove) -> bytes:
        """Carry a PIN block to another key and format."""
        self._pin_work.refuse_unless_allowed()
        translation.refuse_other_move(pin)
        if isinstance(pin.source, DukptKey):
            source = self._transaction(pin.source, dukpt.Purpose.PIN)
        else:
            source = self._opened(pin.source, pin.source.kind).secret
        target = self._opened(pin.target, KeyKind.ZONE_PIN).secret
        return translation.carry(
            pin,
            Side(source.cipher, len(source.value), source.decipher),
            Side(target.cipher, len(target.value), target.encipher),
            self._randomness,
        )

    async def decipher(self, key: MacKey, data: bytes, *, mode: DataMode) -> bytes:
        """Decipher whole blocks of data."""
        if isinstance(key, DukptKey):
            return self._transaction(key, dukpt.Purpose.DATA_REQUEST).decipher(data, mode)
        return self._opened(key, KeyKind.DATA).secret.decipher(data, mode)

    async def seal(self, purpose: str, clear: bytes) -> bytes:
        """Encipher and authenticate."""
        return await self._envelopes.seal(purpose, clear)

    async def unseal(self, purpose: str, sealed: bytes) -> bytes:
        """Undo `seal`. Raises KeyStoreError where the bytes or the purpose were changed."""
        return await self._envelopes.unseal(purpose, sealed)

    async def digest(self, purpose: str, data: bytes) -> Digest:
        """Return the HMAC-SHA256 under the newest master key's digest key."""
        return await self._envelopes.digest(purpose, data)

    async def digests(self, purpose: str, data: bytes) -> list[Digest]:
        """Return the digest under every master key at hand, newest first."""
        return await self._envelopes.digests(purpose, data)

    async def sign(self, key: KeyBlock, data: bytes) -> bytes:
        """Sign `data`; large RSA keys sign in a thread, so that they do not hold up the loop."""
        private = self._private(key)
        if isinstance(private, rsa.RSAPrivateKey) and private.key_size > _THREADED_KEY:
            return await asyncio.to_thread(signing.signature, private, data)
        return signing.signature(private, data)

    async def public_key(self, key: KeyBlock) -> bytes:
        """Return the public half of a signing key."""
        return signing.public_form(self._private(key))

    def _expected(self, key: MacKey, scheme: MacScheme, data: bytes) -> bytes:
        if isinstance(key, DukptKey):
            return prepared.dukpt_mac(self._transaction(key, dukpt.Purpose.MAC_REQUEST), scheme, data)
        return self._opened(key, KeyKind.MAC).maker(scheme)(data)

    def _transaction(self, key: DukptKey, purpose: dukpt.Purpose) -> ClearKey:
        base = self._opened(key.base, KeyKind.BASE_DERIVATION).secret
        serial = prepared.serial_of(base.cipher, key.ksn)
        masked = ClearKey(base.cipher, xored(base.value, dukpt.MASK)) if len(base.value) == len(dukpt.MASK) else None
        initial = dukpt.initial_key(
            serial,
            length=len(base.value),
            encipher=base.encipher,
            encipher_masked=masked.encipher if masked else None,
        )
        return dukpt.transaction_key(initial, serial, purpose)

    def _secret(self, kind: KeyKind, key: ClearKey) -> KeyBlock:
        prepared.refuse_other_length(kind, key)
        return self._block(kind, secret_algorithm(key.cipher, len(key.value)), key.value)

    def _block(self, kind: KeyKind, letter: str, value: bytes) -> KeyBlock:
        header = header_of(kind, letter, self._newest)
        return KeyBlock(kind, keyblock.wrap(self._protection[self._newest], header, value, self._randomness))

    def _private(self, key: KeyBlock) -> signing.PrivateKey:
        opened = self._opened(key, KeyKind.SIGNING)
        if opened.private is None:
            opened.private = signing.read_stored_key(opened.value)
        return opened.private

    def _opened(self, key: KeyBlock, kind: KeyKind) -> OpenKey:
        opened = self._open.find(key) or self._open.keep(key, self._unwrap(key, kind))
        if opened.kind is not kind or key.kind is not kind:
            raise KeyStoreError(f"a {opened.kind} key was given where a {kind} key is needed")
        return opened

    def _unwrap(self, key: KeyBlock, kind: KeyKind) -> OpenKey:
        header, _ = keyblock.read_header(key.text)
        if header.form != "D":
            raise KeyStoreError("this key block was made by another kind of key store")
        mark = header.protected_by or self._newest
        if mark not in self._protection:
            self._envelopes.ring(mark)
        header, value = keyblock.unwrap(self._protection[mark], key.text)
        refuse_other_use(kind, header)
        return OpenKey(kind, cipher_of(header), value)


def open_software_store(settings: KeyStoreSettings, randomness: Randomness) -> SoftwareKeyStore:
    """Open the store of this installation; its first start makes the first master key."""
    if settings.master_keys is not None:
        masters = masters_from_text(settings.master_keys)
    else:
        masters = read_or_make_masters(settings.directory, randomness)
    return SoftwareKeyStore(
        masters=masters,
        randomness=randomness,
        sandbox=settings.sandbox,
        pin_work=settings.pin_work,
        cached_keys=settings.cached_keys,
    )


def _mark(master: MasterKey) -> str:
    return keyblock.check_value_of(master.derived("key-block"))


def _ring(master: MasterKey) -> Ring:
    async def derive(purpose: str) -> bytes:
        return master.derived(purpose)

    return Ring(number=master.number, mark=_mark(master), derive=derive)


def _refuse_other_cipher(over: ClearKey, under: KeyCipher) -> None:
    if over.cipher is not under or under not in _CARRYING:
        raise KeyStoreError("keys under a master key by ECB are triple DES, or both SM4")
