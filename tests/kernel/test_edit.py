from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from gateway.kernel.ids import Ids
from gateway.kernel.postgres.edit import (
    Add,
    Alter,
    Edit,
    Editable,
    Edited,
    EditRefused,
    Nonce,
    Remove,
    Repeated,
    apply_edit,
    earlier_edit,
    edited_subject,
    forget_nonces,
)
from gateway.kernel.reasons import Reason

NOW = datetime(2026, 11, 22, tzinfo=UTC)
CUP = Editable(
    name="cup",
    columns={"id": "uuid", "name": "text", "pin": "text", "sealed": "bytea", "version": "integer"},
    hidden=frozenset({"pin"}),
)


@pytest.fixture
async def cups(pool: asyncpg.Pool[Any]) -> asyncpg.Pool[Any]:
    await pool.execute(
        "CREATE TABLE cup (id uuid PRIMARY KEY, name text NOT NULL UNIQUE CHECK (name <> ''), pin text, sealed bytea,"
        " version integer NOT NULL DEFAULT 1)",
    )
    return pool


@pytest.fixture
def an_edit(ids: Ids) -> Edit:
    row = {"id": ids.new(), "name": "red", "pin": "1234", "sealed": b"\x01\x02"}
    return Edit(
        id=ids.new(),
        key="cup/red",
        who="user:wang",
        why="new cup",
        at=NOW,
        said={"name": "red"},
        lines=(Add(CUP, row),),
    )


def cup_of(edit: Edit) -> UUID:
    line = edit.lines[0]
    assert isinstance(line, Add)
    found = line.row["id"]
    assert isinstance(found, UUID)
    return found


def altering(edit: Edit, ids: Ids, *, version: int, to: Mapping[str, object], key: str = "cup/red/2") -> Edit:
    line = Alter(CUP, cup_of(edit), version, to)
    return replace(edit, id=ids.new(), key=key, why="renamed", said=dict(to), lines=(line,))


async def trail(pool: asyncpg.Pool[Any]) -> list[asyncpg.Record]:
    return await pool.fetch("SELECT * FROM record_edit e JOIN record_edit_line l ON l.edit_id = e.id ORDER BY e.id")


async def test_an_edit_leaves_who_when_why_before_and_after(cups: asyncpg.Pool[Any], an_edit: Edit, ids: Ids) -> None:
    cup = cup_of(an_edit)
    assert await apply_edit(cups, an_edit) == Edited(an_edit.id)
    renamed = altering(an_edit, ids, version=1, to={"name": "blue", "pin": "9999"})
    assert await apply_edit(cups, renamed) == Edited(renamed.id)

    added, altered = await trail(cups)
    assert (added["who"], added["why"], added["edited_at"], added["subject"]) == ("user:wang", "new cup", NOW, cup)
    assert added["before"] is None
    assert added["after"] == {"id": str(cup), "name": "red", "version": 1}
    assert altered["before"] == {"id": str(cup), "name": "red", "version": 1}
    assert altered["after"] == {"id": str(cup), "name": "blue", "version": 2}
    assert await cups.fetchval("SELECT pin FROM cup") == "9999"


async def test_the_same_edit_again_is_done_once(cups: asyncpg.Pool[Any], an_edit: Edit, ids: Ids) -> None:
    again = replace(an_edit, id=ids.new(), lines=(Add(CUP, {"id": ids.new(), "name": "red"}),))
    results = await asyncio.gather(apply_edit(cups, an_edit), apply_edit(cups, again))
    first = next(result.edit for result in results if isinstance(result, Edited))
    assert [result for result in results if isinstance(result, Repeated)] == [Repeated(first)]
    assert await cups.fetchval("SELECT count(*) FROM cup") == 1


async def test_a_key_with_other_content_is_refused(cups: asyncpg.Pool[Any], an_edit: Edit) -> None:
    await apply_edit(cups, an_edit)
    result = await apply_edit(cups, replace(an_edit, said={"name": "green"}))
    assert isinstance(result, EditRefused)
    assert result.reason is Reason.KEY_REUSED


async def test_of_two_editors_of_one_version_one_reads_again(cups: asyncpg.Pool[Any], an_edit: Edit, ids: Ids) -> None:
    await apply_edit(cups, an_edit)
    edits = [altering(an_edit, ids, version=1, to={"name": name}, key=name) for name in ("blue", "green", "grey")]
    results = await asyncio.gather(*(apply_edit(cups, edit) for edit in edits))
    refused = [result.reason for result in results if isinstance(result, EditRefused)]
    assert refused == [Reason.MOVED, Reason.MOVED]
    assert len(await trail(cups)) == 2


async def test_one_bad_line_takes_the_whole_edit_back(cups: asyncpg.Pool[Any], an_edit: Edit, ids: Ids) -> None:
    bad = replace(an_edit, lines=(*an_edit.lines, Add(CUP, {"id": ids.new(), "name": ""})))
    result = await apply_edit(cups, bad)
    assert result == EditRefused(Reason.FORMAT, "cup: cup_name_check")
    assert await cups.fetchval("SELECT count(*) FROM cup") == 0
    # a refused edit leaves no key behind
    assert await apply_edit(cups, an_edit) == Edited(an_edit.id)


async def test_a_record_that_is_not_there_is_not_found(cups: asyncpg.Pool[Any], an_edit: Edit, ids: Ids) -> None:
    result = await apply_edit(cups, altering(an_edit, ids, version=1, to={"name": "x"}))
    assert isinstance(result, EditRefused)
    assert (result.reason, result.subject) == (Reason.NOT_FOUND, cup_of(an_edit))


async def test_edits_in_opposite_order_both_get_through(cups: asyncpg.Pool[Any], an_edit: Edit, ids: Ids) -> None:
    other = replace(an_edit, id=ids.new(), key="cup/b", said={}, lines=(Add(CUP, {"id": ids.new(), "name": "b"}),))
    await apply_edit(cups, an_edit)
    await apply_edit(cups, other)
    one, two = cup_of(an_edit), cup_of(other)

    async def swap(first: UUID, second: UUID, key: str) -> str:
        versions = {row["id"]: row["version"] for row in await cups.fetch("SELECT id, version FROM cup")}
        lines = tuple(Alter(CUP, cup, versions[cup], {"pin": key}) for cup in (first, second))
        result = await apply_edit(cups, replace(an_edit, id=ids.new(), key=key, said={"k": key}, lines=lines))
        return "moved" if isinstance(result, EditRefused) else "done"

    results = await asyncio.gather(*(swap(*pair, f"k{n}") for n, pair in enumerate([(one, two), (two, one)] * 4)))
    assert "done" in results
    done = results.count("done")
    assert (
        await cups.fetchval("SELECT min(version) FROM cup")
        == 1 + done
        == await cups.fetchval("SELECT max(version) FROM cup")
    )


async def test_a_removal_leaves_what_was_there_and_is_done_once(
    cups: asyncpg.Pool[Any], an_edit: Edit, ids: Ids
) -> None:
    cup = cup_of(an_edit)
    await apply_edit(cups, an_edit)
    gone = replace(an_edit, id=ids.new(), key="cup/gone", said={}, lines=(Remove(CUP, cup, 1),))
    assert await apply_edit(cups, gone) == Edited(gone.id)
    assert await cups.fetchval("SELECT count(*) FROM cup") == 0
    _, removed = await trail(cups)
    assert (removed["before"]["name"], removed["after"]) == ("red", None)
    assert "pin" not in removed["before"]
    assert await apply_edit(cups, replace(gone, id=ids.new())) == Repeated(gone.id)
    assert await edited_subject(cups, gone.id) == cup


async def test_what_was_changed_meanwhile_or_is_needed_is_not_removed(
    cups: asyncpg.Pool[Any], an_edit: Edit, ids: Ids
) -> None:
    cup = cup_of(an_edit)
    await apply_edit(cups, an_edit)
    await apply_edit(cups, altering(an_edit, ids, version=1, to={"name": "blue"}))
    gone = replace(an_edit, id=ids.new(), key="cup/gone", said={}, lines=(Remove(CUP, cup, 1),))
    assert (await apply_edit(cups, gone)).reason is Reason.MOVED
    await cups.execute("CREATE TABLE saucer (cup_id uuid REFERENCES cup (id))")
    await cups.execute("INSERT INTO saucer VALUES ($1)", cup)
    refused = await apply_edit(cups, replace(gone, lines=(Remove(CUP, cup, 2),)))
    assert refused.reason is Reason.IN_USE
    assert await cups.fetchval("SELECT count(*) FROM cup") == 1


async def test_a_name_that_is_taken_is_said_to_be(cups: asyncpg.Pool[Any], an_edit: Edit, ids: Ids) -> None:
    await apply_edit(cups, an_edit)
    again = replace(an_edit, id=ids.new(), key="cup/again", lines=(Add(CUP, {"id": ids.new(), "name": "red"}),))
    assert await apply_edit(cups, again) == EditRefused(Reason.TAKEN, "cup: cup_name_key")


async def test_an_earlier_edit_is_known_by_key_and_content(cups: asyncpg.Pool[Any], an_edit: Edit) -> None:
    assert await earlier_edit(cups, an_edit.key, an_edit.said) is None
    await apply_edit(cups, an_edit)
    assert await earlier_edit(cups, an_edit.key, an_edit.said) == Repeated(an_edit.id)
    other = await earlier_edit(cups, an_edit.key, {"name": "blue"})
    assert isinstance(other, EditRefused)
    assert other.reason is Reason.KEY_REUSED


async def test_a_nonce_is_good_for_the_same_bytes_only_and_a_refused_edit_leaves_none(
    cups: asyncpg.Pool[Any], an_edit: Edit, ids: Ids
) -> None:
    nonce = Nonce(scope="nonce:shop", name="n1", digest=b"1", expires_at=NOW + timedelta(minutes=10))
    bad = replace(an_edit, nonce=nonce, lines=(Add(CUP, {"id": ids.new(), "name": ""}),))
    assert isinstance(await apply_edit(cups, bad), EditRefused)
    other = replace(an_edit, nonce=replace(nonce, digest=b"2"))
    assert await apply_edit(cups, other) == Edited(an_edit.id)
    assert await apply_edit(cups, other) == Repeated(an_edit.id)
    refused = await apply_edit(cups, replace(an_edit, key="cup/blue", nonce=nonce))
    assert isinstance(refused, EditRefused)
    assert refused.reason is Reason.BAD_SIGNATURE
    await forget_nonces(cups, before=NOW + timedelta(minutes=11))
    assert await cups.fetchval("SELECT count(*) FROM edit_nonce") == 0
