"""The road of a payment as the door walks it: carried to its end, told 98 where no answer comes, never left hanging.

A terminal that hung up changes nothing: what was begun is taken to its end. Source: `docs/terminal-protocol.md`
"Told and not told".
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

import structlog

from gateway.kernel.clock import Clock
from gateway.kernel.reasons import Reason
from gateway.payments.model import AcquiringAnswer, AcquiringRecord, Original, Transaction
from gateway.terminals.ports import Carry

_LOG = structlog.get_logger(__name__)
_NO_ANSWER = "98"
_UNDONE = frozenset({"010", "020"})


class Road:
    """Carries records within their budget; `guard_s` is how long beyond it the carrier is waited for."""

    def __init__(self, *, carry: Carry, clock: Clock, guard_s: float) -> None:
        self._carry = carry
        self._clock = clock
        self._guard_s = guard_s
        self._under_way: set[asyncio.Task[AcquiringAnswer]] = set()
        self._undoing: set[asyncio.Task[None]] = set()

    async def taken(self, record: AcquiringRecord) -> AcquiringAnswer:
        """Return what became of the request; 96 where its turn came too late, 98 where nobody can say.

        A repeat whose turn came too late is told 98: its first may have been sent.
        """
        left = record.answer_by - self._clock.monotonic()
        if left <= 0:
            return AcquiringAnswer(reason=Reason.NO_ANSWER if record.repeat else Reason.BUSY)
        work = asyncio.create_task(self._carry.carry(record))
        self._under_way.add(work)
        work.add_done_callback(self._under_way.discard)
        await asyncio.wait({work}, timeout=left + self._guard_s)
        if not work.done():
            _LOG.error("terminals.overrun", transaction=record.transaction, terminal=record.reference.terminal)
            self._undo_when_late(record, work)
            return AcquiringAnswer(reason=Reason.NO_ANSWER)
        return work.result() if work.exception() is None else await self._unknown(record, work.exception())

    async def at_rest(self, timeout_s: float) -> int:
        """Wait until nothing is under way; return how many are left when `timeout_s` has passed."""
        waiting: set[asyncio.Task[AcquiringAnswer] | asyncio.Task[None]] = {*self._under_way, *self._undoing}
        if waiting:
            _, waiting = await asyncio.wait(waiting, timeout=timeout_s)
        return len(waiting)

    async def _unknown(self, record: AcquiringRecord, fault: BaseException | None) -> AcquiringAnswer:
        """The carrier failed: whether anything was recorded is not known, so the budget is waited out."""
        _LOG.error("terminals.carrier_failed", transaction=record.transaction, exc_info=fault)
        await asyncio.sleep(max(record.answer_by - self._clock.monotonic(), 0))
        return AcquiringAnswer(reason=Reason.NO_ANSWER)

    def _undo_when_late(self, record: AcquiringRecord, work: asyncio.Task[AcquiringAnswer]) -> None:
        task = asyncio.create_task(self._undo(record, work))
        self._undoing.add(task)
        task.add_done_callback(self._undoing.discard)

    async def _undo(self, record: AcquiringRecord, work: asyncio.Task[AcquiringAnswer]) -> None:
        """Reverse what is approved after the terminal was told 98: a 0100 or 0200 told so must not stand."""
        await asyncio.wait({work})
        late = work.exception() is None and work.result().reason is Reason.DONE
        if not late or record.reference.message_class not in _UNDONE:
            return
        try:
            answer = await self._carry.carry(self._reversal(record))
        except Exception:  # noqa: BLE001 - it is put before people: the terminal's own reversal or enquiry still comes
            _LOG.exception("terminals.late_approval_stands", terminal=record.reference.terminal)
        else:
            _LOG.warning("terminals.late_approval_reversed", terminal=record.reference.terminal, reason=answer.reason)

    def _reversal(self, record: AcquiringRecord) -> AcquiringRecord:
        reference = record.reference
        return replace(
            record,
            transaction=Transaction.REVERSAL,
            reference=replace(reference, message_class="040"),
            original=Original(batch=reference.batch, trace=reference.trace),
            reversal_reason=_NO_ANSWER,
            answer_by=self._clock.monotonic() + self._guard_s,
            repeat=False,
        )
