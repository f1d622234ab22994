"""Withdrawals: request, confirm, cancel, expire (rows A55-A60)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from gateway.journal.model import Done, Key, Move, PostSets, Receipt, Refused, Replayed
from gateway.kernel.clock import Clock
from gateway.kernel.ids import Ids
from gateway.kernel.money import Money
from gateway.kernel.postgres.pool import Database
from gateway.kernel.reasons import Reason
from gateway.payments.payout import requests, results, store
from gateway.payments.payout.checks import Standing, Wanted, check
from gateway.payments.payout.effect import Clerk, Effect
from gateway.payments.payout.model import Payout, PayoutEvent, PayoutKind, PayoutState
from gateway.payments.payout.ports import BankCards, Numbers, Quotes, Routes
from gateway.payments.payout.requests import BankOrder, Order
from gateway.payments.payout.settings import WithdrawalSettings
from gateway.payments.payout.states import MONEY_OUT
from gateway.tasks import Finished, Timer

FEE_ITEM = "withdrawal_fee"
_TURNS = 8

Keys = Callable[[UUID], tuple[Key, ...]]


def no_keys(_subject: UUID) -> tuple[Key, ...]:
    """The keys of a caller that has none: the house itself."""
    return ()


class NotEndedError(Exception):
    """A request that nobody confirmed could not be ended: its timer comes again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawal:
    """The answer to every call: the record, what the party can withdraw now, and whether it is a first answer again."""

    payout: Payout
    withdrawable_minor: int
    replayed: bool = False


class Withdrawals:
    """The withdrawal service.

    `keys` of a call makes the journal keys of its idempotency key and nonce once the record's id is known; a repeated
    call gets the record as it stands now, marked `replayed`. `limits` tells those that hold for a party now.
    """

    def __init__(
        self,
        *,
        pool: Database,
        journal: PostSets,
        quotes: Quotes,
        cards: BankCards,
        numbers: Numbers,
        routes: Routes,
        ids: Ids,
        clock: Clock,
        limits: Callable[[UUID], WithdrawalSettings] | None = None,
    ) -> None:
        self._pool = pool
        self._clerk = Clerk(journal, ids=ids, clock=clock)
        self._quotes = quotes
        self._cards = cards
        self._numbers = numbers
        self._routes = routes
        self._ids = ids
        self._clock = clock
        self._limits = limits or (lambda _: WithdrawalSettings())

    async def request(
        self, *, party: UUID, amount: Money, bank_card: UUID, who: str, keys: Keys = no_keys
    ) -> Withdrawal | Refused:
        """Check a withdrawal and record it as checked; it waits for the password. Nothing is frozen yet."""
        order = Order(
            id=self._ids.new(),
            kind=PayoutKind.WITHDRAWAL,
            party=party,
            amount=amount,
            bank_card=bank_card,
            asked_by=who,
        )
        if amount.minor <= 0:
            return Refused(Reason.BAD_AMOUNT, "the amount must be more than zero", party)
        fee = await self._quotes.quote(item=FEE_ITEM, party=party, amount=amount)
        wanted = Wanted(amount_minor=amount.minor, fee_minor=fee.amount_minor, is_new=True)
        held = await self._refusal(party, amount.unit, bank_card, wanted)
        effect = requests.request(order, fee, at=self._clock.now(), limits=self._limits(party))
        if held is not None:
            return await self._replayed_or(held, order.id, keys)
        receipt = await self._clerk.file(
            effect, who=who, why="withdrawal requested, checks passed", keys=keys(order.id)
        )
        if isinstance(receipt, Refused) and receipt.reason is Reason.LIMIT_EXCEEDED:
            return Refused(Reason.WITHDRAWAL_OPEN, "too many withdrawals are still open", party)
        return await self._answer(receipt, order.id)

    async def confirm(self, payout: UUID, *, password: str, who: str, keys: Keys = no_keys) -> Withdrawal | Refused:
        """Freeze the money and make the instruction, after the checks and then the password have passed once more."""
        known = await store.find(self._pool, payout)
        if known is None:
            return Refused(Reason.NOT_FOUND, "no such withdrawal", payout)
        refusal = await self._may_confirm(known)
        if refusal is None and (wrong := await self._cards.verify(party=known.party_id, password=password)):
            refusal = Refused(wrong, "the withdrawal password was not accepted", known.party_id)
        if refusal is not None:
            return await self._replayed_or(refusal, payout, keys)
        return await self._freeze(known, who=who, keys=keys(payout))

    async def cancel(self, payout: UUID, *, who: str, keys: Keys = no_keys) -> Withdrawal | Refused:
        """Call a withdrawal back: while it is not in a file yet, or after it failed (its orders are free again)."""
        known = await store.find(self._pool, payout)
        if known is None:
            return Refused(Reason.NOT_FOUND, "no such withdrawal", payout)
        instruction = await store.instruction_of(self._pool, known)
        is_waiting = known.state is not PayoutState.FROZEN or (
            instruction is not None and instruction.communication == "waiting"
        )
        if PayoutEvent.CANCEL not in MONEY_OUT[known.state] or not is_waiting:
            refusal = Refused(Reason.WRONG_STATE, f"a withdrawal that is {known.state} cannot be cancelled", payout)
            return await self._replayed_or(refusal, payout, keys)
        told = instruction if known.state is PayoutState.FROZEN else None
        effect = results.cancelled(known, told, at=self._clock.now())
        receipt = await self._clerk.file(effect, who=who, why="withdrawal cancelled", keys=keys(payout))
        return await self._answer(receipt, payout)

    async def find(self, payout: UUID) -> Withdrawal | None:
        """Read a withdrawal as it stands now."""
        known = await store.find(self._pool, payout)
        if known is None:
            return None
        return Withdrawal(payout=known, withdrawable_minor=await self.withdrawable(known.party_id, known.unit))

    async def withdrawable(self, party: UUID, unit: str) -> int:
        """Return what a party can withdraw now, fees included, in minor units (row A55)."""
        standing = await store.standing(self._pool, party=party, unit=unit, card=None)
        return 0 if standing.owed_minor > 0 else standing.withdrawable_minor

    async def expire(self, timer: Timer) -> Finished:
        """Timer `payout.expire`: a checked request that nobody confirmed in time ends."""
        known = await store.find(self._pool, timer.subject)
        if known is not None and known.state is PayoutState.CHECKED:
            effect = results.cancelled(known, None, at=self._clock.now())
            receipt = await self._clerk.file(
                effect, who="system:payout", why="nobody confirmed it in time", is_fact=True
            )
            if isinstance(receipt, Refused) and receipt.reason is not Reason.MOVED:
                raise NotEndedError(receipt.detail)
        return Finished()

    async def _may_confirm(self, payout: Payout) -> Refused | None:
        if payout.state is not PayoutState.CHECKED:
            return Refused(Reason.WRONG_STATE, f"the withdrawal is {payout.state}", payout.id)
        if payout.confirm_by is not None and self._clock.now() >= payout.confirm_by:
            return Refused(Reason.WRONG_STATE, "the withdrawal was not confirmed in time", payout.id)
        return await self._refusal(payout.party_id, payout.unit, payout.bank_card_id, _wanted(payout))

    async def _refusal(self, party: UUID, unit: str, card: UUID | None, wanted: Wanted) -> Refused | None:
        standing = await store.standing(self._pool, party=party, unit=unit, card=card)
        failing = check(standing, wanted, self._limits(party))
        return None if failing is None else Refused(failing[0], failing[1], party)

    async def _freeze(self, payout: Payout, *, who: str, keys: tuple[Key, ...]) -> Withdrawal | Refused:
        bank = await self._bank_order(payout)
        if isinstance(bank, Refused):
            return bank
        for _ in range(_TURNS):
            standing = await self._standing(payout)
            limits = self._limits(payout.party_id)
            failing = check(standing, _wanted(payout), limits)
            if failing is not None:
                return await self._replayed_or(
                    Refused(failing[0], failing[1], payout.party_id), payout.id, lambda _: keys
                )
            hold, at = self._ids.new(), self._clock.now()
            effect = requests.confirm(payout, bank, standing, hold=hold, at=at, limits=limits)
            receipt = await self._clerk.file(effect, who=who, why="withdrawal confirmed with the password", keys=keys)
            if not isinstance(receipt, Refused) or await self._standing(payout) == standing:
                return await self._answer(receipt, payout.id)
        return Refused(Reason.BUSY, "others of this party came first each time", payout.id)

    async def _bank_order(self, payout: Payout) -> BankOrder | Refused:
        amount = Money(payout.amount_minor, payout.unit)
        channel = await self._routes.choose(party=payout.party_id, amount=amount, business=payout.kind.value)
        if channel is None or payout.bank_card_id is None:
            return Refused(Reason.CHANNEL_CLOSED, "no channel is open for this payout", payout.id)
        payee = await self._cards.payee(party=payout.party_id, card=payout.bank_card_id)
        if payee is None:
            return Refused(Reason.CARD_NOT_BOUND, "the bank card is not bound to the party", payout.party_id)
        number = await self._numbers.next(self._clock.now())
        return BankOrder(id=self._ids.new(), number=number, channel=channel, payee=payee)

    async def _standing(self, payout: Payout) -> Standing:
        return await store.standing(self._pool, party=payout.party_id, unit=payout.unit, card=payout.bank_card_id)

    async def _replayed_or(self, refusal: Refused, subject: UUID, keys: Keys) -> Withdrawal | Refused:
        """Answer a repeat by its first answer; a key that was never used stays unused, as nothing is written."""
        used = keys(subject)
        if not used:
            return refusal
        nothing = Effect(records=(Move("payout", subject, 0, {"state": PayoutState.REQUESTED.value}),))
        receipt = await self._clerk.file(nothing, who="system:payout", why="looked up by key", keys=used)
        if isinstance(receipt, Replayed):
            return await self._answer(receipt, receipt.subject)
        if isinstance(receipt, Refused) and receipt.reason in {key.refusal for key in used}:
            return receipt
        return refusal

    async def _answer(self, receipt: Receipt, payout: UUID) -> Withdrawal | Refused:
        match receipt:
            case Refused(reason=Reason.MOVED):
                return Refused(Reason.WRONG_STATE, "the withdrawal has moved meanwhile: read it again", payout)
            case Refused():
                return receipt
            case Replayed(subject=subject):
                return await self._read(subject, replayed=True)
            case Done():
                return await self._read(payout, replayed=False)

    async def _read(self, payout: UUID, *, replayed: bool) -> Withdrawal | Refused:
        found = await self.find(payout)
        if found is None:
            return Refused(Reason.NOT_FOUND, "no such withdrawal", payout)
        return Withdrawal(payout=found.payout, withdrawable_minor=found.withdrawable_minor, replayed=replayed)


def _wanted(payout: Payout) -> Wanted:
    return Wanted(amount_minor=payout.amount_minor, fee_minor=payout.fee_minor, is_new=False)
