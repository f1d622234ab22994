"""Deciding a batch in memory: pure, repeatable, and loud about what was not read."""

from __future__ import annotations

from datetime import timedelta
from itertools import count
from uuid import UUID

import pytest

from gateway.journal import Change, Done, Event, Insert, Refused
from gateway.journal.decide import Decided, decide_batch
from gateway.journal.shape import Shapes
from gateway.journal.state import UNOPENED, Head, NotReadError, State, take_back
from gateway.kernel.ids import UuidSevens
from gateway.kernel.reasons import Reason
from gateway.ledger import Leg, Release, Transfer
from gateway.ledger.rules import owed_by
from tests.journal.conftest import DAY, NOW, PARCEL, POST, Desk

SHAPES = Shapes.of((PARCEL, POST))


def decide(state: State, *changes: Change) -> Decided:
    numbers = count(1000)
    return decide_batch(state, changes, book="main", shapes=SHAPES, now=NOW, new_id=lambda: UUID(int=next(numbers)))


def fresh(desk: Desk, *parties: UUID) -> State:
    state = State(Head(41, b"h" * 32, DAY, NOW - timedelta(hours=1)))
    state.accounts[desk.bank] = UNOPENED
    return state


def test_the_same_on_the_same_gives_the_same(desk: Desk) -> None:
    merchant = desk.merchant()
    changes = [desk.paid_in(merchant, 5), desk.paid_in(merchant, 6)]
    decided = []
    for _ in range(2):
        state = fresh(desk)
        state.accounts |= {merchant: UNOPENED, owed_by(merchant): UNOPENED}
        decided.append(decide(state, *changes))
    assert decided[0].head == decided[1].head
    assert decided[0].receipts == decided[1].receipts
    assert decided[0].rows.entries == decided[1].rows.entries
    assert decided[0].head.seq == 42


def test_the_state_stands_after_the_batch_and_can_be_led_back(desk: Desk) -> None:
    merchant = desk.merchant()
    state = fresh(desk)
    state.accounts |= {merchant: UNOPENED, owed_by(merchant): UNOPENED}
    decided = decide(state, desk.paid_in(merchant, 5))
    assert (state.accounts[merchant].balance_minor, state.head.seq) == (-5, 42)
    take_back(decided.undo)
    assert state.accounts[merchant] is UNOPENED


def test_what_was_not_read_is_asked_for_and_never_taken_for_absent(desk: Desk) -> None:
    merchant = desk.merchant()
    state = fresh(desk)
    with pytest.raises(NotReadError) as caught:
        decide(state, desk.paid_in(merchant, 5))
    assert caught.value.names[0] in (merchant, owed_by(merchant))
    with pytest.raises(NotReadError):
        decide(state, desk.change(Release(hold=desk.new(), kind="r", subject=desk.new(), occurred_at=NOW)))


def test_time_in_the_book_never_goes_back(desk: Desk) -> None:
    state = fresh(desk)
    state.head = Head(41, b"h" * 32, DAY, NOW + timedelta(minutes=3))
    (receipt,) = decide(state, desk.change(events=(Event("said", desk.new()),))).receipts
    assert isinstance(receipt, Done)
    assert receipt.recorded_at == NOW + timedelta(minutes=3)


def test_a_batch_of_refusals_writes_nothing(desk: Desk) -> None:
    merchant = desk.merchant()
    state = fresh(desk)
    state.accounts |= {merchant: UNOPENED, owed_by(merchant): UNOPENED}
    decided = decide(state, desk.change(desk.transfer(merchant, desk.bank, 1, wish=True)))
    assert not decided.writes
    assert decided.undo == []
    assert state.accounts[merchant] is UNOPENED
    assert state.head.seq == 41


def test_a_change_without_a_line_of_its_own_still_says_who_and_why(desk: Desk, ids: UuidSevens) -> None:
    merchant = desk.merchant()
    state = fresh(desk)
    state.accounts |= {merchant: UNOPENED, owed_by(merchant): UNOPENED}
    legs = (Leg(desk.bank, 5), Leg(merchant, -5))
    transfer = Transfer(id=ids.new(), kind="sale", subject=ids.new(), legs=legs, occurred_at=NOW)
    (event,) = decide(state, desk.change(transfer)).rows.events
    assert event[2:4] == ("change", transfer.subject)


def test_noted_columns_go_into_the_line(desk: Desk) -> None:
    new = Insert("parcel", {"id": desk.new(), "state": "packed", "label": "red", "weight": 5})
    (event,) = decide(fresh(desk), desk.change(records=(new,))).rows.events
    assert (event[5], event[10]) == ("packed", {"label": "red"})


def test_a_change_is_taken_until_its_time_has_passed(desk: Desk) -> None:
    just_in_time, too_late = (
        desk.change(events=(Event("noted", desk.new()),), not_after=NOW + ahead)
        for ahead in (timedelta(0), timedelta(microseconds=-1))
    )
    taken, refused = decide(fresh(desk), just_in_time, too_late).receipts
    assert isinstance(taken, Done)
    assert refused == Refused(Reason.MOVED, "its time has passed")
