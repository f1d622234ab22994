"""Worked examples 1, 2, 3 and the fee of 5, in the tables they are written in (amounts in fen)."""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.fees.evaluate import RateError, prepare, price, share, take_back
from gateway.fees.model import Factor, Item, RateKind, Rounding, Taker, Terms, Tier
from gateway.fees.save import percent

VERSION = UUID(int=7)
PLATFORM_TAKES = (Taker(item="commission"),)
COMMISSION = Item(
    id=UUID(int=1),
    code="commission",
    business="trade",
    mode="platform",
    unit="CNY",
    factors=(Factor(name="base"), Factor(name="gmv"), Factor(name="channel")),
)
TIERS = (
    Tier(lower=Decimal(0), upper=Decimal(10_000_000), ratio=Decimal("0.9")),
    Tier(lower=Decimal(10_000_000), upper=None, ratio=Decimal("1.5")),
)
TIERED = Terms(kind=RateKind.TIERED_RATIO, takers=PLATFORM_TAKES, tier_factor="gmv", tiers=TIERS)


def fee(terms, **facts):
    return price(prepare(COMMISSION, VERSION, terms), facts)


@pytest.mark.parametrize(
    ("base", "gmv_before", "tier", "commission"),
    [
        (8_000_000, 0, 1, 72_000),
        (3_000_000, 8_000_000, 1, 27_000),
        (100_000, 11_000_000, 2, 1_500),
        (100_000, 9_999_999, 1, 900),
        (100_000, 10_000_000, 2, 1_500),
    ],
)
def test_example_1_one_tier_for_the_whole_order(base, gmv_before, tier, commission):
    quote = fee(TIERED, base=base, gmv=gmv_before)
    assert (quote.fee_minor, quote.trace.tier, quote.version) == (commission, tier, VERSION)
    assert quote.takers[0].amount_minor == commission


def test_example_1_split_at_the_bound():
    terms = Terms(kind=RateKind.SPLIT_TIERS, takers=PLATFORM_TAKES, tier_factor="gmv", tiers=TIERS)
    assert fee(terms, base=3_000_000, gmv=8_000_000).fee_minor == 33_000


def test_example_2_merchant_fee_and_channel_cost():
    assert fee(percent("0.60", taker="merchant_fee"), base=1_000_000).fee_minor == 6_000
    assert fee(percent("0.50", taker="channel_cost"), base=1_000_000).fee_minor == 5_000


@pytest.mark.parametrize(
    ("amount", "withdrawal_fee"), [(50_000, 100), (100_000, 100), (100_100, 100), (150_000, 150), (9_000_000, 2_500)]
)
def test_example_5_a_ratio_between_a_minimum_and_a_maximum(amount, withdrawal_fee):
    terms = percent("0.10", taker="withdrawal_fee", minimum_minor=100, maximum_minor=2_500)
    assert fee(terms, base=amount).fee_minor == withdrawal_fee


def test_example_4_an_amount_per_payment():
    terms = Terms(kind=RateKind.FIXED_AMOUNT, takers=(Taker(item="payout_fee"),), expression="fixed", fixed_minor=200)
    assert fee(terms, base=250_000).fee_minor == 200


def test_example_3_the_cumulative_method_to_the_fen():
    """5 fen on 100.00: refunds of 33.33, 33.33 and 33.34 take back 2, 1 and 2."""
    before, given_back = 0, []
    for reversed_so_far in (3_333, 6_666, 10_000):
        [part] = take_back(
            taken=[5], fee_minor=5, original_minor=10_000, reversed_minor=reversed_so_far, before=[before]
        )
        given_back.append(part)
        before += part
    assert given_back == [2, 1, 2]


@given(
    fee_minor=st.integers(0, 10_000),
    weights=st.lists(st.integers(1, 9), min_size=1, max_size=4),
    parts=st.lists(st.integers(1, 5_000), min_size=1, max_size=6),
)
def test_whole_reversals_give_back_exactly_what_was_taken(fee_minor, weights, parts):
    takers = [Taker(item=f"t{n}", weight=weight) for n, weight in enumerate(weights)]
    taken = [each.amount_minor for each in share(fee_minor, takers)]
    assert sum(taken) == fee_minor
    before, total, so_far = [0] * len(taken), sum(parts), 0
    for part in parts:
        so_far += part
        back = take_back(taken=taken, fee_minor=fee_minor, original_minor=total, reversed_minor=so_far, before=before)
        before = [earlier + now for earlier, now in zip(before, back, strict=True)]
    assert before == taken


def test_a_condition_chooses_and_a_formula_is_traced():
    terms = Terms(
        kind=RateKind.FIXED_RATIO,
        takers=PLATFORM_TAKES,
        condition='channel in ("pos", "qr") and base >= 100',
        expression="max(base * ratio / 100, 5) if channel == 'pos' else 3",
        ratio=Decimal("0.9"),
    )
    quote = fee(terms, base=1_000, channel="pos")
    assert quote.fee_minor == 9
    assert quote.trace.raw == "9"
    assert quote.trace.facts == {"base": "1000", "channel": "pos"}
    assert fee(terms, base=1_000, channel="qr").fee_minor == 3


@pytest.mark.parametrize(("rounding", "expected"), [(Rounding.HALF_UP, 8), (Rounding.DOWN, 7), (Rounding.UP, 8)])
def test_roundings(rounding, expected):
    terms = Terms(kind=RateKind.FIXED_RATIO, takers=PLATFORM_TAKES, ratio=Decimal("0.75"), rounding=rounding)
    assert fee(terms, base=1_000).fee_minor == expected


@pytest.mark.parametrize(
    ("terms", "facts"),
    [
        (TIERED, {"base": 1}),
        (TIERED, {"base": 1, "gmv": "much"}),
        (TIERED, {"base": 1, "gmv": -1}),
        (TIERED, {"base": 1.5, "gmv": 1}),
        (percent("0.60", taker="x"), {"gmv": 1}),
        (percent("101", taker="x"), {"base": 1_000}),
        (Terms(kind=RateKind.FIXED_RATIO, takers=PLATFORM_TAKES, expression="base / (base - 5)"), {"base": 5}),
        (Terms(kind=RateKind.FIXED_RATIO, takers=PLATFORM_TAKES, expression="-base"), {"base": 5}),
    ],
    ids=["no factor", "a text", "no tier", "a float", "no base", "above the base", "by nothing", "negative"],
)
def test_what_cannot_be_worked_out_is_an_error_and_never_a_fee_of_nothing(terms, facts):
    with pytest.raises(RateError):
        fee(terms, **facts)
