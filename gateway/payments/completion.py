"""Deciding the completion of a pre-authorisation: a sale up to so many per cent of what is held.

It is priced by the rates in force when the hold was asked for, whatever has changed since.
"""

from __future__ import annotations

from channels.instruction import Ask
from gateway.fees.model import Quote
from gateway.kernel.money import Money
from gateway.kernel.reasons import Reason
from gateway.payments.counter import what_forbids
from gateway.payments.decision import Awaits, Decision, Minted, Request
from gateway.payments.model import OperationState
from gateway.payments.opening import declined_at_once, what_refuses
from gateway.payments.operation import OperationKind, Standing
from gateway.payments.preauthorisation import HOLDS, taking
from gateway.payments.purchase import shares_of


def decide(
    request: Request,
    *,
    minted: Minted,
    standing: Standing | None,
    fee: Quote | None,
    cost: Quote | None,
    most_percent: int,
) -> Decision | Awaits:
    """Decide a completion; `standing` is the hold as found, `fee` and `cost` None only where there is none."""
    kind, amount = OperationKind.COMPLETION, request.record.amount
    reason = _refusal(request, standing, most_percent)
    if reason is not None or standing is None or amount is None or fee is None:
        return declined_at_once(request, minted, kind, reason or Reason.ORIGINAL_NOT_FOUND)
    hold = standing.operation
    if hold.counter_id is not None:
        return Awaits(original=hold.id, counter=hold.counter_id)
    return taking(
        request,
        minted,
        hold,
        kind=kind,
        ask=Ask.COMPLETE,
        amount=amount,
        fee_minor=fee.fee_minor,
        fee_version=fee.version,
        fee_shares=shares_of(fee.takers),
        cost_minor=0 if cost is None else cost.fee_minor,
        cost_version=None if cost is None else cost.version,
    )


def _refusal(request: Request, standing: Standing | None, most_percent: int) -> Reason | None:
    amount, refused = request.record.amount, what_refuses(request)
    if refused is not None:
        return refused
    if amount is None or amount.minor <= 0:
        return Reason.BAD_AMOUNT
    if standing is None:
        return Reason.ORIGINAL_NOT_FOUND
    forbidden = what_forbids(request, standing.operation, HOLDS, OperationState.HELD)
    return forbidden or _above(amount, standing.operation.amount, most_percent)


def _above(amount: Money, held: Money, most_percent: int) -> Reason | None:
    if amount.unit != held.unit:
        return Reason.AMOUNT_EXCEEDS_ORIGINAL
    return Reason.LIMIT_EXCEEDED if amount.minor * 100 > held.minor * most_percent else None
