"""Gathering the facts of a request and having `payments` decide: one read at most, fees and routes from memory."""

from __future__ import annotations

from datetime import date, datetime

from channels.instruction import Ask
from gateway.clearing.identify import Merchants
from gateway.clearing.minting import Mint
from gateway.clearing.registry import Registry
from gateway.fees import FeeBook, Quote
from gateway.kernel.clock import SHANGHAI
from gateway.kernel.postgres.pool import Database
from gateway.kernel.reasons import Reason
from gateway.payments import purchase, refund, reversal, store, void
from gateway.payments.decision import Awaits, Decision, Minted, Request, Unused
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
                return (*request.expects, self._fees.expects, self._registry.expects)
            case Transaction.REVERSAL:
                return ()
            case _:
                return request.expects

    async def refresh(self) -> None:
        """Learn what has changed."""
        await self._merchants.refresh()
        await self._fees.refresh()
        await self._registry.refresh()

    async def refused(self, request: Request, reason: Reason) -> Decision:
        """Refuse a request by ourselves."""
        kind = _KINDS[request.record.transaction]
        return declined_at_once(request, await self._mint.make(request.at), kind, reason)

    async def pay(self, request: Request) -> Decision | Unused | Awaits:
        """Decide a purchase, void or refund; one of the last two awaits the counter-operation that is open."""
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

    async def reverse(self, request: Request) -> Decision | Awaits | None:
        """Decide a reversal; None while its original is under way in another process.

        It awaits a counter-operation that is open on its original: only once that is done is it too late.
        """
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
        awaited = _open_counter(standing.operation)
        if awaited is not None:
            return awaited
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


def _open_counter(operation: Operation) -> Awaits | None:
    if operation.counter_id is None or operation.state is not OperationState.APPROVED:
        return None
    return Awaits(original=operation.id, counter=operation.counter_id, otherwise=Reason.NO_ANSWER)


def names(original: Original, operation: Operation) -> bool:
    """Tell whether all that a request says of its original is so; batch and trace of zeros say nothing.

    Where the reference number says which one it is, the date may be that of any of its answers.
    """
    if original.batch not in (None, _NOWHERE, operation.batch):
        return False
    if original.trace not in (None, _NOWHERE, operation.trace):
        return False
    if original.rrn not in (None, operation.rrn):
        return False
    first, last = _day(operation.occurred_at), _day(operation.answered_at or operation.occurred_at)
    if original.on is None or original.rrn is not None:
        return original.on is None or original.on >= first
    return original.on in {first, last}


def _day(instant: datetime) -> date:
    return instant.astimezone(SHANGHAI).date()
