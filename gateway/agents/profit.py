"""What an agent earns by one transaction, and how it is shared (rows A4, A28-A38, worked example 2)."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from gateway.agents.transaction import SUCCESS, RawTransaction
from gateway.fees import Quote, RateError, RuleCache, RuleMeter, Taken
from gateway.kernel.money import Money

ITEM = "agent_profit"
NO_RULE = "no_rule"
NOT_SUCCESSFUL = "not_successful"


@dataclass(frozen=True, slots=True, kw_only=True)
class Profit:
    """The profit of one transaction: its shares add up to `total`; without a rule `why_none` says why there is none."""

    total: Money
    version: UUID | None
    shares: tuple[Taken, ...]
    why_none: str


class ProfitSharing:
    """Works profit out by the agent's rule of the fee item `agent_profit`.

    Its facts are base and amount (the transaction's amount), fee, cost, margin (fee less cost) in minor units, and
    device. The rule's takers share it by weight; the last takes the rest.
    """

    def __init__(self, rules: RuleCache) -> None:
        self._rules = rules

    async def of(self, transaction: RawTransaction, *, agent: UUID, meter: RuleMeter) -> Profit:
        """Work out the profit of one transaction. Raises RateError, and KeyError where the item is not known."""
        nothing = Money(0, transaction.amount.unit)
        if transaction.state != SUCCESS:
            return Profit(total=nothing, version=None, shares=(), why_none=NOT_SUCCESSFUL)
        quote = await self._rules.quote(
            item=ITEM, party=agent, facts=_facts(transaction), at=transaction.occurred_at, meter=meter
        )
        if quote.version is None:
            return Profit(total=nothing, version=None, shares=(), why_none=NO_RULE)
        return _profit(quote, unit=transaction.amount.unit)


def _profit(quote: Quote, *, unit: str) -> Profit:
    if quote.unit != unit:
        raise RateError(f"the rule is in {quote.unit}, the transaction in {unit}")
    return Profit(total=Money(quote.fee_minor, unit), version=quote.version, shares=quote.takers, why_none="")


def _facts(transaction: RawTransaction) -> dict[str, object]:
    amount, fee, cost = transaction.amount.minor, transaction.fee.minor, transaction.cost.minor
    return {
        "base": amount,
        "amount": amount,
        "fee": fee,
        "cost": cost,
        "margin": fee - cost,
        "device": transaction.device,
    }
