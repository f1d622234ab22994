"""Beginning a request: decided, made durable with its clearing instruction, once; a repeat gets the first answer.

Until the change is durable nothing is recorded, and the reference stays unused. Where the record of a reference cannot
be read, no answer to its repeat would be true: none is given.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID

import structlog

from gateway.clearing import store as clearing_store
from gateway.clearing.change import INSTRUCTION, RECOVER, arm, change_of, lane, later, sending
from gateway.clearing.deciding import Deciding
from gateway.clearing.identify import Identification
from gateway.clearing.model import row_of
from gateway.clearing.settings import RoadSettings
from gateway.clearing.turns import Turns
from gateway.clearing.under_way import UnderWay
from gateway.fees import RateError
from gateway.journal.model import Done, Insert, Move, Post, Put, Receipt, Refused, Replayed
from gateway.kernel.clock import Clock
from gateway.kernel.ids import Ids
from gateway.kernel.postgres.pool import Database
from gateway.kernel.reasons import Reason
from gateway.payments import store
from gateway.payments.answers import answer_of
from gateway.payments.decision import Awaits, Decision, Request, Unused
from gateway.payments.model import STANDING, AcquiringAnswer, AcquiringRecord, Transaction
from gateway.payments.operation import Operation, OperationKind

_LOG = structlog.get_logger(__name__)
_TRIES = 20
_SHORT = (Reason.INSUFFICIENT_FUNDS, Reason.LIMIT_EXCEEDED)
_UNCERTAIN = (Reason.UNREACHABLE, Reason.BUSY, Reason.FAULT)
_Used = tuple[bytes, int, UUID]


class UntoldError(Exception):
    """The record of a request could not be read: whatever was told might be untrue, so nothing is told."""


Decide = Callable[[Request], Awaitable[Decision | Unused | Awaits]]


class Beginnings:
    """Makes decisions durable; where one comes to nothing, or was made before, there is an answer instead."""

    def __init__(
        self,
        *,
        journal: Post,
        pool: Database,
        identification: Identification,
        deciding: Deciding,
        turns: Turns,
        clock: Clock,
        ids: Ids,
        settings: RoadSettings,
    ) -> None:
        self._journal = journal
        self._pool = pool
        self._identification = identification
        self._deciding = deciding
        self._turns = turns
        self._clock = clock
        self._ids = ids
        self._settings = settings

    async def of(self, request: Request, entry: UnderWay, decide: Decide) -> AcquiringAnswer | tuple[Request, Decision]:
        """Make a decision durable; an answer where it comes to nothing or was made before.

        The request comes back as it was known when it was decided at last. Raises UntoldError where nothing can be
        told, InDoubtError where it is not known whether the decision is durable.
        """
        tries = _TRIES
        while tries:
            expects = self._deciding.expects(request)
            decision = await self._decided(request, decide)
            if isinstance(decision, Decision):
                decision, receipt = await self._opened(request, decision, expects)
                if isinstance(receipt, Done):
                    entry.is_begun = True
                    return request, decision
                tries -= 1
                answer = await self._not_begun(request, receipt)
            else:
                answer = await self._undecided(request, entry, decision)
            if answer is not None:
                return answer
            again = await self._again(request)
            if again is None:
                return unsure(request.record, Reason.UNREACHABLE)
            request = again
        return unsure(request.record, Reason.BUSY)

    async def _again(self, request: Request) -> Request | None:
        """Learn what has changed since the request was decided; None where that cannot be read."""
        try:
            await self._deciding.refresh()
            return await self._identification.again(request)
        except Exception:  # noqa: BLE001 - nothing is recorded yet: whatever broke, the caller is told so
            _LOG.exception("the books could not be read")
            return None

    async def _undecided(self, request: Request, entry: UnderWay, why: Unused | Awaits) -> AcquiringAnswer | None:
        """Answer what cannot be decided now, a repeat with the first answer; None = its turn has come."""
        try:
            used = await self._used_by(request)
            has_come = used is None and isinstance(why, Awaits) and await self._turns.come(why, until=entry.closes_at)
        except Exception:  # noqa: BLE001 - nothing is recorded yet: whatever broke, the caller is told so
            _LOG.exception("the books could not be read")
            return unsure(request.record, Reason.UNREACHABLE)
        if used is not None:
            return await self._reused(request, used)
        if isinstance(why, Unused):
            return AcquiringAnswer(reason=why.reason, text=why.text)
        return None if has_come else AcquiringAnswer(reason=why.otherwise)

    async def _decided(self, request: Request, decide: Decide) -> Decision | Unused | Awaits:
        try:
            return await decide(request)
        except RateError:
            _LOG.exception("a fee cannot be worked out")
            return Unused(Reason.FAULT, "the fee cannot be worked out")
        except Exception:  # noqa: BLE001 - nothing is recorded yet: whatever broke, the caller is told so
            _LOG.exception("a request could not be decided")
            return Unused(Reason.UNREACHABLE)

    async def _opened(
        self, request: Request, decision: Decision, expects: tuple[tuple[str, int], ...]
    ) -> tuple[Decision, Receipt]:
        """Make a decision durable, or the refusal that comes instead where the merchant has too little."""
        receipt = await self._open(request, decision, expects)
        if not isinstance(receipt, Refused) or receipt.reason not in _SHORT:
            return decision, receipt
        try:
            decision = await self._deciding.refused(request, receipt.reason)
        except Exception:  # noqa: BLE001 - nothing is recorded yet: whatever broke, the caller is told so
            _LOG.exception("a refusal could not be numbered")
            return decision, Refused(Reason.UNREACHABLE, "the books could not be read")
        return decision, await self._open(request, decision, expects)

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

    async def _not_begun(self, request: Request, receipt: Replayed | Refused) -> AcquiringAnswer | None:
        """Answer a change that was not taken; None = read again and decide again."""
        match receipt:
            case Replayed(subject=subject):
                return await self._replay(request, subject)
            case Refused(reason=Reason.MOVED):
                return None
            case Refused(reason=Reason.REFERENCE_REUSED):
                used = await self._used_by(request)
                return None if used is None else await self._reused(request, used)
            case Refused(reason=reason, detail=detail):
                return unsure(request.record, reason, detail)

    async def _replay(self, request: Request, subject: UUID) -> AcquiringAnswer:
        """Give the first answer again; while there is none, wait for whoever carries the first.

        Raises UntoldError where there is none in time: whoever carries it may still approve it.
        """
        while True:
            standing = await store.standing(self._pool, subject)
            if standing is not None and await self._is_told(standing.operation):
                return answer_of(standing.operation, booked_on=standing.booked_on, replayed=True)
            left = request.record.answer_by - self._clock.monotonic()
            if left <= 0:
                raise UntoldError
            await asyncio.sleep(min(self._settings.poll_s, left))

    async def _is_told(self, operation: Operation) -> bool:
        """Tell whether the first answer is given for good: an approval on its way is not, as it may be withdrawn."""
        if operation.state not in STANDING:
            return not operation.is_open
        return await clearing_store.stands(self._pool, operation.id)

    async def _used_by(self, request: Request) -> _Used | None:
        return await store.used_by(self._pool, scope=request.scope, name=request.name)

    async def _reused(self, request: Request, used: _Used) -> AcquiringAnswer:
        digest, version, subject = used
        if await self._identification.is_same(request, digest, version):
            return await self._replay(request, subject)
        first = await store.operation(self._pool, subject)
        is_barred = first is not None and first.kind is OperationKind.REVERSAL
        if is_barred and request.record.transaction is not Transaction.REVERSAL:
            return AcquiringAnswer(reason=Reason.WRONG_STATE, text="a reversal came first")
        return AcquiringAnswer(reason=Reason.REFERENCE_REUSED)


def unsure(record: AcquiringRecord, reason: Reason, text: str = "") -> AcquiringAnswer:
    """Refuse before it is known whether the reference is used.

    Raises UntoldError for a repeat: it cannot be told that nothing was sent, nor that its first does not stand.
    """
    if record.repeat and reason in _UNCERTAIN:
        raise UntoldError
    return AcquiringAnswer(reason=reason, text=text)
