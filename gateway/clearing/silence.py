"""A bank that does not answer: asked what became of the instruction, at intervals, until the time is up.

Unknown is a state: a time-out is never failure and never success. "Not found" is final only by two queries as far apart
as the channel says.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

from channels.instruction import Approved, Capabilities, NotFound, Outcome, Unknown
from gateway.clearing.dispatch import Dispatcher
from gateway.clearing.model import InstructionRecord
from gateway.clearing.settings import RoadSettings
from gateway.kernel.clock import Clock


@dataclass(slots=True)
class _NotFounds:
    """When the bank first said that it does not know the number."""

    first: float | None = None

    def is_final(self, now: float, capabilities: Capabilities | None) -> bool:
        if self.first is None:
            self.first = now
            return False
        return capabilities is not None and now - self.first >= capabilities.not_found_is_final_after_s


class Silence:
    """Asks about silent instructions inside the budget of their request."""

    def __init__(self, *, dispatcher: Dispatcher, clock: Clock, settings: RoadSettings) -> None:
        self._dispatcher = dispatcher
        self._clock = clock
        self._settings = settings

    async def broken(self, instruction: InstructionRecord, first: Unknown, *, until: float) -> Outcome:
        """Ask until there is an answer or the monotonic second `until`; Unknown where there is none by then."""
        capabilities = self._dispatcher.capabilities(instruction.channel_id)
        not_founds, last = _NotFounds(), first
        for interval in self._intervals():
            left = until - self._clock.monotonic()
            if left <= interval:
                await asyncio.sleep(max(left, 0))
                return last
            await asyncio.sleep(interval)
            outcome = await self._query(instruction, until)
            match outcome:
                case NotFound():
                    if not_founds.is_final(self._clock.monotonic(), capabilities):
                        return outcome
                case Unknown():
                    last = outcome
                case _:
                    return outcome
        return last

    async def _query(self, instruction: InstructionRecord, until: float) -> Outcome:
        within = min(self._settings.bank_within_s, until - self._clock.monotonic())
        outcome = await self._dispatcher.query(instruction.channel_id, instruction.number, within_s=within)
        return agreed(instruction, outcome)

    def _intervals(self) -> Iterator[float]:
        yield from self._settings.query_after_s
        while True:
            yield self._settings.query_after_s[-1]


def agreed(instruction: InstructionRecord, outcome: Outcome) -> Outcome:
    """An approval of another amount than was asked for is no approval: nobody can say what it is."""
    said = outcome.amount_minor if isinstance(outcome, Approved) else None
    if said is not None and said != instruction.amount_minor:
        return Unknown(why="the bank speaks of another amount")
    return outcome
