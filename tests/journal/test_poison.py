"""Changes that the database cannot take: found by halving, answered, kept without their values."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg

from gateway.journal import Count, Done, Event, Insert, Journal, Put, Refused, verify
from gateway.kernel.reasons import Reason
from gateway.ledger import store
from tests.journal.conftest import Desk


def poison(desk: Desk, kind: str) -> dict[str, Any]:
    good = {"id": desk.new(), "state": "packed"}
    kinds: dict[str, dict[str, Any]] = {
        "breaks a check": {"records": (Insert("parcel", good | {"weight": 1000, "label": "4111111111111111"}),)},
        "no text PostgreSQL takes": {"records": (Insert("parcel", good | {"label": "a\x00b"}),)},
        "a column of another type": {"records": (Insert("parcel", good | {"weight": "much"}),)},
        "a value that is no JSON": {"records": (Insert("parcel", good | {"data": {"x": object()}}),)},
        "bytes that are none": {"records": (Insert("parcel", good | {"seal": "text"}),)},
        "an id that is none": {"records": (Insert("parcel", good | {"id": "7"}),)},
        "data with a fraction": {"events": (Event("rated", desk.new(), {"rate": 0.5}),)},
        "a counter's name": {"counts": (Count("c", "\x00", 1),)},
        "a null where none may be": {"records": (Insert("parcel", {"id": desk.new()}),)},
        "a put that fails": {"records": (Put("postbox.set", {"id": None, "body": "x"}),)},
    }
    return kinds[kind]


KINDS = (
    "breaks a check",
    "no text PostgreSQL takes",
    "a column of another type",
    "a value that is no JSON",
    "bytes that are none",
    "an id that is none",
    "data with a fraction",
    "a counter's name",
    "a null where none may be",
    "a put that fails",
)


async def test_each_is_refused_alone(journal: Journal, desk: Desk, pool: asyncpg.Pool[Any]) -> None:
    merchant = desk.merchant()
    bad = [desk.change(why="card 6222020000000000000", **poison(desk, kind)) for kind in KINDS]
    good = [desk.paid_in(merchant, 1 << n) for n in range(len(KINDS))]
    changes = [change for pair in zip(bad, good, strict=True) for change in pair]
    receipts: list[Any] = await asyncio.gather(*(journal.post(change) for change in changes))
    assert [type(receipt) for receipt in receipts[1::2]] == [Done] * len(good)
    assert {kind: receipt.reason for kind, receipt in zip(KINDS, receipts[::2], strict=True)} == dict.fromkeys(
        KINDS, Reason.FAULT
    )
    assert await store.balance(pool, merchant) == -(2 ** len(KINDS) - 1)
    kept = await pool.fetch("SELECT change_id, error, content::text AS content FROM journal_poison")
    assert {row["change_id"] for row in kept} == {change.id for change in bad}
    said = "".join(row["content"] + row["error"] for row in kept)
    assert "62220200" not in said
    assert "41111111" not in said
    assert (await verify(pool)).faults == ()


async def test_a_batch_of_nothing_else(journal: Journal, desk: Desk, pool: asyncpg.Pool[Any]) -> None:
    changes = [desk.change(**poison(desk, "breaks a check")) for _ in range(5)]
    receipts: list[Any] = await asyncio.gather(*(journal.post(change) for change in changes))
    assert {type(receipt) for receipt in receipts} == {Refused}
    assert await pool.fetchval("SELECT count(*) FROM journal_poison") == 5
    assert isinstance(await journal.post(desk.paid_in(desk.merchant(), 1)), Done)
