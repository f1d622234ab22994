"""The rules of posting: who may be refused, where a shortfall goes, what shape a posting has."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.kernel.reasons import Reason
from gateway.ledger import Account, Hold, HoldUse, Leg, MalformedPostingError, Purpose, Transfer
from gateway.ledger.rules import LARGEST, Lacking, TooLarge, check, deposit_of, merged, owed_by, reaches, settle
from tests.ledger.conftest import NOW, account

PARTY = UUID(int=7)
CASH = Account(UUID(int=1), "CNY", Purpose.CASH)
AVAILABLE = Account(PARTY, "CNY", Purpose.AVAILABLE)
DEPOSIT = Account(PARTY, "CNY", Purpose.DEPOSIT)
ADVANCE = Account(PARTY, "CNY", Purpose.ADVANCE)


def settled(amounts: dict[Account, int], balances: dict[Account, int], *, wish: bool = False) -> Any:
    return settle(amounts, lambda account: balances.get(account, 0), wish=wish)


# Money of the party as people count it (credits positive): available, deposit, owed; then what a debit of 100 takes.
SHORTFALLS = [
    (100, 0, 0, {AVAILABLE: 100}),
    (99, 0, 0, {AVAILABLE: 99, ADVANCE: 1}),
    (99, 1, 0, {AVAILABLE: 99, DEPOSIT: 1}),
    (60, 30, 0, {AVAILABLE: 60, DEPOSIT: 30, ADVANCE: 10}),
    (0, 500, 0, {DEPOSIT: 100}),
    (0, 0, 0, {ADVANCE: 100}),
    (0, 0, 70, {ADVANCE: 100}),
]


@pytest.mark.parametrize(("available", "deposit", "owed", "taken"), SHORTFALLS)
def test_a_fact_takes_what_is_missing_from_deposit_then_advance(
    available: int, deposit: int, owed: int, taken: dict[Account, int]
) -> None:
    balances = {AVAILABLE: -available, DEPOSIT: -deposit, ADVANCE: owed}
    assert settled({AVAILABLE: 100, CASH: -100}, balances) == {**taken, CASH: -100}


@pytest.mark.parametrize(("available", "refused"), [(100, False), (99, True), (0, True)])
def test_a_wish_is_refused_where_available_does_not_cover_it(available: int, *, refused: bool) -> None:
    balances = {AVAILABLE: -available, DEPOSIT: -10_000}
    answer = settled({AVAILABLE: 100, CASH: -100}, balances, wish=True)
    assert answer == (Lacking(AVAILABLE, 100 - available) if refused else {AVAILABLE: 100, CASH: -100})


@pytest.mark.parametrize(
    ("owed", "credit", "entered"),
    [
        (46, 100, {ADVANCE: -46, AVAILABLE: -54}),
        (100, 100, {ADVANCE: -100}),
        (250, 100, {ADVANCE: -100}),
        (0, 100, {AVAILABLE: -100}),
    ],
)
def test_a_credit_repays_what_is_owed_first(owed: int, credit: int, entered: dict[Account, int]) -> None:
    answer = settled({CASH: credit, AVAILABLE: -credit}, {ADVANCE: owed}, wish=True)
    assert answer == {CASH: credit, **entered}


def test_a_deposit_pays_its_own_debit_before_the_shortfall_of_available() -> None:
    balances = {AVAILABLE: -10, DEPOSIT: -50}
    answer = settled({AVAILABLE: 40, DEPOSIT: 30, CASH: -70}, balances)
    assert answer == {AVAILABLE: 10, DEPOSIT: 50, ADVANCE: 10, CASH: -70}


def test_points_are_owed_as_arrears_money_as_an_advance() -> None:
    assert owed_by(Account(PARTY, "PA", Purpose.AVAILABLE)).purpose is Purpose.ARREARS
    assert owed_by(Account(PARTY, "JPY", Purpose.AVAILABLE)).purpose is Purpose.ADVANCE


def test_house_accounts_may_stand_on_either_side() -> None:
    transit = account("payout.transit", "CNY")
    assert settled({transit: 5, CASH: -5}, {}, wish=True) == {transit: 5, CASH: -5}


@pytest.mark.parametrize("amount", [LARGEST, -LARGEST])
def test_a_balance_never_passes_64_bits(amount: int) -> None:
    other = account("bank", "CNY")
    assert isinstance(settled({CASH: amount, other: -amount}, {CASH: 1 if amount > 0 else -1}), TooLarge)


def test_a_refusal_names_the_reason_and_leaves_the_books(paper: Any) -> None:
    paper.give("merchant.M", 5)
    legs = {account("merchant.M", "CNY"): 6, account("bank", "CNY"): -6}
    refused = paper.transfer(legs, wish=True)
    assert refused.reason is Reason.INSUFFICIENT_FUNDS
    assert "1 CNY" in refused.detail
    assert paper.balance("merchant.M") == -5


def test_a_hold_is_used_in_parts_and_ends_when_nothing_is_left(paper: Any) -> None:
    paper.give("merchant.M", 100)
    hold, _ = paper.hold("merchant.M", 100)
    frozen, bank = account("merchant.M.frozen", "CNY"), account("bank", "CNY")
    assert paper.use(hold, {frozen: 60, bank: -60}) == {frozen: 60, bank: -60}
    assert paper.use(hold, {frozen: 41, bank: -41}).reason is Reason.AMOUNT_EXCEEDS_ORIGINAL
    assert paper.use(hold, {frozen: 40, bank: -40}) == {frozen: 40, bank: -40}
    assert paper.use(hold, {frozen: 1, bank: -1}).reason is Reason.WRONG_STATE
    assert paper.release(hold).reason is Reason.WRONG_STATE


def test_a_release_gives_the_rest_back_and_repays_first(paper: Any) -> None:
    paper.give("agent.Y", 100)
    hold, _ = paper.hold("agent.Y", 100)
    legs = {account("agent.Y", "CNY"): 30, account("bank", "CNY"): -30}
    assert account("advance.Y", "CNY") in paper.transfer(legs)
    assert paper.release(hold) == {
        account("agent.Y.frozen", "CNY"): 100,
        account("advance.Y", "CNY"): -30,
        account("agent.Y", "CNY"): -70,
    }


def test_a_hold_is_used_only_from_its_own_account(paper: Any) -> None:
    paper.give("merchant.M", 100)
    paper.give("merchant.N", 100)
    hold, _ = paper.hold("merchant.M", 100)
    paper.hold("merchant.N", 100)
    wrong = {account("merchant.N.frozen", "CNY"): 10, account("bank", "CNY"): -10}
    assert paper.use(hold, wrong).reason is Reason.FAULT


def transfer(*legs: Leg, uses: tuple[HoldUse, ...] = ()) -> Transfer:
    return Transfer(id=UUID(int=9), kind="t", subject=PARTY, legs=legs, occurred_at=NOW, uses=uses)


FROZEN = Account(PARTY, "CNY", Purpose.FROZEN)
USE = (HoldUse(UUID(int=3), 5),)
MALFORMED = {
    "does not balance": transfer(Leg(CASH, 5), Leg(AVAILABLE, -4)),
    "balances over units": transfer(Leg(CASH, 5), Leg(Account(PARTY, "PA", Purpose.AVAILABLE), -5)),
    "a leg of nought": transfer(Leg(CASH, 0), Leg(AVAILABLE, 0)),
    "no legs": transfer(),
    "moves nothing": transfer(Leg(CASH, 5), Leg(CASH, -5)),
    "not a whole number": transfer(Leg(CASH, True), Leg(AVAILABLE, -1)),
    "freezes without a hold": transfer(Leg(AVAILABLE, 5), Leg(FROZEN, -5)),
    "frozen without a use": transfer(Leg(FROZEN, 5), Leg(CASH, -5)),
    "a use without frozen": transfer(Leg(AVAILABLE, 5), Leg(CASH, -5), uses=USE),
    "use of nought": transfer(Leg(AVAILABLE, 5), Leg(CASH, -5), uses=(HoldUse(UUID(int=3), 0),)),
    "hold of nought": Hold(id=PARTY, account=AVAILABLE, amount_minor=0, kind="h", subject=PARTY, occurred_at=NOW),
    "hold of a deposit": Hold(id=PARTY, account=DEPOSIT, amount_minor=1, kind="h", subject=PARTY, occurred_at=NOW),
}


@pytest.mark.parametrize("posting", MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_posting_is_a_fault_of_its_maker(posting: Any) -> None:
    with pytest.raises(MalformedPostingError):
        check(posting)


def test_legs_on_one_account_become_one_entry() -> None:
    legs = [Leg(CASH, 10), Leg(AVAILABLE, -7), Leg(AVAILABLE, -3), Leg(DEPOSIT, 4), Leg(DEPOSIT, -4)]
    assert merged(legs) == {CASH: 10, AVAILABLE: -10}


_ACCOUNTS = [CASH, AVAILABLE, DEPOSIT, ADVANCE, Account(UUID(int=8), "CNY", Purpose.AVAILABLE)]
_AMOUNTS = st.integers(-1000, 1000)


@given(st.dictionaries(st.sampled_from(_ACCOUNTS), _AMOUNTS), st.dictionaries(st.sampled_from(_ACCOUNTS), _AMOUNTS))
def test_whatever_is_asked_the_books_balance_and_nobody_is_overdrawn(
    asked: dict[Account, int], standing: dict[Account, int]
) -> None:
    balances = {a: -abs(b) if a.purpose in (Purpose.AVAILABLE, Purpose.DEPOSIT) else b for a, b in standing.items()}
    amounts = {account: amount for account, amount in asked.items() if amount}
    facts = transfer(*(Leg(account, amount) for account, amount in amounts.items()))
    final = settled(amounts, balances)
    assert sum(final.values()) == sum(amounts.values())
    assert set(final) <= set(amounts) | reaches(facts)
    for account_, amount in final.items():
        if account_.purpose in (Purpose.AVAILABLE, Purpose.DEPOSIT):
            assert balances.get(account_, 0) + amount <= 0
    assert deposit_of(AVAILABLE) == DEPOSIT
