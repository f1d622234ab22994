"""The API keys that requests are checked with: read from the database, remembered for a moment."""

from __future__ import annotations

from collections import OrderedDict
from datetime import timedelta

from gateway.access import store
from gateway.access.model import SECRET_PURPOSE, ApiKey
from gateway.kernel.clock import Clock
from gateway.kernel.postgres.pool import Database
from gateway.keys.port import KeyStore

_MOST = 10_000


class Keyring:
    """Finds keys by name. A revoked key is refused at the latest `remembered` after it was revoked.

    Names that no key has are remembered too, in the same bounded room, so that guessing costs no reads.
    """

    def __init__(self, *, pool: Database, keystore: KeyStore, clock: Clock, remembered: timedelta) -> None:
        self._pool = pool
        self._keystore = keystore
        self._clock = clock
        self._remembered_s = remembered.total_seconds()
        self._known: OrderedDict[str, tuple[float, ApiKey | None]] = OrderedDict()

    async def find(self, keyid: str) -> ApiKey | None:
        """Return the key, active or not; None where there is none."""
        now = self._clock.monotonic()
        known = self._known.get(keyid)
        if known is not None and now - known[0] < self._remembered_s:
            return known[1]
        key = await store.api_key(self._pool, keyid)
        self._known[keyid] = (now, key)
        self._known.move_to_end(keyid)
        if len(self._known) > _MOST:
            self._known.popitem(last=False)
        return key

    async def secret(self, key: ApiKey) -> bytes:
        """Return the clear secret of an HMAC key. Raises KeyStoreError where it was changed in the database."""
        return await self._keystore.unseal(SECRET_PURPOSE, key.secret or b"")
