"""Concluding an operation by what became of it at the bank: approved, declined, given up, left open, undone.

Every function is pure; `original` is the purchase of a void or refund, as it stands now.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from channels.instruction import Approved
from gateway.journal.model import Insert, Move
from gateway.kernel.reasons import Reason
from gateway.ledger.model import HoldUse, Leg, Release, Transfer
from gateway.payments.answers import answer_of
from gateway.payments.decision import EXCEPTIONS, TABLE, Asked, Decision, ripening
from gateway.payments.holds import approved, freed
from gateway.payments.legs import cost, give_back, sale
from gateway.payments.operation import GIVES_BACK, SALES, Operation, OperationKind, moved
from gateway.payments.states import OperationEvent, advance


def approve(
    operation: Operation,
    *,
    original: Operation | None,
    hold: Operation | None = None,
    outcome: Approved,
    transfers: tuple[UUID, UUID],
    at: datetime,
    ripens_at_once: bool,
) -> Decision:
    """The bank did it: post it. `transfers` are the ids of the money's and of the cost's transfer."""
    grows = operation.kind in SALES and not ripens_at_once
    unripe = max(operation.net_minor, 0) if grows else 0
    postings = _postings(operation, outcome, transfers, at)
    return _decision(
        operation,
        _approved(operation, outcome, transfers[0] if postings else None, at) | _rest(operation, unripe),
        why=f"{operation.kind} approved by the bank",
        others=approved(operation, original, hold),
        postings=postings,
        unripe=unripe,
    )


def _approved(operation: Operation, outcome: Approved, transfer: UUID | None, at: datetime) -> dict[str, object]:
    is_hold = operation.kind is OperationKind.PREAUTHORISATION
    return {
        "state": advance(operation.state, OperationEvent.HOLD if is_hold else OperationEvent.APPROVE),
        "told": operation.told or Reason.DONE,
        "approval_code": outcome.approval_code,
        "settled_on": outcome.value_on,
        "transfer_id": transfer,
        "answered_at": _answered_at(operation, at),
    }


def _rest(operation: Operation, unripe_minor: int) -> dict[str, object]:
    """What an approved sale or hold has left to give back or to take."""
    if operation.kind in SALES:
        return {"rest_minor": operation.amount_minor, "unripe_minor": unripe_minor}
    return {"rest_minor": operation.amount_minor} if operation.kind is OperationKind.PREAUTHORISATION else {}


def decline(
    operation: Operation,
    *,
    original: Operation | None,
    reason: Reason,
    code: str,
    text: str,
    at: datetime,
) -> Decision:
    """The bank refused, or never got it: nothing is posted, what was held is given back."""
    if operation.is_posted:
        raise ValueError("what is posted cannot end declined")
    to = {
        "state": advance(operation.state, OperationEvent.DECLINE),
        "told": operation.told or reason,
        "reason": reason,
        "bank_code": code,
        "text": text,
        "answered_at": _answered_at(operation, at),
    }
    return _let_go(operation, to, original=original, at=at, why=f"{operation.kind} declined: {reason}")


def give_up(operation: Operation, *, asked: Asked | None, at: datetime) -> Decision:
    """No answer within the budget: told 98, and from now on it can only end declined or reversed."""
    to = {"state": advance(operation.state, OperationEvent.GIVE_UP), **_told_nothing(operation, at)}
    return _decision(operation, to, why="no answer in time: it is being undone", asked=asked)


def leave_open(operation: Operation, *, at: datetime) -> Decision:
    """No answer within the budget for a refund: told 98 and unknown until a query or the day's file decides."""
    to = {"state": advance(operation.state, OperationEvent.LEAVE_OPEN), **_told_nothing(operation, at)}
    return _decision(operation, to, why="no answer in time: the bank is asked until it is known")


def undone(operation: Operation, *, original: Operation | None, at: datetime) -> Decision:
    """The bank has undone it."""
    to = {"state": advance(operation.state, OperationEvent.UNDO)}
    return _let_go(operation, to, original=original, at=at, why=f"{operation.kind} undone at the bank")


def expire(hold: Operation) -> Decision:
    """The time of a pre-authorisation has run out: its bank lets it go, and it can no longer be completed."""
    to: dict[str, object] = {"state": advance(hold.state, OperationEvent.EXPIRE), "rest_minor": 0}
    return _decision(hold, to, why="the pre-authorisation has expired")


def question(
    operation: Operation, *, id_: UUID, kind: str, detail: str, instruction: UUID | None, at: datetime
) -> Decision:
    """Put before a person what neither a query nor a file can settle."""
    row = {
        "id": id_,
        "kind": kind,
        "operation_id": operation.id,
        "instruction_id": instruction,
        "detail": detail,
        "state": "open",
        "opened_at": at,
        "resolved_at": None,
        "resolution": "",
    }
    return Decision(operation=operation, why=detail, records=(Insert(EXCEPTIONS, row),), fact=True)


def _told_nothing(operation: Operation, at: datetime) -> dict[str, object]:
    # Whoever is still waiting at the end of the budget is told there and then.
    answered_at = operation.answered_at or min(at, operation.answer_by)
    return {"told": Reason.NO_ANSWER, "reason": Reason.NO_ANSWER, "answered_at": answered_at}


def _answered_at(operation: Operation, at: datetime) -> datetime:
    """When the answer was given that repeats get: the first one, but a refund's final one after its 98."""
    return at if operation.kind is OperationKind.REFUND else operation.answered_at or at


def _let_go(
    operation: Operation, to: Mapping[str, object], *, original: Operation | None, at: datetime, why: str
) -> Decision:
    """End an operation; what it still holds of the merchant's money and of its original is free again."""
    holds = not operation.is_posted and operation.kind not in SALES
    release = Release(
        hold=operation.hold_id or operation.id, kind=f"{operation.kind}_released", subject=operation.id, occurred_at=at
    )
    return _decision(
        operation,
        to,
        why=why,
        others=() if original is None else (freed(original, {}),),
        postings=(release,) if holds and operation.hold_id is not None else (),
        unripe=-operation.unripe_minor if holds else 0,
    )


def _decision(
    operation: Operation,
    to: Mapping[str, object],
    *,
    why: str,
    others: tuple[Move, ...] = (),
    postings: tuple[Transfer | Release, ...] = (),
    unripe: int = 0,
    asked: Asked | None = None,
) -> Decision:
    after = moved(operation, to)
    return Decision(
        operation=after,
        why=why,
        records=(Move(TABLE, operation.id, operation.version, to), *others),
        postings=postings,
        counts=ripening(operation.merchant_id, unripe),
        asked=asked,
        answer=answer_of(after) if after.told else None,
        fact=True,
    )


def _postings(
    operation: Operation, outcome: Approved, transfers: tuple[UUID, UUID], at: datetime
) -> tuple[Transfer, ...]:
    is_sale = operation.kind in SALES
    if not is_sale and operation.kind not in GIVES_BACK:
        return ()
    uses = () if operation.hold_id is None else (HoldUse(operation.hold_id, operation.net_minor),)

    def transfer(id_: UUID, kind: str, legs: tuple[Leg, ...], uses: tuple[HoldUse, ...]) -> Transfer:
        return Transfer(
            id=id_,
            kind=kind,
            subject=operation.id,
            legs=legs,
            occurred_at=at,
            uses=uses,
            value_on=outcome.value_on,
        )

    money = transfer(transfers[0], str(operation.kind), sale(operation) if is_sale else give_back(operation), uses)
    costs = cost(operation, 1 if is_sale else -1)
    if not costs:
        return (money,)
    return (money, transfer(transfers[1], "channel_cost" if is_sale else "channel_cost_back", costs, ()))
