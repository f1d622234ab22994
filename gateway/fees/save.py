"""Saving items and rates: checked first, through the edit shell, a new version each time (rows S27, S28, S35-S41)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from gateway.fees import store
from gateway.fees.check import TermsError, check_terms, check_time
from gateway.fees.model import RATIO, Factor, Item, RateKind, Taker, Terms, Tier
from gateway.kernel.clock import Clock
from gateway.kernel.ids import Ids
from gateway.kernel.postgres.edit import Add, Edit, EditRefused, apply_edit
from gateway.kernel.postgres.pool import Database


class FeeDesk:
    """Takes on fee items and rates for `who`; the same item or rate again is the one that is there."""

    def __init__(self, *, pool: Database, clock: Clock, ids: Ids, who: str) -> None:
        self._pool = pool
        self._clock = clock
        self._ids = ids
        self._who = who

    async def item(
        self,
        *,
        code: str,
        business: str,
        mode: str,
        unit: str,
        name: str = "",
        factors: Sequence[Factor] = (Factor(name="base"),),
    ) -> Item:
        """Take on a fee item with its factors. Raises TermsError where the code is taken by another one."""
        found = await store.item_of(self._pool, code)
        if found is None:
            row = {"id": self._ids.new(), "code": code, "business": business, "mode": mode, "name": name, "unit": unit}
            lines = [Add(store.FEE_ITEM, row), *(self._factor_line(row["id"], factor) for factor in factors)]
            await self._edit(f"fee_item/{code}", {"unit": unit, "business": business, "mode": mode}, lines)
            found = await store.item_of(self._pool, code)
        if found is None or (found.unit, found.business, found.mode) != (unit, business, mode):
            raise TermsError(f"the fee item {code} is there with other facts")
        return found

    async def rate(
        self,
        *,
        item: str,
        party: UUID | None,
        terms: Terms,
        fee_type: str,
        effective_from: datetime | None = None,
        place: int = 1,
        key: str,
    ) -> None:
        """Add a version of a party's rate (None: everybody's), in force from a time to come, or from now on.

        `key` names the request: the same again changes nothing. Raises TermsError where the terms must not be saved.
        """
        known = await store.item_of(self._pool, item)
        if known is None:
            raise TermsError(f"there is no fee item {item}")
        check_terms(known, terms)
        said = {"item": item, "party": str(party), "terms": repr(terms), "from": str(effective_from), "place": place}
        lines = await self._lines(known, party, place, fee_type, terms, effective_from, key)
        await self._edit(key, said, lines)

    async def drafted(
        self, *, item: str, party: UUID | None, terms: Terms, fee_type: str, effective_from: datetime, place: int = 1
    ) -> list[Add]:
        """Return the lines that would save a rate, for somebody else to approve. Raises TermsError as `rate` does."""
        known = await store.item_of(self._pool, item)
        if known is None:
            raise TermsError(f"there is no fee item {item}")
        check_terms(known, terms)
        return await self._lines(known, party, place, fee_type, terms, effective_from, key="")

    async def _lines(
        self,
        item: Item,
        party: UUID | None,
        place: int,
        fee_type: str,
        terms: Terms,
        effective_from: datetime | None,
        key: str,
    ) -> list[Add]:
        now = self._clock.now()
        since = effective_from or now
        instance = await store.instance_of(self._pool, item.id, party, place)
        newest = None if instance is None else await store.newest_version(self._pool, instance)
        if not await store.edit_exists(self._pool, key):
            check_time(since, now, None if newest is None else newest[1])
        lines: list[Add] = []
        if instance is None:
            instance = self._ids.new()
            lines.append(self._instance_line(instance, item.id, party, place, fee_type))
        number = 1 if newest is None else newest[0] + 1
        return [*lines, *self._version_lines(instance, number, since, now, terms)]

    async def _edit(self, key: str, said: dict[str, object], lines: Sequence[Add]) -> None:
        edit = Edit(
            id=self._ids.new(),
            key=key,
            who=self._who,
            why="fees are set",
            at=self._clock.now(),
            said=said,
            lines=tuple(lines),
        )
        result = await apply_edit(self._pool, edit)
        if isinstance(result, EditRefused):
            raise TermsError(result.detail)

    def _factor_line(self, item: object, factor: Factor) -> Add:
        row = {"id": self._ids.new(), "item_id": item, "name": factor.name}
        return Add(store.FEE_FACTOR, {**row, "source": factor.source.value, "address": factor.address})

    def _instance_line(self, instance: UUID, item: UUID, party: UUID | None, place: int, fee_type: str) -> Add:
        row = {"id": instance, "item_id": item, "party_id": party, "place": place, "fee_type": fee_type}
        return Add(store.FEE_INSTANCE, row)

    def _version_lines(self, instance: UUID, number: int, since: datetime, now: datetime, terms: Terms) -> list[Add]:
        version = self._ids.new()
        row = {
            "id": version,
            "instance_id": instance,
            "number": number,
            "effective_from": since,
            "kind": terms.kind.value,
            "condition": terms.condition,
            "expression": terms.expression,
            "ratio": terms.ratio,
            "fixed_minor": terms.fixed_minor,
            "tier_factor": terms.tier_factor,
            "minimum_minor": terms.minimum_minor,
            "maximum_minor": terms.maximum_minor,
            "rounding": terms.rounding.value,
            "takers": [_shown(taker) for taker in terms.takers],
            "recorded_at": now,
            "who": self._who,
        }
        details = [self._detail_line(version, place, tier) for place, tier in enumerate(terms.tiers, start=1)]
        return [Add(store.FEE_VERSION, row), *details]

    def _detail_line(self, version: UUID, place: int, tier: Tier) -> Add:
        row = {
            "id": self._ids.new(),
            "version_id": version,
            "place": place,
            "lower": tier.lower,
            "upper": tier.upper,
            "ratio": tier.ratio,
            "fixed_minor": tier.fixed_minor,
            "expression": tier.expression,
        }
        return Add(store.FEE_DETAIL, row)


def percent(
    ratio: str, *, taker: str, minimum_minor: int | None = None, maximum_minor: int | None = None, condition: str = ""
) -> Terms:
    """Terms of a fixed ratio in percent with one taker, the platform's income account `taker`."""
    return Terms(
        kind=RateKind.FIXED_RATIO,
        takers=(Taker(item=taker),),
        condition=condition,
        expression=RATIO,
        ratio=Decimal(ratio),
        minimum_minor=minimum_minor,
        maximum_minor=maximum_minor,
    )


def _shown(taker: Taker) -> dict[str, object]:
    party = None if taker.party is None else str(taker.party)
    return {"item": taker.item, "party": party, "weight": taker.weight}
