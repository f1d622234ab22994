"""The key store port over a PKCS#11 module.

What is inside: master keys, and every use of terminals', channels' and banks' keys; one call of the port is one turn of
one session, however many operations it takes. What passes through this process for a moment, because PKCS#11 has no
operation for it: a key that is made, entered, or leaves under another key; the transaction key of a DUKPT device; an
opened PIN block, which is why PIN work needs the same full words here as in software. Sealing, digest and Ed25519 keys
are derived in, or sealed under, the module and used in this process.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from pkcs11 import Attribute, KeyType, Mechanism
from pkcs11.util.rsa import decode_rsa_private_key, encode_rsa_public_key

from gateway.kernel.clock import Clock
from gateway.kernel.randomness import Randomness
from gateway.keys import components, dukpt, prepared, signing, translation
from gateway.keys.ciphers import ClearKey
from gateway.keys.envelopes import Envelopes, Ring
from gateway.keys.macs import LENGTH, fold, padded, refuse_other_cipher, xored
from gateway.keys.module.sessions import CallMeter, NoMeter, Sessions
from gateway.keys.module.token import TokenKey, TokenSession, add_masters, master_numbers
from gateway.keys.modulesettings import ModuleSettings
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
from gateway.keys.uses import ELLIPTIC, RSA, refuse_other_carrier, secret_algorithm

_T = TypeVar("_T")
# finding primes takes seconds in a module, and nobody waits at a terminal for it
_RSA_WITHIN_MS = 120_000
_SEALED_PRIVATE = "signing-key"


class ModuleKeyStore(KeyStore):
    """The port's adapter over a module."""

    def __init__(self, *, settings: ModuleSettings, sessions: Sessions, randomness: Randomness) -> None:
        self._sandbox = settings.sandbox
        self._pin_work = PinWork(settings.sandbox, settings.pin_work)
        self._sessions = sessions
        self._found: Envelopes | None = None
        self._randomness = randomness

    def close(self) -> None:
        """Log out of the module."""
        self._sessions.close()

    async def make(self, kind: KeyKind, length: int, *, cipher: KeyCipher = KeyCipher.TRIPLE_DES) -> KeyBlock:
        """Make a key of the module's own random bytes and return its block."""
        if kind is not KeyKind.SIGNING:
            return await self._call("make", lambda token: _made(token, kind, cipher, length))
        if length == signing.ED25519_LENGTH:
            return await self._keep_private(signing.make_private_key(length, self._randomness))
        signing.refuse_other_length(length)
        return await self._sessions.call("make_rsa", lambda token: _made_rsa(token, length), within_ms=_RSA_WITHIN_MS)

    async def load(self, kind: KeyKind, clear: bytes, *, cipher: KeyCipher = KeyCipher.TRIPLE_DES) -> KeyBlock:
        """Take a key from outside as it is and return its block."""
        if kind is not KeyKind.SIGNING:
            return await self._call("load", lambda token: _protected(token, kind, ClearKey(cipher, clear)))
        private = signing.read_private_key(clear)
        if isinstance(private, rsa.RSAPrivateKey):
            return await self._call("load", lambda token: _loaded_rsa(token, private))
        return await self._keep_private(private)

    async def check_value(self, key: KeyBlock) -> bytes:
        """Return the first 4 bytes of a zero block enciphered under a secret key."""
        if key.kind is KeyKind.SIGNING:
            raise KeyStoreError("a signing key has no check value; compare its public key")
        return await self._call("check_value", lambda token: token.key(key, key.kind).check_value)

    async def wrap(self, master: KeyBlock, key: KeyBlock) -> WrappedKey:
        """Encipher a working key by ECB."""
        refuse_other_carrier(master.kind, key.kind)
        return await self._call("wrap", lambda token: _wrapped(token, master, key))

    async def unwrap(self, zone_master: KeyBlock, kind: KeyKind, wrapped: WrappedKey) -> KeyBlock:
        """Take a working key from under a zone's master key."""
        refuse_other_carrier(zone_master.kind, kind)
        return await self._call("unwrap", lambda token: _unwrapped(token, zone_master, kind, wrapped))

    async def export_block(self, transport: KeyBlock, key: KeyBlock) -> str:
        """Hand a key out as a TR-31 block."""
        return await self._call("export_block", lambda token: _exported(token, transport, key))

    async def import_block(self, transport: KeyBlock, kind: KeyKind, text: str) -> KeyBlock:
        """Take a key from a TR-31 block."""

        def work(token: TokenSession) -> KeyBlock:
            over = token.readable(transport, KeyKind.TRANSPORT).secret
            return _protected(token, kind, prepared.imported(over, kind, text))

        return await self._call("import_block", work)

    async def enter(
        self, component: bytes, *, onto: KeyBlock | None, cipher: KeyCipher = KeyCipher.TRIPLE_DES
    ) -> KeyBlock:
        """Take one component, combined by XOR with those before it."""

        def work(token: TokenSession) -> KeyBlock:
            before = token.readable(onto, KeyKind.COMPONENT).secret if onto else None
            return _protected(token, KeyKind.COMPONENT, components.entered(before, ClearKey(cipher, component)))

        return await self._call("enter", work)

    async def component_check_value(self, component: bytes, *, cipher: KeyCipher = KeyCipher.TRIPLE_DES) -> bytes:
        """Return the check value of one component; nothing is kept."""
        secret_algorithm(cipher, len(component))
        return ClearKey(cipher, component).check_value

    async def complete(self, component: KeyBlock, kind: KeyKind) -> KeyBlock:
        """Make a key of the components entered."""

        def work(token: TokenSession) -> KeyBlock:
            parts = token.readable(component, KeyKind.COMPONENT).secret
            return _protected(token, kind, components.completed(parts, kind))

        return await self._call("complete", work)

    async def split(self, key: KeyBlock, share: KeyBlock) -> KeyBlock:
        """Return the other share of a master key."""

        def work(token: TokenSession) -> KeyBlock:
            whole, one = token.readable(key, key.kind).secret, token.readable(share, KeyKind.SHARE).secret
            return _protected(token, KeyKind.SHARE, components.other_share(whole, one, key.kind))

        return await self._call("split", work)

    async def reveal(self, share: KeyBlock) -> bytes:
        """Return one share in clear, for its slip."""
        return await self._call("reveal", lambda token: token.readable(share, KeyKind.SHARE).value)

    async def export_clear(self, key: KeyBlock) -> bytes:
        """Hand a key out in clear, in the sandbox."""
        if not self._sandbox:
            raise KeyStoreError(f"a {key.kind} key is handed out in clear only in the sandbox")
        if key.kind is not KeyKind.SIGNING:
            return await self._call("export_clear", lambda token: token.readable(key, key.kind).value)
        house = await self._house_key(key)
        if house is not None:
            return signing.clear_form(house)
        return signing.clear_form(await self._call("export_clear", lambda token: _read_rsa(token, key)))

    async def mac(self, key: MacKey, scheme: MacScheme, data: bytes) -> bytes:
        """Return the 8-byte MAC of `data`."""
        return await self._call("mac", lambda token: _mac(token, key, scheme, data, dukpt.Purpose.MAC_RESPONSE))

    async def mac_is_good(self, key: MacKey, scheme: MacScheme, data: bytes, mac: bytes) -> bool:
        """Compare in constant time."""
        return (await self.check_and_translate(key, scheme, data, mac, pin=None)).good

    async def check_and_translate(
        self, key: MacKey, scheme: MacScheme, data: bytes, mac: bytes, *, pin: PinMove | None
    ) -> Checked:
        """Check a MAC and, where it is good, carry the PIN block, in one turn of one session."""

        def work(token: TokenSession) -> Checked:
            expected = _mac(token, key, scheme, data, dukpt.Purpose.MAC_REQUEST)
            if not hmac.compare_digest(expected, mac):
                return Checked(good=False)
            return Checked(good=True, pin_block=self._carried(token, pin) if pin else None)

        return await self._call("check_and_translate", work)

    async def translate_pin(self, pin: PinMove) -> bytes:
        """Carry a PIN block to another key and format."""
        return await self._call("translate_pin", lambda token: self._carried(token, pin))

    async def decipher(self, key: MacKey, data: bytes, *, mode: DataMode) -> bytes:
        """Decipher whole blocks of data."""

        def work(token: TokenSession) -> bytes:
            if isinstance(key, DukptKey):
                return _transaction(token, key, dukpt.Purpose.DATA_REQUEST).decipher(data, mode)
            return token.key(key, KeyKind.DATA).decipher(data, mode)

        return await self._call("decipher", work)

    async def seal(self, purpose: str, clear: bytes) -> bytes:
        """Encipher and authenticate, under a key derived in the module."""
        return await (await self._envelopes()).seal(purpose, clear)

    async def unseal(self, purpose: str, sealed: bytes) -> bytes:
        """Undo `seal`."""
        return await (await self._envelopes()).unseal(purpose, sealed)

    async def digest(self, purpose: str, data: bytes) -> Digest:
        """Return the HMAC-SHA256 under the newest master key's digest key."""
        return await (await self._envelopes()).digest(purpose, data)

    async def digests(self, purpose: str, data: bytes) -> list[Digest]:
        """Return the digest under every master key in the module, newest first."""
        return await (await self._envelopes()).digests(purpose, data)

    async def sign(self, key: KeyBlock, data: bytes) -> bytes:
        """Sign `data`: by RSA in the module, by Ed25519 in this process."""
        house = await self._house_key(key)
        if house is not None:
            return signing.signature(house, data)
        return await self._call("sign", lambda token: _signed(token, key, data))

    async def public_key(self, key: KeyBlock) -> bytes:
        """Return the public half of a signing key."""
        house = await self._house_key(key)
        if house is not None:
            return signing.public_form(house)
        _, _, parts = await self._call("public_key", lambda token: token.parts_of(key, KeyKind.SIGNING))
        return signing.public_pem(parts[1])

    async def _envelopes(self) -> Envelopes:
        """Find the master keys in the module, once."""
        if self._found is None:
            masters = await self._call("masters", lambda token: [(one.number, one.mark) for one in token.masters()])
            self._found = Envelopes([_ring(self._sessions, *master) for master in masters], self._randomness)
        return self._found

    def _carried(self, token: TokenSession, pin: PinMove) -> bytes:
        self._pin_work.refuse_unless_allowed()
        translation.refuse_other_move(pin)
        target = token.key(pin.target, KeyKind.ZONE_PIN)
        to = Side(target.secret, target.length, target.encipher)
        return translation.carry(pin, _source(token, pin), to, self._randomness)

    async def _keep_private(self, private: signing.PrivateKey) -> KeyBlock:
        """Keep an Ed25519 key, which few modules know, sealed under the module."""
        sealed = await (await self._envelopes()).seal(_SEALED_PRIVATE, signing.stored_form(private))
        return await self._call("load", lambda token: token.block(KeyKind.SIGNING, ELLIPTIC, [sealed]))

    async def _house_key(self, key: KeyBlock) -> signing.PrivateKey | None:
        if key.kind is not KeyKind.SIGNING:
            raise KeyStoreError(f"a {key.kind} key was given where a {KeyKind.SIGNING} key is needed")
        letter, _, parts = await self._call("read", lambda token: token.parts_of(key, KeyKind.SIGNING))
        if letter != ELLIPTIC:
            return None
        return signing.read_stored_key(await (await self._envelopes()).unseal(_SEALED_PRIVATE, parts[0]))

    async def _call(self, operation: str, work: Callable[[TokenSession], _T]) -> _T:
        return await self._sessions.call(operation, work)


def open_module_store(
    settings: ModuleSettings, *, randomness: Randomness, clock: Clock, meter: CallMeter | None = None
) -> ModuleKeyStore:
    """Return the store over a module; it logs in with the first call."""
    sessions = Sessions(settings, clock=clock, meter=meter or NoMeter())
    return ModuleKeyStore(settings=settings, sessions=sessions, randomness=randomness)


async def make_masters(settings: ModuleSettings, *, clock: Clock) -> int:
    """Make the next master key on the token; returns its number."""

    def work(token: TokenSession) -> int:
        number = max(master_numbers(token.session), default=0) + 1
        add_masters(token.session, number)
        return number

    sessions = Sessions(settings, clock=clock, meter=NoMeter())
    try:
        return await sessions.call("make_masters", work)
    finally:
        sessions.close()


def _ring(sessions: Sessions, number: int, mark: str) -> Ring:
    async def derive(purpose: str) -> bytes:
        return await sessions.call("derive", lambda token: token.derived(mark, purpose))

    return Ring(number=number, mark=mark, derive=derive)


def _made(token: TokenSession, kind: KeyKind, cipher: KeyCipher, length: int) -> KeyBlock:
    return _protected(token, kind, ClearKey(cipher, prepared.random_secret(cipher, length, token.randomness)))


def _protected(token: TokenSession, kind: KeyKind, key: ClearKey) -> KeyBlock:
    prepared.refuse_other_length(kind, key)
    return token.protect(kind, key)


def _wrapped(token: TokenSession, master: KeyBlock, key: KeyBlock) -> WrappedKey:
    over, under = token.key(master, master.kind), token.readable(key, key.kind).secret
    if over.cipher is not KeyCipher.TRIPLE_DES or under.cipher is not KeyCipher.TRIPLE_DES:
        raise KeyStoreError("keys under a master key of a module by ECB are triple DES")
    return WrappedKey(over.encipher(under.value), under.check_value)


def _unwrapped(token: TokenSession, zone: KeyBlock, kind: KeyKind, wrapped: WrappedKey) -> KeyBlock:
    over = token.key(zone, KeyKind.ZONE_MASTER)
    if over.cipher is not KeyCipher.TRIPLE_DES:
        raise KeyStoreError("keys under a master key of a module by ECB are triple DES")
    clear = over.decipher(wrapped.cryptogram)
    return _protected(token, kind, prepared.checked(over.secret, clear, wrapped.check_value))


def _exported(token: TokenSession, transport: KeyBlock, key: KeyBlock) -> str:
    over = token.readable(transport, KeyKind.TRANSPORT).secret
    return prepared.exported(over, key.kind, token.readable(key, key.kind), token.randomness)


def _mac(token: TokenSession, key: MacKey, scheme: MacScheme, data: bytes, purpose: dukpt.Purpose) -> bytes:
    if isinstance(key, DukptKey):
        return prepared.dukpt_mac(_transaction(token, key, purpose), scheme, data)
    mac_key = token.key(key, KeyKind.MAC)
    refuse_other_cipher(scheme, mac_key.secret)
    return _SCHEMES[scheme](mac_key, data)


def _cups(key: TokenKey, data: bytes) -> bytes:
    return fold(key.encipher, 8, data)


def _x919(key: TokenKey, data: bytes) -> bytes:
    """Chain under the left half, the last block under the whole key; a single-length key is its own left half."""
    if key.length > 16:
        raise KeyStoreError("an X9.19 MAC key has 8 or 16 bytes")
    whole, left = padded(data), len(key.handles) - 1
    if len(whole) == 8:
        return key.encipher(whole)
    chained = key.encipher(whole[:-8], DataMode.CBC, part=left)[-8:]
    return key.encipher(xored(chained, whole[-8:]))


def _cmac(key: TokenKey, data: bytes) -> bytes:
    return key.cmac(data)[:LENGTH]


def _transaction(token: TokenSession, key: DukptKey, purpose: dukpt.Purpose) -> ClearKey:
    base = token.key(key.base, KeyKind.BASE_DERIVATION)
    serial = prepared.serial_of(base.secret, key.ksn)
    masked = len(base.handles) > 1
    initial = dukpt.initial_key(
        serial,
        length=base.length,
        encipher=base.encipher,
        encipher_masked=(lambda data: base.encipher(data, part=1)) if masked else None,
    )
    return dukpt.transaction_key(initial, serial, purpose)


def _source(token: TokenSession, pin: PinMove) -> Side:
    if isinstance(pin.source, DukptKey):
        clear = _transaction(token, pin.source, dukpt.Purpose.PIN)
        return Side(clear.cipher, len(clear.value), clear.decipher)
    key = token.key(pin.source, pin.source.kind)
    return Side(key.secret, key.length, key.decipher)


def _made_rsa(token: TokenSession, length: int) -> KeyBlock:
    public, private = token.session.generate_keypair(
        KeyType.RSA, length * 8, store=False, private_template={Attribute.EXTRACTABLE: True, Attribute.SENSITIVE: True}
    )
    return _kept_rsa(token, private, signing.public_der(encode_rsa_public_key(public)))


def _loaded_rsa(token: TokenSession, private: rsa.RSAPrivateKey) -> KeyBlock:
    der = private.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    template = {**decode_rsa_private_key(der), Attribute.EXTRACTABLE: True, Attribute.SENSITIVE: True}
    handle = token.session.create_object({**template, Attribute.TOKEN: False})
    public = private.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return _kept_rsa(token, handle, public)


def _kept_rsa(token: TokenSession, handle: Any, public: bytes) -> KeyBlock:
    try:
        return token.block(KeyKind.SIGNING, RSA, [token.wrap_private(handle), public])
    finally:
        handle.destroy()


def _signed(token: TokenSession, key: KeyBlock, data: bytes) -> bytes:
    private = token.private(key)
    try:
        return bytes(private.handles[0].sign(data, mechanism=Mechanism.SHA256_RSA_PKCS))
    finally:
        token.done_with(private)


def _read_rsa(token: TokenSession, key: KeyBlock) -> rsa.RSAPrivateKey:
    private = token.private(key, readable=True)
    try:
        read = {name: int.from_bytes(private.handles[0][name]) for name in _RSA_PARTS}
    finally:
        token.done_with(private)
    return _rebuilt(read)


def _rebuilt(read: Mapping[Any, int]) -> rsa.RSAPrivateKey:
    return rsa.RSAPrivateNumbers(
        p=read[Attribute.PRIME_1],
        q=read[Attribute.PRIME_2],
        d=read[Attribute.PRIVATE_EXPONENT],
        dmp1=read[Attribute.EXPONENT_1],
        dmq1=read[Attribute.EXPONENT_2],
        iqmp=read[Attribute.COEFFICIENT],
        public_numbers=rsa.RSAPublicNumbers(read[Attribute.PUBLIC_EXPONENT], read[Attribute.MODULUS]),
    ).private_key()


_RSA_PARTS = (
    Attribute.MODULUS,
    Attribute.PUBLIC_EXPONENT,
    Attribute.PRIVATE_EXPONENT,
    Attribute.PRIME_1,
    Attribute.PRIME_2,
    Attribute.EXPONENT_1,
    Attribute.EXPONENT_2,
    Attribute.COEFFICIENT,
)
_SCHEMES: dict[MacScheme, Callable[[TokenKey, bytes], bytes]] = {
    MacScheme.CUPS: _cups,
    MacScheme.X919: _x919,
    MacScheme.CMAC_3DES: _cmac,
    MacScheme.CMAC_AES: _cmac,
}
