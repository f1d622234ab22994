"""Whether a database has this release's schema, and room for the time to come."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import structlog

from gateway.app import store
from gateway.kernel.postgres.migrate import MigrationError, migrations_folder, read_migrations
from gateway.kernel.postgres.partitions import ensure_partitions
from gateway.kernel.postgres.pool import DATABASE_ERRORS, Database

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Gap:
    """Migrations that a database lacks, and those that it has beyond this release."""

    missing: frozenset[str]
    beyond: frozenset[str]

    @classmethod
    def of(cls, applied: frozenset[str]) -> Gap:
        """Compare what was applied with what this release brings."""
        brought = frozenset(one.version for one in read_migrations(migrations_folder()))
        return cls(missing=brought - applied, beyond=applied - brought)


async def refuse_other_schema(pool: Database) -> None:
    """Raise MigrationError, saying what to do, where a database is behind this release or ahead of it."""
    gap = Gap.of((await store.server_facts(pool)).migrations)
    if gap.missing:
        raise MigrationError(f"{len(gap.missing)} migrations are not applied to this database: run `tillgate migrate`")
    if gap.beyond:
        raise MigrationError(f"the database is {len(gap.beyond)} migrations ahead: run the release that made it")


async def extend_partitions(pool: Database, *, now: datetime) -> None:
    """Make the partitions that the time since the last start has left missing; a timer tries again what cannot be."""
    try:
        async with pool.acquire() as connection:
            await ensure_partitions(connection, now=now)
    except DATABASE_ERRORS as fault:
        _log.warning("partitions are not made", error=type(fault).__name__)
