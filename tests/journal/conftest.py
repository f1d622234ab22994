"""Journals on a test's own database, a table to move records of, and short ways to say a change."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.journal import Change, Journal, JournalSettings, Table
from gateway.kernel.clock import SystemClock
from gateway.kernel.ids import UuidSevens
from gateway.kernel.postgres.embedded import EmbeddedPostgres
from gateway.kernel.postgres.pool import open_pool
from gateway.kernel.randomness import SystemRandomness
from gateway.ledger import Account, Leg, Purpose, Transfer
from tests.conftest import run_in

NOW = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
DAY = date(2026, 11, 22)

PARCEL = Table(
    name="parcel",
    columns={
        "id": "uuid",
        "state": "text",
        "label": "text",
        "weight": "bigint",
        "seal": "bytea",
        "tries": "integer",
        "data": "jsonb",
        "version": "integer",
    },
    noted=("label",),
)
POST = Table(
    name="postbox",
    columns={"id": "uuid", "body": "text"},
    history=None,
    stamped=True,
    puts={
        "postbox.set": "INSERT INTO postbox (id, body, seq, place) SELECT r.id, r.body, fence.seq, 0 FROM fence, r "
        "ON CONFLICT (id) DO UPDATE SET body = excluded.body",
        "postbox.drop": "DELETE FROM postbox p USING fence, r WHERE p.id = r.id",
    },
)
CREATE = """
    CREATE TABLE parcel (id uuid PRIMARY KEY, state text NOT NULL, label text NOT NULL DEFAULT 'plain', weight bigint,
                         seal bytea, tries integer NOT NULL DEFAULT 0, data jsonb, version integer NOT NULL,
                         CHECK (weight IS NULL OR weight < 1000));
    CREATE TABLE postbox (id uuid PRIMARY KEY, body text, seq bigint, place integer);"""

_FILES = itertools.count(1)
MakeJournal = Callable[..., Awaitable[Journal]]


class Desk:
    """Says changes and accounts shortly."""

    def __init__(self, ids: UuidSevens) -> None:
        self.ids, self.new = ids, ids.new
        self.bank = Account(ids.new(), "CNY", Purpose.CASH)
        self._count = itertools.count(1)

    def merchant(self) -> Account:
        return Account(self.new(), "CNY", Purpose.AVAILABLE)

    def transfer(self, debit: Account, credit: Account, amount: int, **fields: Any) -> Transfer:
        fields.setdefault("kind", "test")
        fields.setdefault("subject", debit.party)
        legs = (Leg(debit, amount), Leg(credit, -amount))
        return Transfer(id=self.new(), legs=legs, occurred_at=NOW, **fields)

    def change(self, *postings: Any, **fields: Any) -> Change:
        fields.setdefault("why", f"test {next(self._count)}")
        return Change(id=self.new(), who="tester", occurred_at=NOW, postings=postings, **fields)

    def paid_in(self, account: Account, amount: int) -> Change:
        return self.change(self.transfer(self.bank, account, amount))


class OneKey:
    """Signs closes with one key."""

    def __init__(self) -> None:
        self.randomness = SystemRandomness()
        self._key = Ed25519PrivateKey.from_private_bytes(self.randomness.octets(32))
        self.public = self._key.public_key().public_bytes_raw()

    async def number(self) -> int:
        return 1

    async def sign(self, line: bytes, number: int) -> tuple[bytes, bytes]:
        assert number == 1
        return self._key.sign(line), self.public


@pytest.fixture(scope="module")
def signer() -> OneKey:
    return OneKey()


@pytest.fixture(scope="module")
async def module_pool(postgres: EmbeddedPostgres, template: str) -> AsyncIterator[asyncpg.Pool[Any]]:
    """A pool on a database of one test file, for tests that only read what was written once."""
    name = f"journal_{next(_FILES)}"
    await run_in(postgres.dsn(), f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
    opened = await open_pool(postgres.dsn(name))
    yield opened
    await opened.close()
    await run_in(postgres.dsn(), f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def desk(ids: UuidSevens) -> Desk:
    return Desk(ids)


@pytest.fixture
async def tables(pool: asyncpg.Pool[Any]) -> None:
    await pool.execute(CREATE)


@pytest.fixture
async def make_journal(
    pool: asyncpg.Pool[Any], tables: None, clock: SystemClock, ids: UuidSevens
) -> AsyncIterator[MakeJournal]:
    """Makes started journals on the test's database; they are stopped in the end."""
    made: list[Journal] = []

    async def make(**options: Any) -> Journal:
        fields: dict[str, Any] = {"pool": pool, "clock": clock, "ids": ids, "first_day": DAY}
        fields |= {"tables": [PARCEL, POST]} | options
        journal = Journal(**fields)
        await journal.start()
        made.append(journal)
        return journal

    yield make
    for journal in made:
        await journal.stop()


@pytest.fixture
async def journal(make_journal: MakeJournal) -> Journal:
    return await make_journal()


@pytest.fixture
def quick() -> JournalSettings:
    """Gives up soon, for tests of what happens then."""
    return JournalSettings(write_within_s=0.5, reach_s=0.3, patience_s=1.0, pause_first_s=0.01, pause_most_s=0.05)


@pytest.fixture
def week() -> timedelta:
    return timedelta(days=7)


def uuid(number: int) -> UUID:
    return UUID(int=number)
