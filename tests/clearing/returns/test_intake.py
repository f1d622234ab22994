"""Files in: once by name and digest, by hand or by front, refused with the reason (rows C62-C70, C73-C75, C95)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import date, timedelta

import pytest

from connectors.ports import CarrierError, Fetched
from gateway.clearing.files import FileSettings, FileState
from gateway.clearing.returns import Accepted
from gateway.journal import Refused
from gateway.kernel.reasons import Reason
from tests.clearing.files.house import CUSTOMER, DAY, House, document, line

NUMBER = "20261122000000000001"
NAME = f"ACQ{CUSTOMER}{DAY:%Y%m%d}0001.txt"


def acquired(amount: int = 5, *, number: str = NUMBER) -> bytes:
    return document("ACQ", 1, [line(1, number, amount, business="ACQUIRING", kind="P")])


async def accept(house: House, name: str, content: bytes) -> Accepted | Refused:
    return await house.office.accept_file(house.channel, name=name, content=content, who="operator:3")


async def rows(house: House) -> int:
    return int(await house.pool.fetchval("SELECT count(*) FROM settle_bank_return"))


async def test_a_file_by_hand_is_stored_and_imported_by_itself(house: House) -> None:
    taken = await accept(house, NAME, acquired())
    assert isinstance(taken, Accepted)
    file = await house.file(taken.file)
    assert (file.state, file.made_by, file.size, file.path) == (
        FileState.ARCHIVED,
        "operator:3",
        len(acquired()),
        f"store:/{file.id}",
    )
    await house.run()
    assert await house.states("file", file.id) == ["fetching", "archived", "parsed", "imported", "done"]
    assert await rows(house) == 1


@pytest.mark.parametrize(
    ("name", "why"),
    [
        (f"ACQOTHERCUST1{DAY:%Y%m%d}0001.txt", "not one of this channel's files"),
        ("notes.txt", "not one of this channel's files"),
        (f"ACQ{CUSTOMER}202602300001.txt", "not one of this channel's files"),
        (f"ACQ{CUSTOMER}202611240001.txt", "still to come"),
        (f"ACQ{CUSTOMER}202610210001.txt", "more than 31 days ago"),
    ],
)
async def test_a_wrong_channel_or_date_is_refused_with_the_reason(house: House, name: str, why: str) -> None:
    refused = await accept(house, name, acquired())
    assert isinstance(refused, Refused)
    assert (refused.reason, why in refused.detail) == (Reason.FORMAT, True)
    assert await house.pool.fetchval("SELECT count(*) FROM file") == 0
    assert await house.pool.fetchval("SELECT count(*) FROM file_piece") == 0


async def test_a_repeated_file_is_refused_and_leaves_nothing(house: House) -> None:
    await accept(house, NAME, acquired())
    refused = await accept(house, NAME, acquired())
    assert isinstance(refused, Refused)
    assert refused.reason is Reason.REFERENCE_REUSED
    assert await house.pool.fetchval("SELECT count(*) FROM file") == 1
    assert await house.pool.fetchval("SELECT count(DISTINCT content_id) FROM file_piece") == 1


async def test_the_same_name_with_other_content_is_kept_in_quarantine(house: House) -> None:
    await accept(house, NAME, acquired(5))
    for why in ("other content", "received before"):
        refused = await accept(house, NAME, acquired(6))
        assert isinstance(refused, Refused)
        assert why in refused.detail
    await house.run()
    (kept,) = await house.office.list_files(state=FileState.QUARANTINED)
    assert b"".join([piece async for piece in house.office.archive.read(kept.id)]) == acquired(6)
    assert await rows(house) == 1


async def test_the_same_content_under_another_name_is_a_recorded_duplicate(house: House) -> None:
    first = await accept(house, NAME, acquired())
    await accept(house, NAME.replace("0001.txt", "0002.txt"), acquired())
    await house.run()
    (twin,) = await house.office.list_files(state=FileState.DUPLICATE)
    assert isinstance(first, Accepted)
    assert twin.duplicate_of == first.file
    assert await house.pool.fetchval("SELECT count(*) FROM file_piece WHERE content_id = $1", twin.id) == 0
    assert await rows(house) == 1


async def test_handed_in_and_fetched_at_once_it_is_taken_in_once(house: House) -> None:
    house.put(NAME, acquired())
    await asyncio.gather(
        house.office.fetch(house.channel, who="operator"),
        *(accept(house, NAME, acquired()) for _ in range(3)),
    )
    await house.run()
    assert await rows(house) == 1
    assert [file.state for file in await house.office.list_files()] == [FileState.DONE]
    assert await house.pool.fetchval("SELECT count(*) FROM file_spool") == 0


async def test_a_file_that_was_fetched_is_not_asked_for_again(house: House) -> None:
    house.put(NAME, acquired())
    house.put("readme.md", b"not ours")
    first = await house.office.fetch(house.channel, who="operator")
    second = await house.office.fetch(house.channel, who="operator")
    assert (first.listed, first.foreign, len(first.archived)) == (2, 1, 1)
    assert (second.listed, second.known, second.archived) == (2, 1, [])
    assert house.carrier.gets == [NAME]


async def test_the_bank_writing_over_a_file_is_noticed(house: House) -> None:
    house.put(NAME, acquired(5))
    await house.fetch()
    house.put(NAME, acquired(6, number="20261122000000000002") + b"")
    (other,) = await house.fetch()
    assert other.state is FileState.QUARANTINED
    assert await house.fetch() == []
    assert await rows(house) == 1


async def test_one_bad_file_stops_none_of_its_tick(house: House) -> None:
    names = [f"ACQ{CUSTOMER}{DAY:%Y%m%d}{sequence:04d}.txt" for sequence in (1, 2, 3)]
    house.put(names[0], acquired(1))
    house.put(names[1], b"H garbage\r\n")
    house.put(names[2], acquired(3, number="20261122000000000003"))
    states = {file.name: file.state for file in await house.fetch()}
    assert states == {names[0]: FileState.DONE, names[1]: FileState.QUARANTINED, names[2]: FileState.DONE}


async def test_a_file_that_breaks_off_is_fetched_the_next_time_and_the_others_go_on(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = NAME.replace("0001.txt", "0002.txt")
    house.put(NAME, acquired())
    house.put(other, acquired(7, number="20261122000000000007"))
    inner = house.carrier.inner.get

    async def breaks(folder: str, name: str, sink: Callable[[bytes], object]) -> Fetched:
        if name == NAME:
            raise CarrierError("the connection was lost")
        return await inner(folder, name, sink)

    monkeypatch.setattr(house.carrier.inner, "get", breaks)
    report = await house.office.fetch(house.channel, who="operator")
    assert report.failed == {NAME: "the connection was lost"}
    assert len(report.archived) == 1
    monkeypatch.undo()
    assert len((await house.office.fetch(house.channel, who="operator")).archived) == 1
    assert await house.pool.fetchval("SELECT count(*) FROM file_spool") == 0


async def test_a_folder_that_cannot_be_listed_says_so(house: House) -> None:
    (house.folder / "out").rmdir()
    with pytest.raises(CarrierError):
        await house.office.fetch(house.channel, who="operator")


async def test_fetching_goes_on_however_long_the_bank_is_away(house: House) -> None:
    await house.pool.execute(
        "UPDATE channel SET params = $2 WHERE id = $1",
        *(house.channel, {"customer": CUSTOMER, "fetch_every_s": 60}),
    )
    await house.office.schedule()
    (house.folder / "out").rmdir()
    for _ in range(25):
        await house.run()
        house.clock.advance(timedelta(minutes=6))
    (house.folder / "out").mkdir()
    house.put(NAME, acquired())
    await house.pool.execute("UPDATE channel SET state = 'off' WHERE id = $1", house.channel)
    for _ in range(25):
        await house.run()
        house.clock.advance(timedelta(minutes=6))
    assert await rows(house) == 0
    await house.pool.execute("UPDATE channel SET state = 'on' WHERE id = $1", house.channel)
    await house.run()
    assert await rows(house) == 1


async def test_a_name_in_foreign_digits_stops_nothing(house: House) -> None:
    strange = NAME.replace(f"{DAY:%Y%m%d}", "".join(chr(0xFF10 + int(digit)) for digit in f"{DAY:%Y%m%d}"))
    house.put(strange, acquired())
    house.put(NAME, acquired())
    assert [file.name for file in await house.fetch()] == [NAME]


async def test_a_file_too_large_is_recorded_without_its_content(house: House) -> None:
    house.settings = FileSettings(file_most_bytes=300, piece_bytes=64)
    house.open()
    house.put(NAME, acquired())
    (file,) = await house.fetch()
    assert (file.state, file.size) == (FileState.QUARANTINED, len(acquired()))
    assert await house.pool.fetchval("SELECT count(*) FROM file_piece") == 0
    assert await house.fetch() == []
    refused = await accept(house, NAME.replace("0001.txt", "0002.txt"), acquired())
    assert isinstance(refused, Refused)
    assert "larger than 300 bytes" in refused.detail
    assert await house.pool.fetchval("SELECT count(*) FROM file_spool") == 0


async def test_pieces_of_a_reception_that_was_killed_are_swept(house: House) -> None:
    writing = await house.office.intake.open_spool()
    await writing.write(b"x" * 100)
    await writing.close()
    house.clock.advance(timedelta(hours=7))
    await house.office.fetch(house.channel, who="operator")
    assert await house.pool.fetchval("SELECT count(*) FROM file_piece") == 0
    assert await house.pool.fetchval("SELECT count(*) FROM file_spool") == 0


async def test_killed_after_archiving_the_file_is_imported_after_a_restart(house: House) -> None:
    house.put(NAME, acquired())
    house.faults.plan = {"files.archived": 1}
    with pytest.raises(BaseException, match=r"files\.archived"):
        await house.office.fetch(house.channel, who="operator")
    await house.restart()
    assert await house.fetch() == []
    assert await rows(house) == 1
    house.clock.advance(timedelta(hours=7))
    await house.office.fetch(house.channel, who="operator")
    (file,) = await house.office.list_files()
    assert file.state is FileState.DONE
    assert b"".join([piece async for piece in house.office.archive.read(file.id)]) == acquired()


async def test_the_day_before_is_taken_too(house: House) -> None:
    name = f"ACQ{CUSTOMER}{date(2026, 11, 21):%Y%m%d}0001.txt"
    content = document("ACQ", 1, [line(1, NUMBER, 5, business="ACQUIRING", kind="P")], day=date(2026, 11, 21))
    assert isinstance(await accept(house, name, content), Accepted)
