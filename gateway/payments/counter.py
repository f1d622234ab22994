"""What voids and refunds have in common: the money is held when they are asked for and posted when they are approved.

Worked example 3; reversal by the original's version, cumulatively rounded. A void or refund is a wish: it is refused
where the merchant's balance does not cover it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from uuid import UUID

from channels.instruction import Ask
from gateway.fees.evaluate import take_back
from gateway.journal.model import Insert, Move
from gateway.kernel.money import Money, reversed_part
from gateway.kernel.reasons import Reason
from gateway.ledger.model import Hold
from gateway.payments.decision import TABLE, Awaits, Decision, Minted, Request, keys_of, ripening
from gateway.payments.legs import merchant_account
from gateway.payments.model import OperationState
from gateway.payments.opening import begin
from gateway.payments.operation import FeeShare, Operation, OperationKind, Standing, moved, row_of, shown
from gateway.payments.purchase import ask_for
from gateway.payments.states import OperationEvent, advance

_ASKS = {OperationKind.VOID: Ask.VOID, OperationKind.COMPLETION_VOID: Ask.VOID, OperationKind.REFUND: Ask.REFUND}


def what_forbids(
    request: Request,
    original: Operation,
    kinds: Collection[OperationKind],
    state: OperationState = OperationState.APPROVED,
) -> Reason | None:
    """Return why nothing may be done to this original, None where it may once no other counter is open.

    It must be of one of `kinds` and stand in `state`.
    """
    if original.kind not in kinds or original.merchant_id != request.payee.id:
        return Reason.ORIGINAL_NOT_FOUND
    if original.state is not state or original.voided:
        return Reason.WRONG_STATE
    if _is_other_card(request, original):
        return Reason.BAD_CARD
    return None


def _is_other_card(request: Request, original: Operation) -> bool:
    """Tell whether a card is given and cannot be shown to be the original's."""
    if request.card is None:
        return False
    return not any(
        each.value == original.card_fingerprint and each.version == original.card_version for each in request.prints
    )


def counter(
    request: Request, *, minted: Minted, standing: Standing, kind: OperationKind, amount_minor: int
) -> Decision | Awaits:
    """Accept a void or refund of `amount_minor`: hold the merchant's part, mark the original, ask the bank.

    It awaits the counter-operation that is still open on the original: at most one is.
    """
    original = standing.operation
    if original.counter_id is not None:
        return Awaits(original=original.id, counter=original.counter_id)
    operation = _operation(request, minted, original, kind, amount_minor)
    taken = 0 if request.payee.ripens_at_once else min(operation.net_minor, standing.unripe_minor)
    operation = replace(operation, unripe_minor=-max(taken, 0))
    marked = {"counter_id": operation.id}
    return Decision(
        operation=operation,
        why=f"{kind} accepted, the bank is asked",
        keys=keys_of(request, operation.id),
        records=(
            Insert(TABLE, row_of(operation)),
            Move(TABLE, original.id, original.version, marked),
        ),
        original=moved(original, marked),
        postings=_holds(request, operation),
        counts=ripening(operation.merchant_id, operation.unripe_minor),
        asked=replace(
            ask_for(
                request,
                minted,
                _ASKS[kind],
                channel=channel_of(original),
                amount=Money(amount_minor, original.unit),
                routing="the channel of the original",
            ),
            original_id=original.instruction_id,
            original=original.instruction_number,
        ),
    )


def channel_of(original: Operation) -> UUID:
    """The channel of an approved operation."""
    if original.channel_id is None:
        raise ValueError("what was approved has a channel")
    return original.channel_id


def _operation(
    request: Request, minted: Minted, original: Operation, kind: OperationKind, amount_minor: int
) -> Operation:
    shares = fee_back(original, amount_minor)
    fee_minor = sum(share.amount_minor for share in shares)
    return begin(
        request,
        minted,
        kind,
        state=advance(OperationState.CREATED, OperationEvent.SEND),
        amount_minor=amount_minor,
        unit=original.unit,
        channel_id=original.channel_id,
        instruction_id=minted.instruction,
        instruction_number=minted.number,
        original_id=original.id,
        fee_minor=fee_minor,
        fee_version=original.fee_version,
        fee_shares=shares,
        cost_minor=cost_back(original, amount_minor),
        cost_version=original.cost_version,
        hold_id=minted.hold if amount_minor > fee_minor else None,
    )


def _holds(request: Request, operation: Operation) -> tuple[Hold, ...]:
    if operation.hold_id is None:
        return ()
    hold = Hold(
        id=operation.hold_id,
        account=merchant_account(operation),
        amount_minor=operation.net_minor,
        kind=f"{operation.kind}_held",
        subject=operation.id,
        occurred_at=request.at,
    )
    return (hold,)


def fee_back(original: Operation, amount_minor: int) -> tuple[FeeShare, ...]:
    """What each taker of the original's fee gives back with `amount_minor` more of it."""
    if not original.fee_shares:
        return ()
    parts = take_back(
        taken=[share.amount_minor for share in original.fee_shares],
        fee_minor=original.fee_minor,
        original_minor=original.amount_minor,
        reversed_minor=original.reversed_minor + amount_minor,
        before=[share.back_minor for share in original.fee_shares],
    )
    pairs = zip(original.fee_shares, parts, strict=True)
    return tuple(FeeShare(item=share.item, party=share.party, amount_minor=part) for share, part in pairs)


def cost_back(original: Operation, amount_minor: int) -> int:
    """What the channel gives back of its cost with `amount_minor` more of the original."""
    return reversed_part(
        original_part=original.cost_minor,
        original_total=original.amount_minor,
        reversed_total=original.reversed_minor + amount_minor,
        reversed_part_before=original.cost_back_minor,
    )


def taken_from(original: Operation, operation: Operation, sign: int) -> Mapping[str, object]:
    """How the original's totals move when a void or refund is posted (`sign` 1) or undone (-1)."""
    back = tuple(
        replace(share, back_minor=share.back_minor + sign * part.amount_minor)
        for share, part in zip(original.fee_shares, operation.fee_shares, strict=True)
    )
    return {
        "rest_minor": original.rest_minor - sign * operation.amount_minor,
        "reversed_minor": original.reversed_minor + sign * operation.amount_minor,
        "fee_shares": shown(back),
        "cost_back_minor": original.cost_back_minor + sign * operation.cost_minor,
        "voided": operation.kind is not OperationKind.REFUND and sign > 0,
    }
