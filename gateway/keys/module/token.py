"""What one session with a module does: one per thread, with the keys it has unwrapped kept ready.

Master keys are three AES-256 objects of the token each, made by `make_masters`, never readable: `wrap` protects keys,
`auth` authenticates their blocks, `derive` gives the sealing and digest keys.
"""

from __future__ import annotations

import hmac
import re
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pkcs11
from pkcs11 import Attribute, KeyType, Mechanism, MechanismFlag, ObjectClass
from pkcs11.constants import DEFAULT
from pkcs11.exceptions import PKCS11Error

from gateway.keys import dukpt
from gateway.keys.ciphers import ClearKey, block_size
from gateway.keys.keyblock import OWN
from gateway.keys.macs import xored
from gateway.keys.module import blocks
from gateway.keys.openkey import OpenKey
from gateway.keys.port import DataMode, KeyBlock, KeyCipher, KeyKind, KeyStoreError
from gateway.keys.uses import cipher_of, header_of, refuse_other_use, secret_algorithm

_LABEL = re.compile(r"tillgate-(\d{4})-(wrap|auth|derive)")
_PARTS = ("wrap", "auth", "derive")
_MARK = 5
_DOUBLE = 16
_ECB = {KeyCipher.TRIPLE_DES: Mechanism.DES3_ECB, KeyCipher.AES: Mechanism.AES_ECB}
_CBC = {KeyCipher.TRIPLE_DES: Mechanism.DES3_CBC, KeyCipher.AES: Mechanism.AES_CBC}
_CMAC = {KeyCipher.TRIPLE_DES: Mechanism.DES3_CMAC, KeyCipher.AES: Mechanism.AES_CMAC}
_HIDDEN = {Attribute.TOKEN: False, Attribute.SENSITIVE: True}
_WORKING = {
    **_HIDDEN,
    Attribute.EXTRACTABLE: False,
    Attribute.ENCRYPT: True,
    Attribute.DECRYPT: True,
    Attribute.SIGN: True,
    Attribute.VERIFY: True,
    Attribute.WRAP: False,
    Attribute.UNWRAP: False,
}
_PRIVATE = {
    Attribute.TOKEN: False,
    Attribute.PRIVATE: True,
    Attribute.SIGN: True,
    Attribute.DECRYPT: False,
    Attribute.UNWRAP: False,
    # a private key has none of these, and a module refuses a template that names them
    Attribute.ENCRYPT: DEFAULT,
    Attribute.VERIFY: DEFAULT,
    Attribute.WRAP: DEFAULT,
}


@dataclass(frozen=True, slots=True)
class Master:
    """One master key of the token: the handles of its three objects; `mark` names it in blocks."""

    number: int
    mark: str
    wrap: Any = field(repr=False)
    auth: Any = field(repr=False)
    derive: Any = field(repr=False)


@dataclass(frozen=True, slots=True)
class TokenKey:
    """A key inside the module, ready for use: its handles, and what its block says of it in clear."""

    cipher: KeyCipher | None
    length: int
    handles: tuple[Any, ...] = field(repr=False)
    clear: tuple[bytes, ...] = field(repr=False)

    def encipher(self, data: bytes, mode: DataMode = DataMode.ECB, *, part: int = 0) -> bytes:
        """Encipher whole blocks in the module."""
        return bytes(self.handles[part].encrypt(self._whole(data), **self._used(mode)))

    def decipher(self, data: bytes, mode: DataMode = DataMode.ECB) -> bytes:
        """Decipher whole blocks in the module."""
        return bytes(self.handles[0].decrypt(self._whole(data), **self._used(mode)))

    def cmac(self, data: bytes) -> bytes:
        """Make a CMAC in the module."""
        return bytes(self.handles[0].sign(data, mechanism=_CMAC[self.secret]))

    @property
    def secret(self) -> KeyCipher:
        """The block cipher. Raises KeyStoreError where it is a private key."""
        if self.cipher is None:
            raise KeyStoreError("a signing key has no check value; compare its public key")
        return self.cipher

    @property
    def check_value(self) -> bytes:
        """The first 4 bytes of a zero block enciphered."""
        return self.encipher(bytes(block_size(self.secret)))[:4]

    def _used(self, mode: DataMode) -> dict[str, Any]:
        if mode is DataMode.CBC:
            return {"mechanism": _CBC[self.secret], "mechanism_param": bytes(block_size(self.secret))}
        return {"mechanism": _ECB[self.secret]}

    def _whole(self, data: bytes) -> bytes:
        if not data or len(data) % block_size(self.secret):
            raise KeyStoreError(f"data for a {self.secret} key is not whole blocks of {block_size(self.secret)} bytes")
        return data


class TokenRandomness:
    """The module's own random generator."""

    def __init__(self, session: Any) -> None:
        self._session = session

    def octets(self, count: int) -> bytes:
        """Return random bytes of the module."""
        return bytes(self._session.generate_random(count * 8)) if count else b""


class TokenSession:
    """A session of one thread, with its master keys and a bounded store of unwrapped keys."""

    def __init__(self, session: Any, *, most: int) -> None:
        self.session = session
        self.randomness = TokenRandomness(session)
        self._most = most
        self._ready: OrderedDict[str, tuple[KeyKind, TokenKey]] = OrderedDict()
        self._masters: dict[str, Master] = {}

    def masters(self) -> list[Master]:
        """Return the master keys of the token, newest first. Raises KeyStoreError where there are none."""
        if not self._masters:
            found = sorted(_masters(self.session), key=lambda master: master.number, reverse=True)
            self._masters = {master.mark: master for master in found}
        if not self._masters:
            raise KeyStoreError("the module holds no master key of ours; run: tillgate keys master")
        return list(self._masters.values())

    def derived(self, mark: str, purpose: str) -> bytes:
        """Derive a 256-bit key for a purpose: CMAC in counter mode (NIST SP 800-108)."""
        data = b"tillgate/" + purpose.encode() + b"\0" + (256).to_bytes(2)
        return b"".join(_cmac(self.master(mark).derive, bytes([counter]) + data) for counter in (1, 2))

    def protect(self, kind: KeyKind, key: ClearKey) -> KeyBlock:
        """Bring a key into the module and return its block; what is in the module of it is gone afterwards."""
        letter = secret_algorithm(key.cipher, len(key.value))
        if key.cipher not in _ECB:
            raise KeyStoreError(f"the module has no {key.cipher} keys")
        wrapped = [self._wrapped(_object(key.cipher, part)) for part in _parts(kind, key)]
        return self.block(kind, letter, wrapped)

    def block(self, kind: KeyKind, letter: str, parts: list[bytes]) -> KeyBlock:
        """Return the block of a key that the module has wrapped."""
        master = self.masters()[0]
        header = header_of(kind, letter, master.mark)
        own = type(header)(
            usage=header.usage,
            algorithm=header.algorithm,
            mode=header.mode,
            exportability=header.exportability,
            optional=header.optional,
            form=OWN,
        )
        return KeyBlock(kind, blocks.written(own, parts, lambda covered: _cmac(master.auth, covered)))

    def key(self, block: KeyBlock, kind: KeyKind) -> TokenKey:
        """Return the key of a block, in the module. Raises KeyStoreError where it is not ours, or not of this kind."""
        ready = self._ready.get(block.text)
        if ready is None:
            ready = self._keep(block.text, kind, self._unwrapped(block, kind, _WORKING))
        else:
            self._ready.move_to_end(block.text)
        if ready[0] is not kind or block.kind is not kind:
            raise KeyStoreError(f"a {ready[0]} key was given where a {kind} key is needed")
        return ready[1]

    def readable(self, block: KeyBlock, kind: KeyKind) -> OpenKey:
        """Return a key in clear for the moment in which it leaves under another key; its copy in the module is gone."""
        if block.kind is not kind:
            raise KeyStoreError(f"a {block.kind} key was given where a {kind} key is needed")
        key = self._unwrapped(block, kind, {**_WORKING, Attribute.SENSITIVE: False, Attribute.EXTRACTABLE: True})
        try:
            if key.cipher is None:
                raise KeyStoreError("a private key is not read")
            return OpenKey(kind, key.cipher, bytes(key.handles[0][Attribute.VALUE])[: key.length])
        finally:
            _destroy(key)

    def private(self, block: KeyBlock, *, readable: bool = False) -> TokenKey:
        """Return a private key's copy in the module that the caller destroys; `readable` only for the sandbox."""
        return self._unwrapped(block, KeyKind.SIGNING, {**_WORKING, "readable": readable})

    def parts_of(self, block: KeyBlock, kind: KeyKind) -> tuple[str, str, tuple[bytes, ...]]:
        """Return algorithm letter, mark and parts of a block of ours, authenticated."""
        found = blocks.read(block.text)
        mark = found.header.protected_by or ""
        if not hmac.compare_digest(_cmac(self.master(mark).auth, found.covered), found.mac):
            raise KeyStoreError("the key block was changed, or is protected by another master key")
        refuse_other_use(kind, found.header)
        return found.header.algorithm, mark, found.parts

    def master(self, mark: str) -> Master:
        """Return a master key. Raises KeyStoreError where it is not in the module."""
        here = self.masters()
        found = self._masters.get(mark)
        if found is None:
            marks = ", ".join(master.mark for master in here)
            raise KeyStoreError(f"protected by master key {mark}, which is not in the module (there: {marks})")
        return found

    def wrap_private(self, handle: Any) -> bytes:
        """Wrap a private key of this session."""
        return bytes(self.masters()[0].wrap.wrap_key(handle, mechanism=Mechanism.AES_KEY_WRAP_PAD))

    def _wrapped(self, template: dict[Any, Any]) -> bytes:
        handle = self.session.create_object(template)
        try:
            return self.wrap_private(handle)
        finally:
            handle.destroy()

    def _unwrapped(self, block: KeyBlock, kind: KeyKind, template: dict[Any, Any]) -> TokenKey:
        letter, mark, parts = self.parts_of(block, kind)
        header = blocks.read(block.text).header
        cipher, wrapping = cipher_of(header), self.master(mark).wrap
        if cipher is None:
            return self._unwrapped_private(letter, wrapping, parts, readable=bool(template.get("readable")))
        length = {"D": 8}.get(letter) or _clear_length(parts[0])
        handles = tuple(_unwrap(wrapping, _key_type(cipher, length), part, template) for part in parts)
        return TokenKey(cipher, length, handles, ())

    def _unwrapped_private(self, letter: str, wrapping: Any, parts: tuple[bytes, ...], *, readable: bool) -> TokenKey:
        if letter != "R":
            return TokenKey(None, 0, (), parts)
        template = {**_PRIVATE, Attribute.SENSITIVE: not readable, Attribute.EXTRACTABLE: readable}
        handle = wrapping.unwrap_key(
            ObjectClass.PRIVATE_KEY,
            KeyType.RSA,
            parts[0],
            mechanism=Mechanism.AES_KEY_WRAP_PAD,
            capabilities=MechanismFlag.SIGN,
            template=template,
        )
        return TokenKey(None, 0, (handle,), parts[1:])

    def _keep(self, text: str, kind: KeyKind, key: TokenKey) -> tuple[KeyKind, TokenKey]:
        self._ready[text] = (kind, key)
        if len(self._ready) > self._most:
            _destroy(self._ready.popitem(last=False)[1][1])
        return kind, key

    def done_with(self, key: TokenKey) -> None:
        """Destroy the copy of a private key."""
        _destroy(key)


def add_masters(session: Any, number: int) -> None:
    """Make the three objects of a master key on the token, never readable, never leaving it."""
    for part in _PARTS:
        session.generate_key(
            KeyType.AES,
            256,
            label=f"tillgate-{number:04d}-{part}",
            store=True,
            capabilities=MechanismFlag.WRAP | MechanismFlag.UNWRAP if part == "wrap" else MechanismFlag.SIGN,
            template={Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False, Attribute.PRIVATE: True},
        )


def master_numbers(session: Any) -> list[int]:
    """Return the numbers of the master keys of the token."""
    return sorted({int(match[1]) for match, _ in _labelled(session)})


def _masters(session: Any) -> list[Master]:
    found: dict[int, dict[str, Any]] = {}
    for match, handle in _labelled(session):
        found.setdefault(int(match[1]), {})[match[2]] = handle
    return [
        Master(number, _cmac(parts["auth"], bytes(16))[:_MARK].hex().upper(), **parts)
        for number, parts in found.items()
        if len(parts) == len(_PARTS)
    ]


def _labelled(session: Any) -> list[tuple[re.Match[str], Any]]:
    objects = session.get_objects({Attribute.CLASS: ObjectClass.SECRET_KEY, Attribute.KEY_TYPE: KeyType.AES})
    named = [(_LABEL.fullmatch(found.label or ""), found) for found in objects]
    return [(match, handle) for match, handle in named if match]


def _cmac(handle: Any, data: bytes) -> bytes:
    return bytes(handle.sign(data, mechanism=Mechanism.AES_CMAC))


def _unwrap(wrapping: Any, key_type: KeyType, wrapped: bytes, template: dict[Any, Any]) -> Any:
    return wrapping.unwrap_key(
        ObjectClass.SECRET_KEY,
        key_type,
        wrapped,
        mechanism=Mechanism.AES_KEY_WRAP_PAD,
        template=template,
    )


def _object(cipher: KeyCipher, value: bytes) -> dict[Any, Any]:
    return {
        Attribute.CLASS: ObjectClass.SECRET_KEY,
        Attribute.KEY_TYPE: _key_type(cipher, len(value)),
        Attribute.VALUE: value * 3 if cipher is KeyCipher.TRIPLE_DES and len(value) < _DOUBLE else value,
        Attribute.EXTRACTABLE: True,
        **_HIDDEN,
    }


def _key_type(cipher: KeyCipher, length: int) -> KeyType:
    """A single-length DES key is a triple one of three equal parts, since modules no longer know single DES."""
    if cipher is KeyCipher.AES:
        return KeyType.AES
    return KeyType.DES2 if length == _DOUBLE else KeyType.DES3


def _parts(kind: KeyKind, key: ClearKey) -> list[bytes]:
    """Return the parts of a key that the port needs objects of."""
    if key.cipher is not KeyCipher.TRIPLE_DES or len(key.value) != _DOUBLE:
        return [key.value]
    more = {KeyKind.MAC: key.value[:8], KeyKind.BASE_DERIVATION: xored(key.value, dukpt.MASK)}.get(kind)
    return [key.value] if more is None else [key.value, more]


def _clear_length(wrapped: bytes) -> int:
    """Return the length of a secret key from its wrapped form, which has 8 bytes more (RFC 5649)."""
    return len(wrapped) - 8


def _destroy(key: TokenKey) -> None:
    for handle in key.handles:
        handle.destroy()


Work = Callable[[TokenSession], Any]
__all__ = [
    "PKCS11Error",
    "TokenKey",
    "TokenRandomness",
    "TokenSession",
    "Work",
    "add_masters",
    "master_numbers",
    "pkcs11",
]
