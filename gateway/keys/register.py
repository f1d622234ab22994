"""Keys by name: the key an installation signs its answers with, the key a channel signs with (row C92)."""

from __future__ import annotations

from gateway.kernel.clock import Clock
from gateway.kernel.postgres.pool import Database
from gateway.keys import store
from gateway.keys.named import NamedKey
from gateway.keys.port import KeyBlock, KeyCipher, KeyKind, KeyStore


class KeyRegister:
    """Finds, makes and replaces keys by name; several processes may do so at once."""

    def __init__(self, *, pool: Database, keystore: KeyStore, clock: Clock) -> None:
        self._pool = pool
        self._keystore = keystore
        self._clock = clock

    async def all(self, name: str) -> list[NamedKey]:
        """Return the keys of `name`, newest first; the newest is used, older ones still check what they signed."""
        return await store.numbered_keys(self._pool, name)

    async def find(self, name: str) -> NamedKey | None:
        """Return the newest key of `name`, the one to use."""
        return next(iter(await self.all(name)), None)

    async def find_or_make(
        self, name: str, kind: KeyKind, length: int, *, by: str, cipher: KeyCipher = KeyCipher.TRIPLE_DES
    ) -> NamedKey:
        """Return the key of `name`, made now where there is none; the process that writes first decides."""
        while True:
            found = await self.find(name)
            if found is not None:
                return found
            await self._add(name, 1, await self._keystore.make(kind, length, cipher=cipher), by)

    async def replace(self, name: str, block: KeyBlock, *, by: str) -> NamedKey:
        """Put `block` under `name` as its newest key."""
        while True:
            found = await self.find(name)
            added = await self._add(name, found.number + 1 if found else 1, block, by)
            if added is not None:
                return added

    async def _add(self, name: str, number: int, block: KeyBlock, by: str) -> NamedKey | None:
        key = NamedKey(name=name, number=number, block=block, created_at=self._clock.now(), created_by=by)
        return key if await store.add_key(self._pool, key) else None
