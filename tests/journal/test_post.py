"""What comes back from the one door: every receipt, alone and among neighbours in one batch."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any, TypeAlias

import asyncpg
import pytest

from gateway.journal import (
    Change,
    CloseDay,
    Count,
    Done,
    Event,
    Insert,
    Journal,
    Key,
    MalformedChangeError,
    Move,
    Put,
    Refused,
    Replayed,
    history,
    verify,
)
from gateway.kernel.reasons import Reason
from gateway.ledger import Hold, HoldUse, Leg, MalformedPostingError, Release, Transfer, store
from gateway.ledger.rules import frozen_of
from tests.journal.conftest import DAY, NOW, Desk

Pool: TypeAlias = "asyncpg.Pool[Any]"


async def together(journal: Journal, *changes: Change) -> list[Any]:
    """Post changes so that they meet in one batch, in this order."""
    return list(await asyncio.gather(*(journal.post(change) for change in changes)))


async def one(pool: Pool, query: str, *arguments: Any) -> Any:
    return await pool.fetchrow(query, *arguments)


def key(desk: Desk, name: str, digest: bytes = b"same", **fields: Any) -> Key:
    expires_at = NOW + timedelta(days=7)
    given: dict[str, Any] = {
        "scope": "trm:1",
        "name": name,
        "digest": digest,
        "digest_version": 1,
        "subject": desk.new(),
    } | fields
    return Key(expires_at=expires_at, **given)


def parcel(desk: Desk, **columns: object) -> Any:
    return Insert("parcel", {"id": desk.new(), "state": "packed"} | columns)


async def test_a_change_is_durable_and_numbered(journal: Journal, desk: Desk, pool: Pool) -> None:
    merchant = desk.merchant()
    first = await journal.post(desk.paid_in(merchant, 100))
    second = await journal.post(desk.paid_in(merchant, 20))
    assert isinstance(first, Done)
    assert isinstance(second, Done)
    assert (first.seq, first.place, first.booked_on) == (1, 1, DAY)
    assert (second.seq, second.recorded_at >= first.recorded_at) == (2, True)
    assert await store.balance(pool, merchant) == -120


async def test_a_refused_change_harms_no_neighbour(journal: Journal, desk: Desk, pool: Pool) -> None:
    rich, poor = desk.merchant(), desk.merchant()
    wish = desk.change(desk.transfer(poor, rich, 1, wish=True))
    receipts = await together(journal, desk.paid_in(rich, 5), wish, desk.paid_in(rich, 6))
    assert [type(receipt) for receipt in receipts] == [Done, Refused, Done]
    assert receipts[1].reason is Reason.INSUFFICIENT_FUNDS
    assert (receipts[0].seq, receipts[2].seq, receipts[2].place) == (1, 1, 2)
    assert await store.balances(pool, [rich, poor]) == {rich: -11, poor: 0}


async def test_a_change_sees_what_the_ones_before_it_did(journal: Journal, desk: Desk) -> None:
    one, other = desk.merchant(), desk.merchant()
    wish = desk.transfer(one, other, 5, wish=True)
    receipts = await together(
        journal, desk.change(wish), desk.paid_in(one, 5), desk.change(replace(wish, id=desk.new()))
    )
    assert [type(receipt) for receipt in receipts] == [Refused, Done, Done]


async def test_all_of_a_change_or_nothing(journal: Journal, desk: Desk, pool: Pool) -> None:
    rich, poor = desk.merchant(), desk.merchant()
    new = parcel(desk)
    half_good = desk.change(
        desk.transfer(desk.bank, rich, 5),
        desk.transfer(poor, rich, 1, wish=True),
        records=(new, Put("postbox.set", {"id": desk.new(), "body": "x"})),
        counts=(Count("c", "n", 1),),
        keys=(key(desk, "k"),),
        events=(Event("said", desk.new()),),
    )
    assert isinstance(await journal.post(half_good), Refused)
    for table in ("parcel", "postbox", "ledger_transfer", "journal_key", "journal_counter", "journal_event"):
        assert await pool.fetchval(f"SELECT count(*) FROM {table}") == 0, table
    freed = replace(half_good, id=desk.new(), postings=())
    assert isinstance(await journal.post(freed), Done)


class TestKeys:
    async def test_the_same_content_gives_the_first_answer_again(
        self, journal: Journal, desk: Desk, pool: Pool
    ) -> None:
        merchant, used = desk.merchant(), key(desk, "k")
        first = desk.change(desk.transfer(desk.bank, merchant, 5), keys=(used,))
        again = desk.change(desk.transfer(desk.bank, merchant, 5), keys=(replace(used, subject=desk.new()),))
        assert isinstance(await journal.post(first), Done)
        assert await journal.post(again) == Replayed("k", used.subject)
        assert await store.balance(pool, merchant) == -5

    @pytest.mark.parametrize("refusal", [Reason.REFERENCE_REUSED, Reason.KEY_REUSED])
    async def test_other_content_is_refused(self, journal: Journal, desk: Desk, refusal: Reason) -> None:
        used = key(desk, "k")
        await journal.post(desk.change(keys=(used,)))
        refused = await journal.post(desk.change(keys=(replace(used, digest=b"other", refusal=refusal),)))
        assert isinstance(refused, Refused)
        assert (refused.reason, refused.subject) == (refusal, used.subject)

    async def test_two_in_one_batch(self, journal: Journal, desk: Desk) -> None:
        used = key(desk, "k")
        changes = [desk.change(keys=(replace(used, digest=digest),)) for digest in (b"same", b"same", b"other")]
        receipts = await together(journal, *changes)
        assert [type(receipt) for receipt in receipts] == [Done, Replayed, Refused]

    async def test_a_refused_first_leaves_the_key_free(self, journal: Journal, desk: Desk) -> None:
        used, poor = key(desk, "k"), desk.merchant()
        wish = desk.change(desk.transfer(poor, desk.bank, 1, wish=True), keys=(used,))
        receipts = await together(journal, wish, desk.change(keys=(replace(used, digest=b"other"),)))
        assert [type(receipt) for receipt in receipts] == [Refused, Done]

    async def test_of_several_keys_the_first_that_was_used_decides(self, journal: Journal, desk: Desk) -> None:
        by_reference, by_nonce = key(desk, "reference"), key(desk, "nonce", scope="nonce")
        await journal.post(desk.change(keys=(by_reference, by_nonce)))
        fresh = key(desk, "fresh")
        assert await journal.post(desk.change(keys=(fresh, by_nonce, by_reference))) == Replayed(
            "nonce", by_nonce.subject
        )
        assert isinstance(await journal.post(desk.change(keys=(fresh,))), Done)

    async def test_digests_of_both_versions_are_looked_up_while_keys_rotate(self, journal: Journal, desk: Desk) -> None:
        old = key(desk, "k", b"by old")
        await journal.post(desk.change(keys=(old,)))
        new = replace(old, digest=b"by new", digest_version=2)
        assert await journal.post(desk.change(keys=(new, old))) == Replayed("k", old.subject)
        assert isinstance(await journal.post(desk.change(keys=(new, replace(old, digest=b"other")))), Refused)
        assert isinstance(await journal.post(desk.change(keys=(new,))), Refused)


class TestRecords:
    async def test_insert_and_move(self, journal: Journal, desk: Desk, pool: Pool) -> None:
        new = parcel(desk, weight=7, seal=b"\x00\xff", data={"a": [1, None]}, label="中文")
        await journal.post(desk.change(records=(new,)))
        moved = Move("parcel", new.row["id"], 1, {"state": "sent", "weight": None, "seal": b"\x01"})
        assert isinstance(await journal.post(desk.change(records=(moved,))), Done)
        row = await one(pool, "SELECT * FROM parcel WHERE id = $1", new.row["id"])
        assert dict(row) == {
            "id": new.row["id"],
            "state": "sent",
            "label": "中文",
            "weight": None,
            "seal": b"\x01",
            "tries": 0,
            "data": {"a": [1, None]},
            "version": 2,
        }

    async def test_a_column_left_out_takes_the_tables_default(self, journal: Journal, desk: Desk, pool: Pool) -> None:
        await journal.post(desk.change(records=(parcel(desk),)))
        assert await pool.fetchval("SELECT label FROM parcel") == "plain"

    @pytest.mark.parametrize("version", [0, 2])
    async def test_a_move_of_another_version_is_sent_back(self, journal: Journal, desk: Desk, version: int) -> None:
        new = parcel(desk)
        await journal.post(desk.change(records=(new,)))
        refused = await journal.post(desk.change(records=(Move("parcel", new.row["id"], version, {"state": "x"}),)))
        assert isinstance(refused, Refused)
        assert (refused.reason, refused.subject) == (Reason.MOVED, new.row["id"])

    @pytest.mark.parametrize("version", [0, 1])
    async def test_a_move_of_nothing_is_not_found(self, journal: Journal, desk: Desk, version: int) -> None:
        refused = await journal.post(desk.change(records=(Move("parcel", desk.new(), version, {"state": "x"}),)))
        assert isinstance(refused, Refused)
        assert refused.reason is Reason.NOT_FOUND

    async def test_moves_of_one_record_in_one_batch_become_one(self, journal: Journal, desk: Desk, pool: Pool) -> None:
        new, other = parcel(desk), parcel(desk)
        subject = new.row["id"]
        await journal.post(desk.change(records=(new, other)))
        receipts = await together(
            journal,
            desk.change(records=(Move("parcel", subject, 1, {"state": "sent"}),)),
            desk.change(records=(Move("parcel", subject, 1, {"state": "lost"}),)),
            desk.change(records=(Move("parcel", subject, 2, {"weight": 3}),)),
            desk.change(records=(Move("parcel", other.row["id"], 1, {"label": "late"}),)),
        )
        assert [type(receipt) for receipt in receipts] == [Done, Refused, Done, Done]
        row = await one(pool, "SELECT state, weight, label, version FROM parcel WHERE id = $1", subject)
        assert tuple(row) == ("sent", 3, "plain", 3)
        assert await pool.fetchval("SELECT label FROM parcel WHERE id = $1", other.row["id"]) == "late"

    async def test_inserted_and_moved_in_one_batch(self, journal: Journal, desk: Desk, pool: Pool) -> None:
        new = parcel(desk)
        await together(
            journal,
            desk.change(records=(new,)),
            desk.change(records=(Move("parcel", new.row["id"], 1, {"state": "sent", "seal": b"s"}),)),
        )
        assert tuple(await one(pool, "SELECT state, seal, version FROM parcel")) == ("sent", b"s", 2)
        lines = await history(pool, new.row["id"])
        assert [(line.version, line.state, line.data) for line in lines] == [(1, "packed", None), (2, "sent", None)]

    async def test_a_record_moved_past_the_journal_is_sent_back(self, journal: Journal, desk: Desk, pool: Pool) -> None:
        new = parcel(desk)
        await journal.post(desk.change(records=(new,)))
        writer = journal._writer
        assert writer is not None
        real = writer._write

        async def moved_meanwhile(plan: Any) -> bool:
            await pool.execute("UPDATE parcel SET version = 2")
            return await real(plan)

        writer._write = moved_meanwhile  # type: ignore[method-assign]
        refused = await journal.post(desk.change(records=(Move("parcel", new.row["id"], 1, {"state": "x"}),)))
        assert isinstance(refused, Refused)
        assert refused.reason is Reason.MOVED
        assert await pool.fetchval("SELECT state FROM parcel") == "packed"

    async def test_the_same_id_twice_is_sent_back(self, journal: Journal, desk: Desk, pool: Pool) -> None:
        new = parcel(desk)
        receipts = await together(journal, desk.change(records=(new,)), desk.change(records=(new,)))
        assert [type(receipt) for receipt in receipts] == [Done, Refused]
        later = await journal.post(desk.change(records=(new,)))
        assert isinstance(later, Refused)
        assert later.reason is receipts[1].reason is Reason.MOVED
        assert await pool.fetchval("SELECT count(*) FROM journal_poison") == 0

    async def test_stamped_rows_carry_their_place(self, journal: Journal, desk: Desk, pool: Pool) -> None:
        boxes = [Insert("postbox", {"id": desk.new(), "body": str(n)}) for n in range(3)]
        receipts = await together(journal, *(desk.change(records=(box,)) for box in boxes))
        rows = await pool.fetch("SELECT seq, place FROM postbox ORDER BY body")
        assert [tuple(row) for row in rows] == [(receipt.seq, receipt.place) for receipt in receipts]

    async def test_puts_in_one_batch_the_later_stands(self, journal: Journal, desk: Desk, pool: Pool) -> None:
        box, dropped = desk.new(), desk.new()
        await journal.post(desk.change(records=(Put("postbox.set", {"id": dropped, "body": "old"}),)))
        await together(
            journal,
            desk.change(records=(Put("postbox.set", {"id": box, "body": "one"}),)),
            desk.change(records=(Put("postbox.set", {"id": box, "body": "two"}),)),
            desk.change(records=(Put("postbox.set", {"id": dropped, "body": "new"}),)),
            desk.change(records=(Put("postbox.drop", {"id": dropped}),)),
        )
        assert [tuple(row) for row in await pool.fetch("SELECT id, body FROM postbox")] == [(box, "two")]


class TestCounters:
    async def test_a_limit_holds_within_a_batch(self, journal: Journal, desk: Desk, pool: Pool) -> None:
        count = Count("daily", "m", 40, most=100)
        receipts = await together(journal, *(desk.change(counts=(count,)) for _ in range(4)))
        assert [type(receipt) for receipt in receipts] == [Done, Done, Refused, Refused]
        assert receipts[2].reason is Reason.LIMIT_EXCEEDED
        assert await pool.fetchval("SELECT value FROM journal_counter") == 80
        assert isinstance(await journal.post(desk.change(counts=(replace(count, by=20),))), Done)

    async def test_below_the_least_the_counters_own_reason(self, journal: Journal, desk: Desk) -> None:
        count = Count("stock", "m", -1, least=0, refusal=Reason.WRONG_STATE)
        refused = await journal.post(desk.change(counts=(count,)))
        assert isinstance(refused, Refused)
        assert refused.reason is Reason.WRONG_STATE


class TestHolds:
    async def test_freeze_use_and_release_over_batches(self, journal: Journal, desk: Desk, pool: Pool) -> None:
        merchant = desk.merchant()
        hold = Hold(id=desk.new(), account=merchant, amount_minor=60, kind="w", subject=desk.new(), occurred_at=NOW)
        await journal.post(desk.paid_in(merchant, 100))
        assert isinstance(await journal.post(desk.change(hold)), Done)
        legs = (Leg(frozen_of(merchant), 25), Leg(desk.bank, -25))
        use = Transfer(
            id=desk.new(),
            kind="sent",
            subject=hold.subject,
            legs=legs,
            occurred_at=NOW,
            uses=(HoldUse(hold.id, 25),),
        )
        assert isinstance(await journal.post(desk.change(use)), Done)
        release = Release(hold=hold.id, kind="void", subject=hold.subject, occurred_at=NOW)
        assert isinstance(await journal.post(desk.change(release)), Done)
        assert await store.balances(pool, [merchant, frozen_of(merchant)]) == {merchant: -75, frozen_of(merchant): 0}
        lines = [(line.version, line.state) for line in await history(pool, hold.id)]
        assert lines == [(1, "open"), (2, "open"), (3, "voided")]
        missing = Release(hold=desk.new(), kind="void", subject=hold.subject, occurred_at=NOW)
        refused = await journal.post(desk.change(missing))
        assert isinstance(refused, Refused)
        assert refused.reason is Reason.NOT_FOUND

    async def test_opened_and_ended_in_one_batch(self, journal: Journal, desk: Desk, pool: Pool) -> None:
        merchant = desk.merchant()
        hold = Hold(id=desk.new(), account=merchant, amount_minor=60, kind="w", subject=desk.new(), occurred_at=NOW)
        release = Release(hold=hold.id, kind="late", subject=hold.subject, occurred_at=NOW, expired=True)
        receipts = await together(
            journal, desk.paid_in(merchant, 60), desk.change(hold), desk.change(release), desk.change(release)
        )
        assert [type(receipt) for receipt in receipts] == [Done, Done, Done, Refused]
        assert tuple(await one(pool, "SELECT state, rest_minor, version FROM ledger_hold")) == ("expired", 0, 2)
        assert (await verify(pool)).holds


async def test_generations_that_moved_send_a_change_back(journal: Journal, desk: Desk, pool: Pool) -> None:
    await pool.execute("INSERT INTO generation (name, number) VALUES ('rules', 3)")
    assert isinstance(await journal.post(desk.change(expects=(("rules", 3), ("unheard of", 0)))), Done)
    await pool.execute("UPDATE generation SET number = 4 WHERE name = 'rules'")
    refused = await journal.post(desk.change(expects=(("rules", 3),)))
    assert isinstance(refused, Refused)
    assert refused.reason is Reason.MOVED


class TestDays:
    async def test_a_batch_is_wholly_before_or_after_the_close(self, journal: Journal, desk: Desk, pool: Pool) -> None:
        merchant = desk.merchant()
        receipts = await together(
            journal,
            desk.paid_in(merchant, 1),
            desk.change(close_day=CloseDay(DAY)),
            desk.paid_in(merchant, 2),
            desk.change(close_day=CloseDay(DAY)),
        )
        assert [type(receipt) for receipt in receipts] == [Done, Done, Done, Refused]
        assert [receipt.booked_on for receipt in receipts[:3]] == [DAY, DAY, DAY + timedelta(days=1)]
        assert [receipt.seq for receipt in receipts[:3]] == [1, 2, 3]
        assert receipts[3].reason is Reason.WRONG_STATE
        days = [line.booked_on for line in await store.statement(pool, merchant)]
        assert days == [DAY, DAY + timedelta(days=1)]
        closed = await history(pool, receipts[1].change)
        assert [(line.kind, line.data) for line in closed] == [("day_closed", {"day": "2026-11-22"})]


async def test_what_can_never_be_written_is_raised_at_once(journal: Journal, desk: Desk) -> None:
    with pytest.raises(MalformedChangeError):
        await journal.post(desk.change(records=(Insert("nowhere", {"id": desk.new()}),)))
    legs = (Leg(desk.bank, 5), Leg(desk.merchant(), -4))
    unbalanced = Transfer(id=desk.new(), kind="t", subject=desk.new(), legs=legs, occurred_at=NOW)
    with pytest.raises(MalformedPostingError):
        await journal.post(desk.change(unbalanced))
