"""The legs of every posting balance, and what went out comes back, for any amounts (oracle: plain sums)."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.instruction import Approved
from gateway.fees.evaluate import share
from gateway.fees.model import Taker
from gateway.journal.model import Move
from gateway.kernel.reasons import Reason
from gateway.ledger.model import Release
from gateway.payments import conclude
from gateway.payments.counter import cost_back, fee_back, taken_from
from gateway.payments.legs import cost, give_back, give_back_undone, sale, sale_undone
from gateway.payments.model import OperationState as S
from gateway.payments.operation import FeeShare, OperationKind, moved
from gateway.payments.purchase import shares_of
from gateway.payments.states import WrongMoveError

NOW = datetime(2026, 11, 22, 2, tzinfo=UTC)
TRANSFERS = (UUID(int=50), UUID(int=51))
TAKERS = (Taker(item="agent", party=UUID(int=9), weight=3), Taker(item="merchant_fee", weight=7))
OUTCOME = Approved(bank_reference="B1", approval_code="1", value_on=date(2026, 11, 22))


def net(*postings):
    sums = Counter()
    for legs in postings:
        for leg in legs:
            name = (leg.account.party, leg.account.purpose.replace("frozen", "available"), leg.account.item)
            sums[name] += leg.amount_minor
    return {name: amount for name, amount in sums.items() if amount}


@given(amount=st.integers(1, 10**12), fee=st.integers(0, 10**6), parts=st.lists(st.integers(1, 10**6), max_size=5))
def test_refunds_up_to_the_whole_leave_nothing_behind(operation, amount, fee, parts):
    takers = shares_of(share(min(fee, amount), TAKERS))
    sold = operation(amount_minor=amount, fee=min(fee, amount), fee_shares=takers, cost_minor=min(fee, amount) // 2)
    postings = [sale(sold), cost(sold, 1)]
    left = amount
    for part in [*parts, amount]:
        taken = min(part, left)
        if not taken:
            break
        shares = fee_back(sold, taken)
        back = operation(
            kind=OperationKind.REFUND,
            amount_minor=taken,
            fee_shares=shares,
            fee=sum(each.amount_minor for each in shares),
            cost_minor=cost_back(sold, taken),
            hold_id=UUID(int=8),
        )
        postings += [give_back(back), cost(back, -1)]
        sold = moved(sold, taken_from(sold, back, 1))
        left -= taken
        assert all(sum(leg.amount_minor for leg in legs) == 0 for legs in postings)
        assert sold.rest_minor == left
    assert net(*postings) == {}


@given(amount=st.integers(1, 10**12), fee=st.integers(0, 10**6))
def test_mirrors_mirror(operation, amount, fee):
    sold = operation(amount_minor=amount, fee=fee)
    assert net(sale(sold), sale_undone(sold)) == {}
    void = replace(sold, kind=OperationKind.VOID, hold_id=UUID(int=8))
    assert net(give_back(void), give_back_undone(void)) == {}


def test_a_fee_above_the_amount_takes_from_the_merchant(operation):
    sold = operation(amount_minor=5, fee=10)
    assert net(sale(sold))[UUID(int=2), "available", ""] == 5


def test_a_sale_of_nothing_but_fee_has_no_empty_leg(operation):
    assert all(leg.amount_minor for leg in sale(operation(amount_minor=60, fee=60)))


def test_undoing_a_void_restores_its_original(operation):
    sold = operation()
    void = operation(kind=OperationKind.VOID, fee_shares=(FeeShare(item="merchant_fee", party=None, amount_minor=60),))
    voided = moved(sold, taken_from(sold, void, 1))
    assert (voided.rest_minor, voided.voided, voided.fee_shares[0].back_minor) == (0, True, 60)
    again = moved(voided, taken_from(voided, void, -1))
    assert replace(again, version=1) == sold


def test_an_approval_moves_the_operation_and_frees_the_original(operation):
    sold = operation(counter_id=UUID(int=4), version=2)
    refund = operation(id=UUID(int=4), kind=OperationKind.REFUND, state=S.SENT, told="", hold_id=UUID(int=8), fee=0)
    refund = replace(refund, fee_shares=fee_back(sold, refund.amount_minor))
    decision = conclude.approve(
        refund, original=sold, outcome=OUTCOME, transfers=TRANSFERS, at=NOW, ripens_at_once=False
    )
    own, freed = decision.records
    assert isinstance(own, Move)
    assert (own.to["state"], own.to["told"], own.version) == (S.APPROVED, Reason.DONE, 1)
    assert (freed.id, freed.version, freed.to["counter_id"], freed.to["rest_minor"]) == (sold.id, 2, None, 0)
    assert decision.answer.reason is Reason.DONE
    assert decision.counts == ()


def test_a_decline_gives_back_what_was_held_and_what_had_not_ripened(operation):
    refund = operation(
        kind=OperationKind.REFUND, state=S.SENT, told="", hold_id=UUID(int=8), unripe_minor=-70, transfer_id=None
    )
    decision = conclude.decline(refund, original=operation(), reason=Reason.BAD_CARD, code="14", text="", at=NOW)
    [release] = decision.postings
    assert isinstance(release, Release)
    assert release.hold == UUID(int=8)
    assert [count.by for count in decision.counts] == [70]


def test_what_is_posted_cannot_end_declined(operation):
    with pytest.raises(ValueError, match="posted"):
        conclude.decline(
            operation(transfer_id=UUID(int=1)), original=None, reason=Reason.FAULT, code="", text="", at=NOW
        )


def test_what_has_ended_cannot_be_given_up(operation):
    with pytest.raises(WrongMoveError):
        conclude.give_up(operation(), asked=None, at=NOW)
