from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.kernel.reasons import Reason
from gateway.payments.payout import WithdrawalSettings
from gateway.payments.payout.checks import Standing, Wanted, check

GOOD = Standing(
    party_state="open",
    merchant_state="open",
    card_is_bound=True,
    available_minor=1000_00,
    unripe_minor=0,
    owed_minor=0,
    open_count=0,
    taken_today_minor=0,
    turn=0,
    day=date(2026, 11, 22),
)
LIMITS = WithdrawalSettings(smallest_minor=10_00, largest_minor=900_00, daily_minor=950_00, most_open=2)
WANTED = Wanted(amount_minor=500_00, fee_minor=1_00, is_new=True)


def test_all_checks_pass() -> None:
    assert check(GOOD, WANTED, LIMITS) is None


@pytest.mark.parametrize(
    ("standing", "wanted", "reason"),
    [
        ({}, {"amount_minor": 0}, Reason.BAD_AMOUNT),
        ({}, {"amount_minor": -1}, Reason.BAD_AMOUNT),
        ({"party_state": None}, {}, Reason.NOT_FOUND),
        ({"party_state": "suspended"}, {}, Reason.NOT_PERMITTED),
        ({"merchant_state": "suspended"}, {}, Reason.NOT_PERMITTED),
        ({"merchant_state": "draft"}, {}, Reason.MERCHANT_UNKNOWN),
        ({"merchant_state": "closed"}, {}, Reason.MERCHANT_UNKNOWN),
        ({"party_state": "closed"}, {}, Reason.NOT_PERMITTED),
        ({"card_is_bound": False}, {}, Reason.CARD_NOT_BOUND),
        ({"owed_minor": 1}, {}, Reason.ADVANCE_OWED),
        ({"open_count": 2}, {}, Reason.WITHDRAWAL_OPEN),
        ({"open_count": 3}, {"is_new": False}, Reason.WITHDRAWAL_OPEN),
        ({}, {"amount_minor": 9_99}, Reason.LIMIT_EXCEEDED),
        ({}, {"amount_minor": 900_01}, Reason.LIMIT_EXCEEDED),
        ({"taken_today_minor": 450_01}, {}, Reason.LIMIT_EXCEEDED),
        ({"available_minor": 500_99}, {}, Reason.INSUFFICIENT_FUNDS),
        ({"unripe_minor": 499_01}, {}, Reason.INSUFFICIENT_FUNDS),
    ],
)
def test_each_failing_check_gives_its_own_reason(
    standing: dict[str, Any], wanted: dict[str, Any], reason: Reason
) -> None:
    failing = check(replace(GOOD, **standing), replace(WANTED, **wanted), LIMITS)
    assert failing is not None
    assert failing[0] is reason


@pytest.mark.parametrize(
    ("standing", "wanted"),
    [
        ({"open_count": 2}, {"is_new": False}),
        ({"taken_today_minor": 450_00}, {}),
        ({"available_minor": 501_00}, {}),
        ({"unripe_minor": 499_00}, {}),
        ({"unripe_minor": -5}, {"amount_minor": 900_00}),
    ],
)
def test_the_bounds_themselves_are_allowed(standing: dict[str, Any], wanted: dict[str, Any]) -> None:
    assert check(replace(GOOD, **standing), replace(WANTED, **wanted), LIMITS) is None


@given(available=st.integers(0, 10**12), unripe=st.integers(-(10**12), 10**12), amount=st.integers(1, 10**12))
def test_nothing_unripe_and_nothing_that_is_not_there_can_be_withdrawn(
    available: int, unripe: int, amount: int
) -> None:
    limits = WithdrawalSettings(largest_minor=10**13, daily_minor=10**13)
    standing = replace(GOOD, available_minor=available, unripe_minor=unripe)
    wanted = Wanted(amount_minor=amount, fee_minor=0, is_new=True)
    assert (check(standing, wanted, limits) is None) is (amount <= available - max(0, unripe))
