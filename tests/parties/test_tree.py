from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from gateway.kernel.ids import Ids
from gateway.parties import PLATFORM, Kind, Party, Scope
from gateway.parties.model import PARENTS
from gateway.parties.store import bank_card, parties_in, party, party_by_code, party_in, scope_of

Plant = Callable[..., Awaitable[Party]]


async def test_the_platform_is_there_from_the_start(pool: asyncpg.Pool[Any]) -> None:
    platform = await party(pool, PLATFORM)
    assert platform is not None
    assert (platform.kind, platform.parent_id, platform.path) == (Kind.PLATFORM, None, f"/{PLATFORM.hex}/")
    assert await party_by_code(pool, Kind.PLATFORM, "platform") == platform


async def test_a_scope_is_a_party_and_everything_under_it(pool: asyncpg.Pool[Any], plant: Plant) -> None:
    agent = await plant(Kind.AGENT, "a1")
    under = await plant(Kind.AGENT, "a1-1", agent.id)
    merchant = await plant(Kind.MERCHANT, "m1", under.id)
    sibling = await plant(Kind.AGENT, "a2")

    assert merchant.path == f"/{PLATFORM.hex}/{agent.id.hex}/{under.id.hex}/{merchant.id.hex}/"
    assert {found.code for found in await parties_in(pool, agent.scope)} == {"a1", "a1-1", "m1"}
    assert {found.code for found in await parties_in(pool, agent.scope, kind=Kind.MERCHANT)} == {"m1"}
    assert {found.code for found in await parties_in(pool, sibling.scope)} == {"a2"}
    assert await party_in(pool, under.scope, merchant.id) == merchant
    assert await party_in(pool, sibling.scope, merchant.id) is None
    assert await party_in(pool, under.scope, agent.id) is None
    assert under.scope.covers(merchant.path)
    assert not under.scope.covers(agent.path)
    assert await scope_of(pool, under.id) == under.scope


async def test_lists_come_in_pages(pool: asyncpg.Pool[Any], plant: Plant) -> None:
    planted = [await plant(Kind.AGENT, f"a{n}") for n in range(5)]
    scope = await scope_of(pool, PLATFORM)
    assert scope is not None
    first = await parties_in(pool, scope, kind=Kind.AGENT, limit=3)
    rest = await parties_in(pool, scope, kind=Kind.AGENT, after=first[-1].id, limit=3)
    assert [*first, *rest] == planted


@pytest.mark.parametrize("path", ["", "/", "//", "%", "/%/", "/_/", "abc/", "/abc", "/a b/"])
def test_what_is_no_path_is_no_scope(path: str) -> None:
    with pytest.raises(ValueError, match="a scope is the path of a party"):
        Scope(path)


@pytest.mark.parametrize(
    "change",
    ["parent_id = $2", "path = '/'", "id = $2", "kind = 'shop'"],
)
async def test_a_party_stays_where_it_is(pool: asyncpg.Pool[Any], plant: Plant, change: str, ids: Ids) -> None:
    merchant = await plant(Kind.MERCHANT, "m1")
    other = await plant(Kind.AGENT, "a1") if "parent" in change else None
    arguments = [other.id if other else ids.new()] if "$2" in change else []
    with pytest.raises(asyncpg.RestrictViolationError, match="stays where it is"):
        await pool.execute(f"UPDATE party SET {change} WHERE id = $1", merchant.id, *arguments)


async def test_there_is_one_platform_and_one_party_of_a_code(pool: asyncpg.Pool[Any], plant: Plant, ids: Ids) -> None:
    await plant(Kind.AGENT, "same")
    await plant(Kind.MERCHANT, "same")
    insert = (
        "INSERT INTO party (id, kind, code, name, parent_id, path, created_at) VALUES ($1, $2, $3, 'x', $4, '', now())"
    )
    with pytest.raises(asyncpg.UniqueViolationError):
        await pool.execute(insert, ids.new(), "agent", "same", PLATFORM)
    with pytest.raises(asyncpg.UniqueViolationError):
        await pool.execute(insert, ids.new(), "platform", "second", None)
    with pytest.raises(asyncpg.CheckViolationError):
        await pool.execute(insert, ids.new(), "agent", "rootless", None)


async def test_a_card_is_seen_only_in_its_owners_scope(pool: asyncpg.Pool[Any], plant: Plant, ids: Ids) -> None:
    owner, other, card = await plant(Kind.MERCHANT, "m1"), await plant(Kind.MERCHANT, "m2"), ids.new()
    await pool.execute(
        "INSERT INTO bank_card (id, party_id, number, account_sealed, fingerprint, fingerprint_version, mask,"
        " name_sealed, bank, bound_at) VALUES ($1, $2, 1, '\\x01', '\\x02', 1, '6222***', '\\x03', 'ICBC', now())",
        *(card, owner.id),
    )
    found = await bank_card(pool, owner.scope, card)
    assert found is not None
    assert "x01" not in repr(found)
    assert await bank_card(pool, other.scope, card) is None


def test_every_kind_has_its_parents() -> None:
    assert set(PARENTS) == set(Kind)
    assert [kind for kind, parents in PARENTS.items() if not parents] == [Kind.PLATFORM]


async def test_nobody_is_nobody(pool: asyncpg.Pool[Any]) -> None:
    assert await party(pool, UUID(int=1)) is None
    assert await scope_of(pool, UUID(int=1)) is None
    assert await party_by_code(pool, Kind.AGENT, "none") is None
