"""The table of an instruction's states, cell by cell, and the document drawn from it."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.clearing.model import (
    MOVES,
    WrongInstructionMoveError,
    advance,
    drawn,
)
from gateway.clearing.model import (
    InstructionEvent as E,
)
from gateway.clearing.model import (
    InstructionState as S,
)

LISTED = {
    (S.CREATED, E.ROUTE): S.ROUTED,
    (S.CREATED, E.CANCEL): S.CANCELLED,
    (S.ROUTED, E.SEND): S.SENT,
    (S.ROUTED, E.FAIL): S.FAILED,
    (S.ROUTED, E.CANCEL): S.CANCELLED,
    (S.SENT, E.SEND): S.SENT,
    (S.SENT, E.SUCCEED): S.SUCCESS,
    (S.SENT, E.FAIL): S.FAILED,
    (S.SENT, E.FALL_SILENT): S.UNKNOWN,
    (S.SENT, E.CANCEL): S.CANCELLED,
    (S.UNKNOWN, E.SEND): S.SENT,
    (S.UNKNOWN, E.SUCCEED): S.SUCCESS,
    (S.UNKNOWN, E.FAIL): S.FAILED,
    (S.UNKNOWN, E.CANCEL): S.CANCELLED,
    (S.SUCCESS, E.CANCEL): S.CANCELLED,
}


@pytest.mark.parametrize("state", list(S))
@pytest.mark.parametrize("event", list(E))
def test_every_cell(state, event):
    if (state, event) in LISTED:
        assert advance(state, event) is LISTED[state, event]
    else:
        with pytest.raises(WrongInstructionMoveError):
            advance(state, event)


def test_every_state_has_a_row():
    assert set(MOVES) == set(S)


def test_the_document_shows_the_table():
    text = (Path(__file__).parents[3] / "docs" / "states.md").read_text()
    assert drawn() in text
