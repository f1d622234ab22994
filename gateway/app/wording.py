"""What people are told where a bank declines: the error dictionary's words in place of the bank's own (row P60).

Words only. Whether a code means yes, no or unknown is the channel's own table, and stays as the channel read it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

from channels.instruction import Capabilities, Declined, Instruction, Outcome
from channels.ports import Message, RealtimeChannel

Words = Callable[[str, str], str]


class WordedChannel:
    """A real-time channel whose declines are told in the dictionary's words; `words(channel, code)` may be empty."""

    def __init__(self, language: RealtimeChannel, *, code: str, words: Words) -> None:
        self._language = language
        self._code = code
        self._words = words

    @property
    def capabilities(self) -> Capabilities:
        """What this channel can do."""
        return self._language.capabilities

    async def ask(self, instruction: Instruction) -> Message:
        """Build and sign the message that asks for `instruction`."""
        return await self._language.ask(instruction)

    async def query(self, *, number: str, about: str, at: datetime) -> Message:
        """Build and sign a query."""
        return await self._language.query(number=number, about=about, at=at)

    def read(self, *, number: str, status: int, headers: Mapping[str, str], body: bytes) -> Outcome:
        """Read the bank's answer."""
        return self._worded(self._language.read(number=number, status=status, headers=headers, body=body))

    def read_query(self, *, number: str, about: str, status: int, headers: Mapping[str, str], body: bytes) -> Outcome:
        """Read the answer to a query."""
        outcome = self._language.read_query(number=number, about=about, status=status, headers=headers, body=body)
        return self._worded(outcome)

    def _worded(self, outcome: Outcome) -> Outcome:
        if not isinstance(outcome, Declined):
            return outcome
        text = self._words(self._code, outcome.code)
        return replace(outcome, text=text) if text else outcome
