"""The SQL of batch tasks and schedules: tables that the journal writes, and what lists and takings read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from gateway.journal.model import Table
from gateway.kernel.postgres.pool import Database
from gateway.tasks.batch.model import (
    AfterLoss,
    BatchTask,
    CatchUp,
    ChunkDone,
    FailedRow,
    RunTotals,
    Schedule,
    ScheduleState,
    TaskState,
)

BATCH_TASK = Table(
    name="batch_task",
    columns={
        "id": "uuid",
        "kind": "text",
        "exclusive": "text",
        "params": "jsonb",
        "state": "text",
        "chunk_size": "integer",
        "concurrency": "integer",
        "after_loss": "text",
        "schedule_id": "uuid",
        "cursor": "text",
        "run": "integer",
        "chunks": "integer",
        "rows_read": "bigint",
        "stored": "bigint",
        "skipped": "bigint",
        "failed": "bigint",
        "total": "bigint",
        "takeovers": "integer",
        "reason": "text",
        "failed_chunk": "integer",
        "failed_row": "text",
        "owner": "text",
        "created_by": "text",
        "created_at": "timestamptz",
        "due_at": "timestamptz",
        "started_at": "timestamptz",
        "ended_at": "timestamptz",
        "version": "integer",
    },
    noted=("run", "chunks", "stored", "skipped", "failed"),
)
BATCH_TASK_CHUNK = Table(
    name="batch_task_chunk",
    columns={
        "id": "uuid",
        "task_id": "uuid",
        "run": "integer",
        "number": "integer",
        "cursor_before": "text",
        "cursor_after": "text",
        "rows_read": "integer",
        "stored": "integer",
        "skipped": "integer",
        "failed": "integer",
        "figures": "jsonb",
        "owner": "text",
        "began_at": "timestamptz",
        "ended_at": "timestamptz",
    },
    history=None,
)
BATCH_TASK_ROW = Table(
    name="batch_task_row",
    columns={
        "id": "uuid",
        "task_id": "uuid",
        "run": "integer",
        "chunk": "integer",
        "place": "integer",
        "row_id": "text",
        "why": "text",
        "began_at": "timestamptz",
        "ended_at": "timestamptz",
    },
    history=None,
)
BATCH_SCHEDULE = Table(
    name="batch_schedule",
    columns={
        "id": "uuid",
        "kind": "text",
        "name": "text",
        "params": "jsonb",
        "chunk_size": "integer",
        "concurrency": "integer",
        "after_loss": "text",
        "cron": "text",
        "zone": "text",
        "once_at": "timestamptz",
        "catch_up": "text",
        "state": "text",
        "next_at": "timestamptz",
        "last_at": "timestamptz",
        "last_task": "uuid",
        "last_note": "text",
        "created_by": "text",
        "created_at": "timestamptz",
        "version": "integer",
    },
    noted=("cron", "zone", "once_at", "next_at"),
)
TABLES = (BATCH_TASK, BATCH_TASK_CHUNK, BATCH_TASK_ROW, BATCH_SCHEDULE)

_TASKS = """
    SELECT t.*, l.subject IS NOT NULL AS is_held,
           CASE WHEN t.state = 'running' AND t.owner <> '' AND l.subject IS NULL THEN 'interrupted' ELSE t.state END
           AS standing
    FROM batch_task t
    LEFT JOIN timer l ON l.kind = 'batch.task' AND l.subject = t.id AND l.state = 'taken' AND l.lease_until > $1
    """


async def task(pool: Database, id_: UUID, *, now: datetime) -> BatchTask | None:
    """Read a task; whether it is held is as of `now`."""
    row = await pool.fetchrow(f"{_TASKS} WHERE t.id = $2", now, id_)
    return None if row is None else _task(row)


async def tasks(
    pool: Database, *, now: datetime, state: str | None, kind: str | None, before: UUID | None, limit: int
) -> list[BatchTask]:
    """List tasks, newest first; `state` is the state as it is seen from outside."""
    rows = await pool.fetch(
        f"""
        SELECT * FROM ({_TASKS}) t
        WHERE ($2::text IS NULL OR t.standing = $2) AND ($3::text IS NULL OR t.kind = $3)
          AND ($4::uuid IS NULL OR t.id < $4)
        ORDER BY t.id DESC LIMIT $5
        """,
        now,
        state,
        kind,
        before,
        limit,
    )
    return [_task(row) for row in rows]


async def counts(pool: Database, *, now: datetime) -> list[tuple[str, str, int]]:
    """Count tasks by kind and by the state that is seen from outside (row A25)."""
    rows = await pool.fetch(
        f"SELECT t.kind, t.standing, count(*) FROM ({_TASKS}) t GROUP BY t.kind, t.standing ORDER BY 1, 2", now
    )
    return [(row[0], row[1], row[2]) for row in rows]


async def chunks(pool: Database, id_: UUID, *, limit: int, after: tuple[int, int] = (0, 0)) -> list[ChunkDone]:
    """List the chunks of a task in the order they were committed, beyond (run, number)."""
    rows = await pool.fetch(
        """
        SELECT run, number, cursor_before, cursor_after, rows_read, stored, skipped, failed, figures, owner, began_at,
               ended_at
        FROM batch_task_chunk WHERE task_id = $1 AND (run, number) > ($2, $3) ORDER BY run, number LIMIT $4
        """,
        id_,
        *after,
        limit,
    )
    return [ChunkDone(**dict(row)) for row in rows]


async def has_passed(pool: Database, id_: UUID, *, run: int, cursor: str) -> bool:
    """Tell whether a run of a task has stood at this cursor before."""
    query = "SELECT EXISTS (SELECT FROM batch_task_chunk WHERE task_id = $1 AND run = $2 AND cursor_before = $3)"
    return bool(await pool.fetchval(query, id_, run, cursor))


async def failed_rows(pool: Database, id_: UUID, *, run: int, limit: int) -> list[FailedRow]:
    """List the failed rows of one run of a task, in their order."""
    rows = await pool.fetch(
        """
        SELECT run, chunk, place, row_id, why, began_at, ended_at FROM batch_task_row
        WHERE task_id = $1 AND run = $2 ORDER BY chunk, place LIMIT $3
        """,
        id_,
        run,
        limit,
    )
    return [FailedRow(**dict(row)) for row in rows]


async def runs(pool: Database, id_: UUID) -> list[RunTotals]:
    """Return what each run of a task has committed."""
    rows = await pool.fetch(
        """
        SELECT run, count(*)::int AS chunks, sum(rows_read)::int AS rows_read, sum(stored)::int AS stored,
               sum(skipped)::int AS skipped, sum(failed)::int AS failed, min(began_at) AS began_at,
               max(ended_at) AS ended_at,
               (SELECT coalesce(jsonb_object_agg(f.key, f.sum), '{}') FROM (
                   SELECT e.key, sum(e.value::bigint) AS sum FROM batch_task_chunk k, jsonb_each_text(k.figures) e
                   WHERE k.task_id = $1 AND k.run = c.run GROUP BY e.key) f) AS figures
        FROM batch_task_chunk c WHERE task_id = $1 GROUP BY run ORDER BY run
        """,
        id_,
    )
    return [RunTotals(**dict(row)) for row in rows]


async def schedule(pool: Database, id_: UUID) -> Schedule | None:
    """Read a schedule."""
    row = await pool.fetchrow("SELECT * FROM batch_schedule WHERE id = $1", id_)
    return None if row is None else _schedule(row)


async def schedules(pool: Database, *, before: UUID | None, limit: int) -> list[Schedule]:
    """List schedules, newest first."""
    rows: Sequence[asyncpg.Record] = await pool.fetch(
        "SELECT * FROM batch_schedule WHERE $1::uuid IS NULL OR id < $1 ORDER BY id DESC LIMIT $2", before, limit
    )
    return [_schedule(row) for row in rows]


def _task(row: asyncpg.Record) -> BatchTask:
    fields: dict[str, Any] = dict(row)
    del fields["standing"]
    fields["state"], fields["after_loss"] = TaskState(fields["state"]), AfterLoss(fields["after_loss"])
    return BatchTask(**fields)


def _schedule(row: asyncpg.Record) -> Schedule:
    fields: dict[str, Any] = dict(row)
    fields["state"], fields["after_loss"] = ScheduleState(fields["state"]), AfterLoss(fields["after_loss"])
    fields["catch_up"] = CatchUp(fields["catch_up"])
    return Schedule(**fields)
