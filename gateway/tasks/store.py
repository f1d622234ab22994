"""The SQL of timers: armed and ended inside the journal's batches, taken and given back by workers.

Workers never wait for each other's rows and hold one row at a time when they end a timer, so they cannot deadlock
with a batch that arms many.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

import asyncpg

from gateway.journal.model import Table
from gateway.tasks.model import Standing, Timer

Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"

_SET = """
    INSERT INTO timer (kind, subject, due_at, data)
    SELECT r.kind, r.subject, r.due_at, coalesce(r.data, '{}') FROM fence, r
    ON CONFLICT (kind, subject) DO UPDATE
    SET due_at = excluded.due_at, data = excluded.data, fence = excluded.fence, state = 'armed', tries = 0,
        owner = NULL, lease_until = NULL, last_error = NULL"""

_DONE = """
    DELETE FROM timer t USING fence, r WHERE t.kind = r.kind AND t.subject = r.subject"""

TIMER = Table(
    name="timer",
    columns={"kind": "text", "subject": "uuid", "due_at": "timestamptz", "data": "jsonb"},
    history=None,
    puts={"timer.set": _SET, "timer.done": _DONE},
    put_key=("kind", "subject"),
)


async def take(
    pool: Pool, *, kinds: Sequence[str], now: datetime, lease_until: datetime, owner: str, most: int
) -> list[Timer]:
    """Take up to `most` due timers of `kinds`, those included whose lease has run out; each gets a new fence."""
    rows = await pool.fetch(
        """
        WITH due AS MATERIALIZED (
            SELECT kind, subject FROM timer
            WHERE state <> 'parked' AND coalesce(lease_until, due_at) <= $2 AND kind = ANY($1::text[])
            ORDER BY coalesce(lease_until, due_at)
            LIMIT $5 FOR UPDATE SKIP LOCKED)
        UPDATE timer t
        SET state = 'taken', fence = nextval('timer_fence'), tries = t.tries + 1, owner = $3, lease_until = $4
        FROM due
        WHERE t.kind = due.kind AND t.subject = due.subject
        RETURNING t.kind, t.subject, t.due_at, t.tries, t.fence, t.data
        """,
        list(kinds),
        now,
        owner,
        lease_until,
        most,
    )
    return sorted((Timer(**row) for row in rows), key=lambda timer: timer.due_at)


async def renew(pool: Pool, timer: Timer, *, lease_until: datetime) -> bool:
    """Keep `timer` until `lease_until`; False where it was taken again or armed anew since."""
    done = await pool.execute(
        "UPDATE timer SET lease_until = $4 WHERE kind = $1 AND subject = $2 AND fence = $3 AND state = 'taken'",
        timer.kind,
        timer.subject,
        timer.fence,
        lease_until,
    )
    return done == "UPDATE 1"


async def finish(pool: Pool, timer: Timer) -> bool:
    """End `timer`; False where it was taken again or armed anew since."""
    done = await pool.execute(
        "DELETE FROM timer WHERE kind = $1 AND subject = $2 AND fence = $3", timer.kind, timer.subject, timer.fence
    )
    return done == "DELETE 1"


async def arm_again(pool: Pool, timer: Timer, *, due_at: datetime) -> bool:
    """Arm `timer` for `due_at` with a clean count of tries; False where it was taken again or armed anew since."""
    done = await pool.execute(
        """
        UPDATE timer SET state = 'armed', due_at = $4, tries = 0, owner = NULL, lease_until = NULL, last_error = NULL
        WHERE kind = $1 AND subject = $2 AND fence = $3
        """,
        timer.kind,
        timer.subject,
        timer.fence,
        due_at,
    )
    return done == "UPDATE 1"


async def back_off(pool: Pool, timer: Timer, *, due_at: datetime, error: str) -> bool:
    """Arm `timer` for another try after an error; False where it was taken again or armed anew since."""
    done = await pool.execute(
        """
        UPDATE timer SET state = 'armed', due_at = $4, owner = NULL, lease_until = NULL, last_error = $5
        WHERE kind = $1 AND subject = $2 AND fence = $3
        """,
        timer.kind,
        timer.subject,
        timer.fence,
        due_at,
        error,
    )
    return done == "UPDATE 1"


async def park(pool: Pool, timer: Timer, *, error: str) -> bool:
    """Put `timer` before a person; False where it was taken again or armed anew since."""
    done = await pool.execute(
        """
        UPDATE timer SET state = 'parked', owner = NULL, lease_until = NULL, last_error = $4
        WHERE kind = $1 AND subject = $2 AND fence = $3
        """,
        timer.kind,
        timer.subject,
        timer.fence,
        error,
    )
    return done == "UPDATE 1"


async def parked(pool: Pool, *, limit: int = 100) -> list[Standing]:
    """Return the timers that wait for a person, with the last error of each."""
    return await _list(pool, state="parked", limit=limit)


async def waiting(pool: Pool, *, limit: int = 100) -> list[Standing]:
    """Return the timers that are armed or taken, the next due first."""
    rows = await pool.fetch(
        """
        SELECT kind, subject, state, due_at, tries, owner, last_error FROM timer WHERE state <> 'parked'
        ORDER BY coalesce(lease_until, due_at) LIMIT $1
        """,
        limit,
    )
    return [Standing(**row) for row in rows]


async def release(pool: Pool, *, kind: str, subject: UUID, now: datetime) -> bool:
    """Arm a parked timer for now, as a person decided; False where it is not parked."""
    done = await pool.execute(
        """
        UPDATE timer SET state = 'armed', due_at = $3, tries = 0, fence = nextval('timer_fence')
        WHERE kind = $1 AND subject = $2 AND state = 'parked'
        """,
        kind,
        subject,
        now,
    )
    return done == "UPDATE 1"


async def _list(pool: Pool, *, state: str, limit: int) -> list[Standing]:
    rows = await pool.fetch(
        """
        SELECT kind, subject, state, due_at, tries, owner, last_error FROM timer WHERE state = $1
        ORDER BY due_at LIMIT $2
        """,
        state,
        limit,
    )
    return [Standing(**row) for row in rows]
