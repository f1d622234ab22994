from __future__ import annotations

import itertools

import pytest

from gateway.payments.payout import NotAllowedError, PayoutEvent, PayoutState, advance
from gateway.payments.payout.states import MONEY_OUT, REPORTED

S, E = PayoutState, PayoutEvent

CELLS = {
    (S.REQUESTED, E.CHECK): S.CHECKED,
    (S.REQUESTED, E.CANCEL): S.CANCELLED,
    (S.CHECKED, E.CONFIRM): S.CONFIRMED,
    (S.CHECKED, E.CANCEL): S.CANCELLED,
    (S.CONFIRMED, E.FREEZE): S.FROZEN,
    (S.CONFIRMED, E.CANCEL): S.CANCELLED,
    (S.FROZEN, E.SEND): S.SENT,
    (S.FROZEN, E.FAIL): S.FAILED,
    (S.FROZEN, E.CANCEL): S.CANCELLED,
    (S.SENT, E.SUCCEED): S.SUCCESS,
    (S.SENT, E.FAIL): S.FAILED,
    (S.SENT, E.DOUBT): S.UNKNOWN,
    (S.SENT, E.COME_BACK): S.RETURNED,
    (S.UNKNOWN, E.SUCCEED): S.SUCCESS,
    (S.UNKNOWN, E.FAIL): S.FAILED,
    (S.UNKNOWN, E.COME_BACK): S.RETURNED,
    (S.SUCCESS, E.COME_BACK): S.RETURNED,
    (S.FAILED, E.CANCEL): S.CANCELLED,
    (S.RETURNED, E.CANCEL): S.CANCELLED,
}


@pytest.mark.parametrize(("state", "event"), list(itertools.product(S, E)))
def test_every_cell_is_as_the_design_says(state: PayoutState, event: PayoutEvent) -> None:
    if (state, event) in CELLS:
        assert advance(state, event) is CELLS[state, event]
    else:
        with pytest.raises(NotAllowedError, match=f"{state} cannot {event}"):
            advance(state, event)


def test_every_state_has_a_row_and_a_word_in_the_reports_but_the_cancelled_one() -> None:
    assert set(MONEY_OUT) == set(S)
    assert set(REPORTED) == set(S) - {S.CANCELLED}
