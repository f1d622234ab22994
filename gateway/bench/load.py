"""A closed loop: so many callers at once, each asks for the next thing as soon as it was answered."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from gateway.kernel import collector
from gateway.kernel.clock import Clock

Work = TypeVar("Work")
Ask = Callable[[Work], Awaitable[object]]


@dataclass(slots=True)
class Loop(Generic[Work]):
    """One run of a closed loop: what each caller waited for each answer, and when it had it."""

    ask: Ask[Work]
    clock: Clock
    waits_s: list[float] = field(default_factory=list)
    ended_s: list[float] = field(default_factory=list)
    until_s: float = float("inf")

    async def run(self, work: Iterable[tuple[Work, ...]], callers: int, *, for_s: float | None = None) -> float:
        """Do `work` with so many callers, the parts of one piece in their order; return the seconds it took.

        Nothing is begun any more once `for_s` seconds have passed.
        """
        collector.settle()
        left = iter(work)
        begun = self.clock.monotonic()
        self.until_s = begun + for_s if for_s is not None else float("inf")
        await asyncio.gather(*(self._call(left) for _ in range(callers)))
        return self.clock.monotonic() - begun

    async def _call(self, left: Iterator[tuple[Work, ...]]) -> None:
        ask, monotonic = self.ask, self.clock.monotonic
        for piece in left:
            for part in piece:
                asked = monotonic()
                if asked >= self.until_s:
                    return
                await ask(part)
                answered = monotonic()
                self.waits_s.append(answered - asked)
                self.ended_s.append(answered)

    @property
    def longest_pause_s(self) -> float:
        """The longest time in which nobody was answered."""
        pairs = zip(self.ended_s, self.ended_s[1:], strict=False)
        return max((later - earlier for earlier, later in pairs), default=0.0)
