"""Fee items, rates and quotes as records (rows S27-S48).

Ratios are percent, as contracts write them: 0.60 means 0.60 %. Amounts are minor units of the item's unit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID


class RateKind(StrEnum):
    """How a rate works (rows S37, S38, U6)."""

    FIXED_AMOUNT = "fixed_amount"
    FIXED_RATIO = "fixed_ratio"
    TIERED_RATIO = "tiered_ratio"
    SPLIT_TIERS = "split_tiers"


class Rounding(StrEnum):
    """How a computed fee becomes whole minor units."""

    HALF_UP = "half_up"
    DOWN = "down"
    UP = "up"


class FactorSource(StrEnum):
    """Where a factor's value comes from (rows S30-S34)."""

    FACT = "fact"
    INSTANCE = "instance"
    PLUG_IN = "plug_in"


@dataclass(frozen=True, slots=True, kw_only=True)
class Factor:
    """A value that an item's formulas may name; `address` is that of its plug-in."""

    name: str
    source: FactorSource = FactorSource.FACT
    address: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A kind of fee of one business mode of one business; `code` names it for callers ("merchant_fee")."""

    id: UUID
    code: str
    business: str
    mode: str
    unit: str
    name: str = ""
    factors: tuple[Factor, ...] = (Factor(name="base"),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Taker:
    """Who gets a share of the fee; `party` None is the platform, `item` names its income account."""

    item: str
    party: UUID | None = None
    weight: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """One stage of a tiered rate: holds where lower <= value of the tier factor < upper; None = no upper bound."""

    lower: Decimal
    upper: Decimal | None
    ratio: Decimal | None = None
    fixed_minor: int | None = None
    expression: str = ""


RATIO = "base * ratio / 100"
FIXED = "fixed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a rate says: condition, expression, bounds and takers; the content of one version.

    `expression` may name the item's factors, `ratio` (percent) and `fixed` (minor units) of the version or its tier.
    An empty `condition`, or `*`, always holds.
    """

    kind: RateKind
    takers: tuple[Taker, ...]
    condition: str = ""
    expression: str = RATIO
    ratio: Decimal | None = None
    fixed_minor: int | None = None
    tier_factor: str | None = None
    tiers: tuple[Tier, ...] = ()
    minimum_minor: int | None = None
    maximum_minor: int | None = None
    rounding: Rounding = Rounding.HALF_UP


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One version of one party's rate; never changed, in force from `effective_from` until the next one."""

    id: UUID
    number: int
    effective_from: datetime
    terms: Terms


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """The real rate of one party (None = of everybody without one), as its versions, oldest first (row S35)."""

    id: UUID
    item: str
    party: UUID | None
    place: int
    fee_type: str
    versions: tuple[Version, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What one taker gets of a fee."""

    item: str
    party: UUID | None
    amount_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """How a fee came about: enough to work it out again by hand."""

    facts: Mapping[str, str] = field(default_factory=dict)
    expression: str = ""
    tier: int | None = None
    raw: str = ""
    result_minor: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """A fee worked out. `version` is None where no rate applies, and the fee is then nothing."""

    item: str
    unit: str
    fee_minor: int
    version: UUID | None
    takers: tuple[Taken, ...]
    trace: Trace


# Values are whole numbers, decimals or texts; anything else is refused when a quote is made.
Facts = Mapping[str, object]
