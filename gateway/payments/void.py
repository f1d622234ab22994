"""Deciding the void of a purchase or completion: same terminal, same book day, batch not settled, whole amount."""

from __future__ import annotations

from gateway.kernel.reasons import Reason
from gateway.payments.counter import counter, what_forbids
from gateway.payments.decision import Awaits, Decision, Minted, Request
from gateway.payments.opening import declined_at_once, what_refuses
from gateway.payments.operation import OperationKind, Standing

VOIDED = {
    OperationKind.VOID: frozenset({OperationKind.PURCHASE}),
    OperationKind.COMPLETION_VOID: frozenset({OperationKind.COMPLETION}),
}


def decide(
    request: Request, *, minted: Minted, standing: Standing | None, kind: OperationKind = OperationKind.VOID
) -> Decision | Awaits:
    """Decide a void of `kind`; `standing` is the original as found, None where there is none."""
    reason = _refusal(request, standing, kind)
    if reason is not None or standing is None:
        return declined_at_once(request, minted, kind, reason or Reason.ORIGINAL_NOT_FOUND)
    amount = standing.operation.amount_minor
    return counter(request, minted=minted, standing=standing, kind=kind, amount_minor=amount)


def _refusal(request: Request, standing: Standing | None, kind: OperationKind) -> Reason | None:
    refused = what_refuses(request)
    if refused is not None:
        return refused
    if standing is None or standing.operation.terminal != request.record.reference.terminal:
        return Reason.ORIGINAL_NOT_FOUND
    original = standing.operation
    forbidden = what_forbids(request, original, VOIDED[kind])
    if forbidden is not None:
        return forbidden
    is_settled = original.batch != request.record.reference.batch
    if is_settled or standing.booked_on != standing.open_day or original.reversed_minor:
        return Reason.WRONG_STATE
    if request.record.amount is not None and request.record.amount != original.amount:
        return Reason.AMOUNT_EXCEEDS_ORIGINAL
    return None
