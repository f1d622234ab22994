"""The card vault: card and account numbers as sealed bytes, a keyed fingerprint to find them by, and a mask to show.

The sealed bytes lie in the tables of the rooms that need them; nothing here keeps anything. Rows A86, C76; PCI DSS 3.4
and 3.5 (at most the first six and last four digits are shown; a fingerprint is keyed).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.keys.port import Digest, KeyStore

_PURPOSE = "card"
_SHORTEST, _LONGEST = 6, 34
_FIRST, _LAST = 6, 4
_SHOWS_BOTH_ENDS = 13
_SHOWS_ITS_END = 8


@dataclass(frozen=True, slots=True)
class CardToken:
    """A card number as it is stored: enciphered, its fingerprint with the key version, and its mask."""

    sealed: bytes = field(repr=False)
    fingerprint: bytes
    fingerprint_version: int
    mask: str


class Vault:
    """Turns card and account numbers into tokens and back, through the key store."""

    def __init__(self, keystore: KeyStore) -> None:
        self._keystore = keystore

    async def keep(self, pan: str) -> CardToken:
        """Return the token of a card or account number. Raises ValueError, without the number, where it is none."""
        _refuse_other(pan)
        sealed = await self._keystore.seal(_PURPOSE, pan.encode("ascii"))
        digest = await self._keystore.digest(_PURPOSE, pan.encode("ascii"))
        return CardToken(sealed, digest.value, digest.version, mask(pan))

    async def reveal(self, sealed: bytes) -> str:
        """Return the number. Raises KeyStoreError where the sealed bytes were changed or are none of ours."""
        return (await self._keystore.unseal(_PURPOSE, sealed)).decode("ascii")

    async def fingerprints(self, pan: str) -> list[Digest]:
        """Return the fingerprint of a number under every key version still looked up, newest first."""
        _refuse_other(pan)
        return await self._keystore.digests(_PURPOSE, pan.encode("ascii"))


def mask(pan: str) -> str:
    """Show the first six and last four of a card number; less where the number is too short to hide six between."""
    if len(pan) >= _SHOWS_BOTH_ENDS:
        return f"{pan[:_FIRST]}{'*' * (len(pan) - _FIRST - _LAST)}{pan[-_LAST:]}"
    shown = _LAST if len(pan) >= _SHOWS_ITS_END else 0
    return "*" * (len(pan) - shown) + pan[len(pan) - shown :]


def _refuse_other(pan: str) -> None:
    if not (_SHORTEST <= len(pan) <= _LONGEST and pan.isascii() and pan.isalnum()):
        raise ValueError("a card or account number has 6 to 34 digits or letters")
