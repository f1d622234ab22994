"""What a lone journal takes for granted, and how it finds out where that is not so."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from gateway.journal import Change, Done, Insert, Journal, Key, Move, Refused, Replayed, forget_keys, verify
from gateway.kernel.clock import ManualClock
from gateway.kernel.reasons import Reason
from gateway.ledger import store
from tests.journal.conftest import NOW, Desk, MakeJournal


def key(desk: Desk, name: str, **fields: Any) -> Key:
    given: dict[str, Any] = {"scope": "trm:1", "name": name, "digest": b"same", "digest_version": 1} | fields
    return Key(subject=desk.new(), **({"expires_at": NOW + timedelta(days=3650)} | given))


async def trips(journal: Journal, change: Change) -> tuple[int, Any]:
    before = journal.round_trips
    receipt = await journal.post(change)
    return journal.round_trips - before, receipt


async def test_what_is_known_is_not_read_again(journal: Journal, desk: Desk) -> None:
    merchant, parcel = desk.merchant(), desk.new()
    await journal.post(desk.change(desk.transfer(desk.bank, merchant, 9), records=(Insert("parcel", _packed(parcel)),)))
    change = desk.change(
        desk.transfer(merchant, desk.bank, 1, wish=True),
        keys=(key(desk, "k"),),
        records=(Move("parcel", parcel, 1, {"state": "sent"}),),
    )
    asked, receipt = await trips(journal, change)
    assert isinstance(receipt, Done)
    assert asked == 1


async def test_a_key_that_another_process_used_is_found(make_journal: MakeJournal, desk: Desk) -> None:
    used = key(desk, "k")
    first = await make_journal()
    await first.post(desk.change(keys=(used,)))
    await first.stop()
    again = await make_journal()
    await again.post(desk.paid_in(desk.merchant(), 1))
    assert await again.post(desk.change(keys=(replace(used, subject=desk.new()),))) == Replayed("k", used.subject)
    refused = await again.post(desk.change(keys=(replace(used, digest=b"other"),)))
    assert isinstance(refused, Refused)


async def test_a_key_is_free_once_it_is_forgotten(
    make_journal: MakeJournal, desk: Desk, pool: asyncpg.Pool[Any]
) -> None:
    clock = ManualClock(NOW)
    journal = await make_journal(clock=clock)
    used = key(desk, "k", expires_at=NOW + timedelta(hours=1))
    await journal.post(desk.change(keys=(used,)))
    clock.advance(timedelta(hours=2))
    # Expired and not yet forgotten it still answers, from the books.
    assert await journal.post(desk.change(keys=(used,))) == Replayed("k", used.subject)
    assert await forget_keys(pool, before=clock.now()) == 1
    assert isinstance(await journal.post(desk.change(keys=(used,))), Done)


@pytest.mark.parametrize(("version", "reason"), [(2, None), (1, Reason.MOVED), (3, Reason.MOVED)])
async def test_a_record_that_was_edited_past_the_journal(
    journal: Journal, desk: Desk, pool: asyncpg.Pool[Any], version: int, reason: Reason | None
) -> None:
    parcel = desk.new()
    await journal.post(desk.change(records=(Insert("parcel", _packed(parcel)),)))
    await pool.execute("UPDATE parcel SET version = version + 1")
    neighbour = desk.merchant()
    receipt = await journal.post(desk.change(records=(Move("parcel", parcel, version, {"state": "sent"}),)))
    assert isinstance(await journal.post(desk.paid_in(neighbour, 1)), Done)
    assert (receipt.reason if isinstance(receipt, Refused) else None) is reason
    assert (await verify(pool)).faults == ()


async def test_a_fact_that_changed_after_it_was_read_sends_the_change_back(
    journal: Journal, desk: Desk, pool: asyncpg.Pool[Any]
) -> None:
    await pool.execute("INSERT INTO generation (name, number) VALUES ('tides', 1)")
    assert isinstance(await journal.post(desk.change(expects=(("tides", 1),))), Done)
    await pool.execute("UPDATE generation SET number = 2 WHERE name = 'tides'")
    merchant = desk.merchant()
    late = desk.change(desk.transfer(desk.bank, merchant, 1), expects=(("tides", 1),))
    refused = await journal.post(late)
    assert isinstance(refused, Refused)
    assert refused.reason is Reason.MOVED
    assert isinstance(await journal.post(replace(late, id=desk.new(), expects=(("tides", 2),))), Done)
    assert await store.balance(pool, merchant) == -1


async def test_what_is_remembered_survives_a_batch_that_failed(journal: Journal, desk: Desk) -> None:
    merchant = desk.merchant()
    await journal.post(desk.paid_in(merchant, 10))
    spoilt = Insert("parcel", {"id": desk.new(), "state": "packed", "weight": 5_000})
    assert isinstance(await journal.post(desk.change(records=(spoilt,))), Refused)
    asked, receipt = await trips(journal, desk.change(desk.transfer(merchant, desk.bank, 10, wish=True)))
    assert isinstance(receipt, Done)
    assert asked == 1


def _packed(parcel: object) -> dict[str, object]:
    return {"id": parcel, "state": "packed"}
