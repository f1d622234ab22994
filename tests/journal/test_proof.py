"""The proof finds what was changed behind the journal's back, and the tables refuse to be changed at all."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from gateway.journal import CloseDay, Done, Event, Insert, Journal, Key, Move, forget_keys, verify
from gateway.journal.proof import prove
from gateway.ledger import Account, Hold, HoldUse, Purpose
from tests.journal.conftest import DAY, NOW, Desk

LATER = NOW + timedelta(days=3650)
VERIFY = Path(__file__).parents[2] / "docs" / "verify.md"


@pytest.fixture
async def written(journal: Journal, desk: Desk) -> None:
    """Six batches: transfers, a hold that is used in part, a record that moves, a key, a closed day."""
    one, other, parcel = desk.merchant(), desk.merchant(), desk.new()
    hold = Hold(
        id=desk.new(),
        account=one,
        amount_minor=5,
        kind="w",
        subject=desk.new(),
        occurred_at=NOW,
        expires_at=LATER + timedelta(microseconds=100),
    )
    key = Key(scope="api", name="n-1", digest=b"d" * 32, digest_version=1, subject=parcel, expires_at=LATER)
    frozen = Account(one.party, "CNY", Purpose.FROZEN)
    use = {"wish": True, "uses": (HoldUse(hold.id, 2),), "value_on": DAY, "note": "to Li Lei"}
    told = Event("told", parcel, {"by": "Li Lei", "lines": [1, {"b": 2, "a": None}]})
    await asyncio.gather(*(journal.post(desk.paid_in(merchant, 50)) for merchant in (one, other, one)))
    await journal.post(desk.change(hold, records=(Insert("parcel", {"id": parcel, "state": "packed"}),), keys=(key,)))
    await journal.post(desk.change(records=(Move("parcel", parcel, 1, {"state": "sent"}),), events=(told,)))
    await journal.post(desk.change(desk.transfer(one, other, 7, wish=True)))
    await journal.post(desk.change(desk.transfer(frozen, other, 2, **use), why="Li Lei asked"))
    await journal.post(desk.change(close_day=CloseDay(DAY)))


async def test_an_honest_book_holds(written: None, pool: asyncpg.Pool[Any]) -> None:
    proof = await verify(pool)
    assert proof.holds
    assert (proof.batches, proof.books.transfers, proof.books.entries, proof.books.open_holds) == (6, 6, 12, 1)
    assert proof.trial_balance == {"CNY": 0}
    assert (proof.keys, proof.erased, proof.closes, proof.unsigned) == (1, 0, 0, (DAY,))


async def test_a_transfer_that_settles_to_nothing_enters_nothing(
    journal: Journal, desk: Desk, pool: asyncpg.Pool[Any]
) -> None:
    merchant = desk.merchant()
    hold = Hold(id=desk.new(), account=merchant, amount_minor=5, kind="w", subject=desk.new(), occurred_at=NOW)
    nothing = desk.transfer(Account(merchant.party, "CNY", Purpose.ADVANCE), merchant, 5)
    await journal.post(desk.paid_in(merchant, 50))
    assert isinstance(await journal.post(desk.change(nothing, hold)), Done)
    assert await pool.fetchval("SELECT count(*) FROM ledger_transfer WHERE id = $1", nothing.id) == 0
    assert await pool.fetchval("SELECT rest_minor FROM ledger_hold WHERE id = $1", hold.id) == 5
    assert (await verify(pool)).holds


async def test_an_empty_book_holds(journal: Journal, pool: asyncpg.Pool[Any]) -> None:
    assert (await verify(pool)).holds


TAMPERED = {
    "an amount": ("UPDATE ledger_entry SET amount_minor = amount_minor + 1 WHERE version = 2", "entry"),
    "a balance": ("UPDATE ledger_entry SET balance_minor = balance_minor + 1 WHERE version = 2", "entry"),
    "an entry gone": ("DELETE FROM ledger_entry WHERE version = 1", "entry"),
    "an entry added": (
        """INSERT INTO ledger_entry SELECT account_id, version + 1, gen_random_uuid(), seq, 5, balance_minor + 5,
        booked_on FROM ledger_entry ORDER BY version DESC LIMIT 1""",
        "transfer",
    ),
    "a transfer's kind": ("UPDATE ledger_transfer SET kind = 'gift' WHERE seq = 1", "batch"),
    "a transfer gone": ("DELETE FROM ledger_transfer WHERE seq = 4", "transfer"),
    "a transfer's time": (
        "UPDATE ledger_transfer SET occurred_at = occurred_at - interval '1 d' WHERE seq = 4",
        "batch",
    ),
    "a value date": ("UPDATE ledger_transfer SET value_on = value_on + 1 WHERE value_on IS NOT NULL", "batch"),
    "a note": ("UPDATE ledger_transfer SET note = 'to Han Mei' WHERE note <> ''", "event"),
    "a transfer's change": ("UPDATE ledger_transfer SET change_id = gen_random_uuid() WHERE seq = 4", "transfer"),
    "a transfer's day": ("UPDATE ledger_transfer SET booked_on = booked_on + 1 WHERE seq = 4", "transfer"),
    "an account's owner": (
        "UPDATE ledger_account SET party = gen_random_uuid() WHERE purpose = 'available' AND seq = 1",
        "batch",
    ),
    "a state in the feed": ("UPDATE journal_event SET state = 'lost' WHERE state = 'sent'", "batch"),
    "who did it": ("UPDATE journal_event SET who = 'nobody' WHERE state = 'sent'", "batch"),
    "when it happened": ("UPDATE journal_event SET occurred_at = now() WHERE seq = 2", "batch"),
    "why it was done": ("UPDATE journal_event SET why = 'no reason' WHERE seq = 5", "event"),
    "one line's who": ("UPDATE journal_event SET who = 'nobody' WHERE line = 2", "event"),
    "an event's data": ("""UPDATE journal_event SET data = data || '{"by": "Han Mei"}' WHERE kind = 'told'""", "event"),
    "data that is no data": ("UPDATE journal_event SET data = '[0.5]' WHERE kind = 'told'", "event"),
    "a rest that is none": ("UPDATE journal_event SET data = '\"much\"' WHERE kind = 'ledger_hold'", "hold"),
    "an expiry that is none": (
        """UPDATE journal_event SET data = '{"rest_minor": 5, "expires_at": "never"}'
        WHERE kind = 'ledger_hold' AND version = 1""",
        "hold",
    ),
    "a closing of no day": ("UPDATE journal_event SET data = '{}' WHERE kind = 'day_closed'", "event"),
    "a closing of another day": (
        """UPDATE journal_event SET data = '{"day": "2026-11-25"}' WHERE kind = 'day_closed'""",
        "head",
    ),
    "a first line gone": ("DELETE FROM journal_event WHERE line = 1 AND seq = 3", "event"),
    "a change's number": ("UPDATE journal_event SET change_id = gen_random_uuid() WHERE seq = 4", "batch"),
    "a digest": ("UPDATE journal_event SET told = decode(repeat('00', 48), 'hex') WHERE seq = 4", "batch"),
    "a salt taken, the text kept": ("UPDATE journal_event SET told = substr(told, 17) WHERE seq = 5", "event"),
    "a rest in the feed": (
        """UPDATE journal_event SET data = '{"rest_minor": 5}' WHERE kind = 'ledger_hold' AND version = 2""",
        "batch",
    ),
    "an event gone": ("DELETE FROM journal_event WHERE state = 'sent'", "batch"),
    "an event added": (
        """INSERT INTO journal_event SELECT book, seq + 100, place, line, kind, subject, version, state, who, why,
        occurred_at, recorded_at, change_id, data, told FROM journal_event LIMIT 1""",
        "events",
    ),
    "a batch's time": ("UPDATE journal_batch SET recorded_at = recorded_at + interval '1 s' WHERE seq = 2", "batch"),
    "a batch's hash": ("UPDATE journal_batch SET hash = sha256('x') WHERE seq = 2", "batch"),
    "a batch gone": ("DELETE FROM journal_batch WHERE seq = 2", "batch"),
    "the last batch gone": ("DELETE FROM journal_batch WHERE seq = 6", "head"),
    "the end cut off": (
        """WITH a AS (DELETE FROM journal_batch WHERE seq = 6), b AS (DELETE FROM journal_event WHERE seq = 6)
        UPDATE journal_head SET seq = 5""",
        "head",
    ),
    "the open day": ("UPDATE journal_head SET open_day = open_day - 1", "head"),
    "how many changes": ("UPDATE journal_batch SET changes = changes + 1 WHERE seq = 2", "batch"),
    "a key's answer": ("UPDATE journal_key SET subject = gen_random_uuid()", "key"),
    "a key's digest": ("UPDATE journal_key SET digest = 'other'", "key"),
    "a key gone": ("DELETE FROM journal_key", "key"),
    "a key added": (
        """INSERT INTO journal_key SELECT scope, 'n-2', digest, digest_version, subject, change_id, seq, expires_at
        FROM journal_key""",
        "key",
    ),
    "a key of no batch": ("UPDATE journal_key SET seq = 99", "key"),
    "the leaves": ("UPDATE journal_batch SET keys = NULL WHERE keys IS NOT NULL", "batch"),
    "a hold's state": ("UPDATE ledger_hold SET state = 'voided', rest_minor = 0", "hold"),
    "a hold's expiry": ("UPDATE ledger_hold SET expires_at = now()", "hold"),
    "a hold's amount": ("UPDATE ledger_hold SET amount_minor = amount_minor + 1", "hold"),
    "a hold's account": ("UPDATE ledger_hold SET account_id = gen_random_uuid()", "hold"),
    "a hold gone": ("DELETE FROM ledger_hold", "hold"),
    "a snapshot": (
        """INSERT INTO ledger_snapshot SELECT account_id, booked_on, 9, balance_minor - 50, seq
        FROM ledger_entry WHERE version = 1 LIMIT 1""",
        "standing",
    ),
    "entries that nobody reads": (
        "UPDATE ledger_horizon SET opened_from = 'ffffffff-ffff-ffff-ffff-ffffffffffff'",
        "standing",
    ),
    "a hold's rest": ("UPDATE ledger_hold SET rest_minor = rest_minor - 1", "account"),
}


async def test_what_was_changed_is_named(written: None, pool: asyncpg.Pool[Any]) -> None:
    for what, (statement, kind) in TAMPERED.items():
        async with pool.acquire() as connection:
            tampering = connection.transaction()
            await tampering.start()
            # Triggers are what keeps an honest hand off; a dishonest one switches them off first.
            await connection.execute("SET LOCAL session_replication_role = replica")
            assert await connection.execute(statement) not in ("UPDATE 0", "DELETE 0", "INSERT 0 0"), what
            proof = await prove(connection)
            await tampering.rollback()
        assert not proof.holds, what
        assert kind in {fault.kind for fault in proof.faults}, what
    assert (await verify(pool)).holds


async def test_what_is_written_stays(written: None, pool: asyncpg.Pool[Any]) -> None:
    for table in ("ledger_account", "ledger_transfer", "ledger_entry", "journal_batch", "journal_event"):
        for statement in ("DELETE FROM {}", "TRUNCATE {}", "UPDATE {} SET seq = 0"):
            with pytest.raises(asyncpg.RestrictViolationError, match="written once"):
                await pool.execute(statement.format(table))


async def test_a_key_that_has_expired_may_be_gone(journal: Journal, desk: Desk, pool: asyncpg.Pool[Any]) -> None:
    key = Key(scope="api", name="n-1", digest=b"d", digest_version=1, subject=desk.new(), expires_at=NOW)
    await journal.post(desk.change(keys=(key,)))
    assert await forget_keys(pool, before=LATER) == 1
    proof = await verify(pool)
    assert (proof.faults, proof.keys) == ((), 1)


async def test_a_person_can_be_forgotten(written: None, pool: asyncpg.Pool[Any]) -> None:
    """By the statements that `docs/verify.md` has for it."""
    published = VERIFY.read_text("utf-8").partition("```sql\n")[2].partition("```")[0]
    changes = await pool.fetch(
        "SELECT DISTINCT change_id FROM journal_event WHERE why LIKE '%Li Lei%' OR kind = 'told'"
    )
    for row in changes:
        await pool.execute(published.replace("…", str(row["change_id"])))
    left = await pool.fetch("SELECT e::text FROM journal_event e UNION ALL SELECT t::text FROM ledger_transfer t")
    assert not [row for row in left if "Li Lei" in row[0]]
    proof = await verify(pool)
    assert (proof.faults, proof.erased) == ((), len(changes))
    assert len(changes) == 2


async def test_a_short_text_cannot_be_guessed(written: None, pool: asyncpg.Pool[Any]) -> None:
    """The same words have another digest in every change, and the salt is not what the digest is."""
    told = [row["told"] for row in await pool.fetch("SELECT told FROM journal_event WHERE told IS NOT NULL")]
    assert len({one[:16] for one in told}) == len({one[16:] for one in told}) == len(told) == 8


async def test_keys_are_forgotten_once_they_expire(journal: Journal, desk: Desk, pool: asyncpg.Pool[Any]) -> None:
    await pool.execute(
        """
        INSERT INTO journal_key SELECT 's', n::text, 'd', 1, gen_random_uuid(), gen_random_uuid(), 1, $1
        FROM generate_series(1, 25) n
        """,
        NOW,
    )
    later = NOW.replace(year=NOW.year + 1)
    assert await forget_keys(pool, before=NOW) == 0
    assert [await forget_keys(pool, before=later, most=10) for _ in range(4)] == [10, 10, 5, 0]
    assert DAY.year == NOW.year
