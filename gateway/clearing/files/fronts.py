"""Bank fronts made of channel rows: language by kind, carrier by the channel's parameters (rows C66, C67)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import time, timedelta
from uuid import UUID

from channels.ports import BatchChannel
from connectors.ports import FileCarrier
from gateway.clearing.files import store
from gateway.clearing.files.model import FileFront
from gateway.kernel.postgres.pool import Database

Params = Mapping[str, object]


class ChannelFronts:
    """Reads the channel each time it is asked, so switching it off holds at once; carriers stay open between.

    Parameters of a channel besides its language's: `customer`, `folders` {"out", "in"} (names at the bank),
    `cut_offs` ["HH:MM", …] in local time, `fetch_every_s`.
    """

    def __init__(
        self,
        *,
        pool: Database,
        kinds: Mapping[str, Callable[[Params], BatchChannel]],
        carrier: Callable[[UUID, Params], Awaitable[FileCarrier]],
    ) -> None:
        self._pool = pool
        self._kinds = kinds
        self._carrier = carrier
        self._carriers: dict[UUID, tuple[Params, FileCarrier]] = {}
        self._making = asyncio.Lock()

    async def front(self, channel: UUID) -> FileFront:
        """Return the front of a channel. Raises LookupError where it is not a batch channel that is on."""
        row = await store.channel(self._pool, channel)
        if row is None or row["kind"] not in self._kinds:
            message = f"channel {channel} is not a batch channel that is on"
            raise LookupError(message)
        params: Params = row["params"]
        folders = params.get("folders")
        names = folders if isinstance(folders, Mapping) else {}
        return FileFront(
            channel_id=channel,
            kind=row["kind"],
            customer=str(params.get("customer", "")),
            language=self._kinds[row["kind"]](params),
            carrier=await self._carried(channel, params),
            outgoing=str(names.get("out", "in")),
            incoming=str(names.get("in", "out")),
            cut_offs=_times(params.get("cut_offs")),
            fetch_every=_every(params.get("fetch_every_s")),
        )

    async def close(self) -> None:
        """Let go of every carrier."""
        for _, carrier in self._carriers.values():
            await carrier.close()
        self._carriers.clear()

    async def _carried(self, channel: UUID, params: Params) -> FileCarrier:
        async with self._making:
            known = self._carriers.get(channel)
            if known is not None and known[0] == params:
                return known[1]
            carrier = await self._carrier(channel, params)
            self._carriers[channel] = (params, carrier)
            if known is not None:
                await known[1].close()
            return carrier


def _times(value: object) -> tuple[time, ...]:
    return tuple(sorted(time.fromisoformat(str(one)) for one in value)) if isinstance(value, list) else ()


def _every(value: object) -> timedelta | None:
    return timedelta(seconds=value) if isinstance(value, int) and value > 0 else None
