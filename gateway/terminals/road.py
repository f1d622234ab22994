"""The road of a payment as the door walks it: carried to its end, and told nothing where nothing is sure.

A terminal that hung up changes nothing: what was begun is taken to its end. Source: `docs/terminal-protocol.md`
"Told and not told".
"""

from __future__ import annotations

import asyncio

import structlog

from gateway.kernel.clock import Clock
from gateway.kernel.reasons import Reason
from gateway.payments.model import AcquiringAnswer, AcquiringRecord, Transaction
from gateway.terminals.ports import Carry

_LOG = structlog.get_logger(__name__)


class Road:
    """Carries records within their budget; `guard_s` is how long beyond it the carrier is waited for."""

    def __init__(self, *, carry: Carry, clock: Clock, guard_s: float) -> None:
        self._carry = carry
        self._clock = clock
        self._guard_s = guard_s
        self._under_way: set[asyncio.Task[AcquiringAnswer | None]] = set()

    async def taken(self, record: AcquiringRecord) -> AcquiringAnswer | None:
        """Return what became of the request; 96 where its turn came too late, None where nothing is sure.

        The first of a repeat whose turn came too late may have been sent: nothing is sure. A carrier that fails, or is
        not done in time, has told nothing of what it made durable.
        """
        left = record.answer_by - self._clock.monotonic()
        if left <= 0:
            return None if record.repeat else AcquiringAnswer(reason=Reason.BUSY)
        work = asyncio.create_task(self._carry.carry(record))
        self._under_way.add(work)
        work.add_done_callback(self._under_way.discard)
        await asyncio.wait({work}, timeout=left + self._guard_s)
        if not work.done():
            _LOG.error("terminals.overrun", transaction=record.transaction, terminal=record.reference.terminal)
            return _unheard(record)
        if (fault := work.exception()) is not None:
            _LOG.error("terminals.carrier_failed", transaction=record.transaction, exc_info=fault)
            return _unheard(record)
        return work.result()

    async def at_rest(self, timeout_s: float) -> int:
        """Wait until nothing is under way; return how many are left when `timeout_s` has passed."""
        waiting = set(self._under_way)
        if waiting:
            _, waiting = await asyncio.wait(waiting, timeout=timeout_s)
        return len(waiting)


def _unheard(record: AcquiringRecord) -> AcquiringAnswer | None:
    """An enquiry changes nothing, so it can be told that the books were not reached."""
    return AcquiringAnswer(reason=Reason.UNREACHABLE) if record.transaction is Transaction.ENQUIRY else None
