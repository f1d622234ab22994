"""Which channel takes a payout: the first batch channel that is on, may pay out, and carries the unit."""

from __future__ import annotations

from uuid import UUID

from gateway.clearing.files import store
from gateway.kernel.money import Money
from gateway.kernel.postgres.pool import Database


class BatchRoutes:
    """Routes of money out over files; read from the database, so switching a channel off holds at once."""

    def __init__(self, pool: Database) -> None:
        self._pool = pool

    async def choose(self, *, party: UUID, amount: Money, business: str) -> UUID | None:
        """Return the channel for a payout; every party and business goes the same way."""
        del party, business
        return await store.payout_channel(self._pool, amount.unit)
