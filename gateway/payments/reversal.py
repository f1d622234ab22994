"""Deciding a reversal (0400): undone as a fact as soon as it is durable; the bank is told by its lane.

Source: `docs/terminal-protocol.md` section 3, "Reversal". A posted sale or void is mirrored at once; one that the
bank refuses is a question for a person, never another answer.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from channels.instruction import Ask
from gateway.journal.model import Insert, Key, Move
from gateway.kernel.reasons import Reason
from gateway.ledger.model import Leg, Transfer
from gateway.payments.answers import answer_of
from gateway.payments.decision import TABLE, Asked, Decision, Minted, Request, key_name, keys_of, ripening
from gateway.payments.holds import can_be_undone, undone
from gateway.payments.legs import cost, give_back_undone, sale_undone
from gateway.payments.model import OperationState
from gateway.payments.opening import begin, declined_at_once
from gateway.payments.operation import SALES, Operation, OperationKind, Standing, moved, row_of
from gateway.payments.states import OperationEvent, advance

REVERSIBLE_CLASSES = ("020", "010")
_BAR = b"barred by a reversal that came first"


def bar(request: Request, *, minted: Minted) -> Decision:
    """Answer a reversal whose original never arrived, and bar that reference for good."""
    refused = declined_at_once(request, minted, OperationKind.REVERSAL, Reason.ORIGINAL_NOT_FOUND)
    reference, own = request.record.reference, keys_of(request, minted.operation)
    bars = tuple(
        Key(
            scope=request.scope,
            name=key_name(reference.batch, reference.trace, message_class),
            digest=_BAR,
            digest_version=0,
            subject=minted.operation,
            expires_at=request.kept_until,
        )
        for message_class in REVERSIBLE_CLASSES
    )
    return replace(refused, keys=(*own, *bars), why="reversal came before its original, which is barred", fact=True)


def decide(
    request: Request,
    *,
    minted: Minted,
    standing: Standing,
    parent: Operation | None,
    hold: Operation | None = None,
) -> Decision:
    """Decide the reversal of an original that is no longer under way.

    `parent` is what a void voids or a completion completes, `hold` the one under a completion that was voided.
    """
    original = standing.operation
    if _is_other(request, original):
        return declined_at_once(request, minted, OperationKind.REVERSAL, Reason.AMOUNT_EXCEEDS_ORIGINAL)
    match original.state:
        case OperationState.DECLINED | OperationState.REVERSING | OperationState.REVERSED:
            return _accepted(request, minted, original, why="nothing is left to undo")
        case OperationState.APPROVED | OperationState.HELD if can_be_undone(original, parent, hold):
            return _undo(request, minted, standing, parent, hold)
        case _:
            return declined_at_once(request, minted, OperationKind.REVERSAL, Reason.WRONG_STATE)


def _is_other(request: Request, original: Operation) -> bool:
    amount = request.record.amount
    return amount is not None and amount.minor > 0 and amount != original.amount


def _accepted(request: Request, minted: Minted, original: Operation, *, why: str) -> Decision:
    operation = begin(
        request,
        minted,
        OperationKind.REVERSAL,
        state=advance(OperationState.CREATED, OperationEvent.APPROVE),
        amount_minor=original.amount_minor,
        unit=original.unit,
        original_id=original.id,
        told=Reason.DONE,
        answered_at=request.at,
    )
    return Decision(
        operation=operation,
        why=f"reversal accepted: {why}",
        keys=keys_of(request, operation.id),
        records=(Insert(TABLE, row_of(operation)),),
        answer=answer_of(operation),
        fact=True,
    )


def _undo(
    request: Request, minted: Minted, standing: Standing, parent: Operation | None, hold: Operation | None
) -> Decision:
    original = standing.operation
    accepted = _accepted(request, minted, original, why=f"the {original.kind} is undone")
    told, answered_at = original.told, original.answered_at
    undoes = withdraw(standing, parent, hold, minted=minted, told=told, answered_at=answered_at, at=request.at)
    return replace(
        undoes,
        operation=accepted.operation,
        why=accepted.why,
        keys=accepted.keys,
        answer=accepted.answer,
        records=(*accepted.records, *undoes.records),
    )


def withdraw(
    standing: Standing,
    parent: Operation | None,
    hold: Operation | None = None,
    *,
    minted: Minted,
    told: str,
    answered_at: datetime | None,
    at: datetime,
) -> Decision:
    """Undo what is approved and posted, as a fact: mirrored now, the bank is told by its lane.

    `told` is what the first answer was, given at `answered_at`: an approval that became durable only after 98 was told
    is undone like this.
    """
    original = standing.operation
    to = {"state": advance(original.state, OperationEvent.REVERSE), "told": told, "answered_at": answered_at}
    return Decision(
        operation=moved(original, to),
        why=f"the {original.kind} is undone",
        records=(Move(TABLE, original.id, original.version, to), *undone(original, parent, hold)),
        postings=mirror(original, minted, at),
        counts=ripening(original.merchant_id, _unripe(standing)),
        asked=undoing(original, minted),
        fact=True,
    )


def _unripe(standing: Standing) -> int:
    original = standing.operation
    if original.unripe_minor > 0:
        return -min(original.unripe_minor, standing.unripe_minor)
    return -original.unripe_minor


def mirror(original: Operation, minted: Minted, at: datetime) -> tuple[Transfer, ...]:
    """The postings that undo a posted sale or void: facts, taken even where the merchant has too little."""
    if not original.is_posted:
        return ()
    is_sale = original.kind in SALES
    legs = sale_undone(original) if is_sale else give_back_undone(original)
    costs = cost(original, -1 if is_sale else 1)

    def transfer(id_: UUID, kind: str, legs: tuple[Leg, ...]) -> Transfer:
        return Transfer(id=id_, kind=kind, subject=original.id, legs=legs, occurred_at=at)

    money = transfer(minted.transfer, "reversal", legs)
    return (money, transfer(minted.cost_transfer, "channel_cost_reversal", costs)) if costs else (money,)


def undoing(original: Operation, minted: Minted) -> Asked | None:
    """The instruction that tells the bank to undo what the original asked for."""
    if original.channel_id is None or original.instruction_number is None:
        return None
    return Asked(
        id=minted.instruction,
        number=minted.number,
        channel_id=original.channel_id,
        ask=Ask.REVERSE,
        amount_minor=original.amount_minor,
        unit=original.unit,
        owner_id=original.id,
        original_id=original.instruction_id,
        original=original.instruction_number,
        routing="the channel of the original",
        merchant=original.merchant,
        terminal=original.terminal,
    )
