"""What a matched line, a difference or a missing instruction does to the books: pure, worked example 7.

`direction` is +1 where the bank pays us (a purchase settled) and -1 where we pay (void, refund, payout); every posting
on `bank` adds up to what the file says the bank moved.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from channels.instruction import TAKES, Ask, LineState
from gateway.clearing.late import into_suspense
from gateway.clearing.reconciliation.model import DifferenceKind, How, Line, Outcome, Own
from gateway.journal.model import Insert, Move
from gateway.ledger.model import Account, Leg, Purpose, Transfer
from gateway.payments.payout import Effect, PayoutState, results
from gateway.payments.payout.postings import cash, legs, suspense

NewId = Callable[[], UUID]

_OPEN_PAYOUT = frozenset({PayoutState.SENT, PayoutState.UNKNOWN})
_ENDED_UNPAID = frozenset({PayoutState.FAILED, PayoutState.CANCELLED})
_RESULTS = {"amount": "amount_differs", "status": "status_differs"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What postings of one batch have in common."""

    batch: UUID
    channel: UUID
    bank_account: UUID
    at: datetime
    new_id: NewId


class _Pair(NamedTuple):
    """What lines must have in common to be posted as one transfer."""

    channel: UUID
    bank_account: UUID
    unit: str
    value_on: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Money:
    """Legs of one line, what of them is the bank's, and what went into suspense."""

    legs: tuple[Leg, ...] = ()
    bank_minor: int = 0
    item: str = ""
    suspense_minor: int = 0


def direction(ask: Ask) -> int:
    """+1 where the bank pays us, -1 where we pay."""
    return 1 if ask in TAKES else -1


def due(channel: UUID, unit: str) -> Account:
    """What a channel owes: `channel.due`."""
    return Account(channel, unit, Purpose.DUE)


def is_plain(line: Line) -> bool:
    """Tell whether a line is matched and its money moves as one with others (7c, 7i)."""
    own = line.own
    return line.outcome is Outcome.MATCHED and own is not None and own.payout is None and not own.late_minor


def plain(lines: Sequence[Line], desk: Desk) -> Effect:
    """Matched acquiring lines: one transfer for each pair of accounts and value date, which its lines name."""
    groups: dict[_Pair, list[tuple[Line, Own]]] = defaultdict(list)
    records: list[Move] = []
    for line in lines:
        if line.own is not None and line.state is LineState.SUCCESS:
            pair = _Pair(line.own.instruction.channel_id, line.own.settled_by, line.unit, line.value_on)
            groups[pair].append((line, line.own))
        elif line.own is not None:
            records += _settled(line, line.own, None, 0, {"result": "matched"}, desk)
    transfers: list[Transfer] = []
    for pair, members in groups.items():
        transfer = _together(pair, [line for line, _ in members], desk)
        transfers += [] if transfer is None else [transfer]
        for line, own in members:
            moved = direction(line.ask) * line.amount_minor
            mark: dict[str, object] = {"result": "matched", "settled_minor": line.amount_minor}
            records += _settled(line, own, None if transfer is None else transfer.id, moved, mark, desk)
    return Effect(records=tuple(records), postings=tuple(transfers))


def single(line: Line, desk: Desk) -> Effect:
    """A line that is posted by itself: a payout's result, or a difference."""
    match line.outcome:
        case Outcome.MATCHED if line.own is not None and line.own.payout is not None:
            return _payout_result(line, line.own, desk)
        case Outcome.MATCHED if line.own is not None and line.own.late_minor:
            return plain([line], desk) + _superseded(line.own, desk)
        case Outcome.DIFFERS if line.own is not None:
            return _differs(line, line.own, desk)
        case Outcome.UNKNOWN_TO_US:
            money = _stranger(line, desk, "unknown")
            return _difference(line, DifferenceKind.UNKNOWN_TO_US, money, desk)
        case Outcome.DUPLICATE_AT_BANK:
            money = _stranger(line, desk, "diff")
            return _difference(line, DifferenceKind.DUPLICATE_AT_BANK, money, desk)
        case _:
            message = f"line {line.place} is {line.outcome} and cannot be posted by itself"
            raise ValueError(message)


def missing(own: Own, unit: str, desk: Desk) -> Effect:
    """An instruction that the file should have had: nothing is posted, it stays open for the next file (T3)."""
    row = _row(desk) | {
        "id": desk.new_id(),
        "instruction_id": own.instruction.id,
        "number": own.instruction.number,
        "kind": DifferenceKind.MISSING_AT_BANK.value,
        "unit": unit,
        "own_minor": own.amount_minor,
        "own_state": own.instruction.state if own.payout is None else own.payout.state.value,
        "party_id": own.party_id,
    }
    mark: dict[str, object] = {"result": "missing_at_bank"}
    record = Effect(records=(Insert("difference", row),))
    if own.payout is not None:
        return record + results.doubted(own.payout, own.instruction, why="missing in the bank's file", mark=mark)
    return record + Effect(records=(_told(own, mark),))


def _taken_back(own: Own) -> tuple[Leg, ...]:
    """What a late answer had put on the channel's due, undone: from now on what the file says stands."""
    return into_suspense(own.instruction.channel_id, own.unit, -own.late_minor)


def _netted(*sides: Leg) -> tuple[Leg, ...]:
    sums: dict[Account, int] = defaultdict(int)
    for leg in sides:
        sums[leg.account] += leg.amount_minor
    return legs(*sums.items())


def _superseded(own: Own, desk: Desk) -> Effect:
    transfer = Transfer(
        id=desk.new_id(),
        kind="late_answer_superseded",
        subject=own.instruction.id,
        legs=_taken_back(own),
        occurred_at=desk.at,
        note=own.instruction.number,
    )
    return Effect(postings=(transfer,))


def _together(pair: _Pair, lines: Sequence[Line], desk: Desk) -> Transfer | None:
    net = sum(direction(line.ask) * line.amount_minor for line in lines)
    if net == 0:
        return None
    return Transfer(
        id=desk.new_id(),
        kind="reconciliation.matched",
        subject=desk.batch,
        legs=legs((cash(pair.bank_account, pair.unit), net), (due(pair.channel, pair.unit), -net)),
        occurred_at=desk.at,
        value_on=pair.value_on,
        note=f"{len(lines)} matched lines",
    )


def _settled(
    line: Line, own: Own, transfer: UUID | None, bank_minor: int, mark: dict[str, object], desk: Desk
) -> tuple[Move, ...]:
    told = mark if line.value_on is None else {**mark, "value_on": line.value_on}
    return (_told(own, told), _posted(line, transfer, bank_minor), *_found(own, desk))


def _payout_result(line: Line, own: Own, desk: Desk) -> Effect:
    payout = own.payout
    if payout is None:
        message = "only a payout has a payout's result"
        raise ValueError(message)
    transfer = desk.new_id()
    mark = {"result": "matched", "settled_minor": line.amount_minor, "bank_reference": line.bank_reference}
    is_open, moved = payout.state in _OPEN_PAYOUT, 0
    match line.state:
        case LineState.SUCCESS if is_open:
            moved = -line.amount_minor
            effect = results.succeeded(
                payout,
                own.instruction,
                transfer=transfer,
                at=desk.at,
                bank_account=own.settled_by,
                paid_minor=line.amount_minor,
                value_on=line.value_on,
                mark=mark,
            )
        case LineState.FAILED if is_open:
            effect = results.failed(
                payout,
                own.instruction,
                transfer=transfer,
                at=desk.at,
                reason="bank_declined",
                code=line.code,
                mark={"result": "matched", "bank_reference": line.bank_reference},
            )
        case LineState.RETURNED:
            moved = 0 if is_open else line.amount_minor
            effect = results.came_back(
                payout,
                own.instruction,
                transfer=transfer,
                at=desk.at,
                source=cash(own.settled_by, payout.unit),
                value_on=line.value_on,
                code=line.code,
                mark={"result": "matched"},
            )
        case _:
            effect = Effect(records=(_told(own, mark),))
    posted = transfer if effect.postings else None
    return effect + Effect(records=(_posted(line, posted, moved), *_found(own, desk)))


def _differs(line: Line, own: Own, desk: Desk) -> Effect:
    kind = DifferenceKind.AMOUNT_DIFFERS if line.differs_in == "amount" else DifferenceKind.STATUS_DIFFERS
    mark: dict[str, object] = {"result": _RESULTS[line.differs_in]}
    if own.payout is not None and own.payout.state in _OPEN_PAYOUT:
        return _open_payout_differs(line, own, kind, mark, desk)
    if line.differs_in == "amount":
        mark["settled_minor"] = line.amount_minor
    if _is_return_after_all(line, own):
        # From now on another return of it is a second one.
        mark["result"] = "matched"
    money = _amount_differs(line, own) if line.differs_in == "amount" else _status_differs(line, own)
    money = replace(money, legs=_netted(*money.legs, *_taken_back(own)))
    return _difference(line, kind, money, desk) + Effect(records=(_told(own, mark),))


def _open_payout_differs(line: Line, own: Own, kind: DifferenceKind, mark: dict[str, object], desk: Desk) -> Effect:
    """A payout still out: paid with another amount it is paid and the rest in suspense; anything else stays open."""
    payout = own.payout
    if payout is None or line.state is not LineState.SUCCESS or line.unit != payout.unit:
        return _difference(line, kind, _Money(), desk)
    paid = results.succeeded(
        payout,
        own.instruction,
        transfer=desk.new_id(),
        at=desk.at,
        bank_account=own.settled_by,
        paid_minor=line.amount_minor,
        value_on=line.value_on,
        mark={**mark, "settled_minor": line.amount_minor, "bank_reference": line.bank_reference},
    )
    rest = payout.amount_minor - line.amount_minor
    stands = _Money(bank_minor=-line.amount_minor, item="diff", suspense_minor=-rest)
    return paid + _difference(line, kind, stands, desk)


def _amount_differs(line: Line, own: Own) -> _Money:
    bank = cash(own.settled_by, line.unit)
    rest = suspense("diff", line.unit)
    if own.payout is not None and line.state is LineState.RETURNED:
        return _Money(
            legs=legs((bank, line.amount_minor), (rest, -line.amount_minor)),
            bank_minor=line.amount_minor,
            item="diff",
            suspense_minor=-line.amount_minor,
        )
    sign = direction(own.ask)
    said, held = sign * line.amount_minor, sign * own.amount_minor
    if own.payout is not None:  # 5c stands with our amount: what the bank paid besides is what differs
        said, held = said - held, 0
    return _Money(
        legs=legs((bank, said), (rest, held - said), (due(own.instruction.channel_id, line.unit), -held)),
        bank_minor=said,
        item="diff",
        suspense_minor=held - said,
    )


def _status_differs(line: Line, own: Own) -> _Money:
    bank = cash(own.settled_by, line.unit)
    rest = suspense("diff", line.unit)
    sign = direction(own.ask)
    if line.state is LineState.SUCCESS:
        moved = sign * line.amount_minor
        return _Money(legs=legs((bank, moved), (rest, -moved)), bank_minor=moved, item="diff", suspense_minor=-moved)
    if own.payout is not None:
        is_return = _is_return_after_all(line, own)
        if not is_return and (own.payout.state is not PayoutState.SUCCESS or line.state is not LineState.FAILED):
            return _Money()
        back = line.amount_minor if is_return else own.amount_minor
        return _Money(legs=legs((bank, back), (rest, -back)), bank_minor=back, item="diff", suspense_minor=-back)
    if own.instruction.state != "success" or line.state is LineState.UNKNOWN:
        return _Money()
    held = sign * own.amount_minor
    return _Money(
        legs=legs((rest, held), (due(own.instruction.channel_id, line.unit), -held)),
        item="diff",
        suspense_minor=held,
    )


def _is_return_after_all(line: Line, own: Own) -> bool:
    """Tell whether a payout comes back that had failed with us and that the bank then paid: its owner is owed it."""
    is_paid_all_the_same = own.result == "status_differs" and line.state is LineState.RETURNED
    return is_paid_all_the_same and own.payout is not None and own.payout.state in _ENDED_UNPAID


def _stranger(line: Line, desk: Desk, item: str) -> _Money:
    """A line that no open instruction of ours answers to: what the bank moved stands in suspense (7e)."""
    account = desk.bank_account if line.own is None else line.own.settled_by
    match line.state:
        case LineState.SUCCESS:
            moved = direction(line.ask) * line.amount_minor
        case LineState.RETURNED:
            moved = line.amount_minor
        case _:
            moved = 0
    sides = legs((cash(account, line.unit), moved), (suspense(item, line.unit), -moved))
    return _Money(legs=sides, bank_minor=moved, item=item, suspense_minor=-moved)


def _difference(line: Line, kind: DifferenceKind, money: _Money, desk: Desk) -> Effect:
    own, transfer = line.own, desk.new_id()
    row = _row(desk) | {
        "id": desk.new_id(),
        "line_id": line.id,
        "instruction_id": None if own is None else own.instruction.id,
        "number": line.number,
        "kind": kind.value,
        "unit": line.unit,
        "own_minor": None if own is None else own.amount_minor,
        "file_minor": line.amount_minor,
        "own_state": "" if own is None else own.instruction.state if own.payout is None else own.payout.state.value,
        "file_state": line.state.value,
        "party_id": None if own is None else own.party_id,
        "suspense_item": money.item if money.suspense_minor else "",
        "suspense_minor": money.suspense_minor,
    }
    posting = Transfer(
        id=transfer,
        kind=f"reconciliation.{kind}",
        subject=desk.batch if own is None else own.instruction.id,
        legs=money.legs,
        occurred_at=desk.at,
        value_on=line.value_on,
        note=line.number,
    )
    found = () if own is None or kind is DifferenceKind.DUPLICATE_AT_BANK else _found(own, desk)
    return Effect(
        records=(
            Insert("difference", row),
            _posted(line, transfer if money.legs else None, money.bank_minor),
            *found,
        ),
        postings=(posting,) if money.legs else (),
    )


def _found(own: Own, desk: Desk) -> tuple[Move, ...]:
    """An earlier file had missed it: that difference is resolved by this line."""
    if own.missing is None:
        return ()
    to = {
        "state": "resolved",
        "how": How.FOUND_LATER.value,
        "resolved_at": desk.at,
        "resolved_by": "system:reconcile",
        "note": f"found by batch {desk.batch}",
    }
    return (Move("difference", own.missing.id, own.missing.version, to),)


def _told(own: Own, to: dict[str, object]) -> Move:
    return Move("instruction", own.instruction.id, own.instruction.version, to)


def _posted(line: Line, transfer: UUID | None, bank_minor: int) -> Move:
    to = {"posted": True, "transfer_id": transfer, "bank_minor": bank_minor}
    return Move("settle_bank_return", line.id, line.version, to)


def _row(desk: Desk) -> dict[str, object]:
    return {
        "batch_id": desk.batch,
        "channel_id": desk.channel,
        "line_id": None,
        "instruction_id": None,
        "own_minor": None,
        "file_minor": None,
        "own_state": "",
        "file_state": "",
        "party_id": None,
        "suspense_item": "",
        "suspense_minor": 0,
        "state": "open",
        "how": "",
        "note": "",
        "opened_at": desk.at,
        "resolved_at": None,
        "resolved_by": "",
        "transfer_id": None,
        "version": 1,
    }
