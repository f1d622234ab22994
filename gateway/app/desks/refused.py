"""Refused messages of terminals: kept for the operators by the process that counts them, listed for the API door."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from gateway.kernel.ids import Ids
from gateway.kernel.postgres.pool import DATABASE_ERRORS, Database
from gateway.parties import Scope
from gateway.terminals import store
from gateway.terminals.samples import Samples

MOST_KEPT = 5_000


class RefusedService:
    """Refused messages for the API door."""

    def __init__(self, *, pool: Database) -> None:
        self._pool = pool

    async def list(
        self, sees: Scope, *, terminal: str, code: str, since: datetime | None, limit: int
    ) -> Sequence[store.RefusedMessage]:
        """List those of terminals that the caller sees, the newest first."""
        return await store.refused(self._pool, sees, terminal=terminal, code=code, since=since, limit=limit)


async def keep_refused(pool: Database, samples: Samples, ids: Ids) -> None:
    """Take what was counted since the last time to the books; what cannot be written now is kept for the next time."""
    counted = samples.taken()
    if not counted:
        return
    try:
        await store.keep(pool, counted, ids=ids, most=MOST_KEPT)
    except DATABASE_ERRORS:
        samples.put_back(counted)
        raise
