"""Joining a channel to its connector: one instruction out, one honest outcome back; nothing here writes (row C28)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol
from uuid import UUID

from channels.instruction import Ask, Capabilities, Instruction, NotSent, Outcome, Unknown
from channels.ports import Message, RealtimeChannel
from connectors.ports import Answered, Exchange, NoAnswer, Unsent
from gateway.clearing.numbers import Numbers, instruction_number
from gateway.kernel.clock import Clock
from gateway.kernel.metrics import Metrics


class Wire(Protocol):
    """A connector to one peer that answers."""

    @property
    def circuit_is_open(self) -> bool:
        """Whether the peer is being spared."""
        ...

    async def exchange(
        self, path: str, *, headers: Mapping[str, str], body: bytes, may_repeat: bool, within_s: float | None = None
    ) -> Exchange:
        """Carry one request; `may_repeat` = asking twice does no harm."""
        ...


class Line(Protocol):
    """A channel that is ready to work: its language and its wire."""

    @property
    def code(self) -> str:
        """The channel's code."""
        ...

    @property
    def language(self) -> RealtimeChannel:
        """How the bank speaks."""
        ...

    @property
    def wire(self) -> Wire:
        """How the bank is reached."""
        ...


class Lines(Protocol):
    """The channels that this process can reach."""

    def line(self, channel: UUID) -> Line | None:
        """Return the line of a channel, None where it is not reached from here."""
        ...


class Dispatcher:
    """Asks banks. Whatever goes wrong becomes NotSent where nothing can have left, else Unknown."""

    def __init__(self, *, lines: Lines, numbers: Numbers, clock: Clock, metrics: Metrics) -> None:
        self._lines = lines
        self._numbers = numbers
        self._clock = clock
        self._metrics = metrics

    def capabilities(self, channel: UUID) -> Capabilities | None:
        """Tell what a channel can do; None where it is not reached from here."""
        line = self._lines.line(channel)
        return None if line is None else line.language.capabilities

    async def ask(self, channel: UUID, instruction: Instruction, *, within_s: float) -> Outcome:
        """Ask the bank for `instruction`, once."""
        line = self._lines.line(channel)
        if line is None:
            return NotSent(why="the channel cannot be reached from here")
        if instruction.ask not in line.language.capabilities.asks:
            return NotSent(why=f"the channel cannot be asked for {instruction.ask}")
        try:
            message = await line.language.ask(instruction)
        except Exception as fault:  # noqa: BLE001 - whatever a language raises here, nothing has left
            return NotSent(why=f"the message could not be built: {type(fault).__name__}")
        reply = await self._exchange(line, message, what=instruction.ask, may_repeat=False, within_s=within_s)
        if not isinstance(reply, Answered):
            return _silence(reply)
        return _read(
            lambda: line.language.read(
                number=instruction.number, status=reply.status, headers=reply.headers, body=reply.body
            )
        )

    async def query(self, channel: UUID, about: str, *, within_s: float) -> Outcome:
        """Ask the bank what became of the instruction numbered `about`; not having asked is Unknown, not NotSent."""
        line = self._lines.line(channel)
        if line is None or not line.language.capabilities.queries:
            return Unknown(why="the channel cannot be asked")
        at = self._clock.now()
        number = instruction_number(await self._numbers.take(), at)
        try:
            message = await line.language.query(number=number, about=about, at=at)
        except Exception as fault:  # noqa: BLE001 - whatever a language raises here, nothing is known
            return Unknown(why=f"the query could not be built: {type(fault).__name__}")
        reply = await self._exchange(line, message, what=None, may_repeat=True, within_s=within_s)
        if not isinstance(reply, Answered):
            return Unknown(why=reply.why)
        return _read(
            lambda: line.language.read_query(
                number=number, about=about, status=reply.status, headers=reply.headers, body=reply.body
            )
        )

    async def _exchange(
        self, line: Line, message: Message, *, what: Ask | None, may_repeat: bool, within_s: float
    ) -> Exchange:
        if within_s <= 0:
            return Unsent("no time is left")
        began, in_flight = self._clock.monotonic(), self._metrics.channel_in_flight.labels(line.code)
        in_flight.inc()
        try:
            return await line.wire.exchange(
                message.path, headers=message.headers, body=message.body, may_repeat=may_repeat, within_s=within_s
            )
        except Exception as fault:  # noqa: BLE001 - a wire that breaks has told nothing of what the bank got
            return NoAnswer(f"the connector failed: {type(fault).__name__}")
        finally:
            in_flight.dec()
            seconds = self._clock.monotonic() - began
            self._metrics.channel_seconds.labels(line.code, what or "query").observe(seconds)


def _silence(reply: NoAnswer | Unsent) -> Outcome:
    return NotSent(why=reply.why) if isinstance(reply, Unsent) else Unknown(why=reply.why)


class _Reading(Protocol):
    def __call__(self) -> Outcome: ...


def _read(reading: _Reading) -> Outcome:
    try:
        outcome = reading()
    except Exception as fault:  # noqa: BLE001 - an answer that breaks its reader is one that nobody understood
        return Unknown(why=f"the answer could not be read: {type(fault).__name__}")
    return Unknown(why=outcome.why) if isinstance(outcome, NotSent) else outcome
