"""Refused messages: counted at the door, kept bounded, and seen by those whose terminals they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from gateway.app.desks.refused import RefusedService, keep_refused
from gateway.kernel.clock import ManualClock, SystemClock
from gateway.kernel.ids import UuidSevens
from gateway.kernel.randomness import SeededRandomness
from gateway.parties import PLATFORM, Scope
from gateway.parties import store as parties
from gateway.terminals import store
from gateway.terminals.samples import Refusal, Samples

BAD_FIELD = Refusal(
    why="n12, digit expected at 7",
    source="10.0.0.1",
    field=4,
    code="30",
    dialect="cups",
    terminal="10000001",
    mti="0200",
)
STRANGER = replace(BAD_FIELD, terminal="99999999")


class DeadError(OSError):
    """The books cannot be reached."""


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(SystemClock().now())


@pytest.fixture
def samples(clock: ManualClock) -> Samples:
    return Samples(clock=clock)


@pytest.fixture
def ids(clock: ManualClock) -> UuidSevens:
    return UuidSevens(clock, SeededRandomness(7))


@pytest.fixture
async def merchant(pool: Any) -> UUID:
    """A merchant with terminal 10000001."""
    merchant, path = UUID(int=7), f"/{PLATFORM.hex}/{UUID(int=7).hex}/"
    await pool.execute(
        "INSERT INTO party (id, kind, parent_id, code, name, path, created_at)"
        " VALUES ($1, 'merchant', $2, 'M1', 'shop', $3, now())",
        *(merchant, PLATFORM, path),
    )
    await pool.execute(
        "INSERT INTO merchant (id, number, state, created_at) VALUES ($1, '104110070110814', 'open', now())", merchant
    )
    await pool.execute(
        "INSERT INTO terminal (id, number, merchant_id, dialect, created_at)"
        " VALUES ($1, '10000001', $2, 'cups', now())",
        *(UUID(int=8), merchant),
    )
    return merchant


async def scope(pool: Any, party: UUID) -> Scope:
    found = await parties.scope_of(pool, party)
    assert found is not None
    return found


async def listed(pool: Any, sees: Scope, **which: Any) -> Sequence[store.RefusedMessage]:
    filters = {"terminal": "", "code": "", "since": None, "limit": 50, **which}
    return await RefusedService(pool=pool).list(sees, **filters)


async def test_what_is_refused_alike_is_one_line(
    pool: Any, merchant: UUID, samples: Samples, ids: UuidSevens, clock: ManualClock
) -> None:
    platform = await scope(pool, PLATFORM)
    for round_ in range(3):
        samples.count(b"\x02\x006222", BAD_FIELD, offset=30)
        samples.count(b"\x02\x00", STRANGER)
        clock.advance(timedelta(seconds=1))
        if round_ != 1:
            await keep_refused(pool, samples, ids)
    await keep_refused(pool, samples, ids)

    known, stranger = sorted(await listed(pool, platform), key=lambda line: line.terminal, reverse=True)
    assert (known.terminal, known.count, known.why) == ("10000001", 3, "n12, digit expected at 7")
    assert (known.offset, known.size, known.shape) == (30, 6, "#0nnnn")
    assert known.last_at - known.first_at == timedelta(seconds=2)
    assert (stranger.terminal, stranger.count) == ("", 3)
    assert "99999999" not in str(await pool.fetch("SELECT * FROM refused_message"))


async def test_each_sees_only_those_of_their_terminals(
    pool: Any, merchant: UUID, samples: Samples, ids: UuidSevens
) -> None:
    samples.count(b"x", BAD_FIELD)
    samples.count(b"x", STRANGER)
    await keep_refused(pool, samples, ids)
    own = await scope(pool, merchant)
    other = Scope(path=f"/{PLATFORM.hex}/{UUID(int=99).hex}/")
    assert [line.terminal for line in await listed(pool, own)] == ["10000001"]
    assert await listed(pool, other) == []


@pytest.mark.parametrize(
    ("which", "count"), [({"terminal": "10000001"}, 1), ({"code": "30"}, 2), ({"code": "A0"}, 0), ({"limit": 1}, 1)]
)
async def test_filters(
    pool: Any, merchant: UUID, samples: Samples, ids: UuidSevens, which: dict[str, Any], count: int
) -> None:
    samples.count(b"x", BAD_FIELD)
    samples.count(b"x", STRANGER)
    await keep_refused(pool, samples, ids)
    assert len(await listed(pool, await scope(pool, PLATFORM), **which)) == count


async def test_only_the_newest_are_kept(pool: Any, samples: Samples, ids: UuidSevens, clock: ManualClock) -> None:
    for number in range(5):
        samples.count(b"x", replace(STRANGER, source=f"10.0.0.{number}"))
        clock.advance(timedelta(seconds=1))
    await store.keep(pool, samples.taken(), ids=ids, most=2)
    left = await listed(pool, await scope(pool, PLATFORM))
    assert [line.source for line in left] == ["10.0.0.4", "10.0.0.3"]


async def test_counts_survive_books_that_cannot_be_reached(pool: Any, samples: Samples, ids: UuidSevens) -> None:
    class Dead:
        async def execute(self, *_: Any) -> None:
            raise DeadError

    samples.count(b"x", STRANGER)
    with pytest.raises(DeadError):
        await keep_refused(Dead(), samples, ids)  # type: ignore[arg-type]
    samples.count(b"x", STRANGER)
    await keep_refused(pool, samples, ids)
    (line,) = await listed(pool, await scope(pool, PLATFORM))
    assert line.count == 2


def test_what_is_counted_is_bounded(clock: ManualClock) -> None:
    samples = Samples(clock=clock, most_kinds=3)
    for number in range(10):
        samples.count(b"x", replace(STRANGER, source=f"10.0.0.{number}"))
    counted = samples.taken()
    assert len(counted) == 4
    assert sum(each.count for each in counted) == 10
    assert samples.taken() == []
