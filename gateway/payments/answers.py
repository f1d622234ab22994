"""The answers an operation gives: the first one again to a repeat, and where it stands to an enquiry.

Source: `docs/terminal-protocol.md` section 3, "Reference", "Told and not told", "Enquiry".
"""

from __future__ import annotations

from datetime import date

from gateway.kernel.reasons import Reason
from gateway.payments.model import AcquiringAnswer, OperationState
from gateway.payments.operation import Operation, OperationKind

_IN_PROGRESS = "in progress"
_FINAL = (OperationState.APPROVED, OperationState.DECLINED)


def answer_of(operation: Operation, *, booked_on: date | None = None, replayed: bool = False) -> AcquiringAnswer:
    """Return the answer to the request that made this operation.

    It is the first answer given; only a refund that was told 98 gets its final answer once there is one.
    """
    reason = Reason(operation.told) if operation.told else Reason.NO_ANSWER
    was_silent = reason is Reason.NO_ANSWER
    if was_silent and operation.kind is OperationKind.REFUND and operation.state in _FINAL:
        reason = final_reason(operation)
    return _answer(operation, reason, booked_on=booked_on, replayed=replayed)


def final_reason(operation: Operation) -> Reason:
    """Return how a final operation ended."""
    return Reason.DONE if operation.state is OperationState.APPROVED else Reason(operation.reason)


def _answer(operation: Operation, reason: Reason, *, booked_on: date | None, replayed: bool) -> AcquiringAnswer:
    approved = reason is Reason.DONE
    return AcquiringAnswer(
        reason=reason,
        text=operation.text,
        operation=operation.id,
        rrn=operation.rrn,
        approval_code=operation.approval_code if approved else "",
        settled_on=(operation.settled_on or booked_on) if approved else None,
        amount=operation.amount,
        replayed=replayed,
        answered_at=operation.answered_at,
    )


def standing_of(operation: Operation | None) -> AcquiringAnswer:
    """Return the answer to an enquiry about an operation, None where the reference was never seen."""
    if operation is None:
        return AcquiringAnswer(reason=Reason.ORIGINAL_NOT_FOUND, standing="never seen")
    reason, word = _standing(operation)
    return AcquiringAnswer(
        reason=reason,
        text=operation.text,
        operation=operation.id,
        rrn=operation.rrn,
        approval_code=operation.approval_code,
        settled_on=operation.settled_on,
        amount=operation.amount,
        standing=word,
    )


def under_way(operation: Operation | None) -> AcquiringAnswer:
    """Return the answer to an enquiry about what is still being carried, None where nothing is recorded of it yet."""
    return AcquiringAnswer(
        reason=Reason.IN_PROGRESS,
        operation=None if operation is None else operation.id,
        rrn="" if operation is None else operation.rrn,
        standing=_IN_PROGRESS,
    )


def _standing(operation: Operation) -> tuple[Reason, str]:
    match operation.state:
        case OperationState.CREATED | OperationState.SENT | OperationState.UNKNOWN:
            return Reason.IN_PROGRESS, _IN_PROGRESS
        case OperationState.DECLINED:
            return Reason(operation.reason), "declined"
        case OperationState.REVERSING | OperationState.REVERSED:
            return Reason.WRONG_STATE, "reversed"
        case OperationState.COMPLETED:
            return Reason.DONE, "completed"
        case OperationState.RELEASED | OperationState.EXPIRED:
            return Reason.WRONG_STATE, "voided"
        case OperationState.APPROVED | OperationState.HELD:
            return _approved_standing(operation)


def _approved_standing(operation: Operation) -> tuple[Reason, str]:
    if operation.voided:
        return Reason.WRONG_STATE, "voided"
    if operation.reversed_minor == 0:
        return Reason.DONE, "approved"
    return Reason.DONE, "part refunded" if operation.rest_minor else "refunded"
