"""Payments of card readers, SoftPOS and merchants' own systems: the HTTP dialect (rows L9, L10, L12, C21).

The same record and the same answers as at the terminal door. A request is known by terminal, batch and trace: the
reference wins over the Idempotency-Key, which may be left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from gateway.access import Permission
from gateway.api import acquiring_bodies as bodies
from gateway.api.acquiring_bodies import (
    AcquiredShown,
    BalanceRequest,
    BalanceShown,
    CardGiven,
    CounterRequest,
    OriginalGiven,
    PaymentRequest,
    ReversalRequest,
    SettlementRequest,
    SettlementShown,
    SideGiven,
    TerminalBatchesQuery,
    TerminalBatchesShown,
    TerminalDifferencesQuery,
    TerminalDifferencesShown,
)
from gateway.api.acquiring_port import Done, ReadCard, SettlingWish, Wish
from gateway.api.bodies import Amount
from gateway.api.decoding import JsonBody, read_id
from gateway.api.route import BadRequestError, Call, Given, Nothing, Route
from gateway.api.shown import PAYMENT, page_of
from gateway.journal.model import Refused
from gateway.kernel.ids import show
from gateway.kernel.money import Money
from gateway.kernel.reasons import Reason
from gateway.payments.model import Item, Original, Side, Totals, Transaction

_UNIT = "CNY"


async def purchase(call: Call[PaymentRequest, Nothing]) -> Given | Refused:
    """Pay."""
    return await _paid(call, Transaction.PURCHASE)


async def preauthorise(call: Call[PaymentRequest, Nothing]) -> Given | Refused:
    """Hold an amount on a card."""
    return await _paid(call, Transaction.PREAUTHORISATION)


async def _paid(call: Call[PaymentRequest, Nothing], transaction: Transaction) -> Given | Refused:
    asked = call.body
    if asked.member is not None:
        return Refused(Reason.NOT_SUPPORTED, "members are not served yet")
    return await _carried(
        call,
        Wish(
            transaction=transaction,
            terminal=asked.terminal,
            batch=asked.batch,
            trace=asked.trace,
            amount=_money(asked.amount),
            card=_card(asked.card),
        ),
    )


async def balance(call: Call[BalanceRequest, Nothing]) -> Given | Refused:
    """Ask what is on a card."""
    asked = call.body
    wish = Wish(
        transaction=Transaction.BALANCE,
        terminal=asked.terminal,
        batch=asked.batch,
        trace=asked.trace,
        card=_card(asked.card),
    )
    return await _carried(call, wish)


async def void(call: Call[CounterRequest, Nothing]) -> Given | Refused:
    """Void a purchase."""
    return await _countered(call, Transaction.VOID)


async def refund(call: Call[CounterRequest, Nothing]) -> Given | Refused:
    """Refund part or all of a sale."""
    return await _countered(call, Transaction.REFUND)


async def complete(call: Call[CounterRequest, Nothing]) -> Given | Refused:
    """Complete a pre-authorisation."""
    return await _countered(call, Transaction.COMPLETION)


async def void_preauthorisation(call: Call[CounterRequest, Nothing]) -> Given | Refused:
    """Void a pre-authorisation."""
    return await _countered(call, Transaction.PREAUTHORISATION_VOID)


async def void_completion(call: Call[CounterRequest, Nothing]) -> Given | Refused:
    """Void a completion."""
    return await _countered(call, Transaction.COMPLETION_VOID)


async def _countered(call: Call[CounterRequest, Nothing], transaction: Transaction) -> Given | Refused:
    asked = call.body
    return await _carried(
        call,
        Wish(
            transaction=transaction,
            terminal=asked.terminal,
            batch=asked.batch,
            trace=asked.trace,
            amount=None if asked.amount is None else _money(asked.amount),
            card=None if asked.card is None else _card(asked.card),
            original=_original(asked.original),
        ),
    )


async def reverse(call: Call[ReversalRequest, Nothing]) -> Given | Refused:
    """Undo a request by its own reference, whatever has become of it."""
    asked = call.body
    if asked.original.batch is None or asked.original.trace is None:
        return Refused(Reason.FORMAT, "a reversal names batch and trace of its original")
    wish = Wish(
        transaction=Transaction.REVERSAL,
        terminal=asked.terminal,
        batch=asked.original.batch,
        trace=asked.original.trace,
        amount=None if asked.amount is None else _money(asked.amount),
        original=_original(asked.original),
        reversal_reason=asked.reason,
    )
    return await _carried(call, wish)


async def _carried(call: Call[Any, Nothing], wish: Wish) -> Given | Refused:
    taken = await call.desks.acquiring.carry(call.order, wish)
    return taken if isinstance(taken, Refused) else Given(_acquired(taken.value), taken.replayed)


async def settle(call: Call[SettlementRequest, Nothing]) -> Given | Refused:
    """Settle a batch."""
    asked = call.body
    wish = SettlingWish(
        terminal=asked.terminal,
        batch=asked.batch,
        trace=asked.trace,
        totals=Totals(debits=_side(asked.totals.debits), credits=_side(asked.totals.credits)),
        items=tuple(Item(trace=each.trace, amount_minor=_minor(each.amount)) for each in asked.items),
    )
    taken = await call.desks.acquiring.settle(call.order, wish)
    if isinstance(taken, Refused):
        return taken
    found = taken.value
    shown = SettlementShown(
        balanced=found.settled.is_balanced,
        ended=found.is_ended,
        totals=bodies.show_totals(found.settled.totals, _UNIT),
        rrn=found.rrn,
        differences=tuple(bodies.show_difference(each) for each in found.differences),
    )
    return Given(shown, taken.replayed)


async def list_batches(call: Call[Nothing, TerminalBatchesQuery]) -> Given | Refused:
    """List terminals' batches."""
    page = page_of(call.query, bodies.BATCH)
    found = await call.desks.acquiring.batches(call.caller.sees, page, terminal=call.query.terminal)
    shown = [bodies.show_batch(each) for each in found.items]
    return Given(
        TerminalBatchesShown(batches=shown, next=_cursor(found.items[-1].id if found.more else None, bodies.BATCH))
    )


async def list_differences(call: Call[Nothing, TerminalDifferencesQuery]) -> Given | Refused:
    """List what terminals and we did not agree on."""
    page, batch = page_of(call.query, bodies.DIFFERENCE), call.query.batch
    found = await call.desks.acquiring.differences(
        call.caller.sees,
        page,
        terminal=call.query.terminal,
        batch=None if batch is None else read_id(batch, bodies.BATCH),
    )
    shown = [bodies.show_difference(each) for each in found.items]
    return Given(
        TerminalDifferencesShown(
            differences=shown, next=_cursor(found.items[-1].id if found.more else None, bodies.DIFFERENCE)
        )
    )


def _cursor(last: UUID | None, kind: str) -> str | None:
    return None if last is None else show(kind, last)


def _acquired(done: Done) -> AcquiredShown:
    answer = done.answer
    return AcquiredShown(
        reason=answer.reason,
        rrn=answer.rrn,
        id=None if answer.operation is None else show(PAYMENT, answer.operation),
        state=done.state,
        approval_code=answer.approval_code,
        text=answer.text,
        settled_on=answer.settled_on,
        balances=tuple(
            BalanceShown(account=each.account, kind=each.kind, amount=Amount(minor=each.amount_minor, unit=each.unit))
            for each in answer.balances
        ),
    )


def _money(given: Amount) -> Money:
    return Money(given.minor, given.unit)


def _minor(given: Amount) -> int:
    if given.minor < 0 or given.unit != _UNIT:
        raise BadRequestError(Reason.FORMAT, f"a batch is settled in {_UNIT}, nothing in it is below zero")
    return given.minor


def _side(given: SideGiven) -> Side:
    return Side(amount_minor=_minor(given.amount), count=given.count)


def _card(given: CardGiven) -> ReadCard:
    if given.pan is None and (given.ksn is None or given.data is None):
        raise BadRequestError(Reason.FORMAT, "a card is its pan, or ksn and data")
    return ReadCard(
        pan=given.pan,
        expiry=given.expiry,
        sequence=given.sequence,
        entry_mode=given.entry_mode,
        pin_block=_octets(given.pin_block),
        ksn=_octets(given.ksn),
        data=_octets(given.data),
    )


def _octets(given: str | None) -> bytes | None:
    return None if given is None else bytes.fromhex(given)


def _original(given: OriginalGiven) -> Original:
    if given.rrn is None and (given.batch is None or given.trace is None):
        raise BadRequestError(Reason.FORMAT, "an original is named by batch and trace, or by rrn")
    return Original(
        batch=given.batch, trace=given.trace, on=given.date, rrn=given.rrn, approval_code=given.approval_code
    )


_REFERENCE = {"terminal": "10000001", "batch": "000001", "trace": "000007"}
_YUAN = {"minor": 12345, "unit": "CNY"}
_CARD = {"pan": "6222020000000000", "expiry": "3012"}
_NAMED = {"batch": "000001", "trace": "000005", "date": "2026-11-22"}
_COMMON = (
    Reason.TERMINAL_UNKNOWN,
    Reason.MERCHANT_UNKNOWN,
    Reason.SIGN_IN_FIRST,
    Reason.NOT_SUPPORTED,
    Reason.BAD_CARD,
    Reason.REFERENCE_REUSED,
    Reason.WRONG_STATE,
    Reason.CHANNEL_CLOSED,
    Reason.IN_PROGRESS,
)


def _post(
    path: str,
    operation: str,
    summary: str,
    handle: Any,
    body: Any,
    example: Mapping[str, object],
    *,
    answer: type[AcquiredShown | SettlementShown] = AcquiredShown,
    refusals: Sequence[Reason] = (),
) -> Route:
    return Route(
        method="POST",
        path=f"/v1/acquiring/{path}",
        operation=operation,
        tag="Acquiring",
        summary=summary,
        permission=Permission.ACQUIRING_WRITE,
        handle=handle,
        decoder=JsonBody(body, secrets=frozenset({"card"})),
        answer=answer,
        refusals=(*_COMMON, *refusals),
        key_is_optional=True,
        example=example,
    )


_PAID = {**_REFERENCE, "amount": _YUAN, "card": _CARD}
_COUNTERED = {**_REFERENCE, "original": _NAMED}
_OF_A_HOLD = {**_REFERENCE, "original": {**_NAMED, "approval_code": "123456"}}
_TOTALS = {
    "debits": {"amount": _YUAN, "count": 1},
    "credits": {"amount": {"minor": 0, "unit": "CNY"}, "count": 0},
}

ROUTES = (
    _post("purchases", "acquirePurchase", "Pay", purchase, PaymentRequest, _PAID),
    _post("voids", "acquireVoid", "Void a purchase of the open batch", void, CounterRequest, _COUNTERED),
    _post(
        "refunds",
        "acquireRefund",
        "Refund part or all of a sale",
        refund,
        CounterRequest,
        {**_COUNTERED, "amount": _YUAN},
    ),
    _post("preauthorisations", "preauthorise", "Hold an amount on a card", preauthorise, PaymentRequest, _PAID),
    _post(
        "preauthorisation-voids",
        "voidPreauthorisation",
        "Let a hold go",
        void_preauthorisation,
        CounterRequest,
        _OF_A_HOLD,
    ),
    _post(
        "completions",
        "completePreauthorisation",
        "Take what is held, up to 115 per cent of it",
        complete,
        CounterRequest,
        {**_OF_A_HOLD, "amount": _YUAN},
    ),
    _post("completion-voids", "voidCompletion", "Void a completion", void_completion, CounterRequest, _OF_A_HOLD),
    _post(
        "reversals",
        "acquireReversal",
        "Undo a request whose answer was lost",
        reverse,
        ReversalRequest,
        {"terminal": "10000001", "original": {"batch": "000001", "trace": "000005"}},
        refusals=(Reason.ORIGINAL_NOT_FOUND,),
    ),
    _post("balances", "askBalance", "Ask what is on a card", balance, BalanceRequest, {**_REFERENCE, "card": _CARD}),
    _post(
        "settlements",
        "settleBatch",
        "Settle a terminal's batch",
        settle,
        SettlementRequest,
        {"terminal": "10000001", "batch": "000001", "totals": _TOTALS},
        answer=SettlementShown,
    ),
    Route(
        method="GET",
        path="/v1/terminal-batches",
        operation="listTerminalBatches",
        tag="Acquiring",
        summary="Closed batches of terminals, with the totals of both sides",
        permission=Permission.PAYMENTS_READ,
        handle=list_batches,
        answer=TerminalBatchesShown,
        query=TerminalBatchesQuery,
    ),
    Route(
        method="GET",
        path="/v1/terminal-differences",
        operation="listTerminalDifferences",
        tag="Acquiring",
        summary="What terminals and our books did not agree on",
        permission=Permission.PAYMENTS_READ,
        handle=list_differences,
        answer=TerminalDifferencesShown,
        query=TerminalDifferencesQuery,
    ),
)
