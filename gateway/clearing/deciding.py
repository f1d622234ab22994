"""Gathering the facts of a request and having `payments` decide: one read at most, fees and routes from memory."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from channels.instruction import Ask
from gateway.clearing.identify import Merchants
from gateway.clearing.minting import Mint
from gateway.clearing.registry import Registry
from gateway.fees import FeeBook, Quote
from gateway.kernel.clock import SHANGHAI
from gateway.kernel.postgres.pool import Database
from gateway.kernel.reasons import Reason
from gateway.payments import purchase, refund, reversal, store, void
from gateway.payments.decision import Decision, Minted, Request, Unused
from gateway.payments.model import OperationState, Original, Transaction
from gateway.payments.opening import declined_at_once
from gateway.payments.operation import Operation, OperationKind, Standing
from gateway.routing.choose import choose
from gateway.routing.model import Choice, Wanted

MERCHANT_FEE, CHANNEL_COST = "merchant_fee", "channel_cost"
_KINDS = {
    Transaction.PURCHASE: OperationKind.PURCHASE,
    Transaction.VOID: OperationKind.VOID,
    Transaction.REFUND: OperationKind.REFUND,
    Transaction.REVERSAL: OperationKind.REVERSAL,
}
_SALES = ("020",)
_NOWHERE = "000000"
# An answer's F13 is stamped by the door a moment after the operation was concluded.
_AROUND = timedelta(minutes=1)


class Deciding:
    """Decides requests on the facts as this process knows them; `expects` lets the journal send stale ones back."""

    def __init__(self, *, pool: Database, merchants: Merchants, registry: Registry, fees: FeeBook, mint: Mint) -> None:
        self._pool = pool
        self._merchants = merchants
        self._registry = registry
        self._fees = fees
        self._mint = mint

    def expects(self, request: Request) -> tuple[tuple[str, int], ...]:
        """The generations that a decision on this request stands on."""
        match request.record.transaction:
            case Transaction.PURCHASE:
                return (*self._merchants.expects, self._fees.expects, self._registry.expects)
            case Transaction.REVERSAL:
                return ()
            case _:
                return self._merchants.expects

    async def refresh(self) -> None:
        """Learn what has changed."""
        await self._merchants.refresh()
        await self._fees.refresh()
        await self._registry.refresh()

    async def refused(self, request: Request, reason: Reason) -> Decision:
        """Refuse a request by ourselves."""
        kind = _KINDS[request.record.transaction]
        return declined_at_once(request, await self._mint.make(request.at), kind, reason)

    async def pay(self, request: Request) -> Decision | Unused:
        """Decide a purchase, void or refund."""
        minted = await self._mint.make(request.at)
        match request.record.transaction:
            case Transaction.VOID:
                standing = await self._original(request)
                return void.decide(request, minted=minted, standing=standing)
            case Transaction.REFUND:
                standing = await self._original(request)
                return refund.decide(request, minted=minted, standing=standing)
            case _:
                return await self._purchase(request, minted)

    async def reverse(self, request: Request) -> Decision | None:
        """Decide a reversal; None while its original is under way in another process."""
        reference = request.record.reference
        standing = await store.standing_by_reference(
            self._pool,
            terminal=reference.terminal,
            batch=reference.batch,
            trace=reference.trace,
            classes=reversal.REVERSIBLE_CLASSES,
        )
        minted = await self._mint.make(request.at)
        if standing is None:
            return reversal.bar(request, minted=minted)
        if standing.operation.state in (OperationState.CREATED, OperationState.SENT):
            return None
        parent_id = standing.operation.original_id
        parent = None if parent_id is None else await store.operation(self._pool, parent_id)
        return reversal.decide(request, minted=minted, standing=standing, parent=parent)

    async def _purchase(self, request: Request, minted: Minted) -> Decision | Unused:
        choice = self._choice(request)
        if choice is None:
            await self._registry.refresh()
            choice = self._choice(request)
        fee = cost = None
        if choice is not None and request.record.amount is not None:
            fee, cost = self._fee(request, choice), self._cost(request, choice)
        return purchase.decide(request, minted=minted, choice=choice, fee=fee, cost=cost)

    def _choice(self, request: Request) -> Choice | None:
        amount = request.record.amount
        wanted = Wanted(ask=Ask.PAY, unit="CNY" if amount is None else amount.unit)
        found = choose(self._registry.candidates(request.payee.id), wanted)
        return found if isinstance(found, Choice) else None

    def _fee(self, request: Request, choice: Choice) -> Quote | None:
        facts = self._facts(request, choice)
        return self._fees.quote(item=MERCHANT_FEE, party=request.payee.id, facts=facts, at=request.at)

    def _cost(self, request: Request, choice: Choice) -> Quote | None:
        if not self._fees.has(CHANNEL_COST):
            return None
        facts = self._facts(request, choice)
        return self._fees.quote(item=CHANNEL_COST, party=choice.channel, facts=facts, at=request.at)

    def _facts(self, request: Request, choice: Choice) -> dict[str, object]:
        record, channel = request.record, self._registry.channel(choice.channel)
        return {
            "base": 0 if record.amount is None else record.amount.minor,
            "channel": "" if channel is None else channel.code,
            "transaction": record.transaction.value,
            "entry_mode": record.entry_mode,
        }

    async def _original(self, request: Request) -> Standing | None:
        original, terminal = request.record.original, request.record.reference.terminal
        if original is None:
            return None
        if original.rrn is not None:
            standing = await store.standing_by_rrn(self._pool, original.rrn)
        elif original.batch is not None and original.trace is not None:
            standing = await store.standing_by_reference(
                self._pool, terminal=terminal, batch=original.batch, trace=original.trace, classes=_SALES
            )
        else:
            return None
        return standing if standing is not None and names(original, standing.operation) else None


def names(original: Original, operation: Operation) -> bool:
    """Tell whether all that a request says of its original is so; batch and trace of zeros say nothing."""
    if original.batch not in (None, _NOWHERE, operation.batch):
        return False
    if original.trace not in (None, _NOWHERE, operation.trace):
        return False
    if original.rrn not in (None, operation.rrn):
        return False
    return original.on is None or original.on in _days(operation)


def _days(operation: Operation) -> set[date]:
    ended = operation.answered_at or operation.occurred_at
    return {_day(operation.occurred_at), _day(ended), _day(ended + _AROUND)}


def _day(instant: datetime) -> date:
    return instant.astimezone(SHANGHAI).date()
