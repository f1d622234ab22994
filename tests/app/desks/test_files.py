"""Lists of files and batches page by page: what is filtered is counted after the filter."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from gateway.api.ports import BatchFilter, FileFilter, Page
from gateway.app.desks.files import FileService
from tests.clearing.files.house import DAY, House, line

BEFORE = DAY - timedelta(days=1)


@pytest.fixture
def desk(house: House) -> FileService:
    return FileService(pool=house.pool, office=house.office, journal=house.journal, ids=house.ids)


async def three_days(house: House) -> None:
    """Two files of the day before, then three of the day, each with two businesses."""
    for sequence, day in enumerate((BEFORE, BEFORE, DAY, DAY, DAY), 1):
        lines = [
            line(1, f"2026112200003{sequence:07d}", 5, business="ACQUIRING", kind="P"),
            line(2, f"2026112200004{sequence:07d}", 6),
        ]
        house.answer("REJ", sequence, *lines, day=day)
        await house.fetch()


async def test_every_file_of_a_day_is_on_some_page(house: House, desk: FileService) -> None:
    await three_days(house)
    for day, count in ((BEFORE, 2), (DAY, 3), (date(2026, 1, 1), 0)):
        seen, page = [], Page(limit=1)
        while True:
            part = await desk.files(page, FileFilter(day=day))
            assert len(part.items) <= 1
            seen += [file.day for file in part.items]
            if not part.more:
                break
            assert part.items, "a page that has a next one is not empty"
            page = Page(limit=1, after=part.items[-1].id)
        assert seen == [day] * count


async def test_every_batch_of_a_day_and_business_is_on_some_page(house: House, desk: FileService) -> None:
    await three_days(house)
    which = BatchFilter(day=BEFORE, business="withdrawal")
    first = await desk.batches(Page(limit=1), which)
    second = await desk.batches(Page(limit=1, after=first.items[-1].id), which)
    assert (first.more, second.more) == (True, False)
    assert {(batch.day, batch.business) for part in (first, second) for batch in part.items} == {(BEFORE, "withdrawal")}
    assert first.items[0].id != second.items[0].id


async def test_a_state_that_is_none_finds_nothing(house: House, desk: FileService) -> None:
    await three_days(house)
    assert (await desk.files(Page(limit=5), FileFilter(state="nonsense"))).items == []
    assert (await desk.batches(Page(limit=5), BatchFilter(state="nonsense"))).items == []
