"""What is refused when a rate is saved (rows S39, S48)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from gateway.fees.check import TermsError, check_terms, check_time
from gateway.fees.model import Factor, Item, RateKind, Taker, Terms, Tier
from gateway.fees.save import percent

ITEM = Item(
    id=UUID(int=1),
    code="fee",
    business="b",
    mode="m",
    unit="CNY",
    factors=(Factor(name="base"), Factor(name="gmv")),
)
NOW = datetime(2026, 11, 22, tzinfo=UTC)


def tiered(*bounds, **fields):
    tiers = tuple(
        Tier(lower=Decimal(lower), upper=None if upper is None else Decimal(upper), ratio=Decimal(1))
        for lower, upper in bounds
    )
    terms = Terms(kind=RateKind.TIERED_RATIO, takers=(Taker(item="x"),), tier_factor="gmv", tiers=tiers)
    return replace(terms, **fields)


@pytest.mark.parametrize(
    ("terms", "named"),
    [
        (tiered((0, 100), (90, None)), "overlap at 90"),
        (tiered((0, 100), (110, None)), "from 100 to 110"),
        (tiered((0, None), (100, None)), "overlap at 100"),
        (tiered((0, 100), (100, 200)), "from 200"),
        (tiered((10, None)), "from 0 to 10"),
        (tiered((0, 0), (0, None)), "empty"),
        (tiered((0, None), tier_factor="age"), "'age'"),
        (tiered(), "needs tiers"),
        (replace(percent("1", taker="x"), expression="base * rate"), "'rate'"),
        (replace(percent("1", taker="x"), condition="base >"), "not a formula"),
        (replace(percent("1", taker="x"), ratio=None), "needs ratio"),
        (percent("-1", taker="x"), "ratio -1"),
        (percent("1", taker="x", minimum_minor=5, maximum_minor=4), "above the maximum"),
        (replace(percent("1", taker="x"), takers=()), "takers"),
        (replace(percent("1", taker="x"), takers=(Taker(item="x", weight=0),)), "weights"),
        (Terms(kind=RateKind.FIXED_AMOUNT, takers=(Taker(item="x"),), expression="fixed"), "fixed_minor"),
        (replace(percent("1", taker="x"), tiers=tiered((0, None)).tiers), "no tiers"),
    ],
)
def test_it_is_refused_and_the_value_is_named(terms, named):
    with pytest.raises(TermsError, match=named):
        check_terms(ITEM, terms)


def test_good_terms_pass():
    check_terms(ITEM, tiered((0, 100), (100, None)))
    check_terms(ITEM, percent("0.6", taker="x", condition="*"))


def test_never_in_the_past_and_never_before_a_later_version():
    check_time(NOW, NOW, None)
    with pytest.raises(TermsError, match="past"):
        check_time(NOW - timedelta(seconds=1), NOW, None)
    with pytest.raises(TermsError, match="later version"):
        check_time(NOW, NOW, NOW)
