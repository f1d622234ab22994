"""Deciding a refund: from any terminal of the merchant, partial and repeated, never more than is left."""

from __future__ import annotations

from gateway.kernel.reasons import Reason
from gateway.payments.counter import counter, what_forbids
from gateway.payments.decision import Awaits, Decision, Minted, Request
from gateway.payments.opening import declined_at_once, what_refuses
from gateway.payments.operation import SALES, OperationKind, Standing


def decide(request: Request, *, minted: Minted, standing: Standing | None) -> Decision | Awaits:
    """Decide a refund; `standing` is the original as found, None where there is none."""
    amount = request.record.amount
    reason = _refusal(request, standing)
    if reason is not None or standing is None or amount is None:
        return declined_at_once(request, minted, OperationKind.REFUND, reason or Reason.ORIGINAL_NOT_FOUND)
    return counter(request, minted=minted, standing=standing, kind=OperationKind.REFUND, amount_minor=amount.minor)


def _refusal(request: Request, standing: Standing | None) -> Reason | None:
    amount = request.record.amount
    refused = what_refuses(request)
    if refused is not None:
        return refused
    if amount is None or amount.minor <= 0:
        return Reason.BAD_AMOUNT
    if standing is None:
        return Reason.ORIGINAL_NOT_FOUND
    original = standing.operation
    forbidden = what_forbids(request, original, SALES)
    if forbidden is not None:
        return forbidden
    if amount.unit != original.unit or amount.minor > original.rest_minor:
        return Reason.AMOUNT_EXCEEDS_ORIGINAL
    return None
