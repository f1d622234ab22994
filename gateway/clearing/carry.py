"""The one road of a payment: decide, commit, ask the bank, commit, answer; called by every door.

Two durable waits for a purchase, one read more for a void, refund or reversal. The road goes on when its caller has
given up: what it was told then (98) binds what the operation may still become. Where the books cannot be held to a 98,
or the record of a repeat's first cannot be read, the caller is told nothing (None).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace

import structlog

from channels.instruction import NotSent, Outcome, Unknown
from gateway.clearing import store as clearing_store
from gateway.clearing.balances import Balances
from gateway.clearing.beginning import Beginnings, UntoldError, unsure
from gateway.clearing.change import sending
from gateway.clearing.conclusion import Case, Conclusions
from gateway.clearing.deciding import Deciding
from gateway.clearing.dispatch import Dispatcher
from gateway.clearing.ending import Endings
from gateway.clearing.identify import Identification
from gateway.clearing.messages import message_of
from gateway.clearing.pins import PinRefusedError, Pins
from gateway.clearing.settings import RoadSettings
from gateway.clearing.settlement import Settlements
from gateway.clearing.silence import Silence, agreed
from gateway.clearing.turns import Turns
from gateway.clearing.under_way import SILENT, Desk, UnderWay
from gateway.journal.model import InDoubtError, Post
from gateway.kernel.clock import Clock
from gateway.kernel.faults import Faults
from gateway.kernel.ids import Ids
from gateway.kernel.metrics import Metrics
from gateway.kernel.postgres.pool import Database
from gateway.kernel.reasons import Reason
from gateway.keys.port import Digest
from gateway.payments import store
from gateway.payments.answers import standing_of, under_way
from gateway.payments.decision import Asked, Awaits, Decision, Request, Unused
from gateway.payments.model import STANDING, AcquiringAnswer, AcquiringRecord, Reference, Transaction
from gateway.payments.reversal import REVERSIBLE_CLASSES

_LOG = structlog.get_logger(__name__)
_ENQUIRED = ("010", "020", "022")
_SETTLING = (Transaction.SETTLEMENT, Transaction.UPLOAD, Transaction.UPLOAD_END)


class Carrier:
    """Carries requests to their end, or to the end of their budget; never raises for business."""

    def __init__(
        self,
        *,
        journal: Post,
        pool: Database,
        identification: Identification,
        deciding: Deciding,
        conclusions: Conclusions,
        dispatcher: Dispatcher,
        settlements: Settlements,
        balances: Balances,
        pins: Pins,
        clock: Clock,
        ids: Ids,
        faults: Faults,
        settings: RoadSettings,
        metrics: Metrics,
        nudge: Callable[[], None],
    ) -> None:
        self._pool = pool
        self._identification = identification
        self._deciding = deciding
        self._dispatcher = dispatcher
        self._settlements = settlements
        self._balances = balances
        self._pins = pins
        self._clock = clock
        self._faults = faults
        self._settings = settings
        self._nudge = nudge
        self._desk = Desk()
        self._beginnings = Beginnings(
            journal=journal,
            pool=pool,
            identification=identification,
            deciding=deciding,
            turns=Turns(pool=pool, desk=self._desk, clock=clock, poll_s=settings.poll_s),
            clock=clock,
            ids=ids,
            settings=settings,
        )
        self._endings = Endings(
            conclusions=conclusions,
            desk=self._desk,
            faults=faults,
            metrics=metrics,
            nudge=nudge,
        )
        self._tasks: set[asyncio.Task[None]] = set()
        self._silence = Silence(dispatcher=dispatcher, clock=clock, settings=settings)

    def is_under_way(self, reference: Reference) -> bool:
        """Tell whether this process is carrying a request."""
        return self._desk.find(reference) is not None

    async def drain(self) -> None:
        """Wait until everything under way has come to its end."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def carry(self, record: AcquiringRecord) -> AcquiringAnswer | None:
        """Take a request to its end, or to the end of its budget; None where nothing can be told that is sure."""
        try:
            return await self._carried(record)
        except UntoldError:
            return None

    async def _carried(self, record: AcquiringRecord) -> AcquiringAnswer | None:
        if record.transaction is Transaction.ENQUIRY:
            return await self._enquire(record)
        if self._clock.monotonic() >= record.answer_by:
            return unsure(record, Reason.BUSY)
        try:
            request = await self._identification.of(record)
        except Exception:  # noqa: BLE001 - nothing is recorded yet: whatever broke, the caller is told so
            _LOG.exception("a request could not be identified")
            return unsure(record, Reason.UNREACHABLE)
        if isinstance(request, Unused):
            return AcquiringAnswer(reason=request.reason, text=request.text)
        if record.transaction is Transaction.BALANCE:
            return await self._balance(request)
        return await self._join_or_begin(request)

    async def _join_or_begin(self, request: Request) -> AcquiringAnswer | None:
        record = request.record
        first = self._desk.find(record.reference)
        if first is not None:
            return await self._joined(request, first)
        closes_at = record.answer_by - self._settings.close_before_s
        digest = Digest(request.digest, request.digest_version)
        entry = self._desk.open(record.reference, digest=digest, closes_at=closes_at)
        self._spawn(self._go(request, entry))
        answer = await entry.wait(self._clock, record.answer_by)
        return answer or entry.give_up(request.answer_by)

    async def _joined(self, request: Request, first: UnderWay) -> AcquiringAnswer | None:
        if not await self._is_same(request, first):
            return AcquiringAnswer(reason=Reason.REFERENCE_REUSED)
        answer = await first.wait(self._clock, request.record.answer_by) or first.give_up(self._clock.now())
        return None if answer is None else replace(answer, replayed=True)

    async def _is_same(self, request: Request, first: UnderWay) -> bool:
        """Tell whether a request has the content of the one under way; their digests may be under different keys."""
        if first.digest.version == request.digest_version:
            return first.digest.value == request.digest
        return await self._identification.is_same(request, first.digest.value, first.digest.version)

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _go(self, request: Request, entry: UnderWay) -> None:
        try:
            entry.settle(await self._road(request, entry))
        except (InDoubtError, UntoldError):
            entry.break_off()
        except Exception:  # noqa: BLE001 - a broken road must not leave its callers waiting
            _LOG.exception("the road of a request broke", terminal=request.record.reference.terminal)
            entry.break_off()
        finally:
            self._desk.close(request.record.reference)

    async def _road(self, request: Request, entry: UnderWay) -> AcquiringAnswer:
        if request.record.transaction in _SETTLING:
            return await self._settle(request, entry)
        if request.record.transaction is Transaction.REVERSAL:
            return await self._reverse(request, entry)
        return await self._pay(request, entry)

    async def _settle(self, request: Request, entry: UnderWay) -> AcquiringAnswer:
        """Settlement and upload of a batch: the bank has no part in it."""
        try:
            answer = await self._settlements.take(request, until=entry.closes_at)
        except InDoubtError:
            raise
        except Exception:  # noqa: BLE001 - each step is one change: whatever broke, the terminal asks again
            _LOG.exception("a settlement could not be taken")
            return unsure(request.record, Reason.UNREACHABLE)
        return unsure(request.record, answer.reason, answer.text) if answer.reason is Reason.BUSY else answer

    async def _balance(self, request: Request) -> AcquiringAnswer:
        try:
            return await self._balances.of(request)
        except Exception:  # noqa: BLE001 - an inquiry changes nothing: whatever broke, the caller is told so
            _LOG.exception("a balance could not be asked for")
            return AcquiringAnswer(reason=Reason.UNREACHABLE)

    async def _enquire(self, record: AcquiringRecord) -> AcquiringAnswer:
        original = record.original
        if original is None or original.batch is None or original.trace is None:
            return AcquiringAnswer(reason=Reason.FORMAT)
        asked = Reference(record.reference.terminal, original.batch, original.trace, "")
        is_open = any(self._desk.find(replace(asked, message_class=each)) for each in _ENQUIRED)
        try:
            found = await store.by_reference(self._pool, terminal=asked.terminal, batch=asked.batch, trace=asked.trace)
            if found is not None and found.state in STANDING:
                is_open = is_open or not await clearing_store.stands(self._pool, found.id)
        except Exception:  # noqa: BLE001 - an enquiry changes nothing: whatever broke, the caller is told so
            _LOG.exception("the books could not be read")
            return AcquiringAnswer(reason=Reason.UNREACHABLE)
        return under_way(found) if is_open else standing_of(found)

    async def _pay(self, request: Request, entry: UnderWay) -> AcquiringAnswer:
        """Sales, holds, voids, refunds."""
        begun = await self._beginnings.of(request, entry, self._deciding.pay)
        if isinstance(begun, AcquiringAnswer):
            return begun
        request, decision = begun
        if decision.asked is None:
            return decision.answer or SILENT
        self._faults.at("clearing.decided")
        case = _case(decision, decision.asked, request)
        if self._clock.monotonic() >= entry.closes_at:
            late = NotSent(why="its turn came after its budget")
            return await self._endings.of(request, entry, case, late, reason=Reason.BUSY)
        try:
            outcome = await self._at_the_bank(request, entry, case)
        except PinRefusedError as refusal:
            return await self._endings.of(request, entry, case, refusal.outcome, reason=refusal.reason)
        self._faults.at("clearing.answered")
        return await self._endings.of(request, entry, case, outcome)

    async def _reverse(self, request: Request, entry: UnderWay) -> AcquiringAnswer:
        """Undone as soon as it is durable; the lane tells the bank."""
        begun = await self._beginnings.of(request, entry, lambda again: self._reversal(again, entry))
        if isinstance(begun, AcquiringAnswer):
            return begun
        self._faults.at("clearing.concluded")
        self._nudge()
        return begun[1].answer or SILENT

    async def _reversal(self, request: Request, entry: UnderWay) -> Decision | Unused | Awaits:
        """Decide a reversal once its original is no longer under way, here or in another process."""
        while True:
            if not await self._original_has_ended(request, entry):
                return Unused(Reason.NO_ANSWER)
            decision = await self._deciding.reverse(request)
            if decision is not None:
                return decision
            left = entry.closes_at - self._clock.monotonic()
            if left <= 0:
                return Unused(Reason.NO_ANSWER)
            await asyncio.sleep(min(self._settings.poll_s, left))

    async def _original_has_ended(self, request: Request, entry: UnderWay) -> bool:
        own = request.record.reference
        for message_class in REVERSIBLE_CLASSES:
            original = self._desk.find(replace(own, message_class=message_class))
            if original is not None and not await original.wait_for_end(self._clock, entry.closes_at):
                return False
        return True

    async def _at_the_bank(self, request: Request, entry: UnderWay, case: Case) -> Outcome:
        """Ask the bank once; where it is silent, ask what became of it until the road closes."""
        self._faults.at("clearing.sending")
        channel, instruction = case.instruction.channel_id, message_of(request, case.instruction)
        instruction = await self._pins.carried(instruction, channel, request.record.card)
        asking = asyncio.ensure_future(
            self._dispatcher.ask(channel, instruction, within_s=self._settings.bank_within_s)
        )
        left = entry.closes_at - self._clock.monotonic()
        done, _ = await asyncio.wait({asking}, timeout=max(left, 0))
        if not done:
            self._spawn(self._endings.late(case.operation.id, asking))
            return Unknown(why="the bank did not answer within the budget")
        outcome = agreed(case.instruction, asking.result())
        if isinstance(outcome, Unknown):
            return await self._silence.broken(case.instruction, outcome, until=entry.closes_at)
        return outcome


def _case(decision: Decision, asked: Asked, request: Request) -> Case:
    return Case(
        operation=decision.operation,
        original=decision.original,
        instruction=sending(asked, request.at),
        hold=decision.hold,
    )
