"""What a line of a day file does against each state of ours: own state, what the bank says, outcome, money moved."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from uuid import UUID

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


LATE = [
    # ask, own state, what the bank said last, line kind, line state -> difference's suspense, bank, due and suspense
    ("pay", "failed", 100, "P", "S", -100, (100, 0, -100)),
    ("void", "failed", 100, "V", "S", 100, (-100, 0, 100)),
    ("refund", "failed", 100, "R", "S", 100, (-100, 0, 100)),
    ("pay", "failed", 100, "P", "F", None, (0, 0, 0)),
    ("pay", "failed", 100, "P", "R", 0, (0, 0, 0)),
    ("pay", "success", 0, "P", "F", 100, (0, 0, 100)),
    ("pay", "success", 0, "P", "S", None, (100, 0, 0)),
    ("refund", "success", 0, "R", "F", -100, (0, 0, -100)),
]


async def late(house: House, ask: str, state: str, said: int) -> UUID:
    """An instruction as the road leaves it after an answer against its final one."""
    instruction = await house.operation(NUMBER, 100, state=state, ask=ask, settled_minor=said)
    sign = 1 if ask == "pay" else -1
    held = sign * 100 if state == "success" else 0
    if held:
        merchant = Account(house.ids.new(), "CNY", Purpose.INCOME, "test")
        await house.post(postings=(house.transfer(Leg(house.due(), held), Leg(merchant, -held)),))
    moved = sign * said - held
    await house.post(postings=(house.transfer(Leg(house.due(), moved), Leg(house.suspense("diff"), -moved)),))
    return instruction


@pytest.mark.parametrize("case", LATE, ids=lambda case: "-".join(map(str, case[:5])))
async def test_the_files_word_takes_the_place_of_a_late_answers(house: House, case: tuple[Any, ...]) -> None:
    ask, own, said, kind, state, suspended, stands = case
    instruction = await late(house, ask, own, said)
    house.answer("ACQ", 1, line(1, NUMBER, 100, business="ACQUIRING", kind=kind, state=state))
    (file,) = await house.fetch()
    batch = await house.batch_of(file)
    assert tuple((await standing(house)).values()) == stands
    differences = await house.office.differences(batch.id)
    assert [each.suspense_minor for each in differences] == ([] if suspended is None else [suspended])
    assert (await house.instruction(instruction))["state"] == own
    assert await house.trial() == 0

    house.answer("ACQ", 2, line(1, NUMBER, 100, business="ACQUIRING", kind=kind, state=state), day=date(2026, 11, 23))
    await house.fetch()
    assert await house.balance(house.due()) == 0, "what a file took back is not taken back by the next one"


async def test_a_late_approval_that_the_file_brings_is_resolved_like_any_other(house: House) -> None:
    merchant = await house.agent("M")
    instruction = await late(house, "pay", "failed", 100)
    entries = "SELECT count(*) FROM ledger_entry e JOIN ledger_account a ON a.id = e.account_id WHERE a.item = 'diff'"
    await owned_by(house, instruction, merchant)
    house.answer("ACQ", 1, line(1, NUMBER, 100, business="ACQUIRING", kind="P"))
    (file,) = await house.fetch()
    assert await house.pool.fetchval(entries) == 1, "its money went into suspense once"
    (difference,) = await house.office.differences((await house.batch_of(file)).id)
    resolved = await house.office.resolve(difference.id, how=How.BANK_IS_RIGHT, who="operator")
    assert not isinstance(resolved, Refused), resolved
    assert await house.has(merchant) == 100
    assert await standing(house) == {"bank": 100, "due": 0, "diff": 0}
    assert await house.trial() == 0


async def test_a_late_decline_that_no_file_knows_is_taken_from_its_owner_once(house: House) -> None:
    merchant = await house.agent("M", has=100)
    instruction = await late(house, "pay", "success", 0)
    await owned_by(house, instruction, merchant)
    other = f"{NUMBER[:-1]}8"
    await house.operation(other, 100, state="failed")
    house.answer("ACQ", 1, line(1, other, 100, business="ACQUIRING", kind="P", state="F"))
    (file,) = await house.fetch()
    (difference,) = await house.office.differences((await house.batch_of(file)).id)
    assert (difference.kind, difference.suspense_minor) == ("missing_at_bank", 0)
    resolved = await house.office.resolve(difference.id, how=How.BANK_IS_RIGHT, who="operator")
    assert not isinstance(resolved, Refused), resolved
    assert (await house.has(merchant), await house.balance(house.due())) == (0, 0)
    assert await house.balance(house.suspense("diff")) == 0
