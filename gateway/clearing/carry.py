"""The one road of a payment: decide, commit, ask the bank, commit, answer; called by every door.

Two durable waits for a purchase, one read more for a void, refund or reversal. The road goes on when its caller has
given up: what it was told then (98) binds what the operation may still become.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from uuid import UUID

import structlog

from channels.instruction import Approved, Card, Instruction, NotSent, Outcome, Unknown
from gateway.clearing.change import INSTRUCTION, RECOVER, arm, change_of, lane, later, sending
from gateway.clearing.conclusion import Books, Case, Conclusions, NotConcludedError
from gateway.clearing.deciding import Deciding
from gateway.clearing.dispatch import Dispatcher
from gateway.clearing.identify import Identification
from gateway.clearing.model import InstructionRecord, row_of
from gateway.clearing.settings import RoadSettings
from gateway.clearing.silence import Silence, agreed
from gateway.clearing.under_way import SILENT, Desk, UnderWay
from gateway.fees import RateError
from gateway.journal.model import Done, InDoubtError, Insert, Move, Put, Receipt, Refused, Replayed
from gateway.kernel.clock import Clock
from gateway.kernel.faults import Faults
from gateway.kernel.ids import Ids
from gateway.kernel.metrics import Metrics
from gateway.kernel.postgres.pool import Database
from gateway.kernel.reasons import Reason
from gateway.payments import store
from gateway.payments.answers import answer_of, standing_of
from gateway.payments.decision import Asked, Decision, Request, Unused
from gateway.payments.model import AcquiringAnswer, AcquiringRecord, OperationState, Reference, Transaction
from gateway.payments.operation import Operation, OperationKind
from gateway.payments.reversal import REVERSIBLE_CLASSES

_LOG = structlog.get_logger(__name__)
_TRIES = 20
_Decide = Callable[[Request], Awaitable[Decision | Unused]]
_SHORT = (Reason.INSUFFICIENT_FUNDS, Reason.LIMIT_EXCEEDED)
_ROADS = (Transaction.PURCHASE, Transaction.VOID, Transaction.REFUND, Transaction.REVERSAL)


class Carrier:
    """Carries requests to their end, or to the end of their budget; never raises for business."""

    def __init__(
        self,
        *,
        journal: Books,
        pool: Database,
        identification: Identification,
        deciding: Deciding,
        conclusions: Conclusions,
        dispatcher: Dispatcher,
        clock: Clock,
        ids: Ids,
        faults: Faults,
        settings: RoadSettings,
        metrics: Metrics,
        nudge: Callable[[], None],
    ) -> None:
        self._journal = journal
        self._pool = pool
        self._identification = identification
        self._deciding = deciding
        self._conclusions = conclusions
        self._dispatcher = dispatcher
        self._clock = clock
        self._ids = ids
        self._faults = faults
        self._settings = settings
        self._metrics = metrics
        self._nudge = nudge
        self._desk = Desk()
        self._tasks: set[asyncio.Task[None]] = set()
        self._silence = Silence(dispatcher=dispatcher, clock=clock, settings=settings)

    def is_under_way(self, reference: Reference) -> bool:
        """Tell whether this process is carrying a request."""
        return self._desk.find(reference) is not None

    async def drain(self) -> None:
        """Wait until everything under way has come to its end."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def carry(self, record: AcquiringRecord) -> AcquiringAnswer:
        """Take a request to its end, or to the end of its budget."""
        if record.transaction is Transaction.ENQUIRY:
            return await self._enquire(record)
        if record.transaction not in _ROADS:
            return AcquiringAnswer(reason=Reason.NOT_SUPPORTED)
        if self._clock.monotonic() >= record.answer_by:
            return AcquiringAnswer(reason=Reason.BUSY)
        try:
            request = await self._identification.of(record)
        except Exception:  # noqa: BLE001 - nothing is recorded yet: whatever broke, the caller is told so
            _LOG.exception("a request could not be identified")
            return AcquiringAnswer(reason=Reason.UNREACHABLE)
        if isinstance(request, Unused):
            return AcquiringAnswer(reason=request.reason, text=request.text)
        return await self._join_or_begin(request)

    async def _join_or_begin(self, request: Request) -> AcquiringAnswer:
        record = request.record
        first = self._desk.find(record.reference)
        if first is not None:
            if first.digest != request.digest:
                return AcquiringAnswer(reason=Reason.REFERENCE_REUSED)
            answer = await first.wait(self._clock, record.answer_by)
            return replace(answer or SILENT, replayed=True)
        closes_at = record.answer_by - self._settings.close_before_s
        entry = self._desk.open(record.reference, digest=request.digest, closes_at=closes_at)
        self._spawn(self._go(request, entry))
        answer = await entry.wait(self._clock, record.answer_by)
        if answer is None:
            entry.is_told_nothing = True
            entry.settle(SILENT)
        return answer or SILENT

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _go(self, request: Request, entry: UnderWay) -> None:
        road = self._reverse if request.record.transaction is Transaction.REVERSAL else self._pay
        try:
            entry.settle(await road(request, entry))
        except InDoubtError:
            entry.settle(SILENT)
        except Exception:  # noqa: BLE001 - a broken road must not leave its callers waiting
            # What was recorded is taken up by recovery; nothing more can be said now.
            _LOG.exception("the road of a request broke", terminal=request.record.reference.terminal)
            entry.settle(SILENT)
        finally:
            self._desk.close(request.record.reference)

    async def _enquire(self, record: AcquiringRecord) -> AcquiringAnswer:
        original = record.original
        if original is None or original.batch is None or original.trace is None:
            return AcquiringAnswer(reason=Reason.FORMAT)
        terminal = record.reference.terminal
        try:
            found = await store.by_reference(self._pool, terminal=terminal, batch=original.batch, trace=original.trace)
        except Exception:  # noqa: BLE001 - an enquiry changes nothing: whatever broke, the caller is told so
            _LOG.exception("the books could not be read")
            return AcquiringAnswer(reason=Reason.UNREACHABLE)
        return standing_of(found)

    async def _pay(self, request: Request, entry: UnderWay) -> AcquiringAnswer:
        """Purchase, void, refund."""
        begun = await self._begin(request, entry, self._deciding.pay)
        if isinstance(begun, AcquiringAnswer):
            return begun
        request, decision = begun
        if decision.asked is None:
            return decision.answer or SILENT
        self._faults.at("clearing.decided")
        case = _case(decision, decision.asked, request)
        if self._clock.monotonic() >= entry.closes_at:
            late = NotSent(why="its turn came after its budget")
            return await self._end(request, entry, case, late, reason=Reason.BUSY)
        outcome = await self._at_the_bank(request, entry, case)
        self._faults.at("clearing.answered")
        return await self._end(request, entry, case, outcome)

    async def _reverse(self, request: Request, entry: UnderWay) -> AcquiringAnswer:
        """Undone as soon as it is durable; the lane tells the bank."""
        begun = await self._begin(request, entry, lambda again: self._reversal(again, entry))
        if isinstance(begun, AcquiringAnswer):
            return begun
        self._faults.at("clearing.concluded")
        self._nudge()
        return begun[1].answer or SILENT

    async def _begin(
        self, request: Request, entry: UnderWay, decide: _Decide
    ) -> AcquiringAnswer | tuple[Request, Decision]:
        """Make a decision durable; an answer where it comes to nothing or was made before.

        The request comes back as it was known when it was decided at last.
        """
        for _ in range(_TRIES):
            expects = self._deciding.expects(request)
            decision = await self._decided(request, decide)
            if isinstance(decision, Unused):
                return AcquiringAnswer(reason=decision.reason, text=decision.text)
            receipt = await self._open(request, decision, expects)
            if isinstance(receipt, Refused) and receipt.reason in _SHORT:
                decision = await self._deciding.refused(request, receipt.reason)
                receipt = await self._open(request, decision, expects)
            if isinstance(receipt, Done):
                return request, decision
            answer = await self._not_begun(request, entry, receipt)
            if answer is not None:
                return answer
            request = await self._identification.again(request)
        return AcquiringAnswer(reason=Reason.BUSY)

    async def _decided(self, request: Request, decide: _Decide) -> Decision | Unused:
        try:
            return await decide(request)
        except RateError:
            _LOG.exception("a fee cannot be worked out")
            return Unused(Reason.FAULT, "the fee cannot be worked out")
        except Exception:  # noqa: BLE001 - nothing is recorded yet: whatever broke, the caller is told so
            _LOG.exception("a request could not be decided")
            return Unused(Reason.UNREACHABLE)

    async def _open(self, request: Request, decision: Decision, expects: tuple[tuple[str, int], ...]) -> Receipt:
        change = change_of(
            decision,
            id_=self._ids.new(),
            who=request.who,
            at=request.at,
            more=self._beside(request, decision),
            expects=expects,
        )
        return await self._journal.post(change)

    def _beside(self, request: Request, decision: Decision) -> tuple[Insert | Move | Put, ...]:
        """The clearing half of the change: the instruction, and the timer that finds it after a crash."""
        if decision.asked is None or request.record.transaction is Transaction.REVERSAL:
            return lane(decision.asked, request.at)
        due = later(request.answer_by, self._settings.recover_after_s)
        instruction = Insert(INSTRUCTION, row_of(sending(decision.asked, request.at)))
        return (instruction, arm(RECOVER, decision.operation.id, due))

    async def _not_begun(
        self, request: Request, entry: UnderWay, receipt: Replayed | Refused
    ) -> AcquiringAnswer | None:
        """Answer a change that was not taken; None = read again and decide again."""
        match receipt:
            case Replayed(subject=subject):
                return await self._replay(subject, entry)
            case Refused(reason=Reason.MOVED):
                await self._deciding.refresh()
                return None
            case Refused(reason=Reason.REFERENCE_REUSED):
                return await self._reused(request, entry)
            case Refused(reason=reason, detail=detail):
                return AcquiringAnswer(reason=reason, text=detail)

    async def _replay(self, subject: UUID, entry: UnderWay) -> AcquiringAnswer:
        """Give the first answer again; while there is none, wait for whoever carries the first."""
        while True:
            standing = await store.standing(self._pool, subject)
            if standing is not None and not standing.operation.is_open:
                return answer_of(standing.operation, booked_on=standing.booked_on, replayed=True)
            left = entry.closes_at - self._clock.monotonic()
            if left <= 0:
                return replace(SILENT, replayed=True)
            await asyncio.sleep(min(self._settings.poll_s, left))

    async def _reused(self, request: Request, entry: UnderWay) -> AcquiringAnswer | None:
        used = await store.used_by(self._pool, scope=request.scope, name=request.name)
        if used is None:
            return None
        digest, version, subject = used
        if await self._identification.is_same(request, digest, version):
            return await self._replay(subject, entry)
        first = await store.operation(self._pool, subject)
        is_barred = first is not None and first.kind is OperationKind.REVERSAL
        if is_barred and request.record.transaction is not Transaction.REVERSAL:
            return AcquiringAnswer(reason=Reason.WRONG_STATE, text="a reversal came first")
        return AcquiringAnswer(reason=Reason.REFERENCE_REUSED)

    async def _reversal(self, request: Request, entry: UnderWay) -> Decision | Unused:
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
        instruction = _instruction(request, case.instruction)
        asking = asyncio.ensure_future(
            self._dispatcher.ask(case.instruction.channel_id, instruction, within_s=self._settings.bank_within_s)
        )
        left = entry.closes_at - self._clock.monotonic()
        done, _ = await asyncio.wait({asking}, timeout=max(left, 0))
        if not done:
            self._spawn(self._late(case.operation.id, asking))
            return Unknown(why="the bank did not answer within the budget")
        outcome = agreed(case.instruction, asking.result())
        if isinstance(outcome, Unknown):
            return await self._silence.broken(case.instruction, outcome, until=entry.closes_at)
        return outcome

    async def _end(
        self,
        request: Request,
        entry: UnderWay,
        case: Case,
        outcome: Outcome,
        *,
        reason: Reason | None = None,
    ) -> AcquiringAnswer:
        """Make the end durable and answer; who was told 98 meanwhile is not approved any more."""
        if entry.is_told_nothing:
            case = replace(case, operation=replace(case.operation, told=Reason.NO_ANSWER))
        if isinstance(outcome, Approved) and _is_lost(entry, case.operation):
            outcome = Unknown(why="approved after the terminal had been told that nothing is known")
        at_once = request.payee.ripens_at_once
        concluded = await self._conclusions.conclude(
            case, outcome, ripens_at_once=at_once, who=request.who, reason=reason
        )
        self._faults.at("clearing.concluded")
        operation = concluded.operation
        if operation.state is OperationState.APPROVED and _is_lost(entry, operation):
            await self._conclusions.withdraw(operation.id, who="clearing")
            self._nudge()
            return SILENT
        if operation.state is OperationState.REVERSING:
            self._nudge()
        return answer_of(operation, booked_on=concluded.booked_on)

    async def _late(self, operation: UUID, asking: asyncio.Future[Outcome]) -> None:
        """Join an answer that came after we gave up waiting to its operation."""
        outcome = await asking
        case = await self._conclusions.case(operation)
        if case is None or isinstance(outcome, Unknown):
            return
        self._metrics.channel_late_answers.labels(str(case.instruction.channel_id)).inc()
        under_way = self._desk.find(case.operation.reference)
        if under_way is not None:
            await under_way.ended.wait()
            case = await self._conclusions.case(operation) or case
        outcome = agreed(case.instruction, outcome)
        try:
            await self._conclusions.conclude(case, outcome, ripens_at_once=False, who="clearing:late")
        except (InDoubtError, NotConcludedError):
            _LOG.warning("a late answer could not be written", operation=str(operation))


def _case(decision: Decision, asked: Asked, request: Request) -> Case:
    return Case(operation=decision.operation, original=decision.original, instruction=sending(asked, request.at))


def _is_lost(entry: UnderWay, operation: Operation) -> bool:
    return entry.is_told_nothing and operation.kind is not OperationKind.REFUND


def _instruction(request: Request, record: InstructionRecord) -> Instruction:
    card = request.record.card
    return Instruction(
        number=record.number,
        ask=record.ask,
        business=record.business,
        amount_minor=record.amount_minor,
        unit=record.unit,
        occurred_at=request.at,
        original=record.original_number,
        card=None
        if card is None
        else Card(
            pan=card.pan,
            expiry=card.expiry,
            sequence=card.sequence,
            entry_mode=request.record.entry_mode,
            pin_block=card.pin_block,
            icc=card.icc,
        ),
        merchant=record.merchant,
        terminal=record.terminal,
    )
