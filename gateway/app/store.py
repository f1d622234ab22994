"""Reads that span rooms: the event feed of a subtree, and the figures that one worker exposes as metrics."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from gateway.clearing import store as clearing
from gateway.journal import Cursor, Happened
from gateway.kernel.postgres.partitions import Upkeep, upkeep
from gateway.kernel.postgres.pool import Database
from gateway.ledger import store as ledger
from gateway.parties import PLATFORM, Scope
from gateway.tasks.batch import store as batch

_EVENTS = """
SELECT e.seq, e.place, e.line, e.kind, e.subject, e.version, e.state, e.who, e.why, e.occurred_at, e.recorded_at,
       e.change_id, e.data
FROM journal_event e
WHERE e.book = 'main' AND (e.seq, e.place, e.line) > ($1, $2, $3)
  AND ($4 OR EXISTS (
    SELECT FROM party p WHERE p.path LIKE $5 AND p.id IN (
        SELECT o.merchant_id FROM operation o WHERE o.id = e.subject
        UNION ALL SELECT y.party_id FROM payout y WHERE y.id = e.subject
        UNION ALL SELECT t.merchant_id FROM terminal t WHERE t.id = e.subject
        UNION ALL SELECT o.merchant_id FROM instruction i JOIN operation o ON o.id = i.owner_id WHERE i.id = e.subject
        UNION ALL SELECT y.party_id FROM instruction i JOIN payout y ON y.id = i.owner_id WHERE i.id = e.subject
        UNION ALL SELECT e.subject)))
ORDER BY e.seq, e.place, e.line LIMIT $6
"""


async def events_in(pool: Database, scope: Scope, *, after: Cursor, limit: int) -> list[Happened]:
    """Return the event feed as far as it is about parties in `scope`, or about their records."""
    sees_all = scope.path == f"/{PLATFORM.hex}/"
    rows = await pool.fetch(_EVENTS, after.seq, after.place, after.line, sees_all, scope.pattern, limit)
    return [_happened(dict(row)) for row in rows]


def _happened(fields: dict[str, Any]) -> Happened:
    cursor = Cursor(fields.pop("seq"), fields.pop("place"), fields.pop("line"))
    return Happened(cursor=cursor, **fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What is counted in the database: each row its labels, then its figures; ages in seconds."""

    imbalance: list[tuple[str, int]]
    advances: list[tuple[str, int, int]]
    upkeep: list[Upkeep]
    payments: list[tuple[str, str, int]]
    unknown: list[tuple[str, int, float]]
    lanes: list[tuple[str, int, float]]
    cut_offs: list[tuple[str, float]]
    files: list[tuple[str, str, int]]
    quarantined: list[tuple[str, int]]
    differences: list[tuple[str, int]]
    timers: list[tuple[str, str, int]]
    batch_tasks: list[tuple[str, str, int]]
    terminals: list[tuple[str, int]]


_COUNTS = {
    "payments": """
        SELECT kind, state, count(*) FROM operation GROUP BY kind, state
        UNION ALL SELECT kind, state, count(*) FROM payout GROUP BY kind, state
        """,
    "files": "SELECT direction, state, count(*) FROM file GROUP BY direction, state",
    "quarantined": """
        SELECT c.code, count(*) FROM file f JOIN channel c ON c.id = f.channel_id
        WHERE f.state = 'quarantined' GROUP BY c.code
        """,
    "differences": "SELECT kind, count(*) FROM difference WHERE state = 'open' GROUP BY kind",
    "timers": "SELECT kind, state, count(*) FROM timer GROUP BY kind, state",
    "terminals": "SELECT state, count(*) FROM terminal GROUP BY state",
}
_AGES = {
    "unknown": """
        SELECT kind, count(*), extract(epoch FROM $1 - min(occurred_at))::float8
        FROM operation WHERE state IN ('unknown', 'reversing') GROUP BY kind
        UNION ALL SELECT kind, count(*), extract(epoch FROM $1 - min(created_at))::float8
        FROM payout WHERE state = 'unknown' GROUP BY kind
        """,
    "cut_offs": """
        SELECT c.code, greatest(extract(epoch FROM t.due_at - $1), 0)::float8
        FROM timer t JOIN channel c ON c.id = t.subject WHERE t.kind = 'clearing.cutoff'
        """,
}


async def counts(pool: Database, *, now: datetime, advance_most_minor: int = 0) -> Counts:
    """Count what metrics show; a party that owes more than `advance_most_minor` is one over the limit."""
    rows: dict[str, list[Any]] = {
        "imbalance": list((await ledger.trial_balance(pool)).items()),
        "advances": await ledger.advances(pool, most_minor=advance_most_minor),
        "upkeep": await partitions(pool, now=now),
        "lanes": [
            (lane.channel, lane.depth, (now - lane.oldest).total_seconds()) for lane in await clearing.lanes(pool)
        ],
        "batch_tasks": list(await batch.counts(pool, now=now)),
    }
    for name, sql in _COUNTS.items():
        rows[name] = [tuple(row) for row in await pool.fetch(sql)]
    for name, sql in _AGES.items():
        rows[name] = [tuple(row) for row in await pool.fetch(sql, now)]
    return Counts(**rows)


async def partitions(pool: Database, *, now: datetime) -> list[Upkeep]:
    """Tell how the tables that are kept in partitions stand."""
    async with pool.acquire() as connection:
        return await upkeep(connection, now=now)


async def settled_by_number(pool: Database) -> dict[str, dict[str, Any]]:
    """Return every instruction by its number with what the books say the bank did by it."""
    rows = await pool.fetch(
        """
        SELECT i.number, i.ask, i.amount_minor, i.unit, i.state, i.owner_id, o.state AS operation, y.state AS payout,
               coalesce((SELECT sum(d.file_minor - d.own_minor) FROM difference d
                         WHERE d.instruction_id = i.id AND d.kind = 'amount_differs' AND d.state = 'resolved'
                           AND d.how = 'bank_is_right'), 0)::bigint AS corrected_minor
        FROM instruction i
        LEFT JOIN operation o ON o.id = i.owner_id AND i.owner_kind = 'operation'
        LEFT JOIN payout y ON y.id = i.owner_id AND i.owner_kind = 'payout'
        """
    )
    return {row["number"]: dict(row) for row in rows}


async def strangers(pool: Database) -> dict[str, int]:
    """Return what bank lines that we know nothing of were given back as: number and amount."""
    rows = await pool.fetch(
        "SELECT number, file_minor FROM difference WHERE kind = 'unknown_to_us' AND how = 'give_back'"
    )
    return {row["number"]: row["file_minor"] for row in rows}


async def answer(pool: Database) -> None:
    """Return when the database answers."""
    await pool.fetchval("SELECT 1")


async def has_merchants(pool: Database) -> bool:
    """Tell whether a database has been put to use."""
    return bool(await pool.fetchval("SELECT EXISTS (SELECT FROM merchant)"))


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What the doctor wants to know of a server."""

    version: int
    migrations: frozenset[str]
    now: datetime

    def clock_ahead(self, ours: datetime) -> timedelta:
        """Tell how far our clock is ahead of the server's."""
        return ours - self.now


async def server_facts(pool: Database) -> ServerFacts:
    """Ask a server for its version, its applied migrations and its time."""
    is_there = await pool.fetchval("SELECT to_regclass('schema_migration') IS NOT NULL")
    applied = await pool.fetch("SELECT version FROM schema_migration") if is_there else []
    version = await pool.fetchval("SELECT current_setting('server_version_num')::integer")
    now = await pool.fetchval("SELECT clock_timestamp()")
    return ServerFacts(version, frozenset(one["version"] for one in applied), now)


async def nearest_operations(
    pool: Database, *, terminal: str, batch: str, trace: str, rrn: str, most: int = 3
) -> list[dict[str, Any]]:
    """Return the operations a message may belong to: by its retrieval reference, its own reference, then the nearest.

    Of those that are only near, the ones still open come first, then those whose trace is next to the message's.
    """
    rows = await pool.fetch(
        """
        SELECT o.id, o.kind, o.state, o.batch, o.trace, o.message_class, o.rrn, o.amount_minor, o.unit, o.occurred_at,
               CASE WHEN o.rrn = $4 THEN 'retrieval reference' WHEN o.batch = $2 AND o.trace = $3 THEN 'reference'
                    ELSE 'near' END AS by
        FROM operation o
        WHERE o.rrn = $4 OR o.terminal = $1
        ORDER BY (o.rrn = $4) DESC, (o.batch = $2 AND o.trace = $3) DESC,
                 (o.state IN ('created', 'sent', 'unknown', 'reversing')) DESC,
                 CASE WHEN $3 ~ '^[0-9]{6}$' AND o.trace ~ '^[0-9]{6}$' THEN abs(o.trace::int - $3::int) END, o.id DESC
        LIMIT $5
        """,
        *(terminal, batch, trace, rrn, most),
    )
    return [dict(row) for row in rows]
