"""The table of an operation's states, cell by cell, and the document drawn from it."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.payments.model import OperationState as S
from gateway.payments.states import MOVES, WrongMoveError, advance, drawn
from gateway.payments.states import OperationEvent as E

LISTED = {
    (S.CREATED, E.SEND): S.SENT,
    (S.CREATED, E.APPROVE): S.APPROVED,
    (S.CREATED, E.DECLINE): S.DECLINED,
    (S.SENT, E.APPROVE): S.APPROVED,
    (S.SENT, E.DECLINE): S.DECLINED,
    (S.SENT, E.GIVE_UP): S.REVERSING,
    (S.SENT, E.LEAVE_OPEN): S.UNKNOWN,
    (S.UNKNOWN, E.APPROVE): S.APPROVED,
    (S.UNKNOWN, E.DECLINE): S.DECLINED,
    (S.APPROVED, E.REVERSE): S.REVERSING,
    (S.REVERSING, E.APPROVE): S.REVERSING,
    (S.REVERSING, E.DECLINE): S.DECLINED,
    (S.REVERSING, E.UNDO): S.REVERSED,
    (S.SENT, E.HOLD): S.HELD,
    (S.HELD, E.COMPLETE): S.COMPLETED,
    (S.HELD, E.RELEASE): S.RELEASED,
    (S.HELD, E.EXPIRE): S.EXPIRED,
    (S.HELD, E.REVERSE): S.REVERSING,
    (S.COMPLETED, E.REOPEN): S.HELD,
    (S.RELEASED, E.REOPEN): S.HELD,
}


@pytest.mark.parametrize("state", list(S))
@pytest.mark.parametrize("event", list(E))
def test_every_cell(state, event):
    if (state, event) in LISTED:
        assert advance(state, event) is LISTED[state, event]
    else:
        with pytest.raises(WrongMoveError, match=f"{state} cannot {event}"):
            advance(state, event)


def test_every_state_has_a_row():
    assert set(MOVES) == set(S)


def test_the_document_shows_the_table():
    text = (Path(__file__).parents[2] / "docs" / "states.md").read_text()
    assert drawn() in text
