"""Worked example 5 as a table; debit positive, credit negative."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.ledger import Account, Purpose, Transfer
from gateway.parties import PLATFORM
from gateway.payments.payout import Payout, PayoutKind, PayoutState, postings

AT = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
X, BANK, HOLD, ID, TRANSFER = (UUID(int=number) for number in range(1, 6))


def payout(state: PayoutState, *, amount: int = 500_00, fee: int = 1_00) -> Payout:
    return Payout(
        id=ID,
        kind=PayoutKind.WITHDRAWAL,
        party_id=X,
        bank_card_id=None,
        amount_minor=amount,
        fee_minor=fee,
        unit="CNY",
        fee_version="1",
        state=state,
        hold_id=HOLD,
        instruction_id=None,
        reason="",
        code="",
        value_on=None,
        limit_day=None,
        asked_by="test",
        created_at=AT,
        confirm_by=None,
        finished_at=None,
        version=4,
    )


NAMES = {
    Account(X, "CNY", Purpose.AVAILABLE): "agent.X",
    Account(X, "CNY", Purpose.FROZEN): "agent.X.frozen",
    Account(PLATFORM, "CNY", Purpose.TRANSIT, "payout"): "payout.transit",
    Account(PLATFORM, "CNY", Purpose.INCOME, "withdrawal_fee"): "income.withdrawal_fee",
    Account(PLATFORM, "CNY", Purpose.SUSPENSE, "diff"): "suspense.diff",
    Account(BANK, "CNY", Purpose.CASH): "bank",
}


def table(transfer: Transfer) -> dict[str, int]:
    return {NAMES[leg.account]: leg.amount_minor for leg in transfer.legs}


def test_5a_confirmed() -> None:
    hold = postings.freeze(payout(PayoutState.CONFIRMED), hold=HOLD, at=AT)
    assert (NAMES[hold.account], hold.amount_minor) == ("agent.X", 501_00)


def test_5b_sent_uses_the_hold() -> None:
    sent = postings.send(payout(PayoutState.FROZEN), transfer=TRANSFER, at=AT)
    assert table(sent) == {"agent.X.frozen": 501_00, "payout.transit": -501_00}
    assert [(use.hold, use.amount_minor) for use in sent.uses] == [(HOLD, 501_00)]


def test_5c_success() -> None:
    done = succeeded(500_00)
    assert table(done) == {"payout.transit": 501_00, "bank": -500_00, "income.withdrawal_fee": -1_00}
    assert done.value_on == date(2026, 11, 22)


@pytest.mark.parametrize(("paid", "rest"), [(490_00, -10_00), (510_00, 10_00)])
def test_5c_with_another_amount_leaves_the_rest_in_suspense(paid: int, rest: int) -> None:
    assert table(succeeded(paid)) == {
        "payout.transit": 501_00,
        "bank": -paid,
        "income.withdrawal_fee": -1_00,
        "suspense.diff": rest,
    }


def test_5d_failure() -> None:
    failed = postings.fail(payout(PayoutState.SENT), transfer=TRANSFER, at=AT)
    assert table(failed) == {"payout.transit": 501_00, "agent.X": -501_00}


def test_5e_returned_by_the_bank() -> None:
    source = postings.cash(BANK, "CNY")
    back = postings.come_back(payout(PayoutState.SUCCESS), transfer=TRANSFER, at=AT, source=source, value_on=None)
    assert table(back) == {"bank": 500_00, "income.withdrawal_fee": 1_00, "agent.X": -501_00}


def test_a_payout_that_holds_nothing_cannot_be_sent() -> None:
    with pytest.raises(ValueError, match="holds nothing"):
        postings.send(replace(payout(PayoutState.CHECKED), hold_id=None), transfer=TRANSFER, at=AT)


@given(amount=st.integers(1, 10**12), fee=st.integers(0, 10**9), paid=st.integers(0, 10**12))
def test_every_posting_balances_and_has_no_empty_leg(amount: int, fee: int, paid: int) -> None:
    out = payout(PayoutState.SENT, amount=amount, fee=fee)
    back = postings.come_back(out, transfer=TRANSFER, at=AT, source=postings.cash(BANK, "CNY"), value_on=None)
    made = [
        postings.send(out, transfer=TRANSFER, at=AT),
        postings.succeed(out, transfer=TRANSFER, at=AT, bank_account=BANK, paid_minor=paid, value_on=None),
        postings.fail(out, transfer=TRANSFER, at=AT),
        back,
    ]
    for transfer in made:
        assert sum(leg.amount_minor for leg in transfer.legs) == 0
        assert all(leg.amount_minor for leg in transfer.legs)


def succeeded(paid: int) -> Transfer:
    return postings.succeed(
        payout(PayoutState.SENT),
        transfer=TRANSFER,
        at=AT,
        bank_account=BANK,
        paid_minor=paid,
        value_on=date(2026, 11, 22),
    )
