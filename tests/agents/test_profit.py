"""Profit of one transaction: worked example 2, and the reasons for none."""

from __future__ import annotations

from datetime import timedelta

import pytest

from gateway.agents import ProfitSharing, RawTransaction
from gateway.fees import CountedRules, RuleCache, store
from gateway.kernel.money import Money
from tests.plugins.remote_source import Pulling


def sale(minor: int, *, state: str = "success", unit: str = "CNY", clock) -> RawTransaction:
    return RawTransaction(
        id="T1",
        device="D1",
        agent="Y",
        merchant="M1",
        amount=Money(minor, unit),
        fee=Money(0, unit),
        cost=Money(0, unit),
        state=state,
        occurred_at=clock.now() + timedelta(seconds=1),
        digest="",
    )


@pytest.fixture
def sharing(pulling: Pulling, clock) -> ProfitSharing:
    return ProfitSharing(
        RuleCache(
            read=lambda item, party: store.rule(pulling.pool, item, party),
            generation_of=lambda: store.generation(pulling.pool),
            clock=clock,
        )
    )


@pytest.mark.parametrize(
    ("amount", "profit", "of_y", "of_x"),
    [(1_000_000, 600, 240, 360), (499_999, 250, 100, 150), (500_000, 300, 120, 180), (3_333, 2, 1, 1), (1, 0, 0, 0)],
)
async def test_worked_example_2(
    sharing: ProfitSharing, pulling: Pulling, clock, amount: int, profit: int, of_y: int, of_x: int
) -> None:
    got = await sharing.of(sale(amount, clock=clock), agent=pulling.agents["Y"], meter=CountedRules())
    assert (got.total, [share.amount_minor for share in got.shares]) == (Money(profit, "CNY"), [of_y, of_x])
    assert [share.party for share in got.shares] == [pulling.agents["Y"], pulling.agents["X"]]
    assert got.version is not None


async def test_reasons_for_none(sharing: ProfitSharing, pulling: Pulling, clock, ids) -> None:
    meter = CountedRules()
    stranger = await sharing.of(sale(1000, clock=clock), agent=ids.new(), meter=meter)
    assert (stranger.why_none, stranger.shares, stranger.version) == ("no_rule", (), None)
    failed = await sharing.of(sale(1000, state="failed", clock=clock), agent=pulling.agents["Y"], meter=meter)
    assert (failed.why_none, failed.total) == ("not_successful", Money(0, "CNY"))
