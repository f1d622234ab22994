"""Postings of single lines, without a database."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import count
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.instruction import Ask, LineState
from gateway.clearing.reconciliation import postings
from gateway.clearing.reconciliation.model import Line, Outcome, Own
from gateway.clearing.reconciliation.postings import Desk
from gateway.journal import Insert, Move
from gateway.ledger import Purpose, Transfer
from gateway.payments.payout import Effect, OwnInstruction

IDS = count(100)
BANK, FILES, CARDS, BATCH = (UUID(int=number) for number in range(1, 5))
DESK = Desk(
    batch=BATCH,
    channel=FILES,
    bank_account=BANK,
    at=datetime(2026, 11, 22, tzinfo=UTC),
    new_id=lambda: UUID(int=next(IDS)),
)


def line(
    outcome: Outcome,
    amount: int,
    *,
    ask: Ask,
    state: LineState = LineState.SUCCESS,
    differs_in: str = "",
    own: int | None = None,
) -> Line:
    instruction = OwnInstruction(
        id=UUID(int=9), number="1", channel_id=CARDS, state="success", communication="answered", tries=1, version=3
    )
    ours = Own(
        instruction=instruction,
        ask=ask,
        amount_minor=own or 0,
        unit="CNY",
        result="unchecked",
        settled_by=BANK,
        party_id=None,
        payout=None,
        missing=None,
    )
    return Line(
        id=UUID(int=next(IDS)),
        version=1,
        place=1,
        number="1",
        ask=ask,
        amount_minor=amount,
        unit="CNY",
        state=state,
        code="",
        text="",
        bank_reference="",
        value_on=None,
        outcome=outcome,
        differs_in=differs_in,
        own=None if own is None else ours,
    )


def table(effect: Effect) -> dict[str, int]:
    sums: dict[str, int] = {}
    for posting in effect.postings:
        assert isinstance(posting, Transfer)
        assert sum(leg.amount_minor for leg in posting.legs) == 0
        for leg in posting.legs:
            name = f"{leg.account.purpose}.{leg.account.item}".rstrip(".")
            sums[name] = sums.get(name, 0) + leg.amount_minor
    return sums


@pytest.mark.parametrize(
    ("ask", "state", "moved"),
    [
        (Ask.PAY, LineState.SUCCESS, 75),
        (Ask.VOID, LineState.SUCCESS, -75),
        (Ask.REFUND, LineState.SUCCESS, -75),
        (Ask.PAYOUT, LineState.SUCCESS, -75),
        (Ask.PAYOUT, LineState.RETURNED, 75),
    ],
)
def test_a_stranger_moves_the_bank_the_way_the_file_says(ask: Ask, state: LineState, moved: int) -> None:
    effect = postings.single(line(Outcome.UNKNOWN_TO_US, 75, ask=ask, state=state), DESK)
    assert table(effect) == {"cash": moved, "suspense.unknown": -moved}


@pytest.mark.parametrize("state", [LineState.FAILED, LineState.UNKNOWN])
def test_a_stranger_that_moved_nothing_is_a_difference_without_money(state: LineState) -> None:
    effect = postings.single(line(Outcome.UNKNOWN_TO_US, 75, ask=Ask.PAY, state=state), DESK)
    assert effect.postings == ()
    assert [type(record) for record in effect.records] == [Insert, Move]


def test_matched_lines_that_even_out_post_nothing_and_are_settled() -> None:
    lines = [line(Outcome.MATCHED, 50, ask=ask, own=50) for ask in (Ask.PAY, Ask.REFUND)]
    effect = postings.plain(lines, DESK)
    assert effect.postings == ()
    assert len(effect.records) == 4


def test_a_matched_line_is_not_posted_by_itself() -> None:
    with pytest.raises(ValueError, match="cannot be posted by itself"):
        postings.single(line(Outcome.MATCHED, 5, ask=Ask.PAY, own=5), DESK)


@given(
    ask=st.sampled_from([Ask.PAY, Ask.VOID, Ask.REFUND]),
    said=st.integers(0, 10**12),
    held=st.integers(0, 10**12),
    state=st.sampled_from(list(LineState)),
    differs_in=st.sampled_from(["amount", "status"]),
)
def test_every_difference_balances_and_suspense_is_what_it_says(
    ask: Ask, said: int, held: int, state: LineState, differs_in: str
) -> None:
    effect = postings.single(line(Outcome.DIFFERS, said, ask=ask, state=state, differs_in=differs_in, own=held), DESK)
    sums = table(effect)
    (row,) = [dict(record.row) for record in effect.records if isinstance(record, Insert)]
    assert sums.get("suspense.diff", 0) == row["suspense_minor"]
    assert all(leg.amount_minor for each in effect.postings if isinstance(each, Transfer) for leg in each.legs)
    assert all(
        leg.account.purpose is not Purpose.AVAILABLE
        for each in effect.postings
        if isinstance(each, Transfer)
        for leg in each.legs
    )


@given(st.lists(st.tuples(st.sampled_from([Ask.PAY, Ask.VOID, Ask.REFUND]), st.integers(0, 10**9)), max_size=20))
def test_together_they_move_what_each_would_alone(parts: list[tuple[Ask, int]]) -> None:
    lines = [line(Outcome.MATCHED, amount, ask=ask, own=amount) for ask, amount in parts]
    net = sum(postings.direction(ask) * amount for ask, amount in parts)
    sums = table(postings.plain(lines, DESK)) if lines else {}
    assert sums == ({"cash": net, "due": -net} if net else {})
