"""Working a fee out: facts, condition, expression or tiers, bounds, rounding, takers; pure (rows S29-S42, U5, U6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from uuid import UUID

from gateway.fees.expression import Formula, FormulaError, Value, compile_formula, holds, number
from gateway.fees.model import Facts, Item, Quote, RateKind, Rounding, Taken, Taker, Terms, Tier, Trace
from gateway.kernel.money import reversed_part, round_half_up, split

_ALWAYS = ("", "*")
_OWN_NAMES = frozenset({"ratio", "fixed"})


class RateError(ValueError):
    """A rate cannot be applied to these facts, or gives a fee that must not be; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """A version's terms with their formulas parsed; made once, used for every quote."""

    item: Item
    version: UUID
    terms: Terms
    condition: Formula | None
    expression: Formula
    tiers: tuple[Formula, ...] = field(default=())


def prepare(item: Item, version: UUID, terms: Terms) -> Rate:
    """Parse and check the formulas of `terms`. Raises FormulaError."""
    facts = frozenset(factor.name for factor in item.factors)
    known = facts | _OWN_NAMES
    always = terms.condition.strip() in _ALWAYS
    return Rate(
        item=item,
        version=version,
        terms=terms,
        condition=None if always else compile_formula(terms.condition, facts),
        expression=compile_formula(terms.expression, known),
        tiers=tuple(compile_formula(tier.expression or terms.expression, known) for tier in terms.tiers),
    )


def applies(rate: Rate, facts: Facts) -> bool:
    """Tell whether the rate's condition holds for `facts`. Raises RateError."""
    try:
        return rate.condition is None or holds(rate.condition, _values(facts))
    except FormulaError as fault:
        raise RateError(f"condition of {rate.item.code}: {fault}") from fault


def price(rate: Rate, facts: Facts) -> Quote:
    """Work out the fee of one order.

    Raises RateError where no tier holds, a fact is missing, or the computed fee exceeds the base.
    """
    values = _values(facts)
    try:
        raw, used, tier = _raw(rate, values)
    except FormulaError as fault:
        raise RateError(f"{rate.item.code}: {fault}") from fault
    computed = _rounded(raw, rate.terms.rounding)
    _check(rate, computed, values)
    fee = _bounded(computed, rate.terms)
    trace = Trace(
        facts={name: str(value) for name, value in sorted(facts.items())},
        expression=used,
        tier=tier,
        raw=format(raw.normalize(), "f"),
        result_minor=fee,
    )
    return Quote(
        item=rate.item.code,
        unit=rate.item.unit,
        fee_minor=fee,
        version=rate.version,
        takers=share(fee, rate.terms.takers),
        trace=trace,
    )


def share(fee_minor: int, takers: Sequence[Taker]) -> tuple[Taken, ...]:
    """Share a fee among its takers by weight; the last takes the rest."""
    parts = split(fee_minor, [taker.weight for taker in takers])
    pairs = zip(takers, parts, strict=True)
    return tuple(Taken(item=taker.item, party=taker.party, amount_minor=part) for taker, part in pairs)


def take_back(
    *, taken: Sequence[int], fee_minor: int, original_minor: int, reversed_minor: int, before: Sequence[int]
) -> list[int]:
    """Return what each taker gives back now, by the original version and the cumulative method (worked example 3).

    `reversed_minor` counts all of `original_minor` that is reversed, this time included; `before` is what each taker
    gave back earlier. The total and every taker but the last are rounded; the last gives the rest.
    """

    def part(amount: int, earlier: int) -> int:
        return reversed_part(
            original_part=amount,
            original_total=original_minor,
            reversed_total=reversed_minor,
            reversed_part_before=earlier,
        )

    parts = [part(amount, earlier) for amount, earlier in zip(taken[:-1], before[:-1], strict=True)]
    return [*parts, part(fee_minor, sum(before)) - sum(parts)]


def _values(facts: Facts) -> dict[str, Value]:
    return {name: _value(name, fact) for name, fact in facts.items()}


def _value(name: str, fact: object) -> Value:
    if isinstance(fact, bool) or not isinstance(fact, int | Decimal | str):
        raise RateError(f"the fact {name!r} is neither a whole number, a decimal nor a text")
    return fact if isinstance(fact, str) else Decimal(fact)


def _raw(rate: Rate, values: Mapping[str, Value]) -> tuple[Decimal, str, int | None]:
    terms = rate.terms
    if terms.kind is RateKind.SPLIT_TIERS:
        return _split_over_tiers(rate, values), rate.expression.text, None
    if terms.kind is RateKind.TIERED_RATIO:
        place = _tier_of(terms, _tier_value(terms, values))
        return _one_tier(rate, place, values), rate.tiers[place].text, place + 1
    own = _with_own(values, terms.ratio, terms.fixed_minor)
    return number(rate.expression, own), rate.expression.text, None


def _with_own(values: Mapping[str, Value], ratio: Decimal | None, fixed_minor: int | None) -> dict[str, Value]:
    own = dict(values)
    if ratio is not None:
        own["ratio"] = ratio
    if fixed_minor is not None:
        own["fixed"] = Decimal(fixed_minor)
    return own


def _one_tier(rate: Rate, place: int, values: Mapping[str, Value]) -> Decimal:
    tier, terms = rate.terms.tiers[place], rate.terms
    ratio = tier.ratio if tier.ratio is not None else terms.ratio
    fixed = tier.fixed_minor if tier.fixed_minor is not None else terms.fixed_minor
    return number(rate.tiers[place], _with_own(values, ratio, fixed))


def _tier_value(terms: Terms, values: Mapping[str, Value]) -> Decimal:
    value = values.get(terms.tier_factor or "")
    if isinstance(value, bool) or not isinstance(value, Decimal):
        raise RateError(f"the tiers need the factor {terms.tier_factor!r} as a number")
    return value


def _tier_of(terms: Terms, value: Decimal) -> int:
    for place, tier in enumerate(terms.tiers):
        if _contains(tier, value):
            return place
    raise RateError(f"no tier holds for {terms.tier_factor} = {value}")


def _contains(tier: Tier, value: Decimal) -> bool:
    return tier.lower <= value and (tier.upper is None or value < tier.upper)


def _split_over_tiers(rate: Rate, values: Mapping[str, Value]) -> Decimal:
    """Charge each part of the base at the rate of the tier it falls into (row U6, "split at the bound")."""
    start, base = _tier_value(rate.terms, values), values.get("base")
    if isinstance(base, bool) or not isinstance(base, Decimal):
        raise RateError("the base is not a number")
    end, total = start + base, Decimal(0)
    for place, tier in enumerate(rate.terms.tiers):
        upper = end if tier.upper is None else min(end, tier.upper)
        within = upper - max(start, tier.lower)
        if within > 0:
            total += _one_tier(rate, place, {**values, "base": within})
    return total


def _rounded(value: Decimal, rounding: Rounding) -> int:
    match rounding:
        case Rounding.HALF_UP:
            return round_half_up(value)
        case Rounding.DOWN:
            return int(value.to_integral_value(ROUND_FLOOR))
        case Rounding.UP:
            return int(value.to_integral_value(ROUND_CEILING))


def _bounded(fee_minor: int, terms: Terms) -> int:
    if terms.minimum_minor is not None:
        fee_minor = max(fee_minor, terms.minimum_minor)
    if terms.maximum_minor is not None:
        fee_minor = min(fee_minor, terms.maximum_minor)
    return fee_minor


def _check(rate: Rate, computed_minor: int, values: Mapping[str, Value]) -> None:
    if computed_minor < 0:
        raise RateError(f"{rate.item.code} gives a negative fee")
    base = values.get("base")
    proportional = rate.terms.kind is not RateKind.FIXED_AMOUNT
    if proportional and isinstance(base, Decimal) and computed_minor > base:
        raise RateError(f"{rate.item.code} gives more than the base it is taken from")
