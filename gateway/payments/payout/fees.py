"""The fee room as money out sees it."""

from __future__ import annotations

from uuid import UUID

from gateway.fees.book import FeeBook
from gateway.kernel.clock import Clock
from gateway.kernel.money import Money
from gateway.payments.payout.ports import Quoted


class FeeQuotes:
    """Quotes from the fee book; an item nobody has a rate for costs nothing."""

    def __init__(self, book: FeeBook, *, clock: Clock) -> None:
        self._book = book
        self._clock = clock

    async def quote(self, *, item: str, party: UUID, amount: Money) -> Quoted:
        """Return the fee of `item` for `amount`, by the rates that hold now."""
        await self._book.refresh()
        if not self._book.has(item):
            return Quoted(amount_minor=0, version="")
        facts = {"base": amount.minor, "amount": amount.minor, "unit": amount.unit}
        quote = self._book.quote(item=item, party=party, facts=facts, at=self._clock.now())
        if quote.unit != amount.unit:
            return Quoted(amount_minor=0, version="")
        return Quoted(amount_minor=quote.fee_minor, version=str(quote.version or ""))
