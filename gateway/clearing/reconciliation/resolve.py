"""Resolving differences: a person says how, the table says what that may be, the books follow (7f, 7g)."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from channels.instruction import Ask
from gateway.clearing.files.register import Register
from gateway.clearing.reconciliation import store
from gateway.clearing.reconciliation.model import Difference, DifferenceKind, How, Own
from gateway.clearing.reconciliation.postings import direction, due
from gateway.clearing.reconciliation.reconcile import Reconciliations
from gateway.journal.model import Key, Move, Refused
from gateway.kernel.reasons import Reason
from gateway.ledger.model import Account, Leg, Transfer
from gateway.payments.payout import Effect, PayoutState, results
from gateway.payments.payout.postings import available, cash, legs, suspense

_OPEN_PAYOUT = frozenset({PayoutState.SENT, PayoutState.UNKNOWN})
_OPEN = frozenset({"created", "routed", "sent", "unknown"})

ALLOWED: Mapping[DifferenceKind, frozenset[How]] = {
    DifferenceKind.AMOUNT_DIFFERS: frozenset(
        {How.BANK_IS_RIGHT, How.GIVE_BACK, How.BANK_CORRECTS, How.FOUND_LATER, How.PAID, How.NOT_PAID}
    ),
    DifferenceKind.STATUS_DIFFERS: frozenset(
        {How.BANK_IS_RIGHT, How.GIVE_BACK, How.BANK_CORRECTS, How.FOUND_LATER, How.PAID, How.NOT_PAID}
    ),
    DifferenceKind.UNKNOWN_TO_US: frozenset({How.GIVE_BACK, How.BANK_CORRECTS, How.FOUND_LATER}),
    DifferenceKind.DUPLICATE_AT_BANK: frozenset({How.GIVE_BACK, How.BANK_CORRECTS, How.FOUND_LATER}),
    DifferenceKind.MISSING_AT_BANK: frozenset({How.BANK_IS_RIGHT, How.PAID, How.NOT_PAID}),
}


class _CannotError(Exception):
    """This difference cannot be resolved this way: why."""


class Resolutions:
    """Resolves open differences, each once."""

    def __init__(self, *, register: Register, reconciliations: Reconciliations) -> None:
        self._register = register
        self._pool = register.pool
        self._reconciliations = reconciliations

    async def resolve(
        self, difference_id: UUID, *, how: How, who: str, note: str = "", keys: tuple[Key, ...] = ()
    ) -> Difference | Refused:
        """Resolve a difference; its batch closes with its last one."""
        difference = await store.difference(self._pool, difference_id)
        if difference is None:
            return Refused(Reason.NOT_FOUND, "no such difference", difference_id)
        try:
            effect = await self._effect(difference, how, who, note)
        except _CannotError as fault:
            return Refused(Reason.WRONG_STATE, str(fault), difference_id)
        receipt = await self._register.clerk.file(effect, who=who, why=f"resolved: {how}", keys=keys, is_fact=True)
        now = await store.difference(self._pool, difference_id)
        if isinstance(receipt, Refused):
            return (
                receipt
                if receipt.reason is not Reason.MOVED
                else Refused(
                    Reason.WRONG_STATE,
                    "the difference or its payment has moved meanwhile: read it again",
                    difference_id,
                )
            )
        await self._reconciliations.close_settled(difference.channel_id)
        return now or difference

    async def _effect(self, difference: Difference, how: How, who: str, note: str) -> Effect:
        if difference.state == "resolved":
            # A repeat is answered by its key; without one the move is refused, as the version has passed.
            return Effect(records=(Move("difference", difference.id, difference.version - 1, {"how": how.value}),))
        if how not in ALLOWED[difference.kind]:
            raise _CannotError(f"a difference of kind {difference.kind} is not resolved by {how}")
        own = await self._own(difference)
        effect, transfer = await self._money(difference, how, own)
        to = {
            "state": "resolved",
            "how": how.value,
            "note": note,
            "resolved_at": self._register.clock.now(),
            "resolved_by": who,
            "transfer_id": transfer,
        }
        return effect + Effect(records=(Move("difference", difference.id, difference.version, to),))

    async def _own(self, difference: Difference) -> Own | None:
        if difference.instruction_id is None:
            return None
        found = await store.own(self._pool, [difference.instruction_id])
        return found[0] if found else None

    async def _money(self, difference: Difference, how: How, own: Own | None) -> tuple[Effect, UUID | None]:
        match how:
            case How.PAID | How.NOT_PAID:
                return self._payout(how, own)
            case How.FOUND_LATER:
                if difference.suspense_minor:
                    raise _CannotError("its money stands in suspense and has to go somewhere")
                return Effect(), None
            case How.GIVE_BACK | How.BANK_CORRECTS:
                return await self._through_bank(difference, how)
            case How.BANK_IS_RIGHT:
                return self._owner_takes(difference, own)

    async def _through_bank(self, difference: Difference, how: How) -> tuple[Effect, UUID | None]:
        stands = difference.suspense_minor
        if stands == 0 or (stands < 0) is not (how is How.GIVE_BACK):
            raise _CannotError("nothing of it is to be given back" if how is How.GIVE_BACK else "the bank owes nothing")
        bank = await store.bank_of(self._pool, difference.channel_id)
        account = suspense(difference.suspense_item, difference.unit)
        return self._transfer(difference, how, legs((cash(bank.account, difference.unit), stands), (account, -stands)))

    def _owner_takes(self, difference: Difference, own: Own | None) -> tuple[Effect, UUID | None]:
        if own is None or own.party_id is None:
            raise _CannotError("nobody of ours owns this payment")
        owner = available(own.party_id, difference.unit)
        if difference.kind is DifferenceKind.MISSING_AT_BANK:
            return self._never_settled(difference, own, owner)
        stands = difference.suspense_minor
        rest = suspense(difference.suspense_item, difference.unit)
        payout = own.payout
        if payout is not None and payout.state is PayoutState.SUCCESS and difference.file_state == "failed":
            transfer = self._register.ids.new()
            at = self._register.clock.now()
            back = results.came_back(
                payout, own.instruction, transfer=transfer, at=at, source=rest, value_on=None, reason="bank_declined"
            )
            return back, transfer
        if payout is not None and payout.state is PayoutState.RETURNED and difference.file_state == "failed":
            raise _CannotError("the money came back meanwhile, its owner has it already")
        if stands == 0:
            raise _CannotError("no money stands in suspense for it")
        if own.ask is not Ask.PAYOUT and difference.own_state in _OPEN and own.instruction.state == "success":
            # Its owner concluded it after the file: the payment has its money, the channel's due has still to be met.
            owner = due(own.instruction.channel_id, difference.unit)
        return self._transfer(difference, How.BANK_IS_RIGHT, legs((owner, stands), (rest, -stands)))

    def _never_settled(self, difference: Difference, own: Own, owner: Account) -> tuple[Effect, UUID | None]:
        if own.ask is Ask.PAYOUT or own.instruction.state != "success":
            raise _CannotError("only a payment that succeeded with us can be taken back from its owner")
        held = direction(own.ask) * own.amount_minor
        owed = due(own.instruction.channel_id, difference.unit)
        # What a late answer has put into suspense already comes from there.
        late = own.late_minor
        sides = legs((owner, held), (owed, -held - late), (suspense("diff", difference.unit), late))
        effect, transfer = self._transfer(difference, How.BANK_IS_RIGHT, sides)
        # From now on a line for it is the bank's error, not its settlement.
        mark = Move("instruction", own.instruction.id, own.instruction.version, {"result": "status_differs"})
        return effect + Effect(records=(mark,)), transfer

    def _payout(self, how: How, own: Own | None) -> tuple[Effect, UUID | None]:
        if own is None or own.payout is None or own.payout.state not in _OPEN_PAYOUT:
            raise _CannotError("only a payout without a result is decided by a person")
        transfer, at = self._register.ids.new(), self._register.clock.now()
        if how is How.NOT_PAID:
            failed = results.failed(own.payout, own.instruction, transfer=transfer, at=at, reason="bank_declined")
            return failed, transfer
        paid = results.succeeded(
            own.payout,
            own.instruction,
            transfer=transfer,
            at=at,
            bank_account=own.settled_by,
            paid_minor=own.amount_minor,
            value_on=None,
        )
        return paid, transfer

    def _transfer(self, difference: Difference, how: How, sides: tuple[Leg, ...]) -> tuple[Effect, UUID]:
        transfer = Transfer(
            id=self._register.ids.new(),
            kind=f"difference.{how}",
            subject=difference.id,
            legs=sides,
            occurred_at=self._register.clock.now(),
            note=difference.number,
        )
        return Effect(postings=(transfer,)), transfer.id
