"""The plain day of a payment file: out, answered, reconciled."""

from __future__ import annotations

from gateway.clearing.files import FileState
from gateway.clearing.returns.model import BatchState
from gateway.payments.payout import PayoutState
from tests.clearing.files.house import House, line


async def test_worked_example_5_from_request_to_late_return(house: House) -> None:
    agent = await house.agent("X", has=1000_00)
    payout = await house.withdraw(agent, 500_00, await house.card(agent))
    assert (await house.has(agent), await house.frozen(agent)) == (499_00, 501_00)  # 5a

    file = await house.send()
    assert file.state is FileState.SUBMITTED
    assert (await house.frozen(agent), await house.balance(house.transit)) == (0, -501_00)  # 5b
    number = await house.number(payout)
    bank_before = await house.balance(house.bank)

    house.answer("RET", 1, line(1, number, 500_00))
    (answer,) = await house.fetch()
    assert (await house.payout(payout)).state is PayoutState.SUCCESS
    assert await house.balance(house.transit) == 0  # 5c
    assert await house.balance(house.income()) == -1_00
    assert await house.balance(house.bank) - bank_before == -500_00
    assert (await house.file(answer.id)).state is FileState.DONE
    assert (await house.file(file.id)).state is FileState.CHECKED
    batch = await house.batch_of(answer)
    assert batch.state is BatchState.BALANCED
    assert (batch.own_count, batch.own_minor, batch.matched, batch.bank_minor) == (1, 500_00, 1, -500_00)

    house.answer("REJ", 2, line(1, number, 500_00, state="R", code="R01"))
    await house.fetch()
    assert (await house.payout(payout)).state is PayoutState.RETURNED
    assert await house.has(agent) == 1000_00  # 5e
    assert await house.balance(house.income()) == 0
    assert await house.balance(house.bank) == bank_before
    assert await house.trial() == 0
    assert await house.states("payout", payout) == [
        "requested",
        "checked",
        "confirmed",
        "frozen",
        "sent",
        "success",
        "returned",
    ]
