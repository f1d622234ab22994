"""What readers ask of the books."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg

from gateway.journal import Change, Done, Journal
from gateway.kernel.ids import UuidSevens
from gateway.ledger import Account, Hold, Leg, Purpose, Transfer, store
from tests.ledger.conftest import NOW


def change(ids: UuidSevens, *postings: Any) -> Change:
    return Change(id=ids.new(), who="tester", why="test", occurred_at=NOW, postings=postings)


def pay(ids: UuidSevens, debit: Account, credit: Account, amount: int, subject: UUID | None = None) -> Transfer:
    legs = (Leg(debit, amount), Leg(credit, -amount))
    return Transfer(id=ids.new(), kind="sale", subject=subject or ids.new(), legs=legs, occurred_at=NOW, note="n")


async def test_balances_statement_and_the_past(journal: Journal, ids: UuidSevens, pool: asyncpg.Pool[Any]) -> None:
    bank = Account(ids.new(), "CNY", Purpose.CASH)
    merchant = Account(ids.new(), "CNY", Purpose.AVAILABLE)
    posted = [await journal.post(change(ids, pay(ids, bank, merchant, amount))) for amount in (100, 20, 3)]
    receipts = [receipt for receipt in posted if isinstance(receipt, Done)]
    assert len(receipts) == 3
    unused = Account(ids.new(), "CNY", Purpose.AVAILABLE)
    assert await store.balances(pool, [bank, merchant, unused]) == {bank: 123, merchant: -123, unused: 0}
    assert await store.balance(pool, merchant) == -123
    assert await store.balances_of(pool, merchant.party) == {merchant: -123}
    lines = await store.statement(pool, merchant)
    assert [(line.version, line.amount_minor, line.balance_minor) for line in lines] == [
        (1, -100, -100),
        (2, -20, -120),
        (3, -3, -123),
    ]
    assert [line.version for line in await store.statement(pool, merchant, after_version=1, limit=1)] == [2]
    after = lines[0].booked_on + timedelta(days=1)
    assert await store.statement(pool, merchant, booked_from=after) == []
    for receipt, balance in zip(receipts, (-100, -120, -123), strict=True):
        assert await store.balance_at(pool, merchant, receipt.recorded_at) == balance
    before = receipts[0].recorded_at - timedelta(microseconds=1)
    assert await store.balance_at(pool, merchant, before) == 0
    assert await store.balance_at(pool, unused, receipts[-1].recorded_at) == 0


async def test_entries_about_a_subject(journal: Journal, ids: UuidSevens, pool: asyncpg.Pool[Any]) -> None:
    bank = Account(ids.new(), "CNY", Purpose.CASH)
    merchant = Account(ids.new(), "CNY", Purpose.AVAILABLE)
    subject = ids.new()
    await journal.post(change(ids, pay(ids, bank, merchant, 7, subject), pay(ids, merchant, bank, 2, subject)))
    await journal.post(change(ids, pay(ids, bank, merchant, 50)))
    entries = await store.entries_about(pool, subject)
    assert [(entry.account, entry.amount_minor) for entry in entries] == [
        (bank, 7),
        (merchant, -7),
        (merchant, 2),
        (bank, -2),
    ]
    assert {(entry.kind, entry.note) for entry in entries} == {("sale", "n")}


async def test_trial_balance_and_open_holds(journal: Journal, ids: UuidSevens, pool: asyncpg.Pool[Any]) -> None:
    bank = Account(ids.new(), "CNY", Purpose.CASH)
    merchant = Account(ids.new(), "CNY", Purpose.AVAILABLE)
    issued, member = Account(ids.new(), "PA", Purpose.ISSUED), Account(ids.new(), "PA", Purpose.AVAILABLE)
    hold = Hold(id=ids.new(), account=merchant, amount_minor=4, kind="w", subject=ids.new(), occurred_at=NOW)
    await journal.post(change(ids, pay(ids, bank, merchant, 10), pay(ids, issued, member, 300), hold))
    assert await store.trial_balance(pool) == {"CNY": 0, "PA": 0}
    assert await store.open_holds_about(pool, hold.subject) == {hold.id: 4}
