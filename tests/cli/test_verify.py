"""`tillgate verify` says that honest books hold, and names what was done to others."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import pytest

from gateway.journal import Change, Done, Journal
from gateway.kernel.ids import Ids
from gateway.ledger.model import Account, Leg, Purpose, Transfer
from tests.cli.conftest import Tillgate


@pytest.fixture
async def books(pool: asyncpg.Pool[Any], clock, ids: Ids) -> None:
    """Books of a database of this test's own, with two payments in them."""
    journal = Journal(pool=pool, tables=(), clock=clock, ids=ids)
    await journal.start()
    try:
        bank, merchant = Account(ids.new(), "CNY", Purpose.CASH), Account(ids.new(), "CNY", Purpose.AVAILABLE)
        for amount in (1_00, 2_00):
            transfer = Transfer(
                id=ids.new(),
                kind="purchase",
                subject=ids.new(),
                legs=(Leg(bank, amount), Leg(merchant, -amount)),
                occurred_at=clock.now(),
            )
            change = Change(id=ids.new(), who="tester", why="paid", occurred_at=clock.now(), postings=(transfer,))
            assert isinstance(await journal.post(change), Done)
    finally:
        await journal.stop()


async def _tamper(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        # triggers keep an honest hand off; a dishonest one switches them off first
        await connection.execute("SET session_replication_role = replica")
        assert not (await connection.execute(statement)).endswith(" 0")
    finally:
        await connection.close()


def test_honest_books_hold(tillgate: Tillgate, books: None, dsn: str) -> None:
    ended = tillgate("verify", "--dsn", dsn)
    assert ended.code == 0
    assert "trial balance 0.00 CNY" in ended.out
    assert "the books hold" in ended.out
    assert tillgate("verify", "--dsn", dsn, "--json").json == {
        "trial_balance": {"CNY": 0},
        "faults": [],
        "holds": True,
    }


BROKEN = {
    "an amount": ("UPDATE ledger_entry SET amount_minor = amount_minor + 7 WHERE version = 2", "entry"),
    "a transfer gone": ("DELETE FROM ledger_transfer WHERE seq = 2", "transfer"),
    "a batch gone": ("DELETE FROM journal_batch WHERE seq = 2", "head"),
    "an event rewritten": ("UPDATE journal_batch SET hash = sha256('x') WHERE seq = 1", "batch"),
}


@pytest.mark.parametrize(("statement", "named"), BROKEN.values(), ids=BROKEN.keys())
def test_broken_books_are_named(tillgate: Tillgate, books: None, dsn: str, statement: str, named: str) -> None:
    asyncio.run(_tamper(dsn, statement))
    ended = tillgate("verify", "--dsn", dsn)
    assert ended.code == 1
    assert named in ended.err
    assert "do not hold" in ended.out
    told = tillgate("verify", "--dsn", dsn, "--json")
    assert (told.code, told.json["holds"]) == (1, False)
    assert any(named in fault for fault in told.json["faults"])


def test_a_whole_world_holds(tillgate: Tillgate, world: dict[str, Any]) -> None:
    ended = tillgate("verify", "--dsn", world["database"], "--json")
    assert (ended.code, ended.json["holds"], ended.json["faults"]) == (0, True, [])
