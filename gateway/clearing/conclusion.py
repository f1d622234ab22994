"""Concluding operations by what banks say: one place for the live road, for recovery and for files.

A conclusion is a fact: it is decided on the records as they stand, posted, and decided again where they have moved. A
final answer against an earlier final one becomes a question for a person with its money in suspense, never an
overwrite.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime
from uuid import UUID

import structlog

from channels.instruction import Approved, Ask, Declined, NotFound, NotSent, Outcome, Unknown
from gateway.clearing import store
from gateway.clearing.change import (
    ASK,
    EXPIRE_HOLD,
    RECOVER,
    REVERSE,
    WITHDRAW,
    answered,
    arm,
    cancelled,
    change_of,
    disarm,
    lane,
    later,
)
from gateway.clearing.late import contradiction, late_minor
from gateway.clearing.minting import Mint
from gateway.clearing.model import InstructionRecord, InstructionState
from gateway.clearing.settings import RoadSettings
from gateway.journal.model import Change, Done, Insert, Move, Post, Put, Receipt, Refused
from gateway.kernel.clock import Clock
from gateway.kernel.ids import Ids
from gateway.kernel.metrics import Metrics
from gateway.kernel.postgres.pool import Database
from gateway.kernel.reasons import Reason
from gateway.payments import conclude, reversal
from gateway.payments import store as payments
from gateway.payments.decision import Decision
from gateway.payments.holds import can_be_undone, is_free
from gateway.payments.model import STANDING, OperationState
from gateway.payments.operation import Operation, OperationKind

_LOG = structlog.get_logger(__name__)
_TRIES = 20
_OPEN = (OperationState.SENT, OperationState.UNKNOWN)


class NotConcludedError(Exception):
    """What became of an operation could not be written; it stays open and recovery takes it up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """An operation with the records that a conclusion moves.

    `original` is what a void, refund or completion stands on, `hold` the one under a completion that is voided.
    """

    operation: Operation
    original: Operation | None
    instruction: InstructionRecord
    hold: Operation | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Concluded:
    """How an operation stands after its conclusion; `booked_on` where money was posted now.

    `is_guarded`: the approval is withdrawn by a timer unless it is let stand before it is told.
    """

    operation: Operation
    booked_on: date | None
    is_guarded: bool = False


More = tuple[Insert | Move | Put, ...]


class Conclusions:
    """Decides and posts what became of operations."""

    def __init__(
        self,
        *,
        journal: Post,
        pool: Database,
        mint: Mint,
        clock: Clock,
        ids: Ids,
        settings: RoadSettings,
        metrics: Metrics,
        code_of: Callable[[UUID], str],
    ) -> None:
        self._journal = journal
        self._pool = pool
        self._mint = mint
        self._clock = clock
        self._ids = ids
        self._settings = settings
        self._metrics = metrics
        self.code_of = code_of

    async def case(self, operation: UUID) -> Case | None:
        """Read an operation with what belongs to it, as of one instant.

        None where it is unknown or the bank was never asked.
        """
        async with store.snapshot(self._pool) as now:
            found = await payments.operation(now, operation)
            if found is None or found.instruction_id is None:
                return None
            instruction = await store.instruction(now, found.instruction_id)
            original, hold = await payments.under(now, found)
        if instruction is None:
            return None
        return Case(operation=found, original=original, instruction=instruction, hold=hold)

    async def conclude(
        self, case: Case, outcome: Outcome, *, ripens_at_once: bool, who: str, reason: Reason | None = None
    ) -> Concluded:
        """Write what the bank said. Raises NotConcludedError where it cannot be written.

        Unknown means that the budget has ended: a refund is left open, everything else is being undone from now on. So
        is an approval that cannot be durable within the budget, a refund's excepted.
        `reason` is ours for a refusal that is not the bank's.
        """
        for _ in range(_TRIES):
            not_after = self._not_after(case.operation, outcome)
            if not_after is not None and self._clock.now() > not_after:
                outcome, not_after = Unknown(why="approved when its budget had ended"), None
            guards = self._guards(case.operation, not_after)
            decision, more = await self._decide(case, outcome, ripens_at_once=ripens_at_once, reason=reason)
            if decision is None:
                return Concluded(operation=case.operation, booked_on=None)
            receipt = await self._post(decision, (*more, *guards), who, not_after)
            if isinstance(receipt, Done) and decision.operation is case.operation:
                return Concluded(operation=case.operation, booked_on=None)
            if isinstance(receipt, Done):
                self._count(case, decision)
                return Concluded(operation=decision.operation, booked_on=receipt.booked_on, is_guarded=bool(guards))
            case = await self._again(case, receipt)
        raise NotConcludedError("the records kept moving")

    async def conclude_from_file(self, instruction: UUID, outcome: Approved | Declined) -> bool:
        """Take the word of a bank's file for an instruction that is still open; False where it is final already."""
        record = await store.instruction(self._pool, instruction)
        case = None if record is None or record.owner_kind != "operation" else await self.case(record.owner_id)
        if case is None or case.instruction.id != instruction or case.operation.state is not OperationState.UNKNOWN:
            return False
        await self.conclude(case, outcome, ripens_at_once=False, who="clearing:file")
        return True

    def _not_after(self, operation: Operation, outcome: Outcome) -> datetime | None:
        """The last instant at which an approval may be decided: after that its commit would come too late."""
        is_open = operation.state is OperationState.SENT and operation.kind is not OperationKind.REFUND
        if not is_open or not isinstance(outcome, Approved):
            return None
        return later(operation.answer_by, -self._settings.close_before_s / 2)

    def _guards(self, operation: Operation, not_after: datetime | None) -> More:
        if not_after is None or self._clock.now() < later(not_after, -self._settings.write_within_s):
            return ()
        return (arm(WITHDRAW, operation.id, later(operation.answer_by, self._settings.recover_after_s)),)

    async def let_stand(self, operation: Operation) -> None:
        """End the guard of an approval that is about to be told. Raises NotConcludedError where it cannot be."""
        change = Change(
            id=self._ids.new(),
            who="clearing",
            why="the approval was durable in time",
            occurred_at=self._clock.now(),
            records=(disarm(WITHDRAW, operation.id),),
            not_after=operation.answer_by,
            fact=True,
        )
        _refuse_unless_done(await self._journal.post(change))

    async def withdraw(self, operation: UUID, *, told_at: datetime | None, who: str) -> bool:
        """Undo an approval that became durable only after the terminal had been told 98 at `told_at`.

        False where it cannot be undone yet: a counter-operation is open on it. What was given back by a void or refund
        already is a question for a person.
        """
        for _ in range(_TRIES):
            standing = await payments.standing(self._pool, operation)
            if standing is None or standing.operation.state not in STANDING:
                return True
            parent, hold = await payments.under(self._pool, standing.operation)
            if standing.operation.counter_id is not None:
                return False
            if not can_be_undone(standing.operation, parent, hold):
                return await self._stands_though_told(operation)
            at = self._clock.now()
            minted = await self._mint.make(at)
            decision = reversal.withdraw(
                standing, parent, hold, minted=minted, told=Reason.NO_ANSWER, answered_at=told_at, at=at
            )
            more = (disarm(WITHDRAW, operation), *lane(decision.asked, at))
            receipt = await self._post(decision, more, who)
            if isinstance(receipt, Done):
                return True
            _refuse_unless_moved(receipt)
        raise NotConcludedError("the records kept moving")

    async def _stands_though_told(self, operation: UUID) -> bool:
        case = await self.case(operation)
        if case is not None:
            detail = "told 98, but a void or refund has given it back, so it cannot be reversed"
            ends = disarm(WITHDRAW, operation)
            await self.put_question(case, kind="told_98_stands", detail=detail, instruction=case.instruction, ends=ends)
        return True

    async def undone(self, case: Case, undoing: InstructionRecord, outcome: Approved) -> None:
        """The bank has undone what `undoing` asked it to."""
        at = self._clock.now()
        await self._end_lane(case, undoing, conclude.undone(case.operation, original=case.original, at=at), outcome)

    async def never_done(
        self, case: Case, undoing: InstructionRecord, outcome: Declined, *, found: Declined | NotFound
    ) -> None:
        """The bank will not undo it because it never did it: `found` is its word on the original."""
        await self._end_lane(case, undoing, self._declined(case, found, reason_of(found)), outcome)

    async def put_question(
        self, case: Case, *, kind: str, detail: str, instruction: InstructionRecord | None, ends: Put | None
    ) -> None:
        """Put an operation before a person, once, and end the timer that has come to its end with it."""
        ending: More = () if ends is None else (ends,)
        if await payments.open_question_of(self._pool, case.operation.id, kind) is None:
            decision = self._question(case, kind=kind, detail=detail, instruction=instruction)
            _refuse_unless_done(await self._post(decision, ending, "clearing"))

    def _question(self, case: Case, *, kind: str, detail: str, instruction: InstructionRecord | None) -> Decision:
        _LOG.warning("a payment needs a person", operation=str(case.operation.id), kind=kind)
        return conclude.question(
            case.operation,
            id_=self._ids.new(),
            kind=kind,
            detail=detail,
            instruction=None if instruction is None else instruction.id,
            at=self._clock.now(),
        )

    async def move(
        self, instruction: InstructionRecord, to: dict[str, object], *, why: str
    ) -> InstructionRecord | None:
        """Move an instruction's communication; None where somebody else moved it meanwhile."""
        record = Move("instruction", instruction.id, instruction.version, to)
        receipt = await self._journal.post(
            Change(
                id=self._ids.new(),
                who="clearing",
                why=why,
                occurred_at=self._clock.now(),
                records=(record,),
                fact=True,
            )
        )
        if not isinstance(receipt, Done):
            _refuse_unless_moved(receipt)
            return None
        return await store.instruction(self._pool, instruction.id)

    async def _decide(
        self, case: Case, outcome: Outcome, *, ripens_at_once: bool, reason: Reason | None
    ) -> tuple[Decision | None, More]:
        at, operation = self._clock.now(), case.operation
        if operation.state is OperationState.UNKNOWN and isinstance(outcome, Unknown):
            return None, ()
        if operation.state not in _OPEN:
            return await self._late(case, outcome)
        timers = (disarm(RECOVER, operation.id), disarm(ASK, operation.id))
        more: More = (answered(case.instruction, outcome, at), *timers)
        match outcome:
            case Approved():
                more = (*more, *self._expiry(operation))
                decision = conclude.approve(
                    operation,
                    original=case.original,
                    hold=case.hold,
                    outcome=outcome,
                    transfers=(self._ids.new(), self._ids.new()),
                    at=at,
                    ripens_at_once=ripens_at_once,
                )
            case Declined() | NotSent() | NotFound():
                decision = self._declined(case, outcome, reason or reason_of(outcome))
            case Unknown():
                return await self._silent(case, outcome)
        return decision, more

    def _expiry(self, operation: Operation) -> More:
        if operation.kind is not OperationKind.PREAUTHORISATION:
            return ()
        return (arm(EXPIRE_HOLD, operation.id, later(operation.occurred_at, self._settings.hold_days * 86_400)),)

    async def expire_hold(self, operation: UUID) -> bool:
        """End a pre-authorisation whose time has run out; False while something is being done to it."""
        for _ in range(_TRIES):
            hold = await payments.operation(self._pool, operation)
            if hold is None or hold.state is not OperationState.HELD:
                return True
            if not is_free(hold):
                return False
            receipt = await self._post(conclude.expire(hold), (disarm(EXPIRE_HOLD, hold.id),), "clearing")
            if isinstance(receipt, Done):
                return True
            _refuse_unless_moved(receipt)
        raise NotConcludedError("the records kept moving")

    def _declined(self, case: Case, outcome: Declined | NotSent | NotFound, reason: Reason) -> Decision:
        words = outcome.text if isinstance(outcome, Declined) else outcome.why
        return conclude.decline(
            case.operation,
            original=case.original,
            reason=reason,
            code=outcome.code if isinstance(outcome, Declined) else "",
            text=words,
            at=self._clock.now(),
        )

    async def _silent(self, case: Case, outcome: Unknown) -> tuple[Decision, More]:
        at, operation = self._clock.now(), case.operation
        instruction = answered(case.instruction, outcome, at)
        if operation.kind is OperationKind.REFUND:
            ask = arm(ASK, operation.id, later(at, self._settings.ask_again_s))
            return conclude.leave_open(operation, at=at), (instruction, disarm(RECOVER, operation.id), ask)
        undoing = reversal.undoing(operation, await self._mint.make(at))
        decision = conclude.give_up(operation, asked=undoing, at=at)
        return decision, (instruction, disarm(RECOVER, operation.id), *lane(undoing, at))

    async def _late(self, case: Case, outcome: Outcome) -> tuple[Decision | None, More]:
        """Take an answer that came after its operation had ended, or was given up."""
        if not isinstance(outcome, Approved | Declined):
            return None, ()
        is_known = case.instruction.state in (InstructionState.SENT, InstructionState.UNKNOWN)
        if case.operation.state is OperationState.REVERSING and is_known:
            decision = Decision(operation=case.operation, why="the bank answered late", fact=True)
            return decision, (answered(case.instruction, outcome, self._clock.now()),)
        done, was_done = isinstance(outcome, Approved), case.instruction.state is InstructionState.SUCCESS
        if case.instruction.state is InstructionState.CANCELLED or done == was_done:
            return None, ()
        detail = f"the bank says {type(outcome).__name__.lower()} of an instruction that is {case.instruction.state}"
        return await self._differs(case, outcome, detail)

    async def _differs(self, case: Case, outcome: Approved | Declined, detail: str) -> tuple[Decision | None, More]:
        """A final answer against the earlier final one: a question, and its money in suspense, once."""
        kind, operation, instruction = "late_answer_differs", case.operation, case.instruction
        against = contradiction(operation.state, instruction, outcome, transfer=self._ids.new(), at=self._clock.now())
        is_asked = await payments.open_question_of(self._pool, operation.id, kind) is not None
        if against is None and (is_asked or late_minor(instruction)):
            return None, ()
        asked = Decision(operation=operation, why=detail, fact=True)
        if not is_asked:
            asked = self._question(case, kind=kind, detail=detail, instruction=instruction)
        if against is None:
            return asked, ()
        return replace(asked, postings=(against.transfer,)), (against.mark,)

    async def _end_lane(self, case: Case, undoing: InstructionRecord, decision: Decision, outcome: Outcome) -> None:
        at = self._clock.now()
        is_done = isinstance(outcome, Approved)
        own = answered(undoing, outcome, at)
        asked_for = cancelled(case.instruction) if is_done else _failed(case.instruction, at)
        more: More = (own, *asked_for, disarm(REVERSE, undoing.id))
        _refuse_unless_done(await self._post(decision, more, "clearing"))
        self._count(case, decision)

    async def _post(self, decision: Decision, more: More, who: str, not_after: datetime | None = None) -> Receipt:
        at = self._clock.now()
        change = change_of(decision, id_=self._ids.new(), who=who, at=at, more=more, not_after=not_after)
        return await self._journal.post(change)

    async def _again(self, case: Case, receipt: Receipt) -> Case:
        _refuse_unless_moved(receipt)
        read = await self.case(case.operation.id)
        if read is None:
            raise NotConcludedError("the operation is gone")
        return read

    def _count(self, case: Case, decision: Decision) -> None:
        operation = decision.operation
        if operation.state not in (OperationState.SENT, OperationState.UNKNOWN, OperationState.REVERSING):
            seconds = (self._clock.now() - operation.occurred_at).total_seconds()
            self._metrics.final_seconds.labels(operation.kind).observe(max(seconds, 0))
        ask = case.instruction.ask if operation.state is not OperationState.REVERSED else Ask.REVERSE
        self._metrics.instructions.labels(self.code_of(case.instruction.channel_id), ask, operation.state).inc()


def _failed(record: InstructionRecord, at: datetime) -> tuple[Move, ...]:
    if record.state not in (InstructionState.SENT, InstructionState.UNKNOWN):
        return ()
    return (answered(record, NotFound(), at),)


def reason_of(outcome: Declined | NotSent | NotFound) -> Reason:
    """Return our reason for a bank's refusal; a name that is none of ours is a decline by the bank."""
    if not isinstance(outcome, Declined):
        return Reason.UNREACHABLE
    try:
        return Reason(outcome.reason)
    except ValueError:
        return Reason.BANK_DECLINED


def _refuse_unless_moved(receipt: Receipt) -> None:
    if not isinstance(receipt, Refused) or receipt.reason is not Reason.MOVED:
        raise NotConcludedError(f"not written: {receipt}")


def _refuse_unless_done(receipt: Receipt) -> None:
    if not isinstance(receipt, Done):
        raise NotConcludedError(f"not written: {receipt}")
