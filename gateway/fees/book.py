"""The fee book: all rates in memory under their generation, so that a quote asks no database (rows S35-S42)."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from gateway.fees.evaluate import Rate, RateError, applies, prepare, price
from gateway.fees.expression import FormulaError
from gateway.fees.model import Facts, Instance, Item, Quote, Trace

GENERATION = "fees"


@dataclass(frozen=True, slots=True)
class Rates:
    """What the book was read as: items and instances of one generation."""

    generation: int
    items: tuple[Item, ...]
    instances: tuple[Instance, ...]


@dataclass(frozen=True, slots=True)
class _Line:
    since: tuple[datetime, ...]
    rates: tuple[Rate, ...]
    fault: str = ""

    def at(self, instant: datetime) -> Rate | None:
        if self.fault:
            raise RateError(self.fault)
        place = bisect_right(self.since, instant)
        return self.rates[place - 1] if place else None


class FeeBook:
    """Quotes fees from memory; `read` loads rates and generation anew, `generation_of` tells the one that holds now."""

    def __init__(self, *, read: Callable[[], Awaitable[Rates]], generation_of: Callable[[], Awaitable[int]]) -> None:
        self._read = read
        self._generation_of = generation_of
        self._items: dict[str, Item] = {}
        self._lines: dict[tuple[str, UUID | None], list[_Line]] = {}
        self._generation = -1

    @property
    def expects(self) -> tuple[str, int]:
        """The generation that quotes are made on, for `Change.expects`."""
        return (GENERATION, self._generation)

    async def refresh(self) -> None:
        """Read the rates again where they have changed."""
        if await self._generation_of() != self._generation:
            self.take(await self._read())

    def take(self, rates: Rates) -> None:
        """Use `rates` from now on; one whose formula cannot be read refuses those it is for and nobody else."""
        items = {item.code: item for item in rates.items}
        lines: dict[tuple[str, UUID | None], list[_Line]] = {}
        for instance in sorted(rates.instances, key=lambda each: each.place):
            lines.setdefault((instance.item, instance.party), []).append(_line(items[instance.item], instance))
        self._items, self._lines, self._generation = items, lines, rates.generation

    def quote(self, *, item: str, party: UUID, facts: Facts, at: datetime) -> Quote:
        """Work out the fee `item` of `party` for one order at the instant `at`.

        The party's own rates come first, then everybody's; the first whose condition holds is used. Raises RateError
        where that one cannot be worked out, and KeyError where the item is not known.
        """
        known = self._items[item]
        for rate in self._candidates(item, party, at):
            if applies(rate, facts):
                return price(rate, facts)
        return Quote(item=item, unit=known.unit, fee_minor=0, version=None, takers=(), trace=Trace())

    def has(self, item: str) -> bool:
        """Tell whether the item is known."""
        return item in self._items

    def _candidates(self, item: str, party: UUID, at: datetime) -> Iterable[Rate]:
        for owner in (party, None):
            for line in self._lines.get((item, owner), ()):
                rate = line.at(at)
                if rate is not None:
                    yield rate


def _line(item: Item, instance: Instance) -> _Line:
    versions = sorted(instance.versions, key=lambda version: version.effective_from)
    since = tuple(version.effective_from for version in versions)
    try:
        return _Line(since, tuple(prepare(item, version.id, version.terms) for version in versions))
    except FormulaError as fault:
        return _Line(since, (), fault=f"a stored rate of {item.code} cannot be read: {fault}")
