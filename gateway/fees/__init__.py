"""One fee engine: facts, condition, expression or tiers, rounding, takers; versioned and traced (rows S27-S48).

Rules of the room: a version is never changed and takes effect at a time to come; ratios are percent; a quote asks no
database; what goes back goes back by the original version and the cumulative method.
"""

from gateway.fees.book import FeeBook, Rates
from gateway.fees.cache import CountedRules, RuleCache, RuleMeter
from gateway.fees.evaluate import RateError, take_back
from gateway.fees.model import Factor, Item, Quote, RateKind, Taken, Taker, Terms, Tier, Trace
from gateway.fees.save import FeeDesk, percent

__all__ = [
    "CountedRules",
    "Factor",
    "FeeBook",
    "FeeDesk",
    "Item",
    "Quote",
    "RateError",
    "RateKind",
    "Rates",
    "RuleCache",
    "RuleMeter",
    "Taken",
    "Taker",
    "Terms",
    "Tier",
    "Trace",
    "percent",
    "take_back",
]
