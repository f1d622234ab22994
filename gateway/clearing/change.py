"""Putting a payment's decision and its clearing instruction together as one change (row C2)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from channels.instruction import Approved, Ask, Declined, NotFound, NotSent, Outcome, Unknown
from gateway.clearing.model import (
    Communication,
    InstructionEvent,
    InstructionRecord,
    InstructionState,
    advance,
    row_of,
)
from gateway.journal.model import Change, Insert, Move, Put
from gateway.kernel.reasons import Reason
from gateway.payments.decision import Asked, Decision

INSTRUCTION = "instruction"
RECOVER, ASK, REVERSE = "clearing.recover", "clearing.ask", "clearing.reverse"
WITHDRAW, EXPIRE_HOLD = "clearing.withdraw", "clearing.expire_hold"


def change_of(
    decision: Decision,
    *,
    id_: UUID,
    who: str,
    at: datetime,
    more: tuple[Insert | Move | Put, ...] = (),
    expects: tuple[tuple[str, int], ...] = (),
    not_after: datetime | None = None,
) -> Change:
    """Return the change that makes a decision durable, with the instruction records in `more`."""
    return Change(
        id=id_,
        who=who,
        why=decision.why,
        occurred_at=at,
        keys=decision.keys,
        records=(*decision.records, *more),
        postings=decision.postings,
        counts=decision.counts,
        events=decision.events,
        expects=expects,
        not_after=not_after,
        fact=decision.fact,
    )


def sending(asked: Asked, at: datetime) -> InstructionRecord:
    """An instruction that goes to the bank at once: durable as `sending` before the first byte leaves."""
    return replace(
        waiting(asked, at),
        state=InstructionState.SENT,
        communication=Communication.SENDING,
        tries=1,
        sent_at=at,
    )


def waiting(asked: Asked, at: datetime) -> InstructionRecord:
    """An instruction that its lane takes up."""
    return InstructionRecord(
        id=asked.id,
        number=asked.number,
        channel_id=asked.channel_id,
        ask=asked.ask,
        business="acquiring",
        owner_kind="operation",
        owner_id=asked.owner_id,
        original_id=asked.original_id,
        original_number=asked.original,
        amount_minor=asked.amount_minor,
        unit=asked.unit,
        state=InstructionState.ROUTED,
        communication=Communication.WAITING,
        routing=asked.routing,
        merchant=asked.merchant,
        terminal=asked.terminal,
        created_at=at,
    )


def lane(asked: Asked | None, at: datetime) -> tuple[Insert | Put, ...]:
    """Put a reversal into its lane, where there is one to tell the bank about."""
    if asked is None or asked.ask is not Ask.REVERSE:
        return ()
    return (Insert(INSTRUCTION, row_of(waiting(asked, at))), arm(REVERSE, asked.id, at))


def arm(kind: str, subject: UUID, due_at: datetime) -> Put:
    """Arm a timer."""
    return Put("timer.set", {"kind": kind, "subject": subject, "due_at": due_at, "data": {}})


def disarm(kind: str, subject: UUID) -> Put:
    """End a timer."""
    return Put("timer.done", {"kind": kind, "subject": subject})


def answered(record: InstructionRecord, outcome: Outcome, at: datetime) -> Move:
    """Move an instruction to what the bank, or its silence, said."""
    return Move(INSTRUCTION, record.id, record.version, _after(record, outcome, at))


def _after(record: InstructionRecord, outcome: Outcome, at: datetime) -> dict[str, object]:
    match outcome:
        case Approved():
            return {
                "state": advance(record.state, InstructionEvent.SUCCEED),
                "communication": Communication.ANSWERED,
                "bank_reference": outcome.bank_reference,
                "approval_code": outcome.approval_code,
                "value_on": outcome.value_on,
                "settled_minor": outcome.amount_minor,
                "answered_at": at,
            }
        case Declined():
            return {
                "state": advance(record.state, InstructionEvent.FAIL),
                "communication": Communication.ANSWERED,
                "bank_reference": outcome.bank_reference,
                "code": outcome.code,
                "reason": outcome.reason,
                "answered_at": at,
            }
        case Unknown():
            return {
                "state": advance(record.state, InstructionEvent.FALL_SILENT),
                "communication": Communication.NO_ANSWER,
                "code": outcome.code,
            }
        case NotSent() | NotFound():
            is_unsent = isinstance(outcome, NotSent)
            return {
                "state": advance(record.state, InstructionEvent.FAIL),
                "communication": Communication.SEND_FAILED if is_unsent else Communication.NO_ANSWER,
                "reason": Reason.UNREACHABLE,
                "answered_at": at,
            }


def cancelled(record: InstructionRecord) -> tuple[Move, ...]:
    """Take an instruction out of what the bank owes an account of, where it is not out already."""
    if InstructionState.CANCELLED is record.state or record.state is InstructionState.FAILED:
        return ()
    to = {"state": advance(record.state, InstructionEvent.CANCEL)}
    return (Move(INSTRUCTION, record.id, record.version, to),)


def later(at: datetime, seconds: float) -> datetime:
    """Return the instant `seconds` after `at`."""
    return at + timedelta(seconds=seconds)
