"""Where a benchmark runs: an embedded server in a folder of its own on disk, one fresh database for each run."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from random import Random

from gateway.bench import store
from gateway.bench.order import ORDER
from gateway.bench.store import Pool
from gateway.journal import Change, Done, Journal, JournalSettings
from gateway.kernel.clock import Clock, SystemClock
from gateway.kernel.ids import Ids, UuidSevens
from gateway.kernel.postgres.embedded import EmbeddedPostgres
from gateway.kernel.postgres.migrate import migrate
from gateway.kernel.postgres.pool import open_pool
from gateway.kernel.randomness import SystemRandomness
from gateway.ledger import Account, Leg, Purpose, Transfer

# What a server of this size is given in production; nothing here makes a commit less durable.
PARAMETERS = {"shared_buffers": "256MB", "max_wal_size": "4GB", "checkpoint_timeout": "15min", "max_connections": "80"}
_TEMPLATE = "bench"
_RICH = 10**13
_OPENED_TOGETHER = 500


class WrongAnswerError(Exception):
    """Work of a benchmark was not taken: its figures would mean nothing."""


@dataclass(slots=True)
class Ground:
    """A server with a template that has the accounts; every run gets a copy of it."""

    server: EmbeddedPostgres
    directory: Path
    clock: Clock = field(default_factory=SystemClock)
    random: Random = field(default_factory=lambda: Random(1))
    accounts: Sequence[Account] = ()
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    @property
    def ids(self) -> Ids:
        """A maker of ids."""
        return UuidSevens(self.clock, SystemRandomness())

    @property
    def log(self) -> str:
        """What the server has logged."""
        return (self.directory / "server.log").read_text(errors="replace")

    async def prepare(self, accounts: int) -> None:
        """Make the template: migrated, so many accounts opened and rich."""
        await self._create(_TEMPLATE, "template1")
        await migrate(self.server.dsn(_TEMPLATE))
        ids = self.ids
        self.accounts = [Account(ids.new(), "CNY", Purpose.AVAILABLE) for _ in range(accounts)]
        pool = await open_pool(self.server.dsn(_TEMPLATE), largest=4)
        try:
            await store.make_tables(pool)
            await self._open(pool, ids)
            await store.take_balances(pool)
        finally:
            await pool.close()

    @asynccontextmanager
    async def database(self, *, entries: int = 0) -> AsyncIterator[str]:
        """Lend a fresh copy of the template, grown to about so many entries; gives its DSN."""
        name = f"run_{next(self._numbers)}"
        await self._create(name, _TEMPLATE)
        try:
            dsn = self.server.dsn(name)
            if entries:
                await self._grow(dsn, entries)
            yield dsn
        finally:
            await store.drop_database(self.server.dsn(), name)

    async def _create(self, name: str, template: str) -> None:
        await store.create_database(self.server.dsn(), name, template)

    async def _grow(self, dsn: str, entries: int) -> None:
        pool = await open_pool(dsn, largest=2)
        try:
            ids = await store.account_ids(pool, self.accounts)
            await store.fill(pool, list(ids.values()), most=entries)
        finally:
            await pool.close()

    async def _open(self, pool: Pool, ids: Ids) -> None:
        mint = Account(ids.new(), "CNY", Purpose.CASH)
        async with open_journal(pool, self.clock) as journal:
            for start in range(0, len(self.accounts), _OPENED_TOGETHER):
                some = self.accounts[start : start + _OPENED_TOGETHER]
                receipt = await journal.post(self._paid_in(mint, some, ids))
                if not isinstance(receipt, Done):
                    raise WrongAnswerError(str(receipt))

    def _paid_in(self, mint: Account, accounts: Sequence[Account], ids: Ids) -> Change:
        at = self.clock.now()
        legs = (Leg(mint, _RICH * len(accounts)), *(Leg(account, -_RICH) for account in accounts))
        transfer = Transfer(id=ids.new(), kind="opened", subject=ids.new(), legs=legs, occurred_at=at)
        return Change(id=ids.new(), who="bench", why="accounts to work with", occurred_at=at, postings=(transfer,))


@asynccontextmanager
async def open_journal(
    pool: Pool, clock: Clock, *, writer: str = "bench", room: int = 10_000
) -> AsyncIterator[Journal]:
    """Lend a journal as the gateway has it, with the table of the orders."""
    journal = Journal(
        pool=pool,
        tables=[ORDER],
        clock=clock,
        ids=UuidSevens(clock, SystemRandomness()),
        settings=JournalSettings(room=room),
        writer=writer,
        first_day=date(2026, 1, 1),
    )
    await journal.start()
    try:
        yield journal
    finally:
        await journal.stop()


@asynccontextmanager
async def ground(*, accounts: int, directory: Path | None = None) -> AsyncIterator[Ground]:
    """Start a server in a fresh folder below `directory` (default: the system's), prepared; gone afterwards."""
    with _folder(directory) as folder:
        server = EmbeddedPostgres(directory=folder, parameters=PARAMETERS)
        try:
            await server.start()
            made = Ground(server, folder)
            await made.prepare(accounts)
            yield made
        finally:
            await server.stop()


@contextmanager
def _folder(directory: Path | None) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="tillgate-bench-", dir=directory))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
