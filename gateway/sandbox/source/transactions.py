"""The transactions themselves, by seed and number."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from gateway.sandbox.source.plan import SourcePlan

_LARGEST_MINOR = 2_000_000
_FEE_PER_TEN_THOUSAND, _COST_PER_TEN_THOUSAND = 60, 50
_UNIT = "CNY"


def transaction(plan: SourcePlan, number: int) -> dict[str, Any]:
    """Return transaction `number` (from 0) as the source tells it; one that is bad lacks its amount."""
    id_ = identifier(plan, number)
    amount = 1 + plan.draw("amount", id_, _LARGEST_MINOR)
    told: dict[str, Any] = {
        "id": id_,
        "device": f"D{1 + plan.draw('device', id_, 20):04}",
        "agent": plan.agents[number % len(plan.agents)],
        "merchant": f"M{1 + plan.draw('merchant', id_, 50):03}",
        "amount": _money(amount),
        "fee": _money(amount * _FEE_PER_TEN_THOUSAND // 10_000),
        "cost": _money(amount * _COST_PER_TEN_THOUSAND // 10_000),
        "state": "success",
        "occurred_at": (plan.since + timedelta(seconds=number)).isoformat(),
    }
    if id_ in plan.bad:
        del told["amount"]
    return told


def identifier(plan: SourcePlan, number: int) -> str:
    """Return the id of transaction `number`."""
    return f"T{plan.seed}-{number:08}"


def _money(minor: int) -> dict[str, object]:
    return {"minor": minor, "unit": _UNIT}
