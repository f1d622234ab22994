"""The rule cache: one read for a rule however many quotes, a changed rule read anew (rows A35-A38)."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from gateway.fees import CountedRules, FeeDesk, RuleCache, percent, store
from gateway.kernel.clock import ManualClock, SystemClock
from gateway.parties import PLATFORM


@pytest.fixture
async def desk(pool, clock, ids) -> FeeDesk:
    made = FeeDesk(pool=pool, clock=clock, ids=ids, who="operator:1")
    await made.item(code="profit", business="agents", mode="device", unit="CNY")
    await made.rate(item="profit", party=None, terms=percent("1", taker="profit"), fee_type="p", key="k0")
    return made


@pytest.fixture
def manual() -> ManualClock:
    return ManualClock(SystemClock().now())


@pytest.fixture
def cache(pool, manual) -> RuleCache:
    return RuleCache(
        read=lambda item, party: store.rule(pool, item, party),
        generation_of=lambda: store.generation(pool),
        clock=manual,
    )


async def fee(cache: RuleCache, meter: CountedRules, party: Any = PLATFORM, *, at: Any = None) -> int:
    at = at or SystemClock().now()
    quote = await cache.quote(item="profit", party=party, facts={"base": 10_000}, at=at, meter=meter)
    return quote.fee_minor


async def test_ten_thousand_quotes_by_one_rule_are_one_read(desk: FeeDesk, cache: RuleCache) -> None:
    counted = CountedRules()
    at_once = await asyncio.gather(*(fee(cache, counted) for _ in range(100)))
    later = [await fee(cache, counted) for _ in range(9_900)]
    assert set(at_once + later) == {100}
    assert (counted.reads, counted.hits) == (1, 9_999)


async def test_a_rule_is_read_by_itself(desk: FeeDesk, cache: RuleCache, ids) -> None:
    counted, other = CountedRules(), ids.new()
    await desk.rate(item="profit", party=PLATFORM, terms=percent("2", taker="profit"), fee_type="p", key="k1")
    assert (await fee(cache, counted), await fee(cache, counted, other)) == (200, 100)
    assert counted.reads == 2


async def test_a_changed_rule_is_read_anew_and_holds_from_its_time(
    desk: FeeDesk, cache: RuleCache, manual: ManualClock, clock: SystemClock
) -> None:
    counted = CountedRules()
    assert await fee(cache, counted) == 100
    later = clock.now() + timedelta(hours=1)
    two = percent("2", taker="profit")
    await desk.rate(item="profit", party=None, terms=two, fee_type="p", effective_from=later, key="k2")
    assert await fee(cache, counted, at=later) == 100, "the generation is not looked at before a second has passed"
    manual.advance(timedelta(seconds=1))
    assert (await fee(cache, counted, at=later), await fee(cache, counted)) == (200, 100)
    assert counted.reads == 2


async def test_a_read_that_fails_is_not_remembered(pool, desk: FeeDesk, manual: ManualClock) -> None:
    fails = [OSError()]

    async def read(item: str, party: Any) -> Any:
        if fails:
            raise fails.pop()
        return await store.rule(pool, item, party)

    cache = RuleCache(read=read, generation_of=lambda: store.generation(pool), clock=manual)
    counted = CountedRules()
    with pytest.raises(OSError):
        await fee(cache, counted)
    assert await fee(cache, counted) == 100


async def test_the_oldest_is_forgotten_where_there_are_too_many(pool, desk: FeeDesk, manual: ManualClock, ids) -> None:
    cache = RuleCache(
        read=lambda item, party: store.rule(pool, item, party),
        generation_of=lambda: store.generation(pool),
        clock=manual,
        most=2,
    )
    counted, parties = CountedRules(), [ids.new() for _ in range(3)]
    for party in (*parties, parties[0], parties[2]):
        await fee(cache, counted, party)
    assert counted.reads == 4
