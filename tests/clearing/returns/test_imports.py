"""Parse whole, import in chunks, tell refusals (rows C71, C72, C74, C79, C80)."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta

import pytest

from gateway.clearing.files import FileSettings, FileState
from gateway.clearing.returns.model import BatchState
from gateway.journal import Refused
from gateway.payments.payout import PayoutState
from tests.clearing.files.house import CUSTOMER, DAY, House, document, line
from tests.plugins.proofs import Proof

NUMBERS = [f"2026112200001{number:07d}" for number in range(1, 8)]


def acquired(*numbers: str) -> list[bytes]:
    return [line(place, number, 5, business="ACQUIRING", kind="P") for place, number in enumerate(numbers, 1)]


async def test_rows_equal_the_lines_of_the_file(house: House) -> None:
    house.answer("ACQ", 1, *acquired(*NUMBERS))
    (file,) = await house.fetch()
    rows = await house.pool.fetch("SELECT * FROM settle_bank_return WHERE file_id = $1 ORDER BY place", file.id)
    assert [row["number"] for row in rows] == NUMBERS
    assert [(row["place"], row["byte_offset"]) for row in rows] == [(n + 2, 190 * (n + 1)) for n in range(7)]
    first = rows[0]
    assert (first["amount_minor"], first["unit"], first["state"], first["code"]) == (5, "CNY", "success", "00")
    assert (first["value_on"], first["fee_minor"]) == (DAY, 0)
    batch = await house.batch_of(file)
    assert (batch.file_count, batch.file_minor, batch.business) == (7, 35, "acquiring")


async def test_several_businesses_in_one_file_become_several_batches(house: House) -> None:
    lines = [
        line(1, NUMBERS[0], 5, business="ACQUIRING", kind="P"),
        line(2, NUMBERS[1], 6, business="WITHDRAWAL"),
        line(3, NUMBERS[2], 7, business="PAYOUT"),
        line(4, NUMBERS[3], 8, business="ACQUIRING", kind="P"),
    ]
    house.answer("ACQ", 1, *lines)
    (file,) = await house.fetch()
    batches = {batch.business: batch for batch in await house.office.list_batches(file=file.id)}
    assert {name: (batch.file_count, batch.file_minor) for name, batch in batches.items()} == {
        "acquiring": (2, 13),
        "withdrawal": (1, 6),
        "payout": (1, 7),
    }
    assert house.carrier.gets == [file.name]


BAD = [
    ("cut", lambda whole: whole[: 190 * 3 + 77], "the last line has no line ending: the file is cut", 4, 570),
    ("trailer gone", lambda whole: whole[: 190 * 4], "the trailer is missing: the file is empty or cut", 4, 760),
    ("empty", lambda _: b"", "the header is missing: the file is empty or cut", 0, 0),
    (
        "total",
        lambda whole: whole.replace(b"CNYACQ", b"CNYACQ").replace(b"T00000003", b"T00000004"),
        "trailer.count",
        5,
        760,
    ),
    ("encoding", lambda whole: whole[: 190 + 65] + b"\xff\xff" + whole[190 + 67 :], "detail", 2, 190),
    ("customer", lambda whole: whole.replace(CUSTOMER.encode(), b"SOMEBODY01"), "another customer", 1, 0),
]


@pytest.mark.parametrize(("name", "spoil", "why", "at_line", "offset"), BAD, ids=[case[0] for case in BAD])
async def test_a_bad_file_is_quarantined_with_reason_line_and_byte(
    house: House, name: str, spoil: Callable[[bytes], bytes], why: str, at_line: int, offset: int
) -> None:
    whole = document("ACQ", 1, acquired(*NUMBERS[:3]))
    house.put(f"ACQ{CUSTOMER}{DAY:%Y%m%d}0001.txt", spoil(whole))
    (file,) = await house.fetch()
    assert file.state is FileState.QUARANTINED
    assert why in file.reason
    assert (file.error_line, file.error_offset) == (at_line, offset)
    assert await house.pool.fetchval("SELECT count(*) FROM settle_bank_return") == 0
    assert await house.pool.fetchval("SELECT count(*) FROM settle_bank_return_batch") == 0
    assert NUMBERS[0] not in file.reason


@pytest.mark.parametrize("chunk", [1, 2, 3])
async def test_killed_after_any_chunk_no_row_is_lost_or_doubled(house: House, chunk: int) -> None:
    house.answer("ACQ", 1, *acquired(*NUMBERS))
    await house.office.fetch(house.channel, who="operator")
    house.faults.plan = {"files.imported_chunk": chunk}
    await house.fate()
    (batch,) = await house.office.list_batches()
    assert batch.state is BatchState.IMPORTING
    assert await house.pool.fetchval("SELECT lines FROM file_import") == min(3 * chunk, 7)
    await house.restart()
    await house.run()
    rows = await house.pool.fetch("SELECT number FROM settle_bank_return ORDER BY place")
    assert [row["number"] for row in rows] == NUMBERS
    (batch,) = await house.office.list_batches()
    assert (batch.state, batch.unknown) == (BatchState.NOT_BALANCED, 7)


async def test_a_long_import_takes_turns(house: House) -> None:
    house.settings = FileSettings(lines_per_chunk=2, lines_per_change=1, changes_at_once=1, slice_s=-1.0)
    house.open()
    house.answer("ACQ", 1, *acquired(*NUMBERS[:4]))
    (file,) = await house.fetch()
    assert (await house.file(file.id)).state is FileState.DONE
    armed, importing, reconciling = 2, 2 + 1, 4 + 1
    assert await house.pool.fetchval("SELECT last_value FROM timer_fence") == armed + importing + reconciling
    assert await house.pool.fetchval("SELECT count(*) FROM settle_bank_return") == 4


async def sent(house: House) -> list[PayoutState]:
    agent = await house.agent("X", has=10_000_00)
    card = await house.card(agent)
    house.payouts = [await house.withdraw(agent, amount, card) for amount in (100_00, 200_00, 300_00)]
    await house.send()
    return await states(house)


async def states(house: House) -> list[PayoutState]:
    return [(await house.payout(each)).state for each in house.payouts]


def refusal(house: House, sequence: int = 1) -> None:
    house.put(f"ERR{CUSTOMER}{DAY:%Y%m%d}{sequence:04d}.txt", "totals do not agree 合计不符\r\n".encode("gb18030"))


async def test_a_refused_payment_file_fails_all_its_payouts(house: House) -> None:
    assert await sent(house) == [PayoutState.SENT] * 3
    refusal(house)
    (file,) = await house.fetch()
    assert (file.state, file.reason) == (FileState.DONE, "totals do not agree 合计不符")
    assert await states(house) == [PayoutState.FAILED] * 3
    assert await house.balance(house.transit) == 0
    (payment,) = await house.office.list_files(state=FileState.CHECKED)
    assert payment.reason == "totals do not agree 合计不符"
    assert await house.trial() == 0
    assert await house.fetch() == []


async def test_a_refusal_after_a_second_upload_of_unknown_fate_concludes_nothing(house: House) -> None:
    await sent(house)
    (payment,) = await house.office.list_files(state=FileState.SUBMITTED)
    await house.pool.execute("UPDATE file SET resent = true WHERE id = $1", payment.id)
    refusal(house)
    await house.fetch()
    assert await states(house) == [PayoutState.UNKNOWN] * 3
    assert await house.balance(house.transit) == -(600_00 + 3_00)
    numbers = [await house.number(each) for each in house.payouts]
    lines = [line(place, number, place * 100_00) for place, number in enumerate(numbers, 1)]
    house.answer("RET", 1, *lines)
    await house.fetch()
    assert await states(house) == [PayoutState.SUCCESS] * 3
    assert (await house.file(payment.id)).state is FileState.CHECKED


async def test_a_refusal_beside_an_answer_line_by_line_is_of_another_copy(house: House) -> None:
    await sent(house)
    numbers = [await house.number(each) for each in house.payouts]
    house.answer("RET", 1, line(1, numbers[0], 100_00))
    await house.fetch()
    assert await states(house) == [PayoutState.SUCCESS, PayoutState.UNKNOWN, PayoutState.UNKNOWN]
    refusal(house)
    (file,) = await house.fetch()
    assert file.state is FileState.DONE
    assert await states(house) == [PayoutState.SUCCESS, PayoutState.UNKNOWN, PayoutState.UNKNOWN]
    house.answer("RET", 2, line(1, numbers[1], 200_00), line(2, numbers[2], 300_00))
    await house.fetch()
    assert await states(house) == [PayoutState.SUCCESS] * 3
    assert await house.balance(house.suspense("diff")) == 0


async def test_a_card_that_a_refusal_quotes_is_not_kept_in_the_clear(house: House) -> None:
    await sent(house)
    house.put(f"ERR{CUSTOMER}{DAY:%Y%m%d}0001.txt", b"line 1: account 6222021234567890123 is closed\r\n")
    (file,) = await house.fetch()
    assert file.reason.startswith("line 1: account ")
    assert "6222021234567890123" not in file.reason
    found = await house.pool.fetchval("SELECT count(*) FROM journal_event WHERE why LIKE '%6222021234567890123%'")
    assert found == 0


async def test_a_day_without_a_line_is_done_and_says_what_is_missing(house: House) -> None:
    house.answer("ACQ", 1)
    (quiet,) = await house.fetch()
    assert quiet.state is FileState.DONE
    assert await house.office.list_batches(file=quiet.id) == []
    ours = await house.operation(NUMBERS[0], 100)
    house.clock.advance(timedelta(minutes=1))
    house.answer("ACQ", 2)
    (file,) = await house.fetch()
    batch = await house.batch_of(file)
    assert (batch.missing, batch.own_minor, batch.state) == (1, 100, BatchState.NOT_BALANCED)
    assert (await house.instruction(ours))["result"] == "missing_at_bank"
    assert (await house.file(file.id)).state is FileState.DONE
    house.answer("REJ", 1)
    (returns,) = await house.fetch()
    assert returns.state is FileState.DONE


async def test_a_unit_that_is_no_currency_is_quarantined_before_anything_is_posted(house: House) -> None:
    await sent(house)
    number = await house.number(house.payouts[0])
    content = document("RET", 1, [line(1, number, 100_00)])
    for sequence, unit in enumerate((b"XQZ", "元".encode("gb18030") + b"1"), 1):
        house.put(f"RET{CUSTOMER}{DAY:%Y%m%d}{sequence:04d}.txt", content.replace(b"CNYRET", unit + b"RET"))
    files = await house.fetch()
    assert {(file.state, file.reason) for file in files} == {
        (FileState.QUARANTINED, "the unit is no currency that we keep")
    }
    assert await states(house) == [PayoutState.SENT] * 3


async def test_a_file_of_countless_businesses_is_quarantined(house: House) -> None:
    numbers = [f"2026112200009{number:07d}" for number in range(101)]
    lines = [line(place, number, 5, business=f"B{place}") for place, number in enumerate(numbers, 1)]
    house.answer("REJ", 1, *lines)
    (file,) = await house.fetch()
    assert (file.state, file.reason) == (FileState.QUARANTINED, "more businesses than a file can hold")


async def test_a_refusal_of_a_file_that_is_not_ours_or_not_sent_is_quarantined(house: House) -> None:
    refusal(house, 9)
    (stranger,) = await house.fetch()
    assert stranger.state is FileState.QUARANTINED
    agent = await house.agent("X", has=1000_00)
    payout = await house.withdraw(agent, 100_00, await house.card(agent))
    await house.office.cut_off(house.channel, who="operator")
    house.faults.plan = {"files.generated": 1}
    await house.fate()
    refusal(house, 1)
    await house.office.fetch(house.channel, who="operator")
    await house.run()
    assert len(await house.office.list_files(state=FileState.QUARANTINED)) == 2
    assert (await house.payout(payout)).state is PayoutState.FROZEN


async def test_the_same_words_about_two_files_are_two_refusals(house: House) -> None:
    await sent(house)
    agent = await house.agent("Y", has=1000_00)
    other = await house.withdraw(agent, 100_00, await house.card(agent))
    await house.send()
    refusal(house, 1)
    refusal(house, 2)
    assert [file.state for file in await house.fetch()] == [FileState.DONE] * 2
    assert (await house.payout(other)).state is PayoutState.FAILED
    assert await house.balance(house.transit) == 0


async def test_an_answer_to_an_answered_file_decides_what_is_still_open(house: House) -> None:
    await sent(house)
    numbers = [await house.number(each) for each in house.payouts]
    house.answer("RET", 1, line(1, numbers[0], 100_00))
    await house.fetch()
    house.answer("RET", 2, line(1, numbers[1], 200_00), line(2, numbers[2], 300_00))
    house.clock.advance(timedelta(hours=1))
    await house.fetch()
    assert await states(house) == [PayoutState.SUCCESS] * 3


async def test_a_quarantined_file_is_released_or_put_aside_by_a_person(house: House) -> None:
    house.put(f"ACQ{CUSTOMER}{DAY:%Y%m%d}0001.txt", b"bad")
    (file,) = await house.fetch()
    released = await house.office.imports.release(file.id, who="operator")
    assert not isinstance(released, Refused)
    await house.run()
    assert (await house.file(file.id)).state is FileState.QUARANTINED
    aside = await house.office.imports.supersede(file.id, who="operator")
    assert not isinstance(aside, Refused)
    assert aside.state is FileState.SUPERSEDED
    assert isinstance(await house.office.imports.release(file.id, who="operator"), Refused)
    assert isinstance(await house.office.imports.supersede(file.id, who="operator"), Refused)


@pytest.mark.prove(part=1)
async def test_mutated_files_are_quarantined_or_end_as_differences(house: House, proof: Proof) -> None:
    count = proof.count(quick=40, full=1000)
    agent = await house.agent("X", has=10_000_00)
    payout = await house.withdraw(agent, 100_00, await house.card(agent))
    await house.send()
    number = await house.number(payout)
    chance = random.Random(20261122)
    whole = document("RET", 1, [line(1, number, 100_00), line(2, "9" * 20, 7_00, state="F")])
    for turn in range(count):
        day = DAY - timedelta(days=turn // 9000)
        house.put(f"RET{CUSTOMER}{day:%Y%m%d}{turn % 9000 + 1000:04d}.txt", mutated(whole, chance))
    await house.office.fetch(house.channel, who="operator")
    await house.run()
    files = [file for file in await house.office.list_files(limit=10_000) if file.direction == "in"]
    allowed = {FileState.DONE, FileState.QUARANTINED, FileState.DUPLICATE}
    assert {file.state for file in files} <= allowed
    assert all(file.reason for file in files if file.state is FileState.QUARANTINED)
    imported = await house.pool.fetchval("SELECT coalesce(sum(file_count), 0) FROM settle_bank_return_batch")
    assert imported == await house.pool.fetchval("SELECT count(*) FROM settle_bank_return WHERE posted")
    assert await house.pool.fetchval("SELECT count(*) FROM timer WHERE kind = 'files.import'") == 0
    assert await house.trial() == 0
    # The bank account moved by exactly what the valid lines say.
    moved = await house.pool.fetchval("SELECT coalesce(sum(bank_minor), 0) FROM settle_bank_return_batch")
    assert await house.balance(house.bank) == 10_000_00 + moved
    quarantined = sum(file.state is FileState.QUARANTINED for file in files)
    proof.figure(files=count, quarantined=quarantined)


def mutated(whole: bytes, chance: random.Random) -> bytes:
    content = bytearray(whole)
    for _ in range(chance.randint(1, 3)):
        place = chance.randrange(len(content))
        match chance.randrange(5):
            case 0:
                content[place] = chance.randrange(256)
            case 1:
                del content[place]
            case 2:
                content.insert(place, chance.randrange(256))
            case 3:
                del content[place:]
            case _:
                other = chance.randrange(len(content))
                content[place:place] = content[min(place, other) : max(place, other)]
        if not content:
            break
    return bytes(content)


async def test_the_same_details_in_another_order_say_the_same(house: House) -> None:
    """Each detail speaks for itself by its own number; the totals prove that all of them are there."""
    for number in NUMBERS:
        await house.operation(number, 5)
    lines = acquired(*NUMBERS)
    house.answer("ACQ", 1, *random.Random(7).sample(lines, len(lines)))
    (file,) = await house.fetch()
    batch = await house.batch_of(file)
    assert (batch.matched, batch.different, batch.state) == (len(NUMBERS), 0, BatchState.BALANCED)


async def test_a_detail_that_comes_twice_is_a_difference(house: House) -> None:
    await house.operation(NUMBERS[0], 5)
    house.answer("ACQ", 1, *acquired(NUMBERS[0], NUMBERS[0]))
    (file,) = await house.fetch()
    batch = await house.batch_of(file)
    assert (batch.matched, batch.duplicate, batch.state) == (1, 1, BatchState.NOT_BALANCED)
