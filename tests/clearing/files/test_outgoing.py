"""A payment file's line of steps: what is in it, what goes wrong, and where it goes on (rows C47, C52-C56, C68-C70)."""

from __future__ import annotations

import asyncio
import dataclasses
from datetime import timedelta

import pytest

from channels.filebank import FileBank
from connectors.ports import NotUploaded, Upload, UploadUnknown
from gateway.clearing.files import FileSettings, FileState
from gateway.clearing.files.register import MovedError
from gateway.payments.payout import PayoutState
from gateway.tasks import Timer
from tests.clearing.files.house import DAY, House, document, line


async def three(house: House) -> list[PayoutState]:
    agent = await house.agent("X", has=10_000_00)
    card = await house.card(agent)
    house.payouts = [await house.withdraw(agent, amount, card) for amount in (100_00, 200_00, 300_00)]
    return [(await house.payout(each)).state for each in house.payouts]


async def states(house: House) -> set[PayoutState]:
    return {(await house.payout(each)).state for each in house.payouts}


async def communications(house: House) -> set[str]:
    return {row["communication"] for row in await house.pool.fetch("SELECT communication FROM instruction")}


async def test_the_file_is_the_banks_own_form_byte_for_byte(house: House) -> None:
    await three(house)
    file = await house.send()
    assert file.name == f"PAYTILLGATE01{DAY:%Y%m%d}0001.txt"
    head, *details, tail = house.sent_lines(file)
    assert head == f"HTILLGATE01{DAY:%Y%m%d}000100000003{600_00:015d}CNY".ljust(188)
    assert tail == f"T00000003{600_00:015d}".ljust(188)
    first = details[0].encode("gb18030")
    assert len(first) == 188
    number = await house.number(house.payouts[0])
    assert first[:29] == f"D00000001{number}".encode()
    assert first[29:61].startswith(b"622202000")
    assert first[61:121].decode("gb18030").strip() == "张三"
    assert first[121:133] == b"102100099996"
    assert first[133:148] == b"%015d" % 100_00
    assert first[148:188].decode().split()[0] == "WITHDRAWAL"
    assert (file.count, file.amount_minor, file.size) == (3, 600_00, 190 * 5)
    assert file.path == f"store:/{file.content_id}"
    stored = [piece async for piece in house.office.archive.read(file.content_id)]
    assert b"".join(stored) == (house.folder / "in" / file.name).read_bytes()
    assert await house.states("file", file.id) == [
        "collecting",
        "generated",
        "archived",
        "uploading",
        "uploaded",
        "submitted",
    ]
    assert await communications(house) == {"sent"}


async def test_nothing_waits_nothing_is_made(house: House) -> None:
    assert await house.office.cut_off(house.channel, who="operator") == []
    with pytest.raises(LookupError):
        await house.office.cut_off(house.acquirer, who="operator")


async def test_cut_offs_at_once_put_each_instruction_into_one_file(house: House) -> None:
    await three(house)
    await asyncio.gather(*(house.office.cut_off(house.channel, who=f"operator:{n}") for n in range(4)))
    other = house.office
    house.open()
    await asyncio.gather(
        other.cut_off(house.channel, who="operator"), house.office.cut_off(house.channel, who="operator")
    )
    await house.run()
    files = await house.office.list_files()
    assert sum(file.count for file in files if file.state is FileState.SUBMITTED) == 3
    assert len({file.name for file in files}) == len(files)
    written = [one for file in files if file.count for one in house.sent_lines(file) if one.startswith("D")]
    assert len(written) == 3


async def test_more_than_one_file_holds_goes_into_the_next_sequence(house: House) -> None:
    house.settings = FileSettings(most_per_file=2, moves_per_change=2, posts_at_once=2)
    house.open()
    await three(house)
    await house.send()
    files = sorted(await house.office.list_files(), key=lambda file: file.sequence)
    assert [(file.sequence, file.count, file.state) for file in files] == [
        (1, 2, FileState.SUBMITTED),
        (2, 1, FileState.SUBMITTED),
    ]


async def test_a_file_that_was_emptied_is_abandoned(house: House) -> None:
    await three(house)
    (file,) = await house.office.cut_off(house.channel, who="operator")
    for payout in house.payouts:
        await house.withdrawals.cancel(payout, who="api:test")
    await house.run()
    assert (await house.file(file)).state is FileState.ABANDONED
    assert list((house.folder / "in").iterdir()) == []


async def test_one_name_too_long_fails_alone_and_gets_its_money_back(house: House) -> None:
    agent = await house.agent("X", has=1000_00)
    good, long = await house.card(agent), await house.card(agent, name="长" * 31, last="0001")
    paid, refused = await house.withdraw(agent, 100_00, good), await house.withdraw(agent, 200_00, long)
    file = await house.send()
    assert (file.count, file.amount_minor, file.state) == (1, 100_00, FileState.SUBMITTED)
    assert (await house.payout(paid)).state is PayoutState.SENT
    failed = await house.payout(refused)
    assert (failed.state, failed.reason) == (PayoutState.FAILED, "format")
    assert (await house.has(agent), await house.frozen(agent)) == (899_00, 0)
    assert await house.trial() == 0


async def test_without_an_active_template_nothing_moves_and_it_goes_on_when_there_is_one(house: House) -> None:
    await three(house)
    await house.pool.execute("UPDATE file_template SET state = 'retired' WHERE kind = 'pay'")
    file = await house.send()
    assert file.state is FileState.COLLECTING
    assert await states(house) == {PayoutState.FROZEN}
    await house.pool.execute("UPDATE file_template SET state = 'active' WHERE kind = 'pay'")
    house.clock.advance(timedelta(minutes=10))
    await house.run()
    assert (await house.file(file.id)).state is FileState.SUBMITTED


async def test_an_upload_that_did_not_happen_is_tried_again_and_posts_5b_once(house: House) -> None:
    await three(house)
    house.carrier.next_puts = [lambda: NotUploaded("connection refused")]
    file = await house.send()
    assert (file.state, file.reason) == (FileState.ARCHIVED, "connection refused")
    assert await states(house) == {PayoutState.SENT}
    house.clock.advance(timedelta(seconds=31))
    await house.run()
    file = await house.file(file.id)
    assert (file.state, file.tries, file.resent) == (FileState.SUBMITTED, 2, False)
    assert await house.balance(house.transit) == -(600_00 + 3_00)


async def test_an_upload_in_the_dark_that_arrived_is_found_and_not_sent_again(house: House) -> None:
    await three(house)
    (file,) = await house.office.cut_off(house.channel, who="operator")

    def arrives() -> Upload:
        name = house.carrier.puts[-1]
        size = 190 * 5
        (house.folder / "in" / name).write_bytes(b"x" * size)
        return UploadUnknown("cut after the rename was asked for")

    house.carrier.next_puts = [arrives]
    await house.run()
    now = await house.file(file)
    assert (now.state, now.tries) == (FileState.SUBMITTED, 1)
    assert len(house.carrier.puts) == 1


async def test_an_upload_in_the_dark_that_the_bank_has_answered_is_known_to_have_arrived(house: House) -> None:
    await three(house)
    (file,) = await house.office.cut_off(house.channel, who="operator")

    def taken_away() -> Upload:
        house.answer("RET", 1)
        return UploadUnknown("cut")

    house.carrier.next_puts = [taken_away]
    await house.run()
    assert (await house.file(file)).state is FileState.SUBMITTED


async def test_an_upload_in_the_dark_goes_again_only_after_two_looks_apart(house: House) -> None:
    await three(house)
    house.carrier.next_puts = [lambda: UploadUnknown("cut")]
    file = await house.send()
    assert (file.state, len(house.carrier.puts)) == (FileState.UPLOAD_UNKNOWN, 1)
    house.clock.advance(timedelta(seconds=20))
    await house.run()
    assert len(house.carrier.puts) == 1
    house.clock.advance(timedelta(seconds=11))
    await house.run()
    again = await house.file(file.id)
    assert (again.state, again.tries, again.resent) == (FileState.SUBMITTED, 2, True)
    assert house.carrier.puts == [file.name] * 2
    assert await house.balance(house.transit) == -(600_00 + 3_00)


async def test_another_file_under_our_name_is_put_before_a_person(house: House) -> None:
    await three(house)
    (file,) = await house.office.cut_off(house.channel, who="operator")
    (house.folder / "in" / f"PAYTILLGATE01{DAY:%Y%m%d}0001.txt").write_bytes(b"another")
    await house.run()
    now = await house.file(file)
    assert now.state is FileState.ARCHIVED
    assert "another file" in now.reason
    timer = await house.pool.fetchrow("SELECT * FROM timer WHERE subject = $1", file)
    assert timer is not None
    assert timer["last_error"] == "NameTakenError"


POINTS = ["files.generated", "files.uploading", "files.uploaded"]


@pytest.mark.parametrize("point", POINTS)
async def test_killed_at_a_point_the_file_arrives_once_after_a_restart(house: House, point: str) -> None:
    await three(house)
    (file,) = await house.office.cut_off(house.channel, who="operator")
    house.faults.plan = {point: 1}
    await house.fate()
    assert not house.faults.plan
    for _ in range(3):
        await house.restart()
        await house.run()
    now = await house.file(file)
    assert now.state is FileState.SUBMITTED
    assert len(list((house.folder / "in").iterdir())) == 1
    assert (house.folder / "in" / now.name).stat().st_size == now.size
    assert await states(house) == {PayoutState.SENT}
    assert await communications(house) == {"sent"}
    assert await house.balance(house.transit) == -(600_00 + 3_00)
    assert (await house.pool.fetchval("SELECT count(*) FROM ledger_transfer WHERE kind = 'withdrawal.sent'")) == 3


async def test_two_workers_on_one_file_send_it_once(house: House) -> None:
    await three(house)
    (file,) = await house.office.cut_off(house.channel, who="operator")
    offices = [house.office]
    for _ in range(2):
        house.open()
        offices.append(house.office)
    timer = Timer(kind="files.carry", subject=file, due_at=house.clock.now(), tries=1, fence=1)
    await asyncio.gather(*(office.outgoing.handle(timer) for office in offices), return_exceptions=True)
    for _ in range(3):
        house.clock.advance(timedelta(minutes=3))
        await house.run()
    now = await house.file(file)
    assert (now.state, now.count) == (FileState.SUBMITTED, 3)
    details = [one for one in house.sent_lines(now) if one.startswith("D")]
    assert len(details) == 3
    assert await states(house) == {PayoutState.SENT}
    assert await house.balance(house.transit) == -(600_00 + 3_00)


async def test_a_generator_that_comes_late_harms_nothing(house: House) -> None:
    await three(house)
    (file,) = await house.office.cut_off(house.channel, who="operator")
    stale = await house.file(file)
    house.faults.plan = {"files.generated": 1}
    await house.fate()
    await house.restart()
    with pytest.raises(MovedError):
        await house.office.outgoing._walk(stale)
    assert await house.pool.fetchval("SELECT count(DISTINCT content_id) FROM file_piece") == 1
    assert await house.pool.fetchval("SELECT count(*) FROM file_spool") == 0
    await house.run()
    assert (await house.file(file)).state is FileState.SUBMITTED


async def test_a_store_that_lost_a_piece_sends_nothing(house: House) -> None:
    await three(house)
    (file,) = await house.office.cut_off(house.channel, who="operator")
    house.faults.plan = {"files.generated": 1}
    await house.fate()
    await house.pool.execute("DELETE FROM file_piece WHERE content_id = $1", (await house.file(file)).content_id)
    await house.restart()
    await house.run()
    assert (await house.file(file)).state is FileState.GENERATED
    assert await states(house) == {PayoutState.FROZEN}
    assert house.carrier.puts == []


async def test_a_fast_bank_may_answer_before_we_have_finished_sending(house: House) -> None:
    await three(house)
    (file,) = await house.office.cut_off(house.channel, who="operator")
    house.faults.plan = {"files.uploaded": 1}
    await house.fate()
    numbers = [await house.number(each) for each in house.payouts]
    lines = [line(place, number, place * 100_00) for place, number in enumerate(numbers, 1)]
    house.put(f"RETTILLGATE01{DAY:%Y%m%d}0001.txt", document("RET", 1, lines))
    await house.office.fetch(house.channel, who="operator")
    await house.restart()
    await house.run()
    assert await states(house) == {PayoutState.SUCCESS}
    assert (await house.file(file)).state is FileState.CHECKED
    assert await house.balance(house.transit) == 0


async def test_cut_offs_come_by_themselves_at_their_times(house: House) -> None:
    await house.pool.execute(
        "UPDATE channel SET params = $2 WHERE id = $1",
        *(house.channel, {"customer": "TILLGATE01", "cut_offs": ["11:00", "16:30"], "fetch_every_s": 60}),
    )
    await house.office.schedule()
    await three(house)
    await house.run()
    assert await states(house) == {PayoutState.FROZEN}
    house.clock.advance(timedelta(hours=1))  # 11:00 in Shanghai
    await house.run()
    assert await states(house) == {PayoutState.SENT}
    due = await house.pool.fetchval("SELECT due_at FROM timer WHERE kind = 'clearing.cutoff'")
    assert due.hour * 60 + due.minute == 8 * 60 + 30
    house.answer("RET", 1)
    house.clock.advance(timedelta(seconds=61))
    await house.run()
    assert await states(house) == {PayoutState.UNKNOWN}


async def test_a_cut_off_missed_while_nobody_ran_is_made_up_for_after_the_start(house: House) -> None:
    await house.pool.execute(
        "UPDATE channel SET params = $2 WHERE id = $1",
        *(house.channel, {"customer": "TILLGATE01", "cut_offs": ["11:00"]}),
    )
    await house.office.schedule()
    await three(house)
    house.clock.advance(timedelta(hours=1, minutes=5))  # 11:05 in Shanghai: the process was down at eleven
    house.open()
    await house.office.schedule()
    await house.run()
    assert await states(house) == {PayoutState.SENT}
    due = await house.pool.fetchval("SELECT due_at FROM timer WHERE kind = 'clearing.cutoff'")
    assert (due.day, due.hour) == (DAY.day + 1, 3)


async def test_what_the_bank_has_answered_meanwhile_does_not_go_again(house: House) -> None:
    await three(house)
    house.carrier.next_puts = [lambda: UploadUnknown("cut"), lambda: NotUploaded("the bank is away")]
    file = await house.send()
    house.clock.advance(timedelta(seconds=31))
    await house.run()
    again = await house.file(file.id)
    assert (again.state, again.resent, len(house.carrier.puts)) == (FileState.ARCHIVED, True, 2)
    numbers = [await house.number(each) for each in house.payouts]
    house.answer("RET", 1, *(line(place, number, place * 100_00) for place, number in enumerate(numbers, 1)))
    await house.fetch()
    assert await states(house) == {PayoutState.SUCCESS}
    house.clock.advance(timedelta(seconds=31))
    await house.run()
    assert (await house.file(file.id)).state is FileState.ANSWERED
    assert len(house.carrier.puts) == 2


async def test_to_a_bank_that_would_pay_twice_an_unknown_upload_never_goes_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    able = FileBank({"customer": "TILLGATE01"}).capabilities
    monkeypatch.setattr(FileBank, "capabilities", dataclasses.replace(able, dedupes_by_number=False))
    await three(house)
    house.carrier.next_puts = [lambda: UploadUnknown("cut")]
    file = await house.send()
    for _ in range(3):
        house.clock.advance(timedelta(minutes=6))
        await house.run()
    assert (await house.file(file.id)).state is FileState.UPLOAD_UNKNOWN
    assert house.carrier.puts == [file.name]
