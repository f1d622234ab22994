"""Gathering the facts of a request and having `payments` decide: one read at most, fees and routes from memory."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from uuid import UUID

from channels.instruction import Ask
from gateway.clearing.identify import Merchants
from gateway.clearing.minting import Mint
from gateway.clearing.registry import Registry
from gateway.clearing.settings import RoadSettings
from gateway.fees import FeeBook, Quote
from gateway.kernel.clock import SHANGHAI
from gateway.kernel.postgres.pool import Database
from gateway.kernel.reasons import Reason
from gateway.payments import completion, preauthorisation, purchase, refund, reversal, store, void
from gateway.payments.batches.counts import in_batch
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
    Transaction.PREAUTHORISATION: OperationKind.PREAUTHORISATION,
    Transaction.PREAUTHORISATION_VOID: OperationKind.PREAUTHORISATION_VOID,
    Transaction.COMPLETION: OperationKind.COMPLETION,
    Transaction.COMPLETION_VOID: OperationKind.COMPLETION_VOID,
}
_SALES, _HOLDS = ("020",), ("010",)
_NOWHERE = "000000"
_TAKES_A_HOLD = (Transaction.COMPLETION, Transaction.PREAUTHORISATION_VOID)
_BY_CODE = (OperationKind.PREAUTHORISATION, OperationKind.COMPLETION)


class Deciding:
    """Decides requests on the facts as this process knows them; `expects` lets the journal send stale ones back."""

    def __init__(
        self,
        *,
        pool: Database,
        merchants: Merchants,
        registry: Registry,
        fees: FeeBook,
        mint: Mint,
        settings: RoadSettings,
    ) -> None:
        self._settings = settings
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
            case Transaction.PREAUTHORISATION:
                return (*request.expects, self._registry.expects)
            case Transaction.COMPLETION:
                return (*request.expects, self._fees.expects)
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
        return _counted(request, declined_at_once(request, await self._mint.make(request.at), kind, reason))

    async def pay(self, request: Request) -> Decision | Unused | Awaits:
        """Decide a sale, hold, void or refund; what stands on an original awaits the one that is open on it."""
        decision = await self._decided(request, await self._mint.make(request.at))
        return _counted(request, decision) if isinstance(decision, Decision) else decision

    async def _decided(self, request: Request, minted: Minted) -> Decision | Unused | Awaits:
        match request.record.transaction:
            case Transaction.VOID | Transaction.COMPLETION_VOID:
                return await self._void(request, minted)
            case Transaction.REFUND:
                return refund.decide(request, minted=minted, standing=await self._original(request))
            case Transaction.PREAUTHORISATION:
                choice = await self._choice(request, Ask.AUTHORISE)
                return preauthorisation.decide(request, minted=minted, choice=choice)
            case Transaction.PREAUTHORISATION_VOID:
                return preauthorisation.decide_void(request, minted=minted, standing=await self._original(request))
            case Transaction.COMPLETION:
                return await self._completion(request, minted)
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
        parent, hold = await store.under(self._pool, standing.operation)
        return reversal.decide(request, minted=minted, standing=standing, parent=parent, hold=hold)

    async def _purchase(self, request: Request, minted: Minted) -> Decision | Unused:
        choice = await self._choice(request, Ask.PAY)
        fee = cost = None
        if choice is not None and request.record.amount is not None:
            fee, cost = self._prices(request, choice.channel, request.at)
        return purchase.decide(request, minted=minted, choice=choice, fee=fee, cost=cost)

    async def _completion(self, request: Request, minted: Minted) -> Decision | Awaits:
        standing = await self._original(request)
        hold, fee, cost = None if standing is None else standing.operation, None, None
        if hold is not None and hold.channel_id is not None:
            fee, cost = self._prices(request, hold.channel_id, hold.occurred_at)
        most_percent = self._settings.completion_most_percent
        return completion.decide(
            request, minted=minted, standing=standing, fee=fee, cost=cost, most_percent=most_percent
        )

    async def _void(self, request: Request, minted: Minted) -> Decision | Awaits:
        kind, standing = _KINDS[request.record.transaction], await self._original(request)
        decision = void.decide(request, minted=minted, standing=standing, kind=kind)
        if standing is None or not isinstance(decision, Decision):
            return decision
        held, _ = await store.under(self._pool, standing.operation)
        return replace(decision, hold=held)

    async def _choice(self, request: Request, ask: Ask) -> Choice | None:
        found = self._chosen(request, ask)
        if found is None:
            await self._registry.refresh()
            found = self._chosen(request, ask)
        return found

    def _chosen(self, request: Request, ask: Ask) -> Choice | None:
        amount = request.record.amount
        wanted = Wanted(ask=ask, unit="CNY" if amount is None else amount.unit)
        found = choose(self._registry.candidates(request.payee.id), wanted)
        return found if isinstance(found, Choice) else None

    def _prices(self, request: Request, channel: UUID, at: datetime) -> tuple[Quote, Quote | None]:
        """The merchant's fee and the channel's cost by the rates in force at `at`."""
        facts = self._facts(request, channel)
        fee = self._fees.quote(item=MERCHANT_FEE, party=request.payee.id, facts=facts, at=at)
        if not self._fees.has(CHANNEL_COST):
            return fee, None
        return fee, self._fees.quote(item=CHANNEL_COST, party=channel, facts=facts, at=at)

    async def channel_for(self, request: Request, ask: Ask) -> UUID | None:
        """Choose the channel for what leaves no record, None where none is open."""
        choice = await self._choice(request, ask)
        return None if choice is None else choice.channel

    def _facts(self, request: Request, channel_id: UUID) -> dict[str, object]:
        record, channel = request.record, self._registry.channel(channel_id)
        return {
            "base": 0 if record.amount is None else record.amount.minor,
            "channel": "" if channel is None else channel.code,
            "transaction": record.transaction.value,
            "entry_mode": record.entry_mode,
        }

    async def _original(self, request: Request) -> Standing | None:
        original = request.record.original
        if original is None:
            return None
        if original.rrn is not None:
            standing = await store.standing_by_rrn(self._pool, original.rrn)
        else:
            standing = await self._named(request, original)
        return standing if standing is not None and names(original, standing.operation) else None

    async def _named(self, request: Request, original: Original) -> Standing | None:
        """Find an original by batch and trace: of this terminal, and a hold of any terminal by its bank's code."""
        if original.batch is None or original.trace is None:
            return None
        takes_a_hold = request.record.transaction in _TAKES_A_HOLD
        if takes_a_hold and original.approval_code is not None:
            return await store.hold_by_approval(
                self._pool,
                merchant=request.payee.id,
                approval_code=original.approval_code,
                batch=original.batch,
                trace=original.trace,
            )
        return await store.standing_by_reference(
            self._pool,
            terminal=request.record.reference.terminal,
            batch=original.batch,
            trace=original.trace,
            classes=_HOLDS if takes_a_hold else _SALES,
        )


def _counted(request: Request, decision: Decision) -> Decision:
    """Have a request counted in its batch, which takes none once it is closed."""
    counted = in_batch(request.record.reference, decision.operation.kind)
    return replace(decision, counts=(*decision.counts, *counted))


def _open_counter(operation: Operation) -> Awaits | None:
    if operation.counter_id is None or operation.state not in (OperationState.APPROVED, OperationState.HELD):
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
    if operation.kind in _BY_CODE and original.approval_code not in (None, operation.approval_code):
        return False
    first, last = _day(operation.occurred_at), _day(operation.answered_at or operation.occurred_at)
    if original.on is None or original.rrn is not None:
        return original.on is None or original.on >= first
    return original.on in {first, last}


def _day(instant: datetime) -> date:
    return instant.astimezone(SHANGHAI).date()
