"""The withdrawal desk: the withdrawal service within what a caller may see."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from gateway.api.ports import Submission, Taken, Withdrawal
from gateway.app.desks.steps import steps
from gateway.journal import Refused, history
from gateway.kernel.money import Money
from gateway.kernel.postgres.pool import Database
from gateway.kernel.reasons import Reason
from gateway.parties import Scope
from gateway.parties import store as parties
from gateway.payments.payout import PayoutKind, Withdrawals
from gateway.payments.payout import store as payouts
from gateway.payments.payout.model import Payout
from gateway.payments.payout.withdrawals import Withdrawal as Answer

_STRANGER = Refused(Reason.NOT_FOUND, "no such party")
_NOWHERE = Refused(Reason.NOT_FOUND, "no such withdrawal")


class WithdrawalService:
    """Withdrawals for the API door; `told` are the error dictionary's words for a channel's code."""

    def __init__(self, *, pool: Database, withdrawals: Withdrawals, told: Callable[[UUID, str], str]) -> None:
        self._told = told
        self._pool = pool
        self._withdrawals = withdrawals

    async def request(
        self, order: Submission, *, party: UUID, amount: Money, bank_card: UUID
    ) -> Taken[Withdrawal] | Refused:
        """Check a withdrawal and record it."""
        if await parties.party_in(self._pool, order.caller.sees, party) is None:
            return _STRANGER
        answer = await self._withdrawals.request(
            party=party, amount=amount, bank_card=bank_card, who=order.who, keys=order.keys
        )
        return await self._taken(answer)

    async def confirm(self, order: Submission, *, withdrawal: UUID, password: str) -> Taken[Withdrawal] | Refused:
        """Take the password, freeze the money, make the instruction."""
        if await self.find(order.caller.sees, withdrawal=withdrawal) is None:
            return _NOWHERE
        answer = await self._withdrawals.confirm(withdrawal, password=password, who=order.who, keys=order.keys)
        return await self._taken(answer)

    async def find(self, sees: Scope, *, withdrawal: UUID) -> Withdrawal | None:
        """Read a withdrawal with its history."""
        found = await self._withdrawals.find(withdrawal)
        if found is None or found.payout.kind is not PayoutKind.WITHDRAWAL:
            return None
        if await parties.party_in(self._pool, sees, found.payout.party_id) is None:
            return None
        return await self._shown(found)

    async def _taken(self, answer: Answer | Refused) -> Taken[Withdrawal] | Refused:
        if isinstance(answer, Refused):
            return answer
        return Taken(await self._shown(answer), replayed=answer.replayed)

    async def _shown(self, answer: Answer) -> Withdrawal:
        payout = answer.payout
        return Withdrawal(
            id=payout.id,
            party=payout.party_id,
            bank_card=payout.bank_card_id,
            state=payout.state.value,
            amount=Money(payout.amount_minor, payout.unit),
            fee=Money(payout.fee_minor, payout.unit),
            withdrawable=Money(answer.withdrawable_minor, payout.unit),
            requested_at=payout.created_at,
            reason=Reason(payout.reason) if payout.reason in set(Reason) else None,
            code=payout.code,
            reason_text=await self._reason_text(payout),
            value_on=payout.value_on,
            history=steps(await history(self._pool, payout.id)),
        )

    async def _reason_text(self, payout: Payout) -> str:
        instruction = await payouts.instruction_of(self._pool, payout) if payout.code else None
        return "" if instruction is None else self._told(instruction.channel_id, payout.code)
