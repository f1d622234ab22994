"""The key under which a channel takes PIN blocks: named by its parameter `zone_pin_key`, kept in the key register."""

from __future__ import annotations

from uuid import UUID

from gateway.clearing.registry import Registry
from gateway.kernel.clock import Clock
from gateway.keys import KeyBlock, KeyRegister

_KEPT_S = 10.0


class ZoneKeys:
    """Finds zone keys, remembered for a moment: a key that was exchanged is used soon after."""

    def __init__(self, *, registry: Registry, register: KeyRegister, clock: Clock) -> None:
        self._registry = registry
        self._register = register
        self._clock = clock
        self._kept: dict[str, tuple[float, KeyBlock | None]] = {}

    async def find(self, channel: UUID) -> KeyBlock | None:
        """Return a channel's zone PIN key, None where it has none."""
        row = self._registry.channel(channel)
        name = None if row is None else row.params.get("zone_pin_key")
        return await self._named(str(name)) if name else None

    async def _named(self, name: str) -> KeyBlock | None:
        now = self._clock.monotonic()
        kept = self._kept.get(name)
        if kept is not None and now - kept[0] < _KEPT_S:
            return kept[1]
        found = await self._register.find(name)
        block = None if found is None else found.block
        self._kept[name] = (now, block)
        return block
