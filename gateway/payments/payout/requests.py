"""Decisions of the way in: a withdrawal is requested and checked, then confirmed, frozen and instructed at once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from gateway.journal.model import Count, Insert, Move, Put
from gateway.kernel.money import Money
from gateway.kernel.reasons import Reason
from gateway.payments.decision import UNRIPE
from gateway.payments.payout import postings
from gateway.payments.payout.checks import Standing
from gateway.payments.payout.effect import Effect
from gateway.payments.payout.model import Payout, PayoutEvent, PayoutKind, PayoutState
from gateway.payments.payout.ports import PayeeCard, Quoted
from gateway.payments.payout.results import DAY_COUNT, OPEN_COUNT
from gateway.payments.payout.settings import WithdrawalSettings
from gateway.payments.payout.states import advance

TURN_COUNT = "withdrawal.turn"
EXPIRY = "payout.expire"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A request for money out."""

    id: UUID
    kind: PayoutKind
    party: UUID
    amount: Money
    bank_card: UUID
    asked_by: str


def request(order: Order, fee: Quoted, *, at: datetime, limits: WithdrawalSettings) -> Effect:
    """A request whose checks have passed: recorded as requested and checked, to be confirmed before a deadline."""
    confirm_by = at + limits.confirm_within
    state = advance(PayoutState.REQUESTED, PayoutEvent.CHECK)
    row = _row(order, fee, at=at, confirm_by=confirm_by)
    timer = {"kind": EXPIRY, "subject": order.id, "due_at": confirm_by, "data": {}}
    return Effect(
        records=(
            Insert("payout", row),
            Move("payout", order.id, 1, {"state": state.value}),
            Put("timer.set", timer),
        ),
        counts=(Count(OPEN_COUNT, str(order.party), 1, most=limits.most_open, refusal=Reason.WITHDRAWAL_OPEN),),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class BankOrder:
    """What the clearing instruction of a payout is made of."""

    id: UUID
    number: str
    channel: UUID
    payee: PayeeCard


def confirm(
    payout: Payout,
    bank: BankOrder,
    standing: Standing,
    *,
    hold: UUID,
    at: datetime,
    limits: WithdrawalSettings,
) -> Effect:
    """5a with the instruction in one change: confirmed, frozen, routed, waiting for its channel.

    The turn counter makes two confirmations of one party follow each other, each decided on what the other left.
    """
    party = str(payout.party_id)
    confirmed = advance(payout.state, PayoutEvent.CONFIRM)
    frozen = advance(confirmed, PayoutEvent.FREEZE)
    to = {"state": frozen.value, "hold_id": hold, "instruction_id": bank.id, "limit_day": standing.day}
    turn = standing.turn + 1
    return Effect(
        records=(
            Move("payout", payout.id, payout.version, {"state": confirmed.value}),
            Move("payout", payout.id, payout.version + 1, to),
            Insert("instruction", _instruction(payout, bank, at)),
            Put("timer.done", {"kind": EXPIRY, "subject": payout.id}),
        ),
        postings=(postings.freeze(payout, hold=hold, at=at),),
        counts=(
            Count(TURN_COUNT, party, 1, most=turn, least=turn, refusal=Reason.MOVED),
            # What has not ripened is read in this very change: the hold leaves as much.
            Count(UNRIPE, party, 0),
            Count(
                DAY_COUNT,
                f"{party}/{payout.unit}/{standing.day}",
                payout.amount_minor,
                most=limits.daily_minor,
            ),
        ),
    )


def _row(order: Order, fee: Quoted, *, at: datetime, confirm_by: datetime) -> dict[str, object]:
    return {
        "id": order.id,
        "kind": order.kind.value,
        "party_id": order.party,
        "bank_card_id": order.bank_card,
        "amount_minor": order.amount.minor,
        "fee_minor": fee.amount_minor,
        "unit": order.amount.unit,
        "fee_version": fee.version,
        "state": PayoutState.REQUESTED.value,
        "hold_id": None,
        "instruction_id": None,
        "reason": "",
        "code": "",
        "value_on": None,
        "limit_day": None,
        "asked_by": order.asked_by,
        "created_at": at,
        "confirm_by": confirm_by,
        "finished_at": None,
        "version": 1,
    }


def _instruction(payout: Payout, bank: BankOrder, at: datetime) -> dict[str, object]:
    return {
        "id": bank.id,
        "number": bank.number,
        "channel_id": bank.channel,
        "ask": "payout",
        "business": payout.kind.value,
        "owner_kind": "payout",
        "owner_id": payout.id,
        "original_id": None,
        "original_number": None,
        "amount_minor": payout.amount_minor,
        "unit": payout.unit,
        "state": "routed",
        "communication": "waiting",
        "result": "unchecked",
        "routing": "the batch channel that is open for payouts",
        "purpose": f"{payout.kind.value.upper()} {bank.number}",
        "merchant": "",
        "terminal": "",
        "payee_account": bank.payee.account_sealed,
        "payee_name": bank.payee.name_sealed,
        "payee_bank": bank.payee.bank,
        "bank_reference": "",
        "approval_code": "",
        "code": "",
        "reason": "",
        "value_on": None,
        "settled_minor": None,
        "tries": 0,
        "file_id": None,
        "not_found_at": None,
        "created_at": at,
        "sent_at": None,
        "answered_at": None,
        "version": 1,
    }
