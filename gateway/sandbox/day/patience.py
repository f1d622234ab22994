"""Waiting on conditions: asked again until they hold or the deadline has passed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from gateway.kernel.clock import Clock

Found = TypeVar("Found")


class DayFailedError(Exception):
    """The day cannot go on; the text says what was waited for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to wait for anything, and how often to look, in seconds."""

    clock: Clock
    seconds: float = 180
    every: float = 0.3

    async def until(self, what: str, look: Callable[[], Awaitable[Found | None]]) -> Found:
        """Look until something is found. Raises DayFailedError naming `what` when the time is over."""
        deadline = self.clock.monotonic() + self.seconds
        while True:
            found = await look()
            if found is not None:
                return found
            if self.clock.monotonic() >= deadline:
                raise DayFailedError(f"waited {self.seconds:.0f} s in vain for {what}")
            await asyncio.sleep(self.every)
