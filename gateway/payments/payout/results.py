"""What became of a payout at the bank, decided as effects: pure functions, taken by files, queries and persons alike.

Each moves the payout and its instruction together; `mark` is what the caller knows besides (result, file, reference).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from uuid import UUID

from gateway.journal.model import Count, Move
from gateway.ledger.model import Account
from gateway.payments.payout import postings
from gateway.payments.payout.effect import Effect
from gateway.payments.payout.model import OwnInstruction, Payout, PayoutEvent, PayoutState
from gateway.payments.payout.states import advance

OPEN_COUNT = "withdrawal.open"
DAY_COUNT = "withdrawal.day"

Mark = Mapping[str, object]
_NOTHING: Mark = {}


def sent(payout: Payout, instruction: OwnInstruction, *, transfer: UUID, at: datetime) -> Effect:
    """5b, posted with the move to sending, before the first byte leaves."""
    to = {"state": "sent", "communication": "sending", "sent_at": at, "tries": instruction.tries + 1}
    return Effect(
        records=(_moved(payout, PayoutEvent.SEND), _told(instruction, to)),
        postings=(postings.send(payout, transfer=transfer, at=at),),
    )


def succeeded(
    payout: Payout,
    instruction: OwnInstruction,
    *,
    transfer: UUID,
    at: datetime,
    bank_account: UUID,
    paid_minor: int,
    value_on: date | None,
    mark: Mark = _NOTHING,
) -> Effect:
    """5c: the bank paid."""
    told = {"state": "success", "communication": "answered", "answered_at": at, "value_on": value_on, **mark}
    moved = _moved(payout, PayoutEvent.SUCCEED, {"value_on": value_on, "finished_at": at})
    paid = postings.succeed(
        payout, transfer=transfer, at=at, bank_account=bank_account, paid_minor=paid_minor, value_on=value_on
    )
    return Effect(records=(moved, _told(instruction, told)), postings=(paid,), counts=(_closed(payout),))


def failed(
    payout: Payout,
    instruction: OwnInstruction,
    *,
    transfer: UUID,
    at: datetime,
    reason: str,
    code: str = "",
    mark: Mark = _NOTHING,
) -> Effect:
    """5d after sending; before it the hold is released."""
    told = {"state": "failed", "communication": "answered", "answered_at": at, "code": code, "reason": reason, **mark}
    moved = _moved(payout, PayoutEvent.FAIL, {"reason": reason, "code": code, "finished_at": at})
    was_sent = payout.state is not PayoutState.FROZEN
    back = postings.fail(payout, transfer=transfer, at=at) if was_sent else postings.unfreeze(payout, at=at)
    return Effect(records=(moved, _told(instruction, told)), postings=(back,), counts=_given_back(payout))


def doubted(payout: Payout, instruction: OwnInstruction, *, why: str, mark: Mark = _NOTHING) -> Effect:
    """Nobody can say: the money stays in transit until a query, a file or a person decides."""
    told = _told(instruction, {"state": "unknown", "communication": "no_answer", "reason": why, **mark})
    if payout.state is PayoutState.UNKNOWN:
        return Effect(records=(told,))
    return Effect(records=(_moved(payout, PayoutEvent.DOUBT, {"reason": why}), told))


def came_back(
    payout: Payout,
    instruction: OwnInstruction,
    *,
    transfer: UUID,
    at: datetime,
    source: Account,
    value_on: date | None,
    reason: str = "returned",
    code: str = "",
    mark: Mark = _NOTHING,
) -> Effect:
    """5e after success; where no success had been told the money only leaves transit, as 5d."""
    was_paid = payout.state is PayoutState.SUCCESS
    told = {"communication": "answered", "answered_at": at, "code": code, "reason": reason, **mark}
    to = {"reason": reason, "code": code, "value_on": value_on, "finished_at": at}
    back = (
        postings.come_back(payout, transfer=transfer, at=at, source=source, value_on=value_on)
        if was_paid
        else postings.fail(payout, transfer=transfer, at=at, value_on=value_on)
    )
    return Effect(
        records=(
            _moved(payout, PayoutEvent.COME_BACK, to),
            _told(instruction, told if was_paid else {"state": "failed", **told}),
        ),
        postings=(back,),
        counts=() if was_paid else _given_back(payout),
    )


def cancelled(payout: Payout, instruction: OwnInstruction | None, *, at: datetime) -> Effect:
    """Nobody confirmed it, or it is called back before it went into a file."""
    records = [_moved(payout, PayoutEvent.CANCEL, {"finished_at": at})]
    if instruction is not None:
        records.append(_told(instruction, {"state": "cancelled"}))
    match payout.state:
        case PayoutState.FROZEN:
            back = (postings.unfreeze(payout, at=at),)
            return Effect(records=tuple(records), postings=back, counts=_given_back(payout))
        case PayoutState.FAILED | PayoutState.RETURNED:
            return Effect(records=tuple(records))
        case _:
            return Effect(records=tuple(records), counts=(_closed(payout),))


def _moved(payout: Payout, event: PayoutEvent, to: Mark = _NOTHING) -> Move:
    return Move("payout", payout.id, payout.version, {"state": advance(payout.state, event).value, **to})


def _told(instruction: OwnInstruction, to: Mark) -> Move:
    return Move("instruction", instruction.id, instruction.version, to)


def _closed(payout: Payout) -> Count:
    return Count(OPEN_COUNT, str(payout.party_id), -1)


def _given_back(payout: Payout) -> tuple[Count, ...]:
    """A payout that failed frees its place and, of its day's limit, its amount."""
    if payout.limit_day is None:
        return (_closed(payout),)
    day = Count(DAY_COUNT, f"{payout.party_id}/{payout.unit}/{payout.limit_day}", -payout.amount_minor)
    return (_closed(payout), day)
