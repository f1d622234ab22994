"""Worked example 7, end to end: one difference, one missing, one unknown line, and the next day's file."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from channels.instruction import Approved, Declined
from gateway.clearing.files import FileState
from gateway.clearing.reconciliation import DifferenceKind, How
from gateway.clearing.reconciliation.model import Difference
from gateway.clearing.returns.model import Batch, BatchState
from gateway.journal import Move, Refused
from gateway.kernel.reasons import Reason
from gateway.ledger import Account, Leg, Purpose
from gateway.parties import Kind
from tests.clearing.files.house import House, line

T1, T2, T3, X9 = (f"2026112200000000000{number}" for number in (1, 2, 3, 9))


def counts(batch: Batch) -> tuple[int, ...]:
    """Own count and amount, file count and amount, matched, different, missing, unknown."""
    own = (batch.own_count, batch.own_minor, batch.file_count, batch.file_minor)
    return (*own, batch.matched, batch.different, batch.missing, batch.unknown)


async def test_worked_example_7(house: House) -> None:
    merchant = await house.agent("M", kind=Kind.MERCHANT)
    taken = Account(merchant, "CNY", Purpose.AVAILABLE)
    bank_before = await house.balance(house.bank)

    async def purchase(amount: int) -> None:
        await house.post(postings=(house.transfer(Leg(house.due(), amount), Leg(taken, -amount)),))

    t1 = await house.operation(T1, 100_00)
    t2 = await house.operation(T2, 200_00)
    t3 = await house.operation(T3, 300_00, state="unknown")
    await purchase(100_00)  # 7a
    await purchase(200_00)  # 7b

    lines = [
        line(1, T1, 100_00, business="ACQUIRING", kind="P"),
        line(2, T2, 190_00, business="ACQUIRING", kind="P"),
        line(3, X9, 75_00, business="ACQUIRING", kind="P"),
    ]
    name = house.answer("ACQ", 1, *lines)
    (file,) = await house.fetch()

    batch = await house.batch_of(file)
    assert counts(batch) == (3, 600_00, 3, 365_00, 1, 1, 1, 1)
    assert batch.state is BatchState.NOT_BALANCED
    assert batch.bank_minor == 365_00
    assert await house.balance(house.bank) - bank_before == 365_00  # 7c, 7d, 7e
    assert await house.balance(house.suspense("diff")) == 10_00  # 7d
    assert await house.balance(house.suspense("unknown")) == -75_00  # 7e
    assert await house.balance(house.due()) == 0
    results = [(await house.instruction(each))["result"] for each in (t1, t2, t3)]
    assert results == ["matched", "amount_differs", "missing_at_bank"]
    assert (await house.instruction(t3))["state"] == "unknown"
    found = {each.kind: each for each in await house.office.differences(batch.id)}
    assert set(found) == {
        DifferenceKind.AMOUNT_DIFFERS,
        DifferenceKind.UNKNOWN_TO_US,
        DifferenceKind.MISSING_AT_BANK,
    }
    assert await house.pool.fetchval("SELECT count(*) FROM settle_bank_return") == 3
    assert await house.pool.fetchval("SELECT count(*) FROM settle_bank_return_batch") == 1

    await imported_again_adds_nothing(house, name)

    # Nobody of ours takes an operation's difference unless its owner is known.
    refused = await house.office.resolve(found[DifferenceKind.AMOUNT_DIFFERS].id, how=How.BANK_IS_RIGHT, who="operator")
    assert isinstance(refused, Refused)
    await owned_by(house, t2, merchant)
    resolved = await house.office.resolve(
        found[DifferenceKind.AMOUNT_DIFFERS].id, how=How.BANK_IS_RIGHT, who="operator"
    )
    assert isinstance(resolved, Difference)
    assert await house.has(merchant) == 290_00  # 7f
    assert await house.balance(house.suspense("diff")) == 0
    await house.office.resolve(found[DifferenceKind.UNKNOWN_TO_US].id, how=How.GIVE_BACK, who="operator")
    assert await house.balance(house.bank) - bank_before == 290_00  # 7g
    assert await house.balance(house.suspense("unknown")) == 0
    assert (await house.batch_of(file)).state is BatchState.NOT_BALANCED

    async def conclude(outcome: Approved | Declined) -> None:
        assert isinstance(outcome, Approved)
        instruction = await house.instruction(t3)
        await house.post(
            postings=(house.transfer(Leg(house.due(), 300_00), Leg(taken, -300_00)),),  # 7h
            records=(Move("instruction", t3, instruction["version"], {"state": "success"}),),
        )

    house.owners.answers[t3] = conclude
    house.answer("ACQ", 2, line(1, T3, 300_00, business="ACQUIRING", kind="P"), day=date(2026, 11, 22))
    (second,) = await house.fetch()
    batch_two = await house.batch_of(second)
    assert counts(batch_two) == (1, 300_00, 1, 300_00, 1, 0, 0, 0)
    assert batch_two.state is BatchState.BALANCED
    assert await house.balance(house.due()) == 0  # 7i
    assert await house.balance(house.bank) - bank_before == 590_00
    assert await house.has(merchant) == 590_00
    assert (await house.instruction(t3))["result"] == "matched"
    assert (await house.batch_of(file)).state is BatchState.CLOSED
    assert [each.how for each in await house.office.differences(batch.id)].count("found_later") == 1
    assert await house.trial() == 0


async def imported_again_adds_nothing(house: House, name: str) -> None:
    before = await house.pool.fetchval("SELECT count(*) FROM ledger_transfer")
    assert await house.fetch() == []
    content = (house.folder / "out" / name).read_bytes()
    again = await house.office.accept_file(house.channel, name=name, content=content, who="operator")
    assert isinstance(again, Refused)
    assert again.reason is Reason.REFERENCE_REUSED
    other_name = name.replace("0001.txt", "0009.txt")
    twin = await house.office.accept_file(house.channel, name=other_name, content=content, who="operator")
    assert isinstance(twin, Refused)
    assert await house.pool.fetchval("SELECT count(*) FROM file WHERE state = 'duplicate'") == 1
    await house.run()
    assert await house.pool.fetchval("SELECT count(*) FROM settle_bank_return") == 3
    assert await house.pool.fetchval("SELECT count(*) FROM ledger_transfer") == before
    assert (await house.office.list_files(state=FileState.QUARANTINED)) == []


async def owned_by(house: House, instruction: UUID, merchant: UUID) -> None:
    """The operation that the instruction belongs to, as far as reconciliation reads it."""
    owner = (await house.instruction(instruction))["owner_id"]
    await house.pool.execute(
        "INSERT INTO operation (id, kind, state, source, terminal, merchant_id, merchant, batch, trace, message_class,"
        " rrn, amount_minor, unit, occurred_at, answer_by)"
        " VALUES ($1, 'purchase', 'approved', 'terminal', '10000001', $2, 'M', '000001', '000001', '020',"
        " '632600000001', 20000, 'CNY', $3, $3)",
        *(owner, merchant, house.clock.now()),
    )
