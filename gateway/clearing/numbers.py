"""Instruction numbers and retrieval reference numbers: unique, and made without waiting for the database each time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime

from gateway.kernel.clock import SHANGHAI

BLOCK = 1000
_LOW = 200


class Numbers:
    """Hands out counts from blocks leased from the database; `lease` returns the first count of a fresh block.

    A block is fetched before the one in use runs out; counts of a block that a restart cut short are never used.
    """

    def __init__(self, lease: Callable[[], Awaitable[int]]) -> None:
        self._lease = lease
        self._next = 0
        self._left = 0
        self._ahead: asyncio.Task[int] | None = None

    async def take(self) -> int:
        """Return a count that nobody had before."""
        while self._left == 0:
            await self._refill()
        count, self._next, self._left = self._next, self._next + 1, self._left - 1
        if self._left < _LOW:
            self._fetch()
        return count

    def _fetch(self) -> asyncio.Task[int]:
        if self._ahead is None:
            self._ahead = asyncio.get_running_loop().create_task(self._lease_once())
            self._ahead.add_done_callback(self._drop_failed)
        return self._ahead

    async def _lease_once(self) -> int:
        return await self._lease()

    def _drop_failed(self, ahead: asyncio.Task[int]) -> None:
        """A block that could not be had is asked for again by the next who needs it."""
        if (ahead.cancelled() or ahead.exception() is not None) and self._ahead is ahead:
            self._ahead = None

    async def _refill(self) -> None:
        was_ahead = self._ahead is not None
        ahead = self._fetch()
        try:
            first = await asyncio.shield(ahead)
        except Exception:
            self._ahead = None
            if was_ahead:
                return
            raise
        if self._ahead is ahead:
            self._ahead, self._next, self._left = None, first, BLOCK


def instruction_number(count: int, at: datetime) -> str:
    """20 digits: the day in Shanghai and the count."""
    return f"{at.astimezone(SHANGHAI):%Y%m%d}{count % 10**12:012d}"


def retrieval_reference(count: int, at: datetime) -> str:
    """12 digits: last digit of the year, day of the year, count; no two alike within ten years."""
    day = at.astimezone(SHANGHAI)
    return f"{day.year % 10}{day:%j}{count % 10**8:08d}"
