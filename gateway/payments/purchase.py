"""Deciding a purchase: worked example 2a and 2b; rows L12, C2."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from channels.instruction import Ask
from gateway.fees.model import Quote, Taken
from gateway.journal.model import Insert
from gateway.kernel.money import Money
from gateway.kernel.reasons import Reason
from gateway.payments.decision import TABLE, Asked, Decision, Minted, Request, Unused, keys_of
from gateway.payments.model import OperationState
from gateway.payments.opening import begin, declined_at_once, what_refuses
from gateway.payments.operation import FeeShare, OperationKind, row_of
from gateway.payments.states import OperationEvent, advance
from gateway.routing.model import Choice

# Entry modes of a purchase by QR code, which are reserved.
QR_CODE = "03"


def decide(
    request: Request, *, minted: Minted, choice: Choice | None, fee: Quote | None, cost: Quote | None
) -> Decision | Unused:
    """Decide a purchase before the bank is asked.

    `choice` is the channel that routing found, None where none is open; `fee` is the merchant's, `cost` the channel's.
    """
    amount, reason = request.record.amount, what_refuses_payment(request)
    if reason is None and (request.card is None or request.record.card is None):
        return Unused(Reason.BAD_CARD)
    if reason is not None or amount is None:
        return declined_at_once(request, minted, OperationKind.PURCHASE, reason or Reason.BAD_AMOUNT)
    if choice is None or fee is None:
        return Unused(Reason.CHANNEL_CLOSED, "no channel is open for this merchant")
    return _sent(request, minted, amount=amount, choice=choice, fee=fee, cost=cost)


def what_refuses_payment(request: Request) -> Reason | None:
    """Return why a card may not be charged, whatever its bank says: its amount, how it was read, its merchant."""
    amount = request.record.amount
    if request.record.entry_mode.startswith(QR_CODE):
        return Reason.NOT_SUPPORTED
    if amount is None or amount.minor <= 0:
        return what_refuses(request) or Reason.BAD_AMOUNT
    return what_refuses(request)


def _sent(
    request: Request, minted: Minted, *, amount: Money, choice: Choice, fee: Quote, cost: Quote | None
) -> Decision:
    operation = begin(
        request,
        minted,
        OperationKind.PURCHASE,
        state=advance(OperationState.CREATED, OperationEvent.SEND),
        channel_id=choice.channel,
        instruction_id=minted.instruction,
        instruction_number=minted.number,
        fee_minor=fee.fee_minor,
        fee_version=fee.version,
        fee_shares=shares_of(fee.takers),
        cost_minor=0 if cost is None else cost.fee_minor,
        cost_version=None if cost is None else cost.version,
    )
    asked = ask_for(request, minted, Ask.PAY, channel=choice.channel, amount=amount, routing=choice.why)
    return Decision(
        operation=operation,
        why="purchase accepted, the bank is asked",
        keys=keys_of(request, operation.id),
        records=(Insert(TABLE, row_of(operation)),),
        asked=asked,
    )


def ask_for(request: Request, minted: Minted, ask: Ask, *, channel: UUID, amount: Money, routing: str) -> Asked:
    """The clearing instruction of a new operation."""
    return Asked(
        id=minted.instruction,
        number=minted.number,
        channel_id=channel,
        ask=ask,
        amount_minor=amount.minor,
        unit=amount.unit,
        owner_id=minted.operation,
        routing=routing,
        merchant=request.record.merchant,
        terminal=request.record.reference.terminal,
    )


def shares_of(takers: Sequence[Taken]) -> tuple[FeeShare, ...]:
    """What each taker gets, as the operation keeps it."""
    return tuple(FeeShare(item=taken.item, party=taken.party, amount_minor=taken.amount_minor) for taken in takers)
