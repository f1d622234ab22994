"""A key out of its block, and a bounded store of such keys, so that a MAC costs microseconds."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

from gateway.keys import signing
from gateway.keys.ciphers import ClearKey
from gateway.keys.macs import Maker, maker
from gateway.keys.port import KeyBlock, KeyCipher, KeyKind, KeyStoreError, MacScheme


@dataclass(slots=True)
class OpenKey:
    """A key with the ciphers that were made of it so far; `cipher` is None where it is a private key."""

    kind: KeyKind
    cipher: KeyCipher | None
    value: bytes = field(repr=False)
    makers: dict[MacScheme, Maker] = field(default_factory=dict, repr=False)
    private: signing.PrivateKey | None = field(default=None, repr=False)

    @property
    def secret(self) -> ClearKey:
        """The key as a block cipher's. Raises KeyStoreError where it is a private key."""
        if self.cipher is None:
            raise KeyStoreError("a signing key has no check value; compare its public key")
        return ClearKey(self.cipher, self.value)

    def maker(self, scheme: MacScheme) -> Maker:
        """Return the function that makes MACs of a scheme."""
        made = self.makers.get(scheme)
        if made is None:
            made = self.makers[scheme] = maker(scheme, self.value, self.cipher or KeyCipher.TRIPLE_DES)
        return made


class OpenKeys:
    """Opened keys by their block's text, the least used forgotten first."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._open: OrderedDict[str, OpenKey] = OrderedDict()

    def __len__(self) -> int:
        return len(self._open)

    def find(self, key: KeyBlock) -> OpenKey | None:
        """Return the opened key of a block, where it is at hand."""
        opened = self._open.get(key.text)
        if opened is not None:
            self._open.move_to_end(key.text)
        return opened

    def keep(self, key: KeyBlock, opened: OpenKey) -> OpenKey:
        """Keep an opened key at hand."""
        self._open[key.text] = opened
        if len(self._open) > self._most:
            self._open.popitem(last=False)
        return opened
