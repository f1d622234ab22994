"""What the ledger promises, as tables: refusals, links, units, holds, advances, corrections."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.journal import Change, Count, Done, Journal, Refused
from gateway.kernel.clock import SystemClock
from gateway.kernel.ids import UuidSevens
from gateway.kernel.randomness import SystemRandomness
from gateway.kernel.reasons import Reason
from gateway.ledger import Account, Hold, HoldUse, Leg, Purpose, Transfer, store
from gateway.ledger.correction import CORRECTION, NotCorrectableError, correction, replacement
from gateway.ledger.rules import LARGEST, Lacking, Owing, reaches, settle
from tests.ledger.conftest import NOW, Paper, account

AVAILABLE, DEPOSIT, ADVANCE = (account(name, "CNY") for name in ("merchant.M", "merchant.M.deposit", "advance.M"))
BANK = account("bank", "CNY")


def take(paper: Paper, amount: int, name: str = "merchant.M", *, wish: bool = True) -> Any:
    return paper.transfer({account(name, "CNY"): amount, BANK: -amount}, wish=wish)


def held(paper: Paper) -> Any:
    return paper.hold("merchant.M", 60)[0]


def use(paper: Paper, hold: Any, amount: int) -> Any:
    return paper.use(hold, {account("merchant.M.frozen", "CNY"): amount, BANK: -amount})


def owing(paper: Paper) -> Paper:
    take(paper, 130, wish=False)
    paper.give("merchant.M.deposit", 40)
    return paper


# What was asked, of a merchant with 100 available and nothing else; the reason is part of the public API.
REFUSALS: dict[str, tuple[Callable[[Paper], Any], Reason]] = {
    "more than there is": (lambda p: take(p, 101), Reason.INSUFFICIENT_FUNDS),
    "more held than there is": (lambda p: p.hold("merchant.M", 101)[1], Reason.INSUFFICIENT_FUNDS),
    "held twice": (lambda p: (held(p), p.hold("merchant.M", 60)[1])[1], Reason.INSUFFICIENT_FUNDS),
    "more than the deposit": (lambda p: take(p, 1, "merchant.M.deposit"), Reason.INSUFFICIENT_FUNDS),
    "the deposit of a debtor": (lambda p: take(owing(p), 1, "merchant.M.deposit"), Reason.ADVANCE_OWED),
    "more than a hold has": (lambda p: use(p, held(p), 61), Reason.AMOUNT_EXCEEDS_ORIGINAL),
    "a hold that is used up": (lambda p: [use(p, h := held(p), 60), use(p, h, 1)][1], Reason.WRONG_STATE),
    "a released hold": (lambda p: [p.release(h := held(p)), use(p, h, 1)][1], Reason.WRONG_STATE),
    "an expired hold": (lambda p: [p.release(h := held(p), expired=True), use(p, h, 1)][1], Reason.WRONG_STATE),
    "released twice": (lambda p: [p.release(h := held(p)), p.release(h)][1], Reason.WRONG_STATE),
    "past 64 bits": (
        lambda p: p.transfer({BANK: LARGEST, account("suspense.diff", "CNY"): -LARGEST}),
        Reason.BAD_AMOUNT,
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_refusals_have_stable_reasons(case: str, paper: Paper) -> None:
    ask, reason = REFUSALS[case]
    paper.give("merchant.M", 100)
    if case == "past 64 bits":
        paper.transfer({BANK: 1, account("suspense.diff", "CNY"): -1})
    refused = ask(paper)
    assert isinstance(refused, Refused), refused
    assert refused.reason is reason


# Available, deposit and debt before; what a fact takes; and after it, as people count (money positive).
ADVANCES = [
    ((100, 40, 0), 60, (40, 40, 0)),
    ((100, 40, 0), 130, (0, 10, 0)),
    ((100, 40, 0), 150, (0, 0, 10)),
    ((0, 0, 25), 5, (0, 0, 30)),
    ((0, 40, 25), 5, (0, 35, 25)),
]


@pytest.mark.parametrize(("before", "fact", "after"), ADVANCES)
def test_a_fact_is_always_taken(
    before: tuple[int, int, int], fact: int, after: tuple[int, int, int], paper: Paper
) -> None:
    available, deposit, owed = before
    if owed:
        take(paper, owed, wish=False)
    if available:
        paper.give("merchant.M", available)
    if deposit:
        paper.give("merchant.M.deposit", deposit)
    assert not isinstance(take(paper, fact, wish=False), Refused)
    assert (-paper.balance("merchant.M"), -paper.balance("merchant.M.deposit"), paper.balance("advance.M")) == after


MOVES = st.lists(
    st.tuples(st.sampled_from(["give", "fact", "wish", "deposit", "hold", "release"]), st.integers(1, 50)), max_size=30
)


@given(moves=MOVES)
def test_nobody_has_money_and_owes_at_once(moves: list[tuple[str, int]]) -> None:
    """So an advance stops every wish on what is available by itself; a deposit is stopped by its own rule."""
    paper = Paper(_ids())
    holds = []
    for what, amount in moves:
        match what:
            case "give":
                paper.give("merchant.M", amount)
            case "deposit":
                paper.give("merchant.M.deposit", amount)
            case "hold":
                hold, answer = paper.hold("merchant.M", amount)
                holds += [] if isinstance(answer, Refused) else [hold]
            case "release" if holds:
                paper.release(holds.pop())
            case _:
                take(paper, amount, wish=what == "wish")
        assert paper.balance("merchant.M") <= 0
        assert paper.balance("merchant.M.frozen") <= 0
        assert paper.balance("merchant.M") == 0 or paper.balance("advance.M") == 0


def _ids() -> UuidSevens:
    return UuidSevens(SystemClock(), SystemRandomness())


def test_a_deposit_goes_back_once_the_debt_is_repaid() -> None:
    def ask(owed: int, repaid: int) -> Any:
        amounts = {DEPOSIT: 10, BANK: -10 - repaid} | ({ADVANCE: repaid} if repaid else {})
        balances = {DEPOSIT: -50, ADVANCE: owed}
        return settle(amounts, lambda one: balances.get(one, 0), wish=True)

    assert ask(30, 0) == Owing(ADVANCE, 30)
    assert ask(30, -29) == Owing(ADVANCE, 1)
    assert not isinstance(ask(30, -30), Owing | Lacking)


def test_a_wish_on_a_deposit_looks_at_what_is_owed() -> None:
    wish = Transfer(
        id=BANK.party, kind="t", subject=BANK.party, legs=(Leg(DEPOSIT, 5), Leg(BANK, -5)), occurred_at=NOW, wish=True
    )
    assert reaches(wish) == {DEPOSIT, BANK, ADVANCE}


async def post(journal: Journal, ids: UuidSevens, *postings: Any) -> Any:
    return await journal.post(Change(id=ids.new(), who="t", why="t", occurred_at=NOW, postings=postings))


def transfer(ids: UuidSevens, *legs: Leg, wish: bool = False, **fields: Any) -> Transfer:
    fields.setdefault("id", ids.new())
    return Transfer(kind="t", subject=ids.new(), legs=legs, occurred_at=NOW, wish=wish, **fields)


async def test_linked_transfers_stand_together_or_not_at_all(journal: Journal, ids: UuidSevens, pool: Any) -> None:
    bank, shop = Account(ids.new(), "CNY", Purpose.CASH), Account(ids.new(), "CNY", Purpose.AVAILABLE)
    fee, member = Account(ids.new(), "CNY", Purpose.INCOME, "fee"), Account(ids.new(), "PA", Purpose.AVAILABLE)
    issued = Account(ids.new(), "PA", Purpose.ISSUED)
    linked = (
        transfer(ids, Leg(bank, 100), Leg(shop, -97), Leg(fee, -3)),
        transfer(ids, Leg(issued, 50), Leg(member, -50)),
    )
    too_much = transfer(ids, Leg(member, 51), Leg(issued, -51), wish=True)
    refused = await post(journal, ids, *linked, too_much)
    assert isinstance(refused, Refused)
    assert refused.reason is Reason.INSUFFICIENT_FUNDS
    assert await store.trial_balance(pool) == {}
    # One transfer may move several units, each of which balances by itself.
    across = transfer(ids, Leg(bank, 10), Leg(shop, -10), Leg(member, 50), Leg(issued, -50), wish=True)
    assert isinstance(await post(journal, ids, *linked, across), Done)
    balances = await store.balances(pool, [bank, shop, fee, member, issued])
    assert list(balances.values()) == [110, -107, -3, 0, 0]


async def test_a_hold_may_have_to_leave_what_a_counter_says(journal: Journal, ids: UuidSevens, pool: Any) -> None:
    bank, shop = Account(ids.new(), "CNY", Purpose.CASH), Account(ids.new(), "CNY", Purpose.AVAILABLE)
    await post(journal, ids, transfer(ids, Leg(bank, 100), Leg(shop, -100)))
    unripe = ("unripe", str(shop.party))

    async def ask(amount: int, by: int) -> Any:
        hold = Hold(
            id=ids.new(),
            account=shop,
            amount_minor=amount,
            kind="h",
            subject=bank.party,
            occurred_at=NOW,
            keeping=unripe,
        )
        counts = (Count(*unripe, by),)
        change = Change(id=ids.new(), who="t", why="t", occurred_at=NOW, postings=(hold,), counts=counts)
        return await journal.post(change)

    refused = await ask(61, 40)
    assert isinstance(refused, Refused)
    assert (refused.reason, refused.detail) == (
        Reason.INSUFFICIENT_FUNDS,
        "39 CNY would be left of 40 that are to stay",
    )
    assert isinstance(await ask(60, 40), Done)
    assert isinstance(await ask(1, 0), Refused)
    assert isinstance(await ask(1, -1), Done)


async def test_a_correction_names_its_original_and_takes_it_back(journal: Journal, ids: UuidSevens, pool: Any) -> None:
    bank, shop = Account(ids.new(), "CNY", Purpose.CASH), Account(ids.new(), "CNY", Purpose.AVAILABLE)
    wrong = transfer(ids, Leg(bank, 100), Leg(shop, -100))
    await post(journal, ids, wrong)
    await post(journal, ids, transfer(ids, Leg(shop, 70), Leg(bank, -70), wish=True))
    entries = [(entry.account, entry.amount_minor) for entry in await store.entries_about(pool, wrong.subject)]
    back = correction(wrong.id, entries, id_=ids.new(), at=NOW, note="booked twice")
    assert (back.kind, back.subject, back.wish) == (CORRECTION, wrong.id, False)
    assert isinstance(await post(journal, ids, back), Done)
    owed = Account(shop.party, "CNY", Purpose.ADVANCE)
    assert list((await store.balances(pool, [bank, shop, owed])).values()) == [-70, 0, 70]
    right = replacement(wrong.id, [Leg(bank, 90), Leg(shop, -90)], id_=ids.new(), at=NOW, note="it was 90")
    assert isinstance(await post(journal, ids, right), Done)
    told = await store.entries_about(pool, wrong.id)
    assert [(one.kind, one.note) for one in told][::3] == [(CORRECTION, "booked twice"), (CORRECTION, "it was 90")]
    assert list((await store.balances(pool, [bank, shop, owed])).values()) == [20, -20, 0]


def test_frozen_money_is_not_corrected_past_its_hold(ids: UuidSevens) -> None:
    frozen = Account(ids.new(), "CNY", Purpose.FROZEN)
    with pytest.raises(NotCorrectableError, match="release or use its hold"):
        correction(ids.new(), [(frozen, -5)], id_=ids.new(), at=NOW, note="n")


async def test_four_times_of_an_entry(journal: Journal, ids: UuidSevens, pool: Any) -> None:
    bank, shop = Account(ids.new(), "CNY", Purpose.CASH), Account(ids.new(), "CNY", Purpose.AVAILABLE)
    late = transfer(ids, Leg(bank, 1), Leg(shop, -1), value_on=date(2026, 11, 20))
    done = await post(journal, ids, late)
    (line,) = await store.statement(pool, shop)
    assert (line.occurred_at, line.value_on) == (NOW, date(2026, 11, 20))
    assert (line.recorded_at, line.booked_on) == (done.recorded_at, done.booked_on)


def test_holds_take_part_of_transfers_that_span_units(paper: Paper) -> None:
    paper.give("merchant.M", 100)
    hold = held(paper)
    legs = {account("merchant.M.frozen", "CNY"): 20, BANK: -20, account("points.PA.issued", "PA"): 5}
    legs[account("member.V.PA", "PA")] = -5
    assert paper.transfer(legs, uses=(HoldUse(hold, 20),)) == legs
    assert use(paper, hold, 40) == {account("merchant.M.frozen", "CNY"): 40, BANK: -40}
