"""Working keys of a terminal, in the forms of a sign-in answer: made in the store, handed out under the master key.

Source: `docs/terminal-protocol.md` section 4. A form is a dialect with a network management code (60.3): each slot is a
key enciphered under the terminal's master key, filled up with zeros in clear, and its check value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.keys.port import KeyBlock, KeyCipher, KeyKind, KeyStore

_CHECK_VALUE = 4
_PIN, _MAC, _DATA = KeyKind.PIN, KeyKind.MAC, KeyKind.DATA


@dataclass(frozen=True, slots=True)
class Slot:
    """One key: `length` bytes of key in a slot of `width` bytes."""

    kind: KeyKind
    length: int
    width: int


@dataclass(frozen=True, slots=True)
class Form:
    """What a sign-in gives: its slots in order, and the cipher of the keys, which is the master key's too."""

    slots: tuple[Slot, ...]
    cipher: KeyCipher = KeyCipher.TRIPLE_DES


@dataclass(frozen=True, slots=True)
class Issued:
    """New working keys by kind, and the content of field 62."""

    keys: Mapping[KeyKind, KeyBlock]
    content: bytes


_SM4 = Form((Slot(_PIN, 16, 16), Slot(_MAC, 16, 16), Slot(_DATA, 16, 16)), KeyCipher.SM4)

# By dialect and network management code.
FORMS: dict[tuple[str, str], Form] = {
    ("cups", "001"): Form((Slot(_PIN, 8, 8), Slot(_MAC, 8, 8))),
    ("cups", "003"): Form((Slot(_PIN, 16, 16), Slot(_MAC, 8, 16))),
    ("cups", "004"): Form((Slot(_PIN, 16, 16), Slot(_MAC, 8, 16), Slot(_DATA, 16, 16))),
    ("cups", "005"): _SM4,
    ("iso87-ascii", "001"): Form((Slot(_PIN, 8, 8), Slot(_MAC, 8, 8))),
    ("iso87-ascii", "003"): Form((Slot(_PIN, 16, 16), Slot(_MAC, 16, 16))),
    ("iso87-ascii", "004"): Form((Slot(_PIN, 16, 16), Slot(_MAC, 16, 16), Slot(_DATA, 16, 16))),
    ("iso87-ascii", "005"): _SM4,
}


async def issue(keystore: KeyStore, master: KeyBlock, form: Form) -> Issued:
    """Make the keys of a form. Raises KeyStoreError where the master key is of another cipher than the form's."""
    keys = {slot.kind: await keystore.make(slot.kind, slot.length, cipher=form.cipher) for slot in form.slots}
    content = b"".join([await _written(keystore, master, keys[slot.kind], slot) for slot in form.slots])
    return Issued(keys, content)


async def _written(keystore: KeyStore, master: KeyBlock, key: KeyBlock, slot: Slot) -> bytes:
    wrapped = await keystore.wrap(master, key)
    return wrapped.cryptogram.ljust(slot.width, b"\0") + wrapped.check_value[:_CHECK_VALUE]
