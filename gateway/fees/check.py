"""What is checked when a rate is saved, so that no order meets one that cannot be worked out (rows S39, S41, S48)."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from uuid import UUID

from gateway.fees.evaluate import prepare
from gateway.fees.expression import FormulaError
from gateway.fees.model import Item, RateKind, Terms, Tier

_TIERED = (RateKind.TIERED_RATIO, RateKind.SPLIT_TIERS)
_NO_VERSION = UUID(int=0)


class TermsError(ValueError):
    """Terms that must not be saved; the text names the value and what to do."""


def check_terms(item: Item, terms: Terms) -> None:
    """Refuse terms that are not complete, not parsable, or whose tiers overlap or leave a gap. Raises TermsError."""
    try:
        prepare(item, _NO_VERSION, terms)
    except FormulaError as fault:
        raise TermsError(str(fault)) from fault
    _check_numbers(terms)
    _check_takers(terms)
    if terms.kind in _TIERED:
        _check_tiers(item, terms)
    elif terms.tiers:
        raise TermsError(f"a rate of kind {terms.kind} has no tiers")


def check_time(effective_from: datetime, now: datetime, latest: datetime | None) -> None:
    """Refuse a version that would take effect in the past or before one that exists. Raises TermsError."""
    if effective_from < now:
        raise TermsError("a version takes effect at a time to come, never in the past")
    if latest is not None and effective_from <= latest:
        raise TermsError(f"a later version exists: choose a time after {latest.isoformat()}")


def _check_numbers(terms: Terms) -> None:
    for name, value in (("ratio", terms.ratio), ("fixed_minor", terms.fixed_minor)):
        if value is not None and (value < 0 or not Decimal(value).is_finite()):
            raise TermsError(f"{name} {value} must be a number from 0")
    lowest, highest = terms.minimum_minor, terms.maximum_minor
    if min(lowest or 0, highest or 0) < 0:
        raise TermsError("minimum and maximum must be from 0")
    if lowest is not None and highest is not None and lowest > highest:
        raise TermsError(f"the minimum {lowest} is above the maximum {highest}")
    _check_own_names(terms)


def _check_own_names(terms: Terms) -> None:
    if terms.kind is RateKind.FIXED_AMOUNT and terms.fixed_minor is None:
        raise TermsError("a fixed amount needs fixed_minor")
    if terms.kind is RateKind.FIXED_RATIO and terms.ratio is None and "ratio" in terms.expression:
        raise TermsError("a fixed ratio needs ratio")


def _check_takers(terms: Terms) -> None:
    weights = [taker.weight for taker in terms.takers]
    if not weights or min(weights) < 0 or sum(weights) <= 0:
        raise TermsError("a fee needs takers, with weights that add up to more than zero")


def _check_tiers(item: Item, terms: Terms) -> None:
    if terms.tier_factor not in {factor.name for factor in item.factors}:
        raise TermsError(f"the tier factor {terms.tier_factor!r} is not a factor of {item.code}")
    if not terms.tiers:
        raise TermsError("a tiered rate needs tiers")
    for one, following in pairwise(terms.tiers):
        _check_neighbours(one, following)
    if terms.tiers[0].lower != 0:
        raise TermsError(f"nothing holds from 0 to {terms.tiers[0].lower}: tiers must leave no gap")
    if terms.tiers[-1].upper is not None:
        raise TermsError(f"nothing holds from {terms.tiers[-1].upper}: the last tier has no upper bound")
    for tier in terms.tiers:
        _check_tier(terms, tier)


def _check_neighbours(one: Tier, following: Tier) -> None:
    if one.upper is None or one.upper > following.lower:
        raise TermsError(f"tiers overlap at {following.lower}")
    if one.upper < following.lower:
        raise TermsError(f"nothing holds from {one.upper} to {following.lower}: tiers must leave no gap")


def _check_tier(terms: Terms, tier: Tier) -> None:
    if tier.upper is not None and tier.upper <= tier.lower:
        raise TermsError(f"a tier from {tier.lower} to {tier.upper} is empty")
    text = tier.expression or terms.expression
    if "ratio" in text and tier.ratio is None and terms.ratio is None:
        raise TermsError(f"the tier from {tier.lower} needs a ratio")
    if tier.ratio is not None and (tier.ratio < 0 or not tier.ratio.is_finite()):
        raise TermsError(f"the tier's ratio {tier.ratio} must be a number from 0")
