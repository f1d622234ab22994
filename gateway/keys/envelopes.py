"""Sealing for storage and keyed digests, under keys derived from a master key for each purpose.

Sealed bytes are: format 1 (one byte), mark of the master key (5), nonce (24), ciphertext, tag (16); format, mark and
purpose are authenticated. A digest carries the number of the master key it was made with.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Sequence
from hashlib import sha256

from gateway.kernel.randomness import Randomness
from gateway.keys.port import Digest, KeyStoreError
from gateway.keys.sealing import NONCE, SealingKey

_FORMAT = b"\x01"
_MARK = 5

Derive = Callable[[str], Awaitable[bytes]]


class Ring:
    """One master key's derived keys, made when first asked for; `mark` is the check value that names the master key."""

    def __init__(self, *, number: int, mark: str, derive: Derive) -> None:
        self.number = number
        self.mark = mark
        self._derive = derive
        self._sealing: dict[str, SealingKey] = {}
        self._digesting: dict[str, bytes] = {}

    async def sealing(self, purpose: str) -> SealingKey:
        """Return the sealing key of a purpose."""
        key = self._sealing.get(purpose)
        if key is None:
            key = self._sealing[purpose] = SealingKey(await self._derive(f"seal/{purpose}"))
        return key

    async def digest(self, purpose: str, data: bytes) -> Digest:
        """Return the HMAC-SHA256 of data under the digest key of a purpose."""
        key = self._digesting.get(purpose)
        if key is None:
            key = self._digesting[purpose] = await self._derive(f"digest/{purpose}")
        return Digest(hmac.digest(key, data, sha256), self.number)


class Envelopes:
    """Seals, opens and digests under the rings at hand, newest first."""

    def __init__(self, rings: Sequence[Ring], randomness: Randomness) -> None:
        self._rings = rings
        self._by_mark = {ring.mark: ring for ring in rings}
        self._randomness = randomness

    async def seal(self, purpose: str, clear: bytes) -> bytes:
        """Encipher and authenticate under the newest master key."""
        nonce = self._randomness.octets(NONCE)
        head = _FORMAT + bytes.fromhex(self._rings[0].mark)
        key = await self._rings[0].sealing(purpose)
        return head + nonce + key.seal(nonce, clear, head + purpose.encode())

    async def unseal(self, purpose: str, sealed: bytes) -> bytes:
        """Undo `seal`. Raises KeyStoreError where the bytes or the purpose were changed."""
        head, rest = sealed[: 1 + _MARK], sealed[1 + _MARK :]
        if head[:1] != _FORMAT or len(rest) < NONCE:
            raise KeyStoreError("these bytes were not sealed by this key store")
        key = await self.ring(head[1:].hex().upper()).sealing(purpose)
        return key.unseal(rest[:NONCE], rest[NONCE:], head + purpose.encode())

    async def digest(self, purpose: str, data: bytes) -> Digest:
        """Return the digest under the newest master key."""
        return await self._rings[0].digest(purpose, data)

    async def digests(self, purpose: str, data: bytes) -> list[Digest]:
        """Return the digest under every master key at hand, newest first."""
        return [await ring.digest(purpose, data) for ring in self._rings]

    def ring(self, mark: str) -> Ring:
        """Return the ring of a mark. Raises KeyStoreError where its master key is not here."""
        found = self._by_mark.get(mark)
        if found is None:
            here = ", ".join(self._by_mark)
            raise KeyStoreError(
                f"protected by master key {mark}, which is not here (here: {here}); restore it from its copy"
            )
        return found
