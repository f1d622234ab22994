"""How every operation begins, and how one ends that is refused by ourselves."""

from __future__ import annotations

from typing import Any

from gateway.journal.model import Insert
from gateway.kernel.money import Money
from gateway.kernel.reasons import Reason
from gateway.payments.answers import answer_of
from gateway.payments.decision import TABLE, Decision, Minted, Request, keys_of
from gateway.payments.model import OperationState
from gateway.payments.operation import KeptCard, Operation, OperationKind, row_of
from gateway.payments.states import OperationEvent, advance

_UNIT = "CNY"
_OFFERED = frozenset({_UNIT})
_OPEN, _SUSPENDED = "open", "suspended"


def begin(request: Request, minted: Minted, kind: OperationKind, **own: Any) -> Operation:
    """Return the record of a request that has just come in; `own` are the fields that its verb adds or sets."""
    record, reference = request.record, request.record.reference
    amount = record.amount or Money(0, _UNIT)
    fields: dict[str, Any] = {
        "id": minted.operation,
        "kind": kind,
        "state": OperationState.CREATED,
        "source": record.source,
        "terminal": reference.terminal,
        "merchant_id": request.payee.id,
        "merchant": record.merchant,
        "batch": reference.batch,
        "trace": reference.trace,
        "message_class": reference.message_class,
        "rrn": minted.rrn,
        "amount_minor": max(amount.minor, 0),
        "unit": amount.unit,
        "occurred_at": record.received_at,
        "answer_by": request.answer_by,
        "entry_mode": record.entry_mode,
        "reversal_reason": record.reversal_reason,
    }
    return Operation(**{**fields, **_card(request.card), **own})


def _card(card: KeptCard | None) -> dict[str, Any]:
    if card is None:
        return {}
    return {
        "card_sealed": card.sealed,
        "card_fingerprint": card.fingerprint,
        "card_version": card.version,
        "card_mask": card.mask,
        "expiry_sealed": card.expiry_sealed,
    }


def what_refuses(request: Request) -> Reason | None:
    """Return why nothing of this kind may be begun, whatever it asks for: its unit, its merchant."""
    amount = request.record.amount
    if amount is not None and amount.unit not in _OFFERED:
        return Reason.NOT_SUPPORTED
    if request.payee.state == _SUSPENDED:
        return Reason.NOT_PERMITTED
    return None if request.payee.state == _OPEN else Reason.MERCHANT_UNKNOWN


def declined_at_once(request: Request, minted: Minted, kind: OperationKind, reason: Reason, text: str = "") -> Decision:
    """Refuse a request by ourselves: recorded under its reference, so that a repeat gets the same answer."""
    operation = begin(
        request,
        minted,
        kind,
        state=advance(OperationState.CREATED, OperationEvent.DECLINE),
        reason=reason,
        text=text,
        told=reason,
        answered_at=request.at,
    )
    return Decision(
        operation=operation,
        why=f"{kind} refused: {reason}",
        keys=keys_of(request, operation.id),
        records=(Insert(TABLE, row_of(operation)),),
        answer=answer_of(operation),
    )
