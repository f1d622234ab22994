"""The registry: channel rows joined to the code that speaks their language and to their connectors (idea 6).

A channel kind is code, a channel is a row: a row that cannot be opened is left out and said so, the others work on.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

import structlog

from channels.ports import RealtimeChannel
from gateway.clearing.dispatch import Wire
from gateway.clearing.model import Channel, Network, Opening
from gateway.routing.model import Candidate

_LOG = structlog.get_logger(__name__)
REALTIME = "realtime"


@dataclass(frozen=True, slots=True)
class OpenLine:
    """A channel that is ready to work; `close` lets go of its connections."""

    code: str
    language: RealtimeChannel
    wire: Wire
    close: Callable[[], Awaitable[None]] = field(repr=False)


class Registry:
    """Keeps the network in memory and its lines open.

    `read` loads channels and openings, `generation_of` tells the generation that holds now, `open_line` joins one
    real-time channel to its language, keys and connector; it may raise, and the channel is then not reached from here.
    """

    def __init__(
        self,
        *,
        read: Callable[[], Awaitable[Network]],
        generation_of: Callable[[], Awaitable[int]],
        open_line: Callable[[Channel], Awaitable[OpenLine]],
    ) -> None:
        self._read = read
        self._generation_of = generation_of
        self._open_line = open_line
        self._generation = -1
        self._channels: Mapping[UUID, Channel] = {}
        self._openings: Mapping[UUID, Sequence[Opening]] = {}
        self._candidates: dict[UUID, list[Candidate]] = {}
        self._lines: dict[UUID, tuple[int, OpenLine]] = {}
        self._failures: dict[UUID, str] = {}
        self._refreshing = asyncio.Lock()

    @property
    def expects(self) -> tuple[str, int]:
        """The generation that choices are made on, for `Change.expects`."""
        return ("channels", self._generation)

    @property
    def failures(self) -> Mapping[UUID, str]:
        """Channels that could not be opened, and why."""
        return dict(self._failures)

    async def refresh(self) -> None:
        """Read the network again where it has changed; open what is new, close what is gone."""
        async with self._refreshing:
            if await self._generation_of() != self._generation:
                await self._take(await self._read())
            else:
                await self._retry()

    async def close(self) -> None:
        """Close all lines."""
        lines, self._lines = self._lines, {}
        for _, line in lines.values():
            await line.close()

    def channel(self, id_: UUID) -> Channel | None:
        """Return a channel as it is registered."""
        return self._channels.get(id_)

    def code_of(self, id_: UUID) -> str:
        """Return a channel's code, as people and metrics name it; its id where it is not registered here."""
        channel = self._channels.get(id_)
        return str(id_) if channel is None else channel.code

    def line(self, channel: UUID) -> OpenLine | None:
        """Return the open line of a channel, None where there is none."""
        kept = self._lines.get(channel)
        return None if kept is None else kept[1]

    def candidates(self, merchant: UUID) -> list[Candidate]:
        """Return the channels that a merchant has leave to use, as facts for routing."""
        kept = self._candidates.get(merchant)
        if kept is None:
            pairs = ((each, self._channels.get(each.channel)) for each in self._openings.get(merchant, ()))
            kept = [self._candidate(opening, channel) for opening, channel in pairs if channel is not None]
            self._candidates[merchant] = kept
        return [replace(each, is_spared=True) if self._is_spared(each.channel) else each for each in kept]

    def _is_spared(self, channel: UUID) -> bool:
        line = self.line(channel)
        return line is not None and line.wire.circuit_is_open

    def _candidate(self, opening: Opening, channel: Channel) -> Candidate:
        line = self.line(channel.id)
        able = line.language.capabilities.asks if line is not None else frozenset()
        return Candidate(
            channel=channel.id,
            code=channel.code,
            is_on=channel.is_on,
            is_open=opening.is_open,
            is_spared=False,
            asks=channel.asks & able if channel.asks else able,
            units=channel.units,
            priority=opening.priority,
        )

    async def _take(self, network: Network) -> None:
        channels = {channel.id: channel for channel in network.channels}
        openings: defaultdict[UUID, list[Opening]] = defaultdict(list)
        for opening in network.openings:
            openings[opening.merchant].append(opening)
        for id_ in [id_ for id_, (version, _) in self._lines.items() if _is_stale(channels.get(id_), version)]:
            await self._lines.pop(id_)[1].close()
        self._channels, self._openings = channels, openings
        self._failures = {id_: why for id_, why in self._failures.items() if _is_realtime(channels.get(id_))}
        for channel in network.channels:
            await self._open(channel)
        self._candidates.clear()
        self._generation = network.generation

    async def _retry(self) -> None:
        for id_ in list(self._failures):
            channel = self._channels.get(id_)
            if channel is not None:
                await self._open(channel)

    async def _open(self, channel: Channel) -> None:
        # A channel that is switched off keeps its line: what was begun on it is still asked for and undone.
        if channel.communication != REALTIME or channel.id in self._lines:
            return
        try:
            self._lines[channel.id] = (channel.version, await self._open_line(channel))
            self._failures.pop(channel.id, None)
            self._candidates.clear()
        except Exception as fault:  # noqa: BLE001 - one channel that cannot open must not keep the others shut
            self._failures[channel.id] = f"{type(fault).__name__}: {fault}"
            _LOG.warning("a channel cannot be opened", channel=channel.code, error=type(fault).__name__)


def _is_realtime(channel: Channel | None) -> bool:
    return channel is not None and channel.communication == REALTIME


def _is_stale(channel: Channel | None, version: int) -> bool:
    return channel is None or channel.version != version
