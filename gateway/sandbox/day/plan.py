"""What a seed makes of a day: who pays how much with which card, and what is undone afterwards."""

from __future__ import annotations

import random
from dataclasses import dataclass

from gateway.sandbox.payees import Fate

PURCHASES = 200
VOIDS = 5
REFUNDS = (30, 50, 100, 40, 25, 60)
"""Per cent of an original; the first two are of the same one."""
_APPROVE = "approve"
_DECLINES = ("decline:51", "decline:05", "decline:54", "decline:61", "decline:14", "decline:55")
_ODD = ("drop", "delay:9900", "twice", "twice", "delay:500", "delay:500", "delay:500")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedPurchase:
    """One purchase to come: minor units and the behaviour of the card it is paid with."""

    amount: int
    behaviour: str

    @property
    def is_plain(self) -> bool:
        """Tell whether nothing is meant to happen to it."""
        return self.behaviour == _APPROVE


@dataclass(frozen=True, slots=True, kw_only=True)
class DayPlan:
    """A day: purchases per terminal, the fates of its withdrawals, the way its bad file is bad."""

    seed: int
    purchases: tuple[tuple[PlannedPurchase, ...], ...]
    withdrawals: tuple[Fate, ...]
    bad_file: str

    def draw(self, what: str) -> random.Random:
        """Return the generator that decides `what`, apart from everything else."""
        return random.Random(f"{self.seed}/{what}")


def plan_day(seed: int, *, terminals: int) -> DayPlan:
    """Plan the day of `seed`. No two purchases are of one amount, so that an amount names its purchase."""
    drawn = random.Random(f"{seed}/purchases")
    amounts = drawn.sample(range(20_00, 500_00), PURCHASES)
    behaviours = [*_ODD, *(drawn.choice(_DECLINES) for _ in range(drawn.randint(10, 18)))]
    behaviours += [_APPROVE] * (PURCHASES - len(behaviours))
    drawn.shuffle(behaviours)
    purchases = [PlannedPurchase(amount=a, behaviour=b) for a, b in zip(amounts, behaviours, strict=True)]
    withdrawals = [Fate.FAILED, Fate.SILENT, Fate.RETURNED, *[Fate.PAID] * 5]
    drawn.shuffle(withdrawals)
    return DayPlan(
        seed=seed,
        purchases=tuple(tuple(purchases[place::terminals]) for place in range(terminals)),
        withdrawals=tuple(withdrawals),
        bad_file=drawn.choice(("truncated", "totals", "encoding")),
    )
