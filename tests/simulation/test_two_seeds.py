"""Each seed is a day of its own, and every one of them holds."""

from __future__ import annotations

from collections import Counter

import pytest

from gateway.app.day import day_of
from gateway.sandbox.day import DayResult
from gateway.sandbox.day.plan import plan_day

SEEDS = (20261123, 20261124, 20261125)
DEMO_SEED = 1


@pytest.mark.prove(part=1)
async def test_another_seed_is_another_day_and_holds(new_world, proof) -> None:
    bought = {DEMO_SEED: _planned(DEMO_SEED)}
    for seed in SEEDS[: proof.count(quick=1, full=len(SEEDS))]:
        async with new_world(seed=seed) as world:
            day = await day_of(world.facts, seed=seed, say=lambda _: None)
        assert day.failures == (), f"seed {seed}"
        bought[seed] = _bought(day)
        proof.figure(**{f"seed_{seed}": day.to_json()})
    assert len({frozenset(amounts) for amounts in bought.values()}) == len(bought)


def test_the_same_seed_is_the_same_day() -> None:
    assert plan_day(SEEDS[0], terminals=6) == plan_day(SEEDS[0], terminals=6)


def _bought(day: DayResult) -> Counter[int]:
    """What was really paid for, as the terminals' slips have it; a request sent again counts once."""
    slips = {slip.request.trace + slip.request.fields["41"]: slip for slip in day.slips}
    return Counter(slip.request.amount for slip in slips.values() if slip.request.transaction == "purchase")


def _planned(seed: int) -> Counter[int]:
    return Counter(planned.amount for shift in plan_day(seed, terminals=6).purchases for planned in shift)
