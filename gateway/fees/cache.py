"""Rules kept in memory one by one: read once when they are first asked for, however many quotes follow (rows A35-A38).

The fee book keeps every rate, which suits the few hundred of a road's own business; rules of agents are many and each
task needs few of them. A rule that changed is read anew: the generation is looked at before a quote when the last look
is older than `looks_every_s`.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Protocol
from uuid import UUID

from gateway.fees.book import FeeBook, Rates
from gateway.fees.model import Facts, Quote
from gateway.kernel.clock import Clock

_MOST = 50_000
ReadRule = Callable[[str, UUID], Awaitable[Rates]]


class RuleMeter(Protocol):
    """Is told how rules were found."""

    def asked(self, *, hit: bool) -> None:
        """A rule was asked for: found in memory, or not."""
        ...

    def read(self) -> None:
        """A rule was read from the database."""
        ...


class CountedRules:
    """Counts for one piece of work, beside what another meter is told."""

    def __init__(self, meter: RuleMeter | None = None) -> None:
        self._meter = meter
        self.hits = self.reads = 0

    def asked(self, *, hit: bool) -> None:
        """Count a rule that was asked for."""
        self.hits += hit
        if self._meter is not None:
            self._meter.asked(hit=hit)

    def read(self) -> None:
        """Count a rule that was read."""
        self.reads += 1
        if self._meter is not None:
            self._meter.read()


class RuleCache:
    """Quotes by rules that are read one by one; callers who want the same new rule at once share one read."""

    def __init__(
        self,
        *,
        read: ReadRule,
        generation_of: Callable[[], Awaitable[int]],
        clock: Clock,
        most: int = _MOST,
        looks_every_s: float = 1.0,
    ) -> None:
        self._read = read
        self._generation_of = generation_of
        self._clock = clock
        self._most = most
        self._looks_every_s = looks_every_s
        self._generation = -1
        self._looked_at: float | None = None
        self._looking = asyncio.Lock()
        self._rules: OrderedDict[tuple[str, UUID], asyncio.Future[FeeBook]] = OrderedDict()

    async def quote(self, *, item: str, party: UUID, facts: Facts, at: datetime, meter: RuleMeter) -> Quote:
        """Work out the fee `item` of `party` by its rule as it stood at `at`.

        Raises RateError where it cannot be worked out, KeyError where the item is not known.
        """
        rule = await self._rule(item, party, meter)
        return rule.quote(item=item, party=party, facts=facts, at=at)

    async def _rule(self, item: str, party: UUID, meter: RuleMeter) -> FeeBook:
        await self._look()
        key = (item, party)
        kept = self._rules.get(key)
        meter.asked(hit=kept is not None)
        if kept is None:
            kept = self._rules[key] = asyncio.ensure_future(self._taken(item, party, meter))
            kept.add_done_callback(lambda done: self._forget_failed(key, done))
            if len(self._rules) > self._most:
                self._rules.popitem(last=False)
        else:
            self._rules.move_to_end(key)
        return await asyncio.shield(kept)

    async def _taken(self, item: str, party: UUID, meter: RuleMeter) -> FeeBook:
        meter.read()
        rule = FeeBook(read=lambda: self._read(item, party), generation_of=self._generation_of)
        rule.take(await self._read(item, party))
        return rule

    async def _look(self) -> None:
        """Forget every rule where one has changed since the last look; whoever asks meanwhile waits for the answer."""
        async with self._looking:
            now = self._clock.monotonic()
            if self._looked_at is not None and now - self._looked_at < self._looks_every_s:
                return
            found = await self._generation_of()
            self._looked_at = now
            if found != self._generation:
                self._rules.clear()
                self._generation = found

    def _forget_failed(self, key: tuple[str, UUID], done: asyncio.Future[FeeBook]) -> None:
        failed = done.cancelled() or done.exception() is not None
        if failed and self._rules.get(key) is done:
            del self._rules[key]
