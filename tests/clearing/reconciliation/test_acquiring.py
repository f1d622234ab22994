"""What a line of a day file does against each state of ours: own state, what the bank says, outcome, money moved."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from channels.instruction import Approved, Declined
from gateway.clearing.reconciliation import How
from gateway.clearing.returns.model import BatchState
from gateway.journal import Move, Refused
from gateway.ledger import Account, Leg, Purpose
from tests.clearing.files.house import House, line
from tests.clearing.reconciliation.test_example_7 import owned_by

NUMBER = "20261122000000000777"

CASES = [
    # ask, own state, own amount, line kind, line state, line amount -> outcome, bank, due, suspense.diff, result
    ("pay", "success", 100, "P", "S", 100, "matched", 100, -100, 0, "matched"),
    ("void", "success", 100, "V", "S", 100, "matched", -100, 100, 0, "matched"),
    ("refund", "success", 40, "R", "S", 40, "matched", -40, 40, 0, "matched"),
    ("pay", "failed", 100, "P", "F", 100, "matched", 0, 0, 0, "matched"),
    ("pay", "success", 100, "P", "S", 90, "differs", 90, -100, 10, "amount_differs"),
    ("pay", "success", 100, "P", "S", 130, "differs", 130, -100, -30, "amount_differs"),
    ("refund", "success", 40, "R", "S", 50, "differs", -50, 40, 10, "amount_differs"),
    ("pay", "failed", 100, "P", "S", 100, "differs", 100, 0, -100, "status_differs"),
    ("refund", "failed", 40, "R", "S", 40, "differs", -40, 0, 40, "status_differs"),
    ("pay", "success", 100, "P", "F", 100, "differs", 0, -100, 100, "status_differs"),
    ("pay", "cancelled", 100, "P", "S", 100, "differs", 100, 0, -100, "status_differs"),
    ("pay", "unknown", 100, "P", "S", 100, "differs", 100, 0, -100, "status_differs"),
    ("pay", "sent", 100, "P", "F", 100, "differs", 0, 0, 0, "status_differs"),
    ("pay", "success", 100, "P", "R", 100, "differs", 0, -100, 100, "status_differs"),
]


async def moved(house: House, before: dict[str, int]) -> tuple[int, int, int]:
    now = await standing(house)
    return (now["bank"] - before["bank"], now["due"] - before["due"], now["diff"] - before["diff"])


async def standing(house: House) -> dict[str, int]:
    return {
        "bank": await house.balance(house.bank),
        "due": await house.balance(house.due()),
        "diff": await house.balance(house.suspense("diff")),
    }


@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join(map(str, case[:6])))
async def test_each_line_against_each_state(house: House, case: tuple[Any, ...]) -> None:
    ask, own, own_amount, kind, said, amount, outcome, bank, due, diff, result = case
    instruction = await house.operation(NUMBER, own_amount, state=own, ask=ask)
    before = await standing(house)
    house.answer("ACQ", 1, line(1, NUMBER, amount, business="ACQUIRING", kind=kind, state=said))
    (file,) = await house.fetch()
    row = await house.pool.fetchrow("SELECT * FROM settle_bank_return WHERE number = $1", NUMBER)
    assert row is not None
    assert (row["outcome"], row["posted"], row["bank_minor"]) == (outcome, True, bank)
    assert await moved(house, before) == (bank, due, diff)
    after = await house.instruction(instruction)
    assert after["result"] == result
    assert after["state"] == own, "a file never overwrites what we hold"
    batch = await house.batch_of(file)
    assert batch.state is (BatchState.BALANCED if outcome == "matched" else BatchState.NOT_BALANCED)
    assert batch.bank_minor == bank
    differences = await house.office.differences(batch.id)
    assert [each.suspense_minor for each in differences] == ([] if outcome == "matched" else [diff])
    assert await house.trial() == 0


@pytest.mark.parametrize("state", ["success", "failed"])
async def test_an_open_operation_is_decided_by_its_owner_with_the_files_word(house: House, state: str) -> None:
    instruction = await house.operation(NUMBER, 100, state="unknown", ask="refund")
    heard: list[Approved | Declined] = []

    async def conclude(outcome: Approved | Declined) -> None:
        heard.append(outcome)
        version = (await house.instruction(instruction))["version"]
        await house.post(records=(Move("instruction", instruction, version, {"state": state}),))

    house.owners.answers[instruction] = conclude
    said = "S" if state == "success" else "F"
    house.answer("ACQ", 1, line(1, NUMBER, 100, business="ACQUIRING", kind="R", state=said, code="51"))
    (file,) = await house.fetch()
    assert isinstance(heard[0], Approved if state == "success" else Declined)
    assert len(heard) == 1
    assert (await house.batch_of(file)).state is BatchState.BALANCED
    assert await house.balance(house.bank) == (-100 if state == "success" else 0)


async def test_an_owner_is_asked_once_and_what_it_leaves_open_is_a_difference(house: House) -> None:
    instruction = await house.operation(NUMBER, 100, state="unknown")
    house.answer("ACQ", 1, line(1, NUMBER, 100, business="ACQUIRING", kind="P"))
    await house.fetch()
    assert house.owners.asked == [instruction]
    assert (await house.instruction(instruction))["result"] == "status_differs"


@pytest.mark.parametrize(("kind", "state", "bank"), [("P", "S", 75), ("P", "F", 0), ("O", "R", 75)])
async def test_a_line_nobody_knows_stands_in_suspense(house: House, kind: str, state: str, bank: int) -> None:
    house.answer("ACQ", 1, line(1, NUMBER, 75, business="ACQUIRING", kind=kind, state=state))
    (file,) = await house.fetch()
    batch = await house.batch_of(file)
    assert (batch.unknown, batch.state) == (1, BatchState.NOT_BALANCED)
    assert await house.balance(house.suspense("unknown")) == -bank
    assert await house.balance(house.bank) == bank


async def test_a_number_of_another_bank_is_unknown_to_us(house: House) -> None:
    elsewhere = await house.operation(NUMBER, 75, channel_id=house.ids.new())
    house.answer("ACQ", 1, line(1, NUMBER, 75, business="ACQUIRING", kind="P"))
    (file,) = await house.fetch()
    assert (await house.batch_of(file)).unknown == 1
    assert (await house.instruction(elsewhere))["result"] == "unchecked"


async def test_the_same_number_twice_in_one_file_and_again_in_another(house: House) -> None:
    await house.operation(NUMBER, 100)
    twice = [line(place, NUMBER, 100, business="ACQUIRING", kind="P") for place in (1, 2)]
    house.answer("ACQ", 1, *twice)
    (first,) = await house.fetch()
    house.answer("ACQ", 2, line(1, NUMBER, 100, business="ACQUIRING", kind="P"), day=date(2026, 11, 23))
    (second,) = await house.fetch()
    one, two = await house.batch_of(first), await house.batch_of(second)
    assert (one.own_count, one.file_count, one.matched, one.duplicate) == (1, 2, 1, 1)
    assert (two.own_count, two.file_count, two.matched, two.duplicate) == (0, 1, 0, 1)
    assert await house.balance(house.due()) == -100
    assert await house.balance(house.bank) == 300
    assert await house.balance(house.suspense("diff")) == -200


async def test_equal_counts_and_amounts_alone_never_balance_a_batch(house: House) -> None:
    await house.operation(NUMBER, 100)
    house.answer("ACQ", 1, line(1, "20261122000000000888", 100, business="ACQUIRING", kind="P"))
    (file,) = await house.fetch()
    batch = await house.batch_of(file)
    assert (batch.own_count, batch.own_minor) == (batch.file_count, batch.file_minor) == (1, 100)
    assert batch.state is BatchState.NOT_BALANCED


async def test_what_was_sent_after_the_file_came_is_not_missing_in_it(house: House) -> None:
    earlier = await house.operation("20261121000000000001", 10)
    house.settings = type(house.settings)(reconcile_at_once=False)
    house.open()
    house.answer("ACQ", 1, line(1, NUMBER, 75, business="ACQUIRING", kind="P"))
    (file,) = await house.fetch()
    house.clock.advance(timedelta(minutes=1))
    later = await house.operation("20261122000000000002", 20)
    tomorrow = await house.operation("20261122000000000003", 30, value_on=date(2026, 11, 23))
    batch = await house.batch_of(file)
    await house.office.reconcile(batch.id, who="operator")
    await house.run()
    results = [(await house.instruction(each))["result"] for each in (earlier, later, tomorrow)]
    assert results == ["missing_at_bank", "unchecked", "unchecked"]


async def test_a_reversal_that_the_bank_confirmed_is_neither_ours_nor_missing(house: House) -> None:
    pay = await house.operation("20261122000000000001", 10, state="cancelled")
    undo = await house.operation("20261122000000000002", 10, ask="reverse", original_id=pay)
    failed = await house.operation("20261122000000000003", 10, state="failed")
    house.answer("ACQ", 1, line(1, NUMBER, 75, business="ACQUIRING", kind="P"))
    (file,) = await house.fetch()
    assert (await house.batch_of(file)).missing == 0
    assert [(await house.instruction(each))["result"] for each in (pay, undo, failed)] == ["unchecked"] * 3


async def test_a_missing_one_that_comes_with_another_amount_is_a_new_difference(house: House) -> None:
    await house.operation(NUMBER, 100)
    other = "20261122000000000001"
    await house.operation(other, 10)
    house.answer("ACQ", 1, line(1, other, 10, business="ACQUIRING", kind="P"))
    (first,) = await house.fetch()
    house.answer("ACQ", 2, line(1, NUMBER, 90, business="ACQUIRING", kind="P"), day=date(2026, 11, 23))
    (second,) = await house.fetch()
    assert (await house.batch_of(first)).state is BatchState.CLOSED
    batch = await house.batch_of(second)
    assert (batch.state, batch.different, batch.own_minor) == (BatchState.NOT_BALANCED, 1, 100)
    assert await house.balance(house.suspense("diff")) == 10


async def test_many_lines_become_few_transfers_that_list_them(house: House) -> None:
    numbers = [f"2026112200000{number:07d}" for number in range(1, 8)]
    for number in numbers:
        await house.operation(number, 100)
    house.answer(
        "ACQ", 1, *(line(place, number, 100, business="ACQUIRING", kind="P") for place, number in enumerate(numbers, 1))
    )
    (file,) = await house.fetch()
    batch = await house.batch_of(file)
    transfers = await house.pool.fetch(
        "SELECT t.id, count(*) AS lines FROM ledger_transfer t JOIN settle_bank_return l ON l.transfer_id = t.id"
        " WHERE t.subject = $1 GROUP BY t.id ORDER BY t.id",
        batch.id,
    )
    assert [row["lines"] for row in transfers] == [3, 3, 1]
    assert await house.balance(house.due()) == -700


async def test_what_its_owner_approved_after_the_file_is_settled_not_paid_a_second_time(house: House) -> None:
    merchant = await house.agent("M")
    instruction = await house.operation(NUMBER, 100, state="sent")
    house.answer("ACQ", 1, line(1, NUMBER, 100, business="ACQUIRING", kind="P"))
    (file,) = await house.fetch()
    (difference,) = await house.office.differences((await house.batch_of(file)).id)
    assert difference.suspense_minor == -100
    await owned_by(house, instruction, merchant)
    version = (await house.instruction(instruction))["version"]
    available = Account(merchant, "CNY", Purpose.AVAILABLE)
    await house.post(
        records=(Move("instruction", instruction, version, {"state": "success"}),),
        postings=(house.transfer(Leg(house.due(), 100), Leg(available, -100)),),
    )
    resolved = await house.office.resolve(difference.id, how=How.BANK_IS_RIGHT, who="operator")
    assert not isinstance(resolved, Refused), resolved
    assert (await house.has(merchant), await house.balance(house.due())) == (100, 0)
    assert await house.balance(house.suspense("diff")) == 0
