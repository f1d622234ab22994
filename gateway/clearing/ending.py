"""Ending a request by what the bank said: made durable, then told; what was told 98 does not stand.

An approval of anything but a refund must not outlive a 98. Three things see to that: nothing is approved any more once
98 was told, and 98 is not told while an approval is on its way; the journal refuses one whose time has passed; one
decided so late that its commit may end after the budget arms `clearing.withdraw` in its own change, and the timer is
ended before 00 is told. An approval in doubt is told to nobody: it stands or it does not, and the terminal that heard
nothing reverses or repeats.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from uuid import UUID

import structlog

from channels.instruction import Approved, Outcome, Unknown
from gateway.clearing.conclusion import Case, Concluded, Conclusions
from gateway.clearing.silence import agreed
from gateway.clearing.under_way import Desk, UnderWay
from gateway.kernel.faults import Faults
from gateway.kernel.metrics import Metrics
from gateway.kernel.reasons import Reason
from gateway.payments.answers import answer_of
from gateway.payments.decision import Request
from gateway.payments.model import AcquiringAnswer, OperationState
from gateway.payments.operation import OperationKind

_LOG = structlog.get_logger(__name__)


class Endings:
    """Ends requests that this process carries."""

    def __init__(
        self,
        *,
        conclusions: Conclusions,
        desk: Desk,
        faults: Faults,
        metrics: Metrics,
        nudge: Callable[[], None],
    ) -> None:
        self._conclusions = conclusions
        self._desk = desk
        self._faults = faults
        self._metrics = metrics
        self._nudge = nudge

    async def of(
        self, request: Request, entry: UnderWay, case: Case, outcome: Outcome, *, reason: Reason | None = None
    ) -> AcquiringAnswer:
        """Make the end durable and answer; who was told 98 meanwhile is not approved any more.

        Raises where the end could not be made durable, or where an approval could not be freed of its guard.
        """
        outcome = _held_to(entry, case, outcome)
        concluded = await self._conclusions.conclude(
            _as_told(case, entry), outcome, ripens_at_once=request.payee.ripens_at_once, who=request.who, reason=reason
        )
        self._faults.at("clearing.concluded")
        return await self._answer(concluded)

    async def late(self, operation: UUID, asking: asyncio.Future[Outcome]) -> None:
        """Join an answer that came after we gave up waiting to its operation."""
        try:
            await self._join(operation, await asking)
        except Exception:  # noqa: BLE001 - the lanes and the day's file say the same once more
            _LOG.exception("a late answer could not be written", operation=str(operation))

    async def _answer(self, concluded: Concluded) -> AcquiringAnswer:
        operation = concluded.operation
        if concluded.is_guarded:
            # Where the guard cannot be ended, 00 cannot be told: the timer withdraws what nobody was told of.
            await self._conclusions.let_stand(operation)
        if operation.state is OperationState.REVERSING:
            self._nudge()
        return answer_of(operation, booked_on=concluded.booked_on)

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


def _held_to(entry: UnderWay, case: Case, outcome: Outcome) -> Outcome:
    """Hold an outcome to what was told: from here on either 98 was told and nothing is approved, or it is not told."""
    if not isinstance(outcome, Approved) or case.operation.kind is OperationKind.REFUND:
        return outcome
    if entry.told_nothing_at is not None:
        return Unknown(why="approved after the terminal had been told that nothing is known")
    entry.is_approving = True
    return outcome


def _as_told(case: Case, entry: UnderWay) -> Case:
    if entry.told_nothing_at is None:
        return case
    told = replace(case.operation, told=Reason.NO_ANSWER, answered_at=entry.told_nothing_at)
    return replace(case, operation=told)
