"""The proof finds what was changed behind the journal's back, and the tables refuse to be changed at all."""

from __future__ import annotations

import asyncio
import json
from hashlib import sha256
from typing import Any

import asyncpg
import pytest

from gateway.journal import Insert, Journal, Move, forget_keys, verify
from gateway.journal.proof import prove
from gateway.ledger import Hold
from tests.journal.conftest import DAY, NOW, Desk

Key = tuple[str, str]


@pytest.fixture
async def written(journal: Journal, desk: Desk) -> None:
    """Four batches: transfers, a hold, a record that moves."""
    one, other, parcel = desk.merchant(), desk.merchant(), desk.new()
    hold = Hold(id=desk.new(), account=one, amount_minor=5, kind="w", subject=desk.new(), occurred_at=NOW)
    await asyncio.gather(*(journal.post(desk.paid_in(merchant, 50)) for merchant in (one, other, one)))
    await journal.post(desk.change(hold, records=(Insert("parcel", {"id": parcel, "state": "packed"}),)))
    await journal.post(desk.change(records=(Move("parcel", parcel, 1, {"state": "sent"}),)))
    await journal.post(desk.change(desk.transfer(one, other, 7, wish=True)))


async def test_an_honest_book_holds(written: None, pool: asyncpg.Pool[Any]) -> None:
    proof = await verify(pool)
    assert proof.holds
    assert (proof.batches, proof.books.transfers, proof.books.entries, proof.books.open_holds) == (4, 5, 10, 1)
    assert proof.trial_balance == {"CNY": 0}


async def test_an_empty_book_holds(journal: Journal, pool: asyncpg.Pool[Any]) -> None:
    assert (await verify(pool)).holds


TAMPERED = {
    "an amount": ("UPDATE ledger_entry SET amount_minor = amount_minor + 1 WHERE version = 2", "entry"),
    "a balance": ("UPDATE ledger_entry SET balance_minor = balance_minor + 1 WHERE version = 2", "entry"),
    "an entry gone": ("DELETE FROM ledger_entry WHERE version = 1", "entry"),
    "an entry added": (
        """INSERT INTO ledger_entry SELECT account_id, version + 1, transfer_id, seq, 5, balance_minor + 5, booked_on
        FROM ledger_entry ORDER BY version DESC LIMIT 1""",
        "transfer",
    ),
    "a transfer's kind": ("UPDATE ledger_transfer SET kind = 'gift' WHERE seq = 1", "batch"),
    "a transfer gone": ("DELETE FROM ledger_transfer WHERE seq = 4", "transfer"),
    "a transfer's day": ("UPDATE ledger_transfer SET booked_on = booked_on + 1 WHERE seq = 4", "transfer"),
    "an account's owner": (
        "UPDATE ledger_account SET party = gen_random_uuid() WHERE purpose = 'available' AND seq = 1",
        "batch",
    ),
    "a state in the feed": ("UPDATE journal_event SET state = 'lost' WHERE state = 'sent'", "batch"),
    "an event gone": ("DELETE FROM journal_event WHERE state = 'sent'", "batch"),
    "an event added": (
        """INSERT INTO journal_event SELECT book, seq + 100, place, line, kind, subject, version, state, who, why,
        occurred_at, recorded_at, change_id, data FROM journal_event LIMIT 1""",
        "events",
    ),
    "a batch's time": ("UPDATE journal_batch SET recorded_at = recorded_at + interval '1 s' WHERE seq = 2", "batch"),
    "a batch's hash": ("UPDATE journal_batch SET hash = sha256('x') WHERE seq = 2", "batch"),
    "a batch gone": ("DELETE FROM journal_batch WHERE seq = 2", "batch"),
    "the last batch gone": ("DELETE FROM journal_batch WHERE seq = 4", "head"),
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


async def test_the_chain_follows_from_the_published_form_alone(written: None, pool: asyncpg.Pool[Any]) -> None:
    """`docs/verify.md` followed with nothing of ours: SQL, JSON and SHA-256."""
    before = bytes(32)
    for batch in await pool.fetch("SELECT * FROM journal_batch ORDER BY seq"):
        seq = batch["seq"]
        opened = await pool.fetch("SELECT id, party, unit, purpose, item FROM ledger_account WHERE seq = $1", seq)
        events = await pool.fetch(
            "SELECT place, line, kind, subject, version, state FROM journal_event WHERE seq = $1 ORDER BY 1, 2", seq
        )
        transfers = await pool.fetch(
            "SELECT place, line, id, kind, subject FROM ledger_transfer WHERE seq = $1 ORDER BY 1, 2", seq
        )
        entries = {
            row["id"]: await pool.fetch(
                "SELECT account_id, version, amount_minor, balance_minor FROM ledger_entry "
                "WHERE transfer_id = $1 ORDER BY account_id",
                row["id"],
            )
            for row in transfers
        }
        content = [
            "tillgate.batch.1",
            batch["book"],
            seq,
            str(batch["batch_id"]),
            batch["recorded_at"].strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            batch["booked_on"].isoformat(),
            sorted([list(map(str, row)) for row in opened]),
            [_plain(row) for row in events],
            [[*_plain(row), [_plain(entry) for entry in entries[row["id"]]]] for row in transfers],
        ]
        text = json.dumps(content, separators=(",", ":")).encode("ascii")
        assert batch["prev_hash"] == before
        before = sha256(before + text).digest()
        assert batch["hash"] == before


def _plain(row: asyncpg.Record) -> list[Any]:
    return [value if isinstance(value, int | None) else str(value) for value in row.values()]


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
