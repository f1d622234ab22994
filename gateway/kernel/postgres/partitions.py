"""Partitions of tables that grow for ever: made ahead of time, mended where they were missing, archived, never dropped.

A table partitioned by range of a uuid has one partition for every month of its ids' own time (UUIDv7, RFC 9562: the
first 48 bits are milliseconds, months are those of UTC); one partitioned by range of a bigint has one for every `STEP`
numbers. Which tables those are the catalog says: each has a default partition, which catches what no other takes and
is the pattern for the others, its own indexes and its triggers for each statement included. Partitions lie in the
schema `part`; what is archived moves to `archive`, and `whole` then has a view over both (design section 5).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from gateway.kernel.postgres.pool import Connection

AHEAD = 2
STEP = 5_000_000
_LOCK = "hashtext('tillgate.partitions')"
_LOCK_WITHIN_MS = 2_000
_BOUNDS = re.compile(r"FOR VALUES FROM \('?([^')]+)'?\) TO \('?([^')]+)'?\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranged:
    """A table partitioned by range: its one key column, a uuid or a bigint, and its default partition."""

    name: str
    key: str
    is_monthly: bool
    default: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """The keys from `low` up to, not including, `high`, as text; `name` is that of the partition that takes them."""

    name: str
    low: str
    high: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Upkeep:
    """How one table stands: how many empty partitions lie ahead, and whether the default one had to catch something."""

    table: str
    ahead: int
    caught: bool


def month_floor(instant: datetime) -> datetime:
    """Return the beginning of the month of `instant`, in UTC."""
    return instant.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def month_after(month: datetime, by: int = 1) -> datetime:
    """Return the month `by` months after `month`; `by` may be below 0."""
    count = month.year * 12 + month.month - 1 + by
    return month.replace(year=count // 12, month=count % 12 + 1)


def lowest_id(instant: datetime) -> UUID:
    """Return the lowest id that can be made at `instant` or later."""
    return UUID(int=int(instant.timestamp() * 1000) << 80)


def month_of(id_: UUID) -> datetime:
    """Return the month in which `id_`, a UUIDv7, was made."""
    return month_floor(datetime.fromtimestamp(float((id_.int >> 80) // 1000), UTC))


def month_span(table: str, month: datetime) -> Span:
    """Return the span of one month."""
    low, high = lowest_id(month), lowest_id(month_after(month))
    return Span(name=f"{table}_{month:%Y_%m}", low=str(low), high=str(high))


def step_span(table: str, number: int) -> Span:
    """Return the span of the `number`-th step, counted from 0."""
    low = number * STEP
    return Span(name=f"{table}_from_{low}", low=str(low), high=str(low + STEP))


async def ensure_partitions(connection: Connection, *, now: datetime, ahead: int = AHEAD) -> list[str]:
    """Make the partitions that are missing, `ahead` empty ones beyond the open one included; return their names.

    Rows that the default partition has caught meanwhile move to where they belong. Nothing is locked where nothing is
    missing; several may call it at once. Raises LockNotAvailableError where the tables are too busy to be extended
    within two seconds: to be tried again.
    """
    made: list[str] = []
    for table in await ranged_tables(connection):
        if await _missing(connection, table, now, ahead):
            made += await _extend(connection, table, now, ahead)
    return made


async def ranged_tables(connection: Connection) -> list[Ranged]:
    """Return the tables that are kept in partitions by range."""
    rows = await connection.fetch(
        """
        SELECT p.partrelid::regclass::text AS name, a.attname AS key, a.atttypid = 'uuid'::regtype AS is_monthly,
               p.partdefid::regclass::text AS default
        FROM pg_partitioned_table p
        JOIN pg_attribute a ON a.attrelid = p.partrelid AND a.attnum = p.partattrs[0]
        WHERE p.partstrat = 'r' AND p.partnatts = 1 AND p.partdefid <> 0
          AND a.atttypid IN ('uuid'::regtype, 'bigint'::regtype)
        ORDER BY 1
        """
    )
    return [Ranged(**row) for row in rows]


async def spans_of(connection: Connection, table: str) -> list[Span]:
    """Return the spans of the partitions that `table` has, in order; the default one has none."""
    rows = await connection.fetch(
        """
        SELECT c.relname, pg_get_expr(c.relpartbound, c.oid) AS bounds
        FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = to_regclass($1) AND pg_get_expr(c.relpartbound, c.oid) LIKE 'FOR VALUES FROM%'
        """,
        table,
    )
    spans = [
        Span(name=row["relname"], low=found[1], high=found[2])
        for row in rows
        if (found := _BOUNDS.match(row["bounds"]))
    ]
    return sorted(spans, key=lambda span: (len(span.low), span.low))


async def upkeep(connection: Connection, *, now: datetime) -> list[Upkeep]:
    """Tell how each table stands, for the doctor and the metrics."""
    found: list[Upkeep] = []
    for table in await ranged_tables(connection):
        spans = await spans_of(connection, table.name)
        if table.is_monthly:
            ahead = sum(span.low > str(lowest_id(now)) for span in spans)
        else:
            ahead = await _empty_at_end(connection, spans)
        found.append(Upkeep(table=table.name, ahead=ahead, caught=await _has_rows(connection, table.default)))
    return found


async def archive_partition(connection: Connection, table: str, span: Span) -> None:
    """Detach a partition into `archive` and show both by `whole`; the caller's transaction says what may go.

    Raises LockNotAvailableError where the table is too busy.
    """
    await connection.execute(f"SET LOCAL lock_timeout = {_LOCK_WITHIN_MS}")
    await connection.execute(f"ALTER TABLE {table} DETACH PARTITION part.{span.name}")
    await connection.execute(f"ALTER TABLE part.{span.name} SET SCHEMA archive")
    parts = [f"public.{table}", *(f"archive.{name}" for name in sorted(await _archived(connection, table)))]
    union = " UNION ALL ".join(f"SELECT * FROM {part}" for part in parts)
    await connection.execute(f"DROP VIEW IF EXISTS whole.{table}; CREATE VIEW whole.{table} AS {union}")


async def see_everything(connection: Connection) -> None:
    """Let the rest of the transaction read archived partitions with the others, under the tables' own names."""
    await connection.execute("SELECT set_config('search_path', 'whole,' || current_setting('search_path'), true)")


async def _archived(connection: Connection, table: str) -> set[str]:
    rows = await connection.fetch(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'archive' AND tablename ~ $1",
        rf"^{table}_(\d{{4}}_\d\d|from_\d+)$",
    )
    return {row["tablename"] for row in rows}


async def _missing(connection: Connection, table: Ranged, now: datetime, ahead: int) -> list[Span]:
    have = await spans_of(connection, table.name)
    wanted = await (_months if table.is_monthly else _steps)(connection, table, have, now, ahead)
    names = {span.name for span in have} | await _archived(connection, table.name)
    return [span for span in wanted if span.name not in names]


async def _months(connection: Connection, table: Ranged, have: list[Span], now: datetime, ahead: int) -> list[Span]:
    # The month before as well: what was begun in its last second is written in the first of this one.
    this = month_floor(now)
    months = {month_after(this, by) for by in range(-1, ahead + 1)}
    oldest = min((span.low for span in have), default=str(lowest_id(this)))
    for row in await connection.fetch(
        f"SELECT DISTINCT left({table.key}::text, 13) AS stamp FROM {table.default} WHERE {table.key} >= $1",
        UUID(oldest),
    ):
        months.add(month_of(UUID(f"{row['stamp']}-7000-8000-000000000000")))
    return [month_span(table.name, month) for month in sorted(months) if month <= month_after(this, ahead)]


async def _steps(connection: Connection, table: Ranged, have: list[Span], now: datetime, ahead: int) -> list[Span]:
    del now
    first = len(have) and int(have[0].low) // STEP
    after_last = len(have) and int(have[-1].high) // STEP
    wanted = max(ahead + 1 if not have else 0, ahead - await _empty_at_end(connection, have))
    caught: int | None = await connection.fetchval(f"SELECT max({table.key}) FROM {table.default}")
    beyond = after_last + wanted if caught is None else max(after_last + wanted, caught // STEP + 1 + ahead)
    return [step_span(table.name, number) for number in range(first, beyond)]


async def _empty_at_end(connection: Connection, spans: list[Span]) -> int:
    """Count the partitions at the end that nothing has reached yet."""
    empty = 0
    for span in reversed(spans):
        if await _has_rows(connection, f"part.{span.name}"):
            break
        empty += 1
    # The open one is empty only until its first row.
    return empty - 1 if spans and empty == len(spans) else empty


async def _has_rows(connection: Connection, table: str) -> bool:
    return bool(await connection.fetchval(f"SELECT EXISTS (SELECT FROM {table})"))


async def _extend(connection: Connection, table: Ranged, now: datetime, ahead: int) -> list[str]:
    async with connection.transaction():
        await connection.execute(f"SELECT pg_advisory_xact_lock({_LOCK})")
        await connection.execute(f"SET LOCAL lock_timeout = {_LOCK_WITHIN_MS}")
        # Another may have made them while this one waited.
        missing = await _missing(connection, table, now, ahead)
        if missing:
            await _make_all(connection, table, missing)
    return [span.name for span in missing]


async def _make_all(connection: Connection, table: Ranged, spans: Iterable[Span]) -> None:
    has_caught = await _has_rows(connection, table.default)
    if has_caught:
        await connection.execute(f"ALTER TABLE {table.name} DETACH PARTITION {table.default}")
        await connection.execute(f"ALTER TABLE {table.default} DISABLE TRIGGER USER")
    for span in spans:
        await _make(connection, table, span)
        if has_caught:
            await _take_from_default(connection, table, span)
    if has_caught:
        await connection.execute(f"ALTER TABLE {table.default} ENABLE TRIGGER USER")
        await connection.execute(f"ALTER TABLE {table.name} ATTACH PARTITION {table.default} DEFAULT")


async def _make(connection: Connection, table: Ranged, span: Span) -> None:
    part = f"part.{span.name}"
    await connection.execute(f"CREATE TABLE {part} (LIKE {table.default} INCLUDING ALL)")
    await connection.execute(
        f"ALTER TABLE {table.name} ATTACH PARTITION {part} FOR VALUES FROM ('{span.low}') TO ('{span.high}')"
    )
    # Triggers for each row are the default partition's own, or are the parent's and come with the attachment.
    triggers = await connection.fetch(
        """
        SELECT pg_get_triggerdef(oid) AS made FROM pg_trigger
        WHERE tgrelid = to_regclass($1) AND NOT tgisinternal AND tgparentid = 0 AND tgtype & 1 = 0
        """,
        table.default,
    )
    for trigger in triggers:
        await connection.execute(trigger["made"].replace(f" ON public.{table.default} ", f" ON {part} "))


async def _take_from_default(connection: Connection, table: Ranged, span: Span) -> None:
    await connection.execute(
        f"WITH caught AS (DELETE FROM {table.default}"
        f" WHERE {table.key} >= '{span.low}' AND {table.key} < '{span.high}' RETURNING *)"
        f" INSERT INTO part.{span.name} SELECT * FROM caught"
    )
