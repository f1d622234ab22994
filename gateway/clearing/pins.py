"""PIN blocks on their way to a bank: carried inside the key store from the terminal's key to the channel's zone key.

A channel without a zone key gets no PIN block; a block is never stored and never logged (row C92).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from uuid import UUID

from channels.instruction import Instruction, NotSent
from gateway.kernel.reasons import Reason
from gateway.keys.port import (
    KeyBlock,
    KeyStore,
    KeyStoreError,
    PinFormat,
    PinMove,
    StoreUnavailableError,
)
from gateway.payments.model import CardData

ZoneKey = Callable[[UUID], Awaitable[KeyBlock | None]]


class PinRefusedError(Exception):
    """A PIN block cannot be passed on: nothing leaves the house. `reason` is what the terminal is told."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(str(reason))
        self.reason = reason
        self.outcome = NotSent(why="the PIN block cannot be passed on")


class Pins:
    """Gives instructions the PIN block that their channel can open; `zone_key` is a channel's, None where none is."""

    def __init__(self, *, keystore: KeyStore, zone_key: ZoneKey) -> None:
        self._keystore = keystore
        self._zone_key = zone_key

    async def carried(self, instruction: Instruction, channel: UUID, card: CardData | None) -> Instruction:
        """Return the instruction with its card's PIN block under the channel's key. Raises PinRefusedError."""
        if instruction.card is None or instruction.card.pin_block is None or card is None:
            return instruction
        block = await self._moved(card, channel)
        return replace(instruction, card=replace(instruction.card, pin_block=block))

    async def _moved(self, card: CardData, channel: UUID) -> bytes | None:
        target = await self._zone_key(channel)
        if target is None or card.pin_block is None:
            return None
        if card.pin_key is None:
            raise PinRefusedError(Reason.BAD_PIN)
        move = PinMove(
            block=card.pin_block,
            pan=card.pan,
            source=card.pin_key,
            source_format=PinFormat.ISO_0,
            target=target,
            target_format=PinFormat.ISO_0,
        )
        try:
            return await self._keystore.translate_pin(move)
        except StoreUnavailableError:
            raise PinRefusedError(Reason.UNREACHABLE) from None
        except KeyStoreError:
            raise PinRefusedError(Reason.BAD_PIN) from None
