"""The database as each part of a process may use it: one pool for each database role."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from gateway.kernel.postgres.doors import open_door_pool
from gateway.kernel.postgres.pool import DATABASE_ERRORS, Database, open_pool
from gateway.kernel.postgres.roles import DatabaseRole
from gateway.kernel.settings import Database as Section

_DRAIN_S = 30.0
# the journal keeps two connections; the others are for its start and for signing closes
_OF_JOURNAL = 4
_OF_OWNER = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Pools:
    """`worker` edits records and runs timers, `journal` writes the book, `owner` changes tables, `door` answers.

    A process without the HTTP doors has no `door`.
    """

    worker: Database
    journal: Database
    owner: Database
    door: Database | None

    async def close(self) -> None:
        """Close them all at once; one whose connections do not come back is cut off."""
        opened = [pool for pool in (self.door, self.journal, self.worker, self.owner) if pool is not None]
        await asyncio.gather(*(_closed(pool) for pool in opened))


async def open_pools(section: Section, *, password: str | None, doors: bool) -> Pools:
    """Open the pools on the database of the settings, `door` only where there are doors.

    Raises RoleError, saying what to do, where the login is no member of the database roles.
    """
    dsn = section.dsn
    common: dict[str, Any] = {
        "password": password,
        "connect_within_s": section.connect_within_s,
        "statement_cache_size": section.statement_cache_size,
    }
    most: dict[str, Any] = {"smallest": section.pool_smallest, "largest": section.pool_largest}
    opened: list[Database] = []
    try:
        opened.append(await open_pool(dsn, smallest=0, largest=_OF_OWNER, role=section.owner, **common))
        opened.append(await open_pool(dsn, role=_role(section, DatabaseRole.WORKER), **most, **common))
        opened.append(await open_pool(dsn, largest=_OF_JOURNAL, role=_role(section, DatabaseRole.JOURNAL), **common))
        door = await open_door_pool(dsn, **most, **common) if doors else None
    except BaseException:
        await _abandon(opened)
        raise
    owner, worker, journal = opened
    return Pools(worker=worker, journal=journal, owner=owner, door=door)


def _role(section: Section, role: DatabaseRole) -> str:
    return role.value if section.roles == "session" else ""


async def _abandon(opened: list[Database]) -> None:
    for pool in opened:
        await _closed(pool)


async def _closed(pool: Database) -> None:
    with suppress(*DATABASE_ERRORS):
        try:
            await asyncio.wait_for(pool.close(), _DRAIN_S)
        except TimeoutError:
            pool.terminate()
