"""Picking up what was committed and not concluded: after a crash, after a budget, after a bank's silence.

Five timers: `clearing.recover` finds requests whose road broke; `clearing.ask` asks about refunds that stay unknown;
`clearing.reverse` is the lane that tells banks what was undone; `clearing.withdraw` undoes an approval that was durable
too late to be told; `clearing.expire_hold` ends pre-authorisations. An instruction found `sending` is unknown: asked
for, never sent again, unless the channel drops repeats by number. What no lane can settle in its time goes to a person.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from channels.instruction import Approved, Ask, Declined, Instruction, NotFound, NotSent, Outcome, Unknown
from gateway.clearing import store
from gateway.clearing.change import ASK, EXPIRE_HOLD, RECOVER, REVERSE, WITHDRAW, disarm
from gateway.clearing.conclusion import Case, Conclusions
from gateway.clearing.dispatch import Dispatcher
from gateway.clearing.model import Communication, InstructionEvent, InstructionRecord, InstructionState, advance
from gateway.clearing.settings import RoadSettings
from gateway.clearing.silence import agreed
from gateway.journal.model import Put
from gateway.kernel.clock import Clock
from gateway.kernel.faults import Faults
from gateway.kernel.postgres.pool import Database
from gateway.payments.model import OperationState, Reference
from gateway.payments.operation import OperationKind
from gateway.tasks import Again, Finished, Handler, Timer
from gateway.tasks import Outcome as Verdict

_OPEN_LANE = (InstructionState.ROUTED, InstructionState.SENT, InstructionState.UNKNOWN)
_SOON = timedelta(seconds=2)
_MAY_STAND_AGAIN_DAYS = 3


class Recovery:
    """The handlers of the five timers. `is_under_way` tells whether this process still carries a request."""

    def __init__(
        self,
        *,
        pool: Database,
        conclusions: Conclusions,
        dispatcher: Dispatcher,
        clock: Clock,
        faults: Faults,
        settings: RoadSettings,
        is_under_way: Callable[[Reference], bool],
    ) -> None:
        self._pool = pool
        self._conclusions = conclusions
        self._dispatcher = dispatcher
        self._clock = clock
        self._faults = faults
        self._settings = settings
        self._is_under_way = is_under_way

    def handlers(self) -> Mapping[str, Handler]:
        """The handlers by kind of timer."""
        return {
            RECOVER: self.recover,
            ASK: self.ask,
            REVERSE: self.reverse,
            WITHDRAW: self.withdraw,
            EXPIRE_HOLD: self.expire_hold,
        }

    async def recover(self, timer: Timer) -> Verdict:
        """Take up a request that should have come to its end by itself.

        Its budget has ended, so its terminal was told 98 or nothing: a refund stays open or ends, anything else can
        only end declined or reversed.
        """
        case = await self._conclusions.case(timer.subject)
        if case is None or case.operation.state is not OperationState.SENT:
            return Finished()
        if self._is_under_way(case.operation.reference) or self._clock.now() < case.operation.answer_by:
            return Again(_SOON)
        outcome = await self._query(case.instruction)
        is_usable = isinstance(outcome, Declined) or (
            isinstance(outcome, Approved) and case.operation.kind is OperationKind.REFUND
        )
        if not is_usable:
            outcome = Unknown(why="found unfinished after its budget")
        await self._conclusions.conclude(case, outcome, ripens_at_once=False, who="clearing:recovery")
        return Finished()

    async def ask(self, timer: Timer) -> Verdict:
        """Ask the bank about an operation that stays unknown until it is known."""
        case = await self._conclusions.case(timer.subject)
        if case is None or case.operation.state is not OperationState.UNKNOWN:
            return Finished()
        age = (self._clock.now() - case.operation.occurred_at).total_seconds()
        if age > self._settings.lane_expires_s:
            await self._expired(case, case.instruction, "never_answered", disarm(ASK, case.operation.id))
            return Finished()
        outcome = await self._query(case.instruction)
        if isinstance(outcome, NotFound) and not await self._is_final(case.instruction):
            return Again(self._until_final(case.instruction))
        if isinstance(outcome, Unknown):
            pause = max(age / 4, self._settings.ask_again_s)
            return Again(timedelta(seconds=min(pause, self._settings.ask_again_most_s)))
        await self._conclusions.conclude(case, outcome, ripens_at_once=False, who="clearing:query")
        return Finished()

    async def withdraw(self, timer: Timer) -> Verdict:
        """Undo an approval that nobody was told of: whoever tells 00 ends this timer first."""
        case = await self._conclusions.case(timer.subject)
        told_at = None if case is None else case.operation.answer_by
        is_done = await self._conclusions.withdraw(timer.subject, told_at=told_at, who="clearing:recovery")
        return Finished() if is_done else Again(_SOON)

    async def expire_hold(self, timer: Timer) -> Verdict:
        """End a pre-authorisation that was not completed in its time; one that was may still stand again for a day."""
        if not await self._conclusions.expire_hold(timer.subject):
            return Again(_SOON)
        case = await self._conclusions.case(timer.subject)
        if case is None or case.operation.state is not OperationState.COMPLETED:
            return Finished()
        age = (self._clock.now() - case.operation.occurred_at).days
        return Again(timedelta(days=1)) if age < self._settings.hold_days + _MAY_STAND_AGAIN_DAYS else Finished()

    async def reverse(self, timer: Timer) -> Verdict:
        """Tell the bank that something is undone, until it has answered."""
        undoing = await store.instruction(self._pool, timer.subject)
        case = None if undoing is None else await self._conclusions.case(undoing.owner_id)
        if undoing is None or case is None or not _is_due(case, undoing):
            return Finished()
        age = (self._clock.now() - undoing.created_at).total_seconds()
        if age > self._settings.lane_expires_s:
            await self._expired(case, undoing, "lane_expired", disarm(REVERSE, undoing.id))
            return Finished()
        outcome, undoing = await self._told(undoing)
        match outcome:
            case Approved():
                await self._conclusions.undone(case, undoing, outcome)
                self._faults.at("clearing.concluded")
                return Finished()
            case Declined():
                return await self._refused(case, undoing, outcome)
            case _:
                await self._unheard(undoing, outcome)
                return Again(self._lane_pause(undoing))

    async def _told(self, undoing: InstructionRecord) -> tuple[Outcome, InstructionRecord]:
        capabilities = self._dispatcher.capabilities(undoing.channel_id)
        if capabilities is None:
            return Unknown(why="the channel cannot be reached from here"), undoing
        was_sent = undoing.state is not InstructionState.ROUTED
        if was_sent and not capabilities.dedupes_by_number:
            outcome = await self._query(undoing)
            if not isinstance(outcome, NotFound) or not await self._is_final(undoing):
                return outcome, undoing
        sending = await self._sending(undoing)
        if sending is None:
            return Unknown(why="somebody else moved it"), undoing
        self._faults.at("clearing.sending")
        outcome = await self._dispatcher.ask(
            sending.channel_id, _message(sending, self._clock.now()), within_s=self._settings.bank_within_s
        )
        self._faults.at("clearing.answered")
        return outcome, sending

    async def _sending(self, undoing: InstructionRecord) -> InstructionRecord | None:
        to: dict[str, object] = {
            "state": advance(undoing.state, InstructionEvent.SEND),
            "communication": Communication.SENDING,
            "tries": undoing.tries + 1,
            "sent_at": self._clock.now(),
        }
        return await self._conclusions.move(undoing, to, why="the bank is told that it is undone")

    async def _unheard(self, undoing: InstructionRecord, outcome: Outcome) -> None:
        if undoing.communication is Communication.SENDING:
            heard = Communication.SEND_FAILED if isinstance(outcome, NotSent) else Communication.NO_ANSWER
            await self._conclusions.move(undoing, {"communication": heard}, why="the bank has not answered yet")

    async def _refused(self, case: Case, undoing: InstructionRecord, outcome: Declined) -> Verdict:
        """The bank will not undo it: maybe it never did it; else it is a question for a person."""
        found = await self._query(case.instruction)
        if isinstance(found, Unknown) and self._clock.now() < undoing.created_at + timedelta(
            seconds=self._settings.lane_expires_s
        ):
            return Again(self._lane_pause(undoing))
        is_undecided = isinstance(found, NotFound) and not case.operation.is_posted
        if is_undecided and not await self._is_final(case.instruction):
            return Again(self._until_final(case.instruction))
        if isinstance(found, Declined | NotFound) and not case.operation.is_posted:
            await self._conclusions.never_done(case, undoing, outcome, found=found)
            return Finished()
        detail = f"the bank refuses to undo it: code {outcome.code}"
        ends = disarm(REVERSE, undoing.id)
        await self._conclusions.put_question(
            case, kind="reversal_refused", detail=detail, instruction=undoing, ends=ends
        )
        return Finished()

    async def _query(self, instruction: InstructionRecord) -> Outcome:
        outcome = await self._dispatcher.query(
            instruction.channel_id, instruction.number, within_s=self._settings.bank_within_s
        )
        return agreed(instruction, outcome)

    async def _is_final(self, instruction: InstructionRecord) -> bool:
        """Whether the bank has now said for long enough that it does not know the number; notes the first time."""
        if instruction.not_found_at is None:
            await self._conclusions.move(
                instruction, {"not_found_at": self._clock.now()}, why="the bank does not know the number yet"
            )
            return False
        capabilities = self._dispatcher.capabilities(instruction.channel_id)
        waited = (self._clock.now() - instruction.not_found_at).total_seconds()
        return capabilities is not None and waited >= capabilities.not_found_is_final_after_s

    def _until_final(self, instruction: InstructionRecord) -> timedelta:
        capabilities = self._dispatcher.capabilities(instruction.channel_id)
        apart = self._settings.ask_again_s if capabilities is None else capabilities.not_found_is_final_after_s
        since = instruction.not_found_at or self._clock.now()
        left = apart - (self._clock.now() - since).total_seconds()
        return timedelta(seconds=max(left, self._settings.lane_least_s))

    def _lane_pause(self, undoing: InstructionRecord) -> timedelta:
        doubled = self._settings.lane_least_s * 2 ** min(undoing.tries, 20)
        return timedelta(seconds=min(doubled, self._settings.lane_most_s))

    async def _expired(self, case: Case, instruction: InstructionRecord, kind: str, ends: Put) -> None:
        detail = f"no answer from the bank for {self._settings.lane_expires_s / 3600:.0f} hours"
        await self._conclusions.put_question(case, kind=kind, detail=detail, instruction=instruction, ends=ends)


def _is_due(case: Case, undoing: InstructionRecord) -> bool:
    return case.operation.state is OperationState.REVERSING and undoing.state in _OPEN_LANE


def _message(record: InstructionRecord, at: datetime) -> Instruction:
    return Instruction(
        number=record.number,
        ask=Ask.REVERSE,
        business=record.business,
        amount_minor=record.amount_minor,
        unit=record.unit,
        occurred_at=at,
        original=record.original_number,
        merchant=record.merchant,
        terminal=record.terminal,
    )
