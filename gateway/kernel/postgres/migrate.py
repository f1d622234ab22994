"""Applies `migrations/NNNN_verb_noun.sql`, forward only, each once, in order, by one process at a time."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg

from gateway.kernel.clock import Clock, SystemClock
from gateway.kernel.data import data_path
from gateway.kernel.postgres.partitions import ensure_partitions
from gateway.kernel.postgres.roles import grant_rights

_NAME = re.compile(r"\d{4}_[a-z0-9_]+\.sql")
_LOCK = "hashtext('tillgate.migrate')"
_ALONE = "-- no-transaction"


class MigrationError(Exception):
    """A migration was refused or failed; the text names the file and what to do."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file: `version` is its first four digits, `sha256` of its bytes in hexadecimal."""

    version: str
    name: str
    text: str
    sha256: str

    @property
    def alone(self) -> bool:
        """Whether it runs outside a transaction; such a file holds one statement and can be repeated."""
        return self.text.startswith(_ALONE)


def migrations_folder() -> Path:
    """Folder of the migrations: the installed package's data, else the checkout."""
    return data_path("migrations")


def read_migrations(folder: Path) -> list[Migration]:
    """Read all migrations, in order. Raises MigrationError where two have one number."""
    found = [_read(path) for path in sorted(folder.iterdir()) if _NAME.fullmatch(path.name)]
    for one, next_one in itertools.pairwise(found):
        if one.version == next_one.version:
            raise MigrationError(
                f"{one.name} and {next_one.name} have the same number: give one of them the next free one"
            )
    return found


async def migrate(
    dsn: str,
    *,
    folder: Path | None = None,
    password: str | None = None,
    clock: Clock | None = None,
    wait_s: float = 600.0,
) -> list[str]:
    """Bring the database at `dsn` up to date and return the names of the files applied now.

    Several may run at once: one works, the others wait up to `wait_s` and find nothing to do. A file that was changed
    after it was applied is refused, and so is a database that is ahead of this release. Partitions are made with it,
    and the database roles get their rights. Whoever does it is the owner of the tables.
    """
    migrations = read_migrations(folder or migrations_folder())
    connection = await asyncpg.connect(dsn, password=password, timeout=30)
    try:
        known = clock or SystemClock()
        await _take_lock(connection, known, wait_s)
        applied = await _apply_all(connection, migrations)
        await ensure_partitions(connection, now=known.now())
        await grant_rights(connection)
        return applied
    finally:
        await connection.close()


def _read(path: Path) -> Migration:
    content = path.read_bytes()
    return Migration(path.name[:4], path.name, content.decode(), hashlib.sha256(content).hexdigest())


async def _take_lock(connection: asyncpg.Connection[Any], clock: Clock, wait_s: float) -> None:
    # waiting inside pg_advisory_lock would hold a snapshot, and CREATE INDEX CONCURRENTLY waits for snapshots
    end = clock.monotonic() + wait_s
    while not await connection.fetchval(f"SELECT pg_try_advisory_lock({_LOCK})"):
        if clock.monotonic() > end:
            raise MigrationError(f"another process has been migrating for {wait_s:.0f} s: see pg_stat_activity")
        await asyncio.sleep(0.1)


async def _apply_all(connection: asyncpg.Connection[Any], migrations: list[Migration]) -> list[str]:
    await connection.execute(
        "CREATE TABLE IF NOT EXISTS schema_migration (version text PRIMARY KEY, name text NOT NULL,"
        " sha256 text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())",
    )
    applied = {
        row["version"]: row for row in await connection.fetch("SELECT version, name, sha256 FROM schema_migration")
    }
    _refuse_strangers(migrations, applied)
    waiting = [migration for migration in migrations if migration.version not in applied]
    for migration in waiting:
        await _apply(connection, migration)
    return [migration.name for migration in waiting]


def _refuse_strangers(migrations: list[Migration], applied: dict[str, asyncpg.Record]) -> None:
    known = {migration.version: migration for migration in migrations}
    for version, row in applied.items():
        if version not in known:
            raise MigrationError(f"the database has {row['name']}, which this release lacks: run the newer release")
        if known[version].sha256 != row["sha256"]:
            raise MigrationError(
                f"{known[version].name} was changed after it was applied: restore it and write a new file",
            )


async def _apply(connection: asyncpg.Connection[Any], migration: Migration) -> None:
    try:
        if migration.alone:
            await connection.execute(migration.text)
            await _record(connection, migration)
            return
        async with connection.transaction():
            await connection.execute(migration.text)
            await _record(connection, migration)
    except asyncpg.PostgresError as error:
        place = f" at character {error.position}" if getattr(error, "position", None) else ""
        raise MigrationError(f"{migration.name} failed{place}: {error}") from error


async def _record(connection: asyncpg.Connection[Any], migration: Migration) -> None:
    await connection.execute(
        "INSERT INTO schema_migration (version, name, sha256) VALUES ($1, $2, $3)",
        migration.version,
        migration.name,
        migration.sha256,
    )
