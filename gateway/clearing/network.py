"""Taking channels on and opening them for merchants, each once, through the edit shell (rows C44, C67)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from channels.instruction import Ask
from gateway.clearing import store
from gateway.clearing.model import Channel
from gateway.kernel.clock import Clock
from gateway.kernel.ids import Ids
from gateway.kernel.postgres.edit import Add, Alter, Edit, EditRefused, apply_edit
from gateway.kernel.postgres.pool import Database
from gateway.merchants.onboard import Onboarding
from gateway.parties.model import Kind


class ChannelRefusedError(Exception):
    """A channel or opening was not written; the text says what is in the way."""


class ChannelDesk:
    """Takes channels on for `who`; a code that is there already is the channel that is there."""

    def __init__(self, *, pool: Database, onboarding: Onboarding, clock: Clock, ids: Ids, who: str) -> None:
        self._pool = pool
        self._onboarding = onboarding
        self._clock = clock
        self._ids = ids
        self._who = who

    async def channel(
        self,
        *,
        code: str,
        name: str,
        kind: str,
        type_: str,
        communication: str,
        asks: Sequence[Ask],
        params: Mapping[str, object],
        settlement_party: UUID,
        units: Sequence[str] = ("CNY",),
    ) -> Channel:
        """Take a channel on, with its party. Raises ChannelRefusedError."""
        found = await store.channel_by_code(self._pool, code)
        if found is None:
            party = await self._onboarding.party(kind=Kind.CHANNEL, code=code, name=name)
            row = {
                "id": party.id,
                "code": code,
                "name": name,
                "kind": kind,
                "type": type_,
                "communication": communication,
                "state": "on",
                "asks": [each.value for each in asks],
                "units": list(units),
                "params": dict(params),
                "settlement_party": settlement_party,
            }
            await self._edit(f"channel/{code}", {"kind": kind}, Add(store.CHANNEL_EDIT, row))
            found = await store.channel_by_code(self._pool, code)
        if found is None or found.kind != kind:
            raise ChannelRefusedError(f"the channel {code} is there with another kind")
        return found

    async def open_for(self, merchant: UUID, channel: UUID, *, priority: int = 100) -> None:
        """Give a merchant leave to use a channel."""
        if await store.opening(self._pool, merchant, channel) is not None:
            return
        row = {"id": self._ids.new(), "merchant_id": merchant, "channel_id": channel, "priority": priority}
        said = {"priority": priority}
        await self._edit(f"opening/{merchant}/{channel}", said, Add(store.OPENING_EDIT, {**row, "state": "on"}))

    async def _edit(self, key: str, said: Mapping[str, object], line: Add | Alter) -> None:
        edit = Edit(
            id=self._ids.new(),
            key=key,
            who=self._who,
            why="channels are set",
            at=self._clock.now(),
            said=said,
            lines=(line,),
        )
        result = await apply_edit(self._pool, edit)
        if isinstance(result, EditRefused):
            raise ChannelRefusedError(result.detail)
