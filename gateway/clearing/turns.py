"""Waiting for the turn of a void or refund: at most one counter-operation is open on an original at a time."""

from __future__ import annotations

import asyncio

from gateway.clearing.under_way import Desk
from gateway.kernel.clock import Clock
from gateway.kernel.postgres.pool import Database
from gateway.payments import store
from gateway.payments.decision import Awaits

_MOST_S = 0.5


class Turns:
    """Waits for the end of open counter-operations, carried here or by another process, or undone by a lane."""

    def __init__(self, *, pool: Database, desk: Desk, clock: Clock, poll_s: float) -> None:
        self._pool = pool
        self._desk = desk
        self._clock = clock
        self._poll_s = poll_s

    async def come(self, awaited: Awaits, *, until: float) -> bool:
        """Wait for the end of what is awaited; False where the monotonic second `until` comes first."""
        if not await self._ended_here(awaited, until):
            return False
        pause = self._poll_s
        while await store.counter_of(self._pool, awaited.original) == awaited.counter:
            left = until - self._clock.monotonic()
            if left <= 0:
                return False
            await asyncio.sleep(min(pause, left))
            pause = min(pause * 2, _MOST_S)
        return self._clock.monotonic() < until

    async def _ended_here(self, awaited: Awaits, until: float) -> bool:
        counter = await store.operation(self._pool, awaited.counter)
        under_way = None if counter is None else self._desk.find(counter.reference)
        return under_way is None or await under_way.wait_for_end(self._clock, until)
