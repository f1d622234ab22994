"""What a return file does to payouts: success, failure, silence, late return, and what does not agree."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from gateway.clearing.files import FileState
from gateway.clearing.reconciliation import How
from gateway.clearing.reconciliation.model import Difference, DifferenceKind
from gateway.clearing.returns.model import BatchState
from gateway.journal import Refused
from gateway.payments.payout import PayoutState
from tests.clearing.files.house import House, line


async def sent(house: House, *amounts: int) -> tuple[UUID, list[UUID], list[str]]:
    """Payouts of one agent in one file that is with the bank."""
    agent = await house.agent("X", has=100_000_00)
    card = await house.card(agent)
    payouts = [await house.withdraw(agent, amount, card) for amount in amounts]
    await house.send()
    return agent, payouts, [await house.number(payout) for payout in payouts]


async def test_success_failure_and_silence_in_one_file(house: House) -> None:
    agent, (paid, failed, silent), numbers = await sent(house, 500_00, 300_00, 200_00)
    had, bank = await house.has(agent), await house.balance(house.bank)
    house.answer(
        "RET", 1, line(1, numbers[0], 500_00), line(2, numbers[1], 300_00, state="F", code="14", text="无此账户")
    )
    (file,) = await house.fetch()
    states = [(await house.payout(each)).state for each in (paid, failed, silent)]
    assert states == [PayoutState.SUCCESS, PayoutState.FAILED, PayoutState.UNKNOWN]
    assert (await house.payout(failed)).code == "14"
    assert await house.has(agent) == had + 301_00
    assert await house.balance(house.bank) == bank - 500_00
    assert await house.balance(house.transit) == -201_00
    batch = await house.batch_of(file)
    assert (batch.own_count, batch.own_minor, batch.file_count, batch.file_minor) == (3, 1000_00, 2, 800_00)
    assert (batch.matched, batch.missing, batch.state) == (2, 1, BatchState.NOT_BALANCED)

    # The bank's next file speaks of the silent one; it answers no file of ours.
    house.answer("RET", 2, line(1, numbers[2], 200_00))
    (later,) = await house.fetch()
    assert (await house.payout(silent)).state is PayoutState.SUCCESS
    assert await house.balance(house.transit) == 0
    assert (await house.batch_of(later)).state is BatchState.BALANCED
    assert (await house.batch_of(file)).state is BatchState.CLOSED
    assert await house.states("payout", silent) == [
        "requested",
        "checked",
        "confirmed",
        "frozen",
        "sent",
        "unknown",
        "success",
    ]
    assert await house.trial() == 0


async def test_a_file_without_any_line_of_a_business_still_has_its_batch(house: House) -> None:
    _, (payout,), _ = await sent(house, 500_00)
    house.answer("RET", 1)
    (file,) = await house.fetch()
    batch = await house.batch_of(file)
    assert (batch.business, batch.file_count, batch.own_count, batch.missing) == ("withdrawal", 0, 1, 1)
    assert (await house.payout(payout)).state is PayoutState.UNKNOWN


@pytest.mark.parametrize(("amount", "rest"), [(490_00, -10_00), (510_00, 10_00)])
async def test_another_amount_than_told_is_paid_and_the_rest_stands_in_suspense(
    house: House, amount: int, rest: int
) -> None:
    agent, (payout,), (number,) = await sent(house, 500_00)
    had, bank = await house.has(agent), await house.balance(house.bank)
    house.answer("RET", 1, line(1, number, amount))
    (file,) = await house.fetch()
    assert (await house.payout(payout)).state is PayoutState.SUCCESS
    assert await house.balance(house.suspense("diff")) == rest
    assert await house.balance(house.bank) == bank - amount
    assert await house.balance(house.transit) == 0
    (difference,) = await house.office.differences((await house.batch_of(file)).id)
    resolved = await house.office.resolve(difference.id, how=How.BANK_IS_RIGHT, who="operator")
    assert isinstance(resolved, Difference)
    assert await house.has(agent) == had - rest
    assert await house.balance(house.suspense("diff")) == 0
    assert (await house.batch_of(file)).state is BatchState.CLOSED


async def test_a_success_after_a_failure_is_an_exception_not_an_overwrite(house: House) -> None:
    agent, (payout,), (number,) = await sent(house, 500_00)
    house.answer("RET", 1, line(1, number, 500_00, state="F", code="05"))
    await house.fetch()
    had, bank = await house.has(agent), await house.balance(house.bank)
    house.answer("RET", 2, line(1, number, 500_00))
    (file,) = await house.fetch()
    assert (await house.payout(payout)).state is PayoutState.FAILED
    assert (await house.has(agent), await house.balance(house.bank)) == (had, bank - 500_00)
    assert await house.balance(house.suspense("diff")) == 500_00
    batch = await house.batch_of(file)
    assert (batch.different, batch.state) == (1, BatchState.NOT_BALANCED)
    (difference,) = await house.office.differences(batch.id)
    await house.office.resolve(difference.id, how=How.BANK_IS_RIGHT, who="operator")
    assert await house.has(agent) == had - 500_00
    assert await house.balance(house.suspense("diff")) == 0


async def test_the_same_result_again_is_a_duplicate(house: House) -> None:
    _, _, (number,) = await sent(house, 500_00)
    house.answer("RET", 1, line(1, number, 500_00))
    await house.fetch()
    house.answer("RET", 2, line(1, number, 500_00))
    (file,) = await house.fetch()
    assert (await house.batch_of(file)).duplicate == 1
    assert await house.balance(house.suspense("diff")) == 500_00


async def test_a_failure_after_a_success_waits_for_a_person_and_then_comes_back(house: House) -> None:
    agent, (payout,), (number,) = await sent(house, 500_00)
    house.answer("RET", 1, line(1, number, 500_00))
    await house.fetch()
    assert (await house.payout(payout)).state is PayoutState.SUCCESS
    had, bank = await house.has(agent), await house.balance(house.bank)
    house.answer("RET", 2, line(1, number, 500_00, state="F", code="05"))
    (file,) = await house.fetch()
    (difference,) = await house.office.differences((await house.batch_of(file)).id)
    assert (difference.kind, difference.suspense_minor) == (DifferenceKind.STATUS_DIFFERS, -500_00)
    assert (await house.payout(payout)).state is PayoutState.SUCCESS
    assert (await house.has(agent), await house.balance(house.bank)) == (had, bank + 500_00)
    await house.office.resolve(difference.id, how=How.BANK_IS_RIGHT, who="operator")
    assert (await house.payout(payout)).state is PayoutState.RETURNED
    assert await house.has(agent) == had + 501_00
    assert await house.balance(house.suspense("diff")) == 0
    assert await house.trial() == 0


@pytest.mark.parametrize(("how", "state"), [(How.PAID, PayoutState.SUCCESS), (How.NOT_PAID, PayoutState.FAILED)])
async def test_a_person_decides_what_no_file_speaks_of(house: House, how: How, state: PayoutState) -> None:
    agent, (payout,), _ = await sent(house, 500_00)
    had = await house.has(agent)
    house.answer("RET", 1)
    (file,) = await house.fetch()
    (difference,) = await house.office.differences((await house.batch_of(file)).id)
    assert isinstance(await house.office.resolve(difference.id, how=how, who="operator"), Difference)
    assert (await house.payout(payout)).state is state
    assert await house.balance(house.transit) == 0
    assert await house.has(agent) == had + (0 if state is PayoutState.SUCCESS else 501_00)
    assert (await house.batch_of(file)).state is BatchState.CLOSED


async def test_a_return_before_any_success_gives_the_money_back_once(house: House) -> None:
    agent, (payout,), (number,) = await sent(house, 500_00)
    had, bank = await house.has(agent), await house.balance(house.bank)
    house.answer("REJ", 1, line(1, number, 500_00, state="R"))
    await house.fetch()
    assert (await house.payout(payout)).state is PayoutState.RETURNED
    assert (await house.has(agent), await house.balance(house.bank)) == (had + 501_00, bank)
    house.answer("REJ", 2, line(1, number, 500_00, state="R"))
    (again,) = await house.fetch()
    assert (await house.batch_of(again)).duplicate == 1
    assert await house.has(agent) == had + 501_00


async def test_a_line_for_a_payout_that_never_left_is_a_difference(house: House) -> None:
    agent = await house.agent("X", has=1000_00)
    payout = await house.withdraw(agent, 500_00, await house.card(agent))
    house.answer("RET", 1, line(1, await house.number(payout), 500_00))
    await house.fetch()
    assert (await house.payout(payout)).state is PayoutState.FROZEN
    assert await house.frozen(agent) == 501_00
    assert await house.balance(house.suspense("diff")) == 500_00


async def test_a_payout_nobody_knows_goes_to_suspense_the_other_way(house: House) -> None:
    house.answer("RET", 1, line(1, "20261122000000000999", 75_00))
    await house.fetch()
    assert await house.balance(house.bank) == -75_00
    assert await house.balance(house.suspense("unknown")) == 75_00


async def test_an_answer_that_does_not_come_makes_payments_unknown_and_the_late_one_decides(house: House) -> None:
    _, (payout,), (number,) = await sent(house, 500_00)
    house.clock.advance(timedelta(hours=37))
    await house.run()
    assert (await house.payout(payout)).state is PayoutState.UNKNOWN
    assert await house.balance(house.transit) == -501_00
    house.answer("RET", 1, line(1, number, 500_00))
    (file,) = await house.fetch()
    assert (await house.payout(payout)).state is PayoutState.SUCCESS
    assert (await house.batch_of(file)).state is BatchState.BALANCED
    assert (await house.office.list_files(state=FileState.CHECKED))[0].kind == "pay"


@pytest.mark.parametrize(
    ("lines", "how"),
    [
        ([("S", 490_00)], How.FOUND_LATER),
        ([("S", 490_00)], How.PAID),
        ([("S", 490_00)], How.BANK_CORRECTS),
        ([], How.GIVE_BACK),
        ([], How.FOUND_LATER),
        ([], How.BANK_IS_RIGHT),
    ],
)
async def test_a_way_that_does_not_fit_the_difference_is_refused(house: House, lines: list[Any], how: How) -> None:
    _, _, (number,) = await sent(house, 500_00)
    house.answer(
        "RET", 1, *(line(place, number, amount, state=state) for place, (state, amount) in enumerate(lines, 1))
    )
    (file,) = await house.fetch()
    (difference,) = await house.office.differences((await house.batch_of(file)).id)
    transfers = await house.pool.fetchval("SELECT count(*) FROM ledger_transfer")
    assert isinstance(await house.office.resolve(difference.id, how=how, who="operator"), Refused)
    assert await house.pool.fetchval("SELECT count(*) FROM ledger_transfer") == transfers


async def test_a_difference_is_resolved_once(house: House) -> None:
    _, _, (number,) = await sent(house, 500_00)
    house.answer("RET", 1, line(1, number, 490_00))
    (file,) = await house.fetch()
    (difference,) = await house.office.differences((await house.batch_of(file)).id)
    assert isinstance(await house.office.resolve(difference.id, how=How.GIVE_BACK, who="operator"), Difference)
    assert isinstance(await house.office.resolve(difference.id, how=How.GIVE_BACK, who="operator"), Refused)
    assert isinstance(await house.office.resolve(house.ids.new(), how=How.GIVE_BACK, who="operator"), Refused)
    assert await house.balance(house.suspense("diff")) == 0
    assert await house.trial() == 0


@pytest.mark.parametrize("how", [How.NOT_PAID, How.PAID, None])
async def test_a_word_that_decides_nothing_leaves_a_payout_to_the_next_file_or_a_person(
    house: House, how: How | None
) -> None:
    agent, (payout,), (number,) = await sent(house, 500_00)
    had, bank = await house.has(agent), await house.balance(house.bank)
    house.answer("REJ", 1, line(1, number, 490_00, state="R"))
    (file,) = await house.fetch()
    assert (await house.payout(payout)).state is PayoutState.SENT
    (difference,) = await house.office.differences((await house.batch_of(file)).id)
    if how is None:
        house.answer("RET", 1, line(1, number, 500_00))
        (later,) = await house.fetch()
        assert (await house.batch_of(later)).state is BatchState.BALANCED
    resolved = await house.office.resolve(difference.id, how=how or How.FOUND_LATER, who="operator")
    assert isinstance(resolved, Difference), resolved
    was_paid = how is not How.NOT_PAID
    assert (await house.payout(payout)).state is (PayoutState.SUCCESS if was_paid else PayoutState.FAILED)
    assert await house.balance(house.bank) == bank - (500_00 if was_paid else 0)
    assert await house.has(agent) == had + (0 if was_paid else 501_00)
    assert await house.balance(house.transit) == 0
    assert await house.balance(house.suspense("diff")) == 0


async def test_two_differences_resolved_at_once_are_both_answered_and_close_their_batch(house: House) -> None:
    _, _, numbers = await sent(house, 500_00, 600_00)
    house.answer("RET", 1, line(1, numbers[0], 490_00), line(2, numbers[1], 590_00))
    (file,) = await house.fetch()
    batch = await house.batch_of(file)
    both = await house.office.differences(batch.id)
    answers = await asyncio.gather(
        *(house.office.resolve(each.id, how=How.GIVE_BACK, who=f"operator:{n}") for n, each in enumerate(both))
    )
    assert all(isinstance(each, Difference) for each in answers)
    assert (await house.batch_of(file)).state is BatchState.CLOSED


async def test_what_came_back_meanwhile_is_not_given_to_its_owner_twice(house: House) -> None:
    agent, (payout,), (number,) = await sent(house, 500_00)
    house.answer("RET", 1, line(1, number, 500_00))
    await house.fetch()
    house.answer("RET", 2, line(1, number, 500_00, state="F", code="05"))
    (file,) = await house.fetch()
    (difference,) = await house.office.differences((await house.batch_of(file)).id)
    house.answer("REJ", 1, line(1, number, 500_00, state="R"))
    await house.fetch()
    assert (await house.payout(payout)).state is PayoutState.RETURNED
    had = await house.has(agent)
    assert isinstance(await house.office.resolve(difference.id, how=How.BANK_IS_RIGHT, who="operator"), Refused)
    given = await house.office.resolve(difference.id, how=How.GIVE_BACK, who="operator")
    assert isinstance(given, Difference)
    assert (await house.has(agent), await house.balance(house.suspense("diff"))) == (had, 0)


async def test_a_payout_that_failed_was_paid_and_came_back_is_its_owners_again(house: House) -> None:
    agent, (payout,), (number,) = await sent(house, 500_00)
    house.answer("RET", 1, line(1, number, 500_00, state="F", code="05"))
    await house.fetch()
    had, bank = await house.has(agent), await house.balance(house.bank)
    for place, (state, owns) in enumerate((("S", had - 500_00), ("R", had)), 2):
        house.answer("RET", place, line(1, number, 500_00, state=state))
        (file,) = await house.fetch()
        (difference,) = await house.office.differences((await house.batch_of(file)).id)
        assert difference.kind is DifferenceKind.STATUS_DIFFERS
        resolved = await house.office.resolve(difference.id, how=How.BANK_IS_RIGHT, who="operator")
        assert isinstance(resolved, Difference)
        assert await house.has(agent) == owns
        assert await house.balance(house.suspense("diff")) == 0
    assert await house.balance(house.bank) == bank
    assert (await house.payout(payout)).state is PayoutState.FAILED
    # The same return once more is the bank's error and stands in suspense.
    house.answer("RET", 4, line(1, number, 500_00, state="R"))
    (again,) = await house.fetch()
    assert (await house.batch_of(again)).duplicate == 1
    assert await house.has(agent) == had
    assert await house.trial() == 0
