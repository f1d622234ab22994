"""Partitions: made ahead, mended where they were missing, archived and still seen by whoever proves the books."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg
import pytest

from gateway.kernel.postgres.partitions import (
    STEP,
    Upkeep,
    archive_partition,
    ensure_partitions,
    lowest_id,
    month_after,
    month_of,
    month_span,
    ranged_tables,
    see_everything,
    spans_of,
    upkeep,
)

JUNE = datetime(2031, 6, 15, 12, 0, tzinfo=UTC)
CREATE = """
CREATE TABLE parcel (id uuid PRIMARY KEY, place integer NOT NULL CHECK (place > 0)) PARTITION BY RANGE (id);
CREATE TABLE parcel_default PARTITION OF parcel DEFAULT;
CREATE UNIQUE INDEX parcel_default_place ON parcel_default (place);
CREATE TRIGGER parcel_once BEFORE UPDATE OR DELETE ON parcel_default
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();
CREATE TABLE round (seq bigint PRIMARY KEY) PARTITION BY RANGE (seq);
CREATE TABLE round_default PARTITION OF round DEFAULT;
"""

Pool: TypeAlias = "asyncpg.Pool[Any]"


def made_in(month: int, *, year: int = 2031, tail: int = 1) -> UUID:
    return UUID(int=lowest_id(datetime(year, month, 3, tzinfo=UTC)).int | tail)


@pytest.fixture
async def parcels(pool: Pool) -> Pool:
    await pool.execute(CREATE)
    return pool


async def ensure(pool: Pool, now: datetime = JUNE) -> list[str]:
    async with pool.acquire() as connection:
        made = await ensure_partitions(connection, now=now)
    return [name for name in made if name.startswith(("parcel", "round"))]


async def state(pool: Pool, table: str, now: datetime = JUNE) -> Upkeep:
    async with pool.acquire() as connection:
        return next(found for found in await upkeep(connection, now=now) if found.table == table)


async def place_of(pool: Pool, id_: UUID) -> str:
    return str(await pool.fetchval("SELECT tableoid::regclass::text FROM parcel WHERE id = $1", id_))


@pytest.mark.parametrize(
    ("month", "by", "after"),
    [
        ((2026, 11), 1, (2026, 12)),
        ((2026, 12), 1, (2027, 1)),
        ((2026, 1), -1, (2025, 12)),
        ((2026, 11), 14, (2028, 1)),
        ((2026, 3), -60, (2021, 3)),
    ],
)
def test_months_follow_one_another(month: tuple[int, int], by: int, after: tuple[int, int]) -> None:
    assert month_after(datetime(*month, 1, tzinfo=UTC), by) == datetime(*after, 1, tzinfo=UTC)


def test_a_month_takes_just_the_ids_that_were_made_in_it() -> None:
    span = month_span("t", datetime(2026, 11, 1, tzinfo=UTC))
    first, last = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 30, 23, 59, 59, 999000, UTC)
    assert str(lowest_id(first)) == span.low
    assert span.low < str(UUID(int=lowest_id(last).int | (1 << 80) - 1)) < span.high
    assert month_of(lowest_id(last)) == first


async def test_months_and_steps_are_made_ahead_once(parcels: Pool) -> None:
    made = await ensure(parcels)
    assert made == [
        *("parcel_2031_05", "parcel_2031_06", "parcel_2031_07", "parcel_2031_08"),
        *("round_from_0", f"round_from_{STEP}", f"round_from_{2 * STEP}"),
    ]
    assert await ensure(parcels) == []
    assert await ensure(parcels, datetime(2031, 7, 1, tzinfo=UTC)) == ["parcel_2031_09"]
    assert await state(parcels, "parcel") == Upkeep(table="parcel", ahead=3, caught=False)
    assert await state(parcels, "round") == Upkeep(table="round", ahead=2, caught=False)


async def test_steps_are_made_as_numbers_come(parcels: Pool) -> None:
    await ensure(parcels)
    await parcels.execute("INSERT INTO round VALUES (1)")
    assert await ensure(parcels) == []
    await parcels.execute("INSERT INTO round VALUES ($1)", STEP)
    assert await state(parcels, "round") == Upkeep(table="round", ahead=1, caught=False)
    assert await ensure(parcels) == [f"round_from_{3 * STEP}"]


async def test_a_month_is_like_the_default_partition(parcels: Pool) -> None:
    await ensure(parcels)
    await parcels.execute("INSERT INTO parcel VALUES ($1, 1)", made_in(6))
    assert await place_of(parcels, made_in(6)) == "part.parcel_2031_06"
    with pytest.raises(asyncpg.UniqueViolationError):
        await parcels.execute("INSERT INTO parcel VALUES ($1, 1)", made_in(6, tail=2))
    with pytest.raises(asyncpg.CheckViolationError):
        await parcels.execute("INSERT INTO parcel VALUES ($1, 0)", made_in(6, tail=2))
    with pytest.raises(asyncpg.RestrictViolationError, match="parcel_2031_06 is written once"):
        await parcels.execute("DELETE FROM part.parcel_2031_06")


async def test_what_the_default_partition_caught_goes_where_it_belongs(parcels: Pool) -> None:
    ids = [made_in(month) for month in (6, 7, 8)]
    for place, id_ in enumerate(ids, 1):
        await parcels.execute("INSERT INTO parcel VALUES ($1, $2)", id_, place)
    await parcels.execute("INSERT INTO round VALUES ($1)", 2 * STEP + 1)
    assert (await state(parcels, "parcel")).caught
    made = await ensure(parcels, datetime(2031, 7, 20, tzinfo=UTC))
    assert made[-1] == f"round_from_{4 * STEP}"
    assert [await place_of(parcels, id_) for id_ in ids] == [f"part.parcel_2031_0{month}" for month in (6, 7, 8)]
    assert not (await state(parcels, "parcel")).caught
    assert not (await state(parcels, "round")).caught
    with pytest.raises(asyncpg.RestrictViolationError):
        await parcels.execute("DELETE FROM parcel_default")


async def test_an_id_from_nowhere_stays_caught_and_is_told(parcels: Pool) -> None:
    await ensure(parcels)
    for place, id_ in enumerate((UUID(int=9), made_in(1, year=2090)), 1):
        await parcels.execute("INSERT INTO parcel VALUES ($1, $2)", id_, place)
        assert await place_of(parcels, id_) == "parcel_default"
    assert await ensure(parcels) == []
    assert await state(parcels, "parcel") == Upkeep(table="parcel", ahead=2, caught=True)
    # It does not keep the months from being made.
    assert await ensure(parcels, datetime(2031, 7, 1, tzinfo=UTC)) == ["parcel_2031_09"]


async def test_several_may_make_them_at_once(parcels: Pool) -> None:
    await parcels.execute("INSERT INTO parcel VALUES ($1, 1)", made_in(6))
    made = await asyncio.gather(*(ensure(parcels) for _ in range(4)))
    assert sorted(name for names in made for name in names) == sorted(await ensure_names(parcels))
    assert await place_of(parcels, made_in(6)) == "part.parcel_2031_06"


async def ensure_names(pool: Pool) -> list[str]:
    async with pool.acquire() as connection:
        return [span.name for table in ("parcel", "round") for span in await spans_of(connection, table)]


async def test_what_is_archived_is_still_seen_whole(parcels: Pool) -> None:
    await ensure(parcels)
    for month in (5, 6, 7):
        await parcels.execute("INSERT INTO parcel VALUES ($1, $2)", made_in(month), month)
    async with parcels.acquire() as connection:
        for month in (5, 6):
            async with connection.transaction():
                await archive_partition(
                    connection, "parcel", month_span("parcel", datetime(2031, month, 1, tzinfo=UTC))
                )
        assert await connection.fetchval("SELECT count(*) FROM parcel") == 1
        assert await connection.fetchval("SELECT count(*) FROM archive.parcel_2031_05") == 1
        async with connection.transaction():
            await see_everything(connection)
            assert await connection.fetchval("SELECT sum(place) FROM parcel") == 18
        assert await connection.fetchval("SELECT count(*) FROM parcel") == 1
    with pytest.raises(asyncpg.RestrictViolationError):
        await parcels.execute("DELETE FROM archive.parcel_2031_05")
    # An id of an archived month is caught, and its month is not made anew beside the archived one.
    await parcels.execute("INSERT INTO parcel VALUES ($1, 99)", made_in(5, tail=9))
    assert await ensure(parcels, datetime(2031, 6, 20, tzinfo=UTC)) == []


async def test_the_books_own_tables_are_kept_in_partitions(pool: Pool) -> None:
    async with pool.acquire() as connection:
        tables = {table.name: (table.key, table.is_monthly) for table in await ranged_tables(connection)}
        assert tables["ledger_entry"] == ("transfer_id", True)
        assert tables["ledger_transfer"] == ("id", True)
        assert tables["journal_event"] == tables["journal_batch"] == ("seq", False)
        assert all(found.ahead >= 2 and not found.caught for found in await upkeep(connection, now=datetime.now(UTC)))
