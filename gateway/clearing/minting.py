"""Making the ids and numbers of a decision before it is decided."""

from __future__ import annotations

from datetime import datetime

from gateway.clearing.numbers import Numbers, instruction_number, retrieval_reference
from gateway.kernel.ids import Ids
from gateway.payments.decision import Minted


class Mint:
    """Makes ids and numbers, the two numbers of one operation from one count."""

    def __init__(self, *, ids: Ids, numbers: Numbers) -> None:
        self._ids = ids
        self._numbers = numbers

    async def make(self, at: datetime) -> Minted:
        """Return a set that nobody had before."""
        count = await self._numbers.take()
        return Minted(
            operation=self._ids.new(),
            instruction=self._ids.new(),
            number=instruction_number(count, at),
            rrn=retrieval_reference(count, at),
            transfer=self._ids.new(),
            cost_transfer=self._ids.new(),
            hold=self._ids.new(),
        )
