"""Deciding a pre-authorisation and its void: the payer's money is held at its bank, nothing is posted here."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from channels.instruction import Ask
from gateway.journal.model import Insert, Move
from gateway.kernel.money import Money
from gateway.kernel.reasons import Reason
from gateway.payments.counter import channel_of, what_forbids
from gateway.payments.decision import TABLE, Asked, Awaits, Decision, Minted, Request, Unused, keys_of
from gateway.payments.model import OperationState
from gateway.payments.opening import begin, declined_at_once, what_refuses
from gateway.payments.operation import Operation, OperationKind, Standing, moved, row_of
from gateway.payments.purchase import ask_for, what_refuses_payment
from gateway.payments.states import OperationEvent, advance
from gateway.routing.model import Choice

HOLDS = frozenset({OperationKind.PREAUTHORISATION})


def decide(request: Request, *, minted: Minted, choice: Choice | None) -> Decision | Unused:
    """Decide a pre-authorisation; `choice` is the channel that routing found, None where none is open."""
    amount, reason = request.record.amount, what_refuses_payment(request)
    if reason is None and (request.card is None or request.record.card is None):
        return Unused(Reason.BAD_CARD)
    if reason is not None or amount is None:
        return declined_at_once(request, minted, OperationKind.PREAUTHORISATION, reason or Reason.BAD_AMOUNT)
    if choice is None:
        return Unused(Reason.CHANNEL_CLOSED, "no channel is open for this merchant")
    operation = begin(
        request,
        minted,
        OperationKind.PREAUTHORISATION,
        state=advance(OperationState.CREATED, OperationEvent.SEND),
        channel_id=choice.channel,
        instruction_id=minted.instruction,
        instruction_number=minted.number,
    )
    return Decision(
        operation=operation,
        why="pre-authorisation accepted, the bank is asked",
        keys=keys_of(request, operation.id),
        records=(Insert(TABLE, row_of(operation)),),
        asked=ask_for(request, minted, Ask.AUTHORISE, channel=choice.channel, amount=amount, routing=choice.why),
    )


def decide_void(request: Request, *, minted: Minted, standing: Standing | None) -> Decision | Awaits:
    """Decide the void of a pre-authorisation: from any terminal of the merchant, the whole of it."""
    kind = OperationKind.PREAUTHORISATION_VOID
    reason = _what_refuses_void(request, standing)
    if reason is not None or standing is None:
        return declined_at_once(request, minted, kind, reason or Reason.ORIGINAL_NOT_FOUND)
    original = standing.operation
    if original.counter_id is not None:
        return Awaits(original=original.id, counter=original.counter_id)
    return taking(request, minted, original, kind=kind, ask=Ask.RELEASE, amount=original.amount)


def _what_refuses_void(request: Request, standing: Standing | None) -> Reason | None:
    refused = what_refuses(request)
    if refused is not None or standing is None:
        return refused or Reason.ORIGINAL_NOT_FOUND
    original, amount = standing.operation, request.record.amount
    forbidden = what_forbids(request, original, HOLDS, OperationState.HELD)
    if forbidden is None and amount is not None and amount != original.amount:
        return Reason.AMOUNT_EXCEEDS_ORIGINAL
    return forbidden


def taking(
    request: Request, minted: Minted, hold: Operation, *, kind: OperationKind, ask: Ask, amount: Money, **own: Any
) -> Decision:
    """Accept what takes a hold, its completion or void: mark the hold and ask its bank; `own` as in `begin`."""
    operation = begin(request, minted, kind, **{**_from(hold, minted, amount), **_card_of(request, hold), **own})
    marked = {"counter_id": operation.id}
    return Decision(
        operation=operation,
        why=f"{kind} accepted, the bank is asked",
        keys=keys_of(request, operation.id),
        records=(Insert(TABLE, row_of(operation)), Move(TABLE, hold.id, hold.version, marked)),
        original=moved(hold, marked),
        asked=_asked(request, minted, hold, ask, amount),
    )


def _from(hold: Operation, minted: Minted, amount: Money) -> dict[str, Any]:
    return {
        "state": advance(OperationState.CREATED, OperationEvent.SEND),
        "amount_minor": amount.minor,
        "unit": amount.unit,
        "channel_id": hold.channel_id,
        "instruction_id": minted.instruction,
        "instruction_number": minted.number,
        "original_id": hold.id,
    }


def _card_of(request: Request, hold: Operation) -> dict[str, Any]:
    """A completion or void without a card is its hold's card's."""
    if request.card is not None:
        return {}
    return {
        "card_sealed": hold.card_sealed,
        "card_fingerprint": hold.card_fingerprint,
        "card_version": hold.card_version,
        "card_mask": hold.card_mask,
        "expiry_sealed": hold.expiry_sealed,
    }


def _asked(request: Request, minted: Minted, hold: Operation, ask: Ask, amount: Money) -> Asked:
    return replace(
        ask_for(request, minted, ask, channel=channel_of(hold), amount=amount, routing="the channel of the original"),
        original_id=hold.instruction_id,
        original=hold.instruction_number,
    )
