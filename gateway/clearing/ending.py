"""Ending a request by what the bank said: made durable, then told; what was told 98 does not stand.

An approval of anything but a refund must not outlive a 98. Three things see to that: the journal refuses one whose time
has passed; one decided so late that its commit may end after the budget arms `clearing.withdraw` in its own change, and
the timer is ended before 00 is told; and what is in doubt is undone here as soon as the books can be reached.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from uuid import UUID

import structlog

from channels.instruction import Approved, Outcome, Unknown
from gateway.clearing.conclusion import Case, Concluded, Conclusions
from gateway.clearing.settings import RoadSettings
from gateway.clearing.silence import agreed
from gateway.clearing.under_way import Desk, UnderWay
from gateway.kernel.clock import Clock
from gateway.kernel.faults import Faults
from gateway.kernel.metrics import Metrics
from gateway.kernel.reasons import Reason
from gateway.payments.answers import answer_of
from gateway.payments.decision import Request
from gateway.payments.model import AcquiringAnswer, OperationState
from gateway.payments.operation import Operation, OperationKind

_LOG = structlog.get_logger(__name__)


class Endings:
    """Ends requests that this process carries."""

    def __init__(
        self,
        *,
        conclusions: Conclusions,
        desk: Desk,
        clock: Clock,
        faults: Faults,
        settings: RoadSettings,
        metrics: Metrics,
        nudge: Callable[[], None],
    ) -> None:
        self._conclusions = conclusions
        self._desk = desk
        self._clock = clock
        self._faults = faults
        self._settings = settings
        self._metrics = metrics
        self._nudge = nudge
        self._leaving = asyncio.Event()

    def leave(self) -> None:
        """Try once more, but no longer, what the books could not take: the process is about to end."""
        self._leaving.set()

    async def of(
        self, request: Request, entry: UnderWay, case: Case, outcome: Outcome, *, reason: Reason | None = None
    ) -> AcquiringAnswer:
        """Make the end durable and answer; who was told 98 meanwhile is not approved any more."""
        case = _as_told(case, entry)
        if isinstance(outcome, Approved) and _is_lost(entry, case.operation):
            outcome = Unknown(why="approved after the terminal had been told that nothing is known")
        at_once = request.payee.ripens_at_once
        try:
            concluded = await self._conclusions.conclude(
                case, outcome, ripens_at_once=at_once, who=request.who, reason=reason
            )
        except Exception:
            if not isinstance(outcome, Approved) or case.operation.kind is OperationKind.REFUND:
                raise
            _LOG.exception("an approval is in doubt", operation=str(case.operation.id))
            return await self._doubted(case.operation.id, entry)
        self._faults.at("clearing.concluded")
        return await self._answer(entry, concluded)

    async def late(self, operation: UUID, asking: asyncio.Future[Outcome]) -> None:
        """Join an answer that came after we gave up waiting to its operation."""
        try:
            await self._join(operation, await asking)
        except Exception:  # noqa: BLE001 - the lanes and the day's file say the same once more
            _LOG.exception("a late answer could not be written", operation=str(operation))

    async def _answer(self, entry: UnderWay, concluded: Concluded) -> AcquiringAnswer:
        operation = concluded.operation
        stands = await self._stands(entry, concluded)
        if operation.state is OperationState.APPROVED and not stands:
            return await self._doubted(operation.id, entry)
        if operation.state is OperationState.REVERSING:
            self._nudge()
        return answer_of(operation, booked_on=concluded.booked_on)

    async def _stands(self, entry: UnderWay, concluded: Concluded) -> bool:
        """End the guard of an approval that is to be told; False where it came too late for that."""
        if concluded.is_guarded and not _is_lost(entry, concluded.operation):
            try:
                await self._conclusions.let_stand(concluded.operation)
            except Exception:  # noqa: BLE001 - whatever broke, the guard may still be there: 00 cannot be told
                _LOG.exception("a late approval cannot be let stand", operation=str(concluded.operation.id))
                return False
        return not _is_lost(entry, concluded.operation)

    async def _doubted(self, operation: UUID, entry: UnderWay) -> AcquiringAnswer:
        """Tell 98 now, then see to it that nothing stands; the request stays under way until that is so."""
        silent = entry.give_up(self._clock.now())
        pause = self._settings.poll_s
        while not await self._is_undone(operation, entry) and not self._leaving.is_set():
            await self._rest(pause)
            pause = max(self._settings.poll_s, min(pause * 2, self._settings.lane_most_s))
        self._nudge()
        return silent

    async def _rest(self, pause: float) -> None:
        try:
            async with asyncio.timeout(pause):
                await self._leaving.wait()
        except TimeoutError:
            return

    async def _is_undone(self, operation: UUID, entry: UnderWay) -> bool:
        try:
            case = await self._conclusions.case(operation)
            if case is not None and case.operation.state is OperationState.SENT:
                gone = Unknown(why="its approval is in doubt")
                await self._conclusions.conclude(_as_told(case, entry), gone, ripens_at_once=False, who="clearing")
            return await self._conclusions.withdraw(operation, told_at=entry.told_nothing_at, who="clearing")
        except Exception:  # noqa: BLE001 - the books are away: tried again
            _LOG.exception("what was told 98 could not be undone yet", operation=str(operation))
            return False

    async def _join(self, operation: UUID, outcome: Outcome) -> None:
        case = await self._conclusions.case(operation)
        if case is None or isinstance(outcome, Unknown):
            return
        self._metrics.channel_late_answers.labels(self._conclusions.code_of(case.instruction.channel_id)).inc()
        under_way = self._desk.find(case.operation.reference)
        if under_way is not None:
            await under_way.ended.wait()
            case = await self._conclusions.case(operation) or case
        outcome = agreed(case.instruction, outcome)
        await self._conclusions.conclude(case, outcome, ripens_at_once=False, who="clearing:late")


def _as_told(case: Case, entry: UnderWay) -> Case:
    if entry.told_nothing_at is None:
        return case
    told = replace(case.operation, told=Reason.NO_ANSWER, answered_at=entry.told_nothing_at)
    return replace(case, operation=told)


def _is_lost(entry: UnderWay, operation: Operation) -> bool:
    return entry.told_nothing_at is not None and operation.kind is not OperationKind.REFUND
