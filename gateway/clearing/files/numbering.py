"""Instruction numbers for money out, from the same blocks as everybody's."""

from __future__ import annotations

from datetime import datetime

from gateway.clearing.numbers import Numbers, instruction_number


class Numbering:
    """Gives 20-digit numbers, unique for ever."""

    def __init__(self, numbers: Numbers) -> None:
        self._numbers = numbers

    async def next(self, at: datetime) -> str:
        """Return the next number; `at` gives its date."""
        return instruction_number(await self._numbers.take(), at)
