"""What a decision does, as a value, and the clerk who takes it to the journal."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gateway.journal.model import Change, Count, Event, Insert, Key, Move, PostSets, Put, Receipt
from gateway.kernel.clock import Clock
from gateway.kernel.ids import Ids
from gateway.ledger.model import Posting


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """Part of a change: records, postings and counts; two effects add up to one change."""

    records: tuple[Insert | Move | Put, ...] = ()
    postings: tuple[Posting, ...] = ()
    counts: tuple[Count, ...] = ()
    events: tuple[Event, ...] = ()

    def __add__(self, other: Effect) -> Effect:
        return Effect(
            records=self.records + other.records,
            postings=self.postings + other.postings,
            counts=self.counts + other.counts,
            events=self.events + other.events,
        )


class Clerk:
    """Makes an effect one change and posts it."""

    def __init__(self, journal: PostSets, *, ids: Ids, clock: Clock) -> None:
        self._journal = journal
        self._ids = ids
        self._clock = clock

    async def file(
        self, effect: Effect, *, who: str, why: str, keys: tuple[Key, ...] = (), is_fact: bool = False
    ) -> Receipt:
        """Post `effect` whole; `who` and `why` go to the records' history."""
        return await self._journal.post(self._change(effect, who=who, why=why, keys=keys, is_fact=is_fact))

    async def file_set(self, effects: Iterable[Effect], *, who: str, why: str) -> list[Receipt]:
        """Post each of `effects`, which record what has happened, as a change of its own; bulk work."""
        return await self._journal.post_set(self._change(effect, who=who, why=why, is_fact=True) for effect in effects)

    def _change(
        self, effect: Effect, *, who: str, why: str, keys: tuple[Key, ...] = (), is_fact: bool = False
    ) -> Change:
        return Change(
            id=self._ids.new(),
            who=who,
            why=why,
            occurred_at=self._clock.now(),
            keys=keys,
            records=effect.records,
            postings=effect.postings,
            counts=effect.counts,
            events=effect.events,
            fact=is_fact,
        )
