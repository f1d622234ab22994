"""Which PIN blocks may be carried where: one table, and everything that is not in it is refused.

A PIN block goes from a terminal's, a DUKPT device's or a zone's key to a channel's zone key, never to a weaker format,
never to a key of single length, never in clear. Source: ISO 9564-1 section 9, `docs/terminal-protocol.md` section 4.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gateway.kernel.randomness import Randomness
from gateway.keys import pinblocks
from gateway.keys.ciphers import block_size
from gateway.keys.port import DukptKey, KeyCipher, KeyKind, KeyStoreError, PinFormat, PinMove

_LEAST_TARGET = 16
_0, _3, _4 = PinFormat.ISO_0, PinFormat.ISO_3, PinFormat.ISO_4
_SOURCES = (KeyKind.PIN, KeyKind.BASE_DERIVATION, KeyKind.ZONE_PIN)
_STEPS = ((_0, _0), (_0, _3), (_0, _4), (_3, _3), (_3, _4), (_4, _4))

# (kind of the source key, its format, kind of the target key, its format)
ALLOWED = frozenset((source, old, KeyKind.ZONE_PIN, new) for source in _SOURCES for old, new in _STEPS)
IN_FULL_WORDS = "I accept that PIN blocks are opened in the memory of this process"


@dataclass(frozen=True, slots=True)
class Side:
    """One key of a translation: its cipher, its length in bytes, and the cipher of single blocks under it."""

    cipher: KeyCipher
    length: int
    blocks: Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class PinWork:
    """Whether PIN blocks may be opened here: in the sandbox, else where the setting says so in full words."""

    sandbox: bool
    words: str

    def refuse_unless_allowed(self) -> None:
        """Raise KeyStoreError where PIN work is not allowed here."""
        if not self.sandbox and self.words != IN_FULL_WORDS:
            raise KeyStoreError(
                "PIN blocks are not opened in this process: use a module that translates them inside,"
                f' or set keys.pin_work = "{IN_FULL_WORDS}"'
            )


def refuse_other_move(pin: PinMove) -> None:
    """Raise KeyStoreError where the table has no line for a translation."""
    source = KeyKind.BASE_DERIVATION if isinstance(pin.source, DukptKey) else pin.source.kind
    if (source, pin.source_format, pin.target.kind, pin.target_format) not in ALLOWED:
        raise KeyStoreError(
            f"no PIN block is carried from a {source} key in {pin.source_format} to a {pin.target.kind} key in"
            f" {pin.target_format}"
        )


def carry(pin: PinMove, source: Side, target: Side, randomness: Randomness) -> bytes:
    """Open a PIN block and close it again. Raises KeyStoreError where a key does not fit its format."""
    refuse_other_move(pin)
    _refuse_other_cipher(pin.source_format, source)
    _refuse_other_cipher(pin.target_format, target)
    if target.length < _LEAST_TARGET:
        raise KeyStoreError("a channel's PIN key has 16 bytes or more")
    clear = pinblocks.opened(pin.source_format, pin.block, pin.pan, source.blocks)
    return pinblocks.sealed(pin.target_format, clear, pin.pan, target.blocks, randomness)


def _refuse_other_cipher(form: PinFormat, side: Side) -> None:
    if block_size(side.cipher) != pinblocks.size_of(form):
        raise KeyStoreError(f"a PIN block of the format {form} is not for a {side.cipher} key")
