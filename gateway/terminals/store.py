"""SQL of the door: messages that were refused, counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from gateway.kernel.ids import Ids
from gateway.kernel.postgres.pool import Database
from gateway.parties import Scope
from gateway.terminals.samples import Sample

_KEEP = """
INSERT INTO refused_message AS kept
    (id, dialect, source, terminal, merchant_id, mti, code, field, why, byte_place, size_bytes, shape, count, first_at,
     last_at)
SELECT (array_agg(s.id))[1], s.dialect, s.source, coalesce(t.number, ''), t.merchant_id, s.mti, s.code, s.field, s.why,
       max(s.byte_place), max(s.size_bytes), max(s.shape), sum(s.count), min(s.first_at), max(s.last_at)
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::int[], $8::text[], $9::int[],
            $10::int[], $11::text[], $12::bigint[], $13::timestamptz[], $14::timestamptz[])
     s (id, dialect, source, terminal, mti, code, field, why, byte_place, size_bytes, shape, count, first_at, last_at)
LEFT JOIN terminal t ON t.number = s.terminal
GROUP BY s.dialect, s.source, t.number, t.merchant_id, s.mti, s.code, s.field, s.why
ON CONFLICT (dialect, source, terminal, mti, code, field, why) DO UPDATE
SET count = kept.count + excluded.count, last_at = greatest(kept.last_at, excluded.last_at),
    first_at = least(kept.first_at, excluded.first_at), byte_place = excluded.byte_place,
    size_bytes = excluded.size_bytes, shape = excluded.shape, merchant_id = excluded.merchant_id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedMessage:
    """Messages refused alike: what was wrong, how often, since when, and the shape of the newest."""

    id: UUID
    dialect: str
    source: str
    terminal: str
    mti: str
    code: str
    field: int
    why: str
    offset: int
    size: int
    shape: str
    count: int
    first_at: datetime
    last_at: datetime


async def keep(pool: Database, samples: Sequence[Sample], *, ids: Ids, most: int) -> None:
    """Add counted refusals to those that are kept, of which at most `most`, the newest, stay."""
    kinds = [each.refusal for each in samples]
    columns = (
        [ids.new() for _ in samples],
        [each.dialect for each in kinds],
        [each.source for each in kinds],
        [each.terminal for each in kinds],
        [each.mti for each in kinds],
        [each.code for each in kinds],
        [each.field for each in kinds],
        [each.why for each in kinds],
        [each.offset for each in samples],
        [each.size for each in samples],
        [each.shape for each in samples],
        [each.count for each in samples],
        [each.first_at for each in samples],
        [each.last_at for each in samples],
    )
    await pool.execute(_KEEP, *columns)
    await pool.execute(
        "DELETE FROM refused_message WHERE id IN"
        " (SELECT id FROM refused_message ORDER BY last_at DESC, id DESC OFFSET $1)",
        most,
    )


async def refused(
    pool: Database, scope: Scope, *, terminal: str, code: str, since: datetime | None, limit: int
) -> list[RefusedMessage]:
    """List refused messages, the newest first, of terminals of parties that the scope covers.

    Those of no terminal of ours are shown to the platform alone. Empty filters fit all.
    """
    rows = await pool.fetch(
        "SELECT m.id, m.dialect, m.source, m.terminal, m.mti, m.code, m.field, m.why, m.byte_place AS offset,"
        "       m.size_bytes AS size, m.shape, m.count, m.first_at, m.last_at"
        " FROM refused_message m LEFT JOIN party p ON p.id = m.merchant_id"
        " WHERE (p.path LIKE $1"
        "    OR (m.merchant_id IS NULL AND $1 = (SELECT path || '%' FROM party WHERE kind = 'platform')))"
        "   AND ($2 = '' OR m.terminal = $2) AND ($3 = '' OR m.code = $3)"
        "   AND ($4::timestamptz IS NULL OR m.last_at >= $4)"
        " ORDER BY m.last_at DESC, m.id DESC LIMIT $5",
        *(scope.pattern, terminal, code, since, limit),
    )
    return [RefusedMessage(**dict(row)) for row in rows]
