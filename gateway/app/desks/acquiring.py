"""The acquiring desk of the HTTP dialect: the same record as at the terminal door, carried by the same road.

A terminal is served here in the order of the terminal door's checks: known and active (97), its merchant the caller's
(97) and not closed (03), its batch open (77). What is not sure is told as "in progress": ask by the reference.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from gateway.api.acquiring_port import NOT_TOLD, Done, ReadCard, SettledBatch, SettlingWish, Wish
from gateway.api.ports import Listing, Page, Submission, Taken
from gateway.app.desks.readers import Readers
from gateway.clearing.carry import Carrier
from gateway.journal.model import Key, Refused
from gateway.kernel.clock import Clock
from gateway.kernel.postgres.pool import Database
from gateway.kernel.reasons import Reason
from gateway.keys import KeyRegister, KeyStore, KeyStoreError
from gateway.merchants import BatchState, Directory, Merchant, MerchantState, Terminal, TerminalState
from gateway.parties import Scope
from gateway.parties import store as parties
from gateway.payments import store
from gateway.payments.batches import Batch
from gateway.payments.batches import store as batches
from gateway.payments.batches.store import KeptDifference
from gateway.payments.model import (
    AcquiringAnswer,
    AcquiringRecord,
    CardData,
    Reference,
    Settling,
    Source,
    Transaction,
)

_CLASSES = {
    Transaction.PREAUTHORISATION: "010",
    Transaction.PREAUTHORISATION_VOID: "010",
    Transaction.REFUND: "022",
    Transaction.REVERSAL: "040",
    Transaction.SETTLEMENT: "050",
    Transaction.UPLOAD: "032",
    Transaction.UPLOAD_END: "032",
}
_SALE_CLASS = "020"
_SETTLING = (Transaction.SETTLEMENT, Transaction.UPLOAD, Transaction.UPLOAD_END)
_FAMILIES = {"softpos": Source.SOFTPOS, "mis": Source.MIS}
_UPLOAD_TRACE, _END_TRACE = "999998", "999999"
_BALANCED, _UNBALANCED = "207", "202"
_RECORDED_ANYWAY = (Reason.ORIGINAL_NOT_FOUND,)


@dataclass(frozen=True, slots=True)
class _Counter:
    """A terminal that may be served, and its merchant."""

    terminal: Terminal
    merchant: Merchant


class AcquiringService:
    """Payments for the API door."""

    def __init__(
        self,
        *,
        pool: Database,
        carrier: Carrier,
        facts: Directory,
        keystore: KeyStore,
        register: KeyRegister,
        clock: Clock,
        within_s: float,
    ) -> None:
        self._pool = pool
        self._carrier = carrier
        self._facts = facts
        self._readers = Readers(keystore=keystore, register=register)
        self._clock = clock
        self._within_s = within_s

    async def carry(self, order: Submission, wish: Wish) -> Taken[Done] | Refused:
        """Take a request to its end."""
        counter = await self._counter(order, wish.terminal)
        if isinstance(counter, Refused):
            return counter
        if not await self._takes(counter.terminal, wish.batch):
            return Refused(Reason.SIGN_IN_FIRST, "the batch is not open")
        card = await self._card(wish.card)
        if isinstance(card, Refused):
            return card
        answer = await self._carrier.carry(self._record(order, counter, wish, card))
        return await self._told(answer)

    async def settle(self, order: Submission, wish: SettlingWish) -> Taken[SettledBatch] | Refused:
        """Close a batch, compare its totals and, where they agree or its items came, end it."""
        counter = await self._counter(order, wish.terminal)
        if isinstance(counter, Refused):
            return counter
        said = Settling(totals=wish.totals)
        answer = await self._settling(order, counter, wish, Transaction.SETTLEMENT, wish.trace, said, order.keys)
        if answer is None or answer.settled is None:
            return _refused(answer)
        settled = answer.settled
        if settled.is_balanced or wish.items:
            refused = await self._ended(order, counter, wish, is_balanced=settled.is_balanced)
            if refused is not None:
                return refused
        found = await batches.batch_of(self._pool, terminal=wish.terminal, number=wish.batch)
        lines = [] if found is None else await self._differences_of(order, found)
        is_ended = found is not None and found.ended_at is not None
        shown = SettledBatch(settled=settled, rrn=answer.rrn, is_ended=is_ended, differences=lines)
        return Taken(shown, answer.replayed)

    async def batches(self, sees: Scope, page: Page, *, terminal: str | None) -> Listing[Batch]:
        """List closed batches, newest first."""
        found = await batches.batches_in(self._pool, sees, terminal=terminal, after=page.after, limit=page.limit + 1)
        return Listing(items=found[: page.limit], more=len(found) > page.limit)

    async def differences(
        self, sees: Scope, page: Page, *, terminal: str | None, batch: UUID | None
    ) -> Listing[KeptDifference]:
        """List what terminals and we did not agree on, newest first."""
        found = await batches.differences_in(
            self._pool, sees, batch=batch, terminal=terminal, after=page.after, limit=page.limit + 1
        )
        return Listing(items=found[: page.limit], more=len(found) > page.limit)

    async def _counter(self, order: Submission, number: str) -> _Counter | Refused:
        terminal = await self._facts.terminal(number)
        if terminal is None or terminal.state is not TerminalState.ACTIVE:
            return Refused(Reason.TERMINAL_UNKNOWN, "no such terminal, or it is locked")
        if await parties.party_in(self._pool, order.caller.sees, terminal.merchant_id) is None:
            return Refused(Reason.TERMINAL_UNKNOWN, "no such terminal, or it is locked")
        merchant = await self._facts.merchant_by_id(terminal.merchant_id)
        if merchant is None or merchant.state not in (MerchantState.OPEN, MerchantState.SUSPENDED):
            return Refused(Reason.MERCHANT_UNKNOWN, "the merchant is closed")
        return _Counter(terminal, merchant)

    async def _takes(self, terminal: Terminal, batch: str) -> bool:
        if _is_open(terminal, batch):
            return True
        fresh = await self._facts.fresh_terminal(terminal.number)
        return fresh is not None and _is_open(fresh, batch)

    async def _card(self, given: ReadCard | None) -> CardData | Refused | None:
        if given is None:
            return None
        try:
            return await self._readers.card(given)
        except KeyStoreError:
            return Refused(Reason.BAD_CARD, "the reader's data cannot be opened")

    def _record(self, order: Submission, counter: _Counter, wish: Wish, card: CardData | None) -> AcquiringRecord:
        return AcquiringRecord(
            source=_FAMILIES.get(counter.terminal.family, Source.API),
            transaction=wish.transaction,
            reference=Reference(wish.terminal, wish.batch, wish.trace, _class_of(wish.transaction)),
            merchant=counter.merchant.number,
            amount=wish.amount,
            content=_content(wish),
            received_at=order.at,
            answer_by=self._clock.monotonic() + self._within_s,
            card=card,
            entry_mode="" if wish.card is None else wish.card.entry_mode,
            original=wish.original,
            reversal_reason=wish.reversal_reason,
            keys=order.keys,
        )

    async def _told(self, answer: AcquiringAnswer | None) -> Taken[Done] | Refused:
        """Show what is recorded; refuse what is not, and what nothing sure can be said of."""
        if answer is None or answer.reason is Reason.NO_ANSWER:
            return _refused(answer)
        if answer.operation is None:
            is_done = answer.reason is Reason.DONE
            return Taken(Done(answer=answer), answer.replayed) if is_done else _refused(answer)
        kept = await store.operation(self._pool, answer.operation)
        state = "" if kept is None else kept.state.value
        return Taken(Done(answer=answer, state=state), answer.replayed)

    async def _ended(
        self, order: Submission, counter: _Counter, wish: SettlingWish, *, is_balanced: bool
    ) -> Refused | None:
        """Upload a batch's items, where they are looked at, and end it."""
        items = () if is_balanced else wish.items
        code = _BALANCED if is_balanced else _UNBALANCED
        steps = [(Transaction.UPLOAD_END, _END_TRACE, Settling(count=len(items), end_code=code))]
        if items:
            steps.insert(0, (Transaction.UPLOAD, _UPLOAD_TRACE, Settling(items=items)))
        for transaction, trace, said in steps:
            answer = await self._settling(order, counter, wish, transaction, trace, said, None)
            if answer is None or answer.reason is not Reason.DONE:
                return _refused(answer)
        return None

    async def _settling(
        self,
        order: Submission,
        counter: _Counter,
        wish: SettlingWish,
        transaction: Transaction,
        trace: str,
        said: Settling,
        keys: Callable[[UUID], tuple[Key, ...]] | None,
    ) -> AcquiringAnswer | None:
        record = AcquiringRecord(
            source=_FAMILIES.get(counter.terminal.family, Source.API),
            transaction=transaction,
            reference=Reference(wish.terminal, wish.batch, trace, _class_of(transaction)),
            merchant=counter.merchant.number,
            amount=None,
            content=(("48", str(said)),),
            received_at=order.at,
            answer_by=self._clock.monotonic() + self._within_s,
            settling=said,
            keys=keys,
        )
        return await self._carrier.carry(record)

    async def _differences_of(self, order: Submission, batch: Batch) -> list[KeptDifference]:
        return list(await batches.differences_in(self._pool, order.caller.sees, batch=batch.id, limit=2000))


def _class_of(transaction: Transaction) -> str:
    return _CLASSES.get(transaction, _SALE_CLASS)


def _is_open(terminal: Terminal, batch: str) -> bool:
    return terminal.batch_state is BatchState.OPEN and terminal.batch_no == batch


def _content(wish: Wish) -> tuple[tuple[str, str], ...]:
    """What a repeat must have in common with the first, beside its card."""
    amount, original = wish.amount, wish.original
    parts = [("amount", "" if amount is None else f"{amount.minor} {amount.unit}")]
    if original is not None:
        named = (original.batch, original.trace, original.on, original.rrn, original.approval_code)
        parts.append(("original", "/".join("" if each is None else str(each) for each in named)))
    return tuple(parts)


def _refused(answer: AcquiringAnswer | None) -> Refused:
    return NOT_TOLD if answer is None else Refused(answer.reason, answer.text)
