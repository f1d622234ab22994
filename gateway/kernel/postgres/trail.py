"""Reading the trail of record edits back: who changed a record, when, why, from what to what (row A90)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from gateway.kernel.postgres.pool import Connection, Database


@dataclass(frozen=True, slots=True, kw_only=True)
class EditLine:
    """One record in one edit; `before` is None for a new record. Hidden columns never stand in either."""

    edit: UUID
    table: str
    subject: UUID
    who: str
    why: str
    at: datetime
    before: Mapping[str, Any] | None
    after: Mapping[str, Any]


async def edits_of(pool: Database | Connection, subjects: Sequence[UUID]) -> list[EditLine]:
    """Return every edit of the records `subjects`, oldest first; the caller has seen to it that they may be shown."""
    rows = await pool.fetch(
        "SELECT e.id, l.table_name, l.subject, e.who, e.why, e.edited_at, l.before, l.after"
        " FROM record_edit_line l JOIN record_edit e ON e.id = l.edit_id"
        " WHERE l.subject = ANY ($1::uuid[]) ORDER BY e.edited_at, e.id, l.place",
        list(subjects),
    )
    return [
        EditLine(
            edit=row["id"],
            table=row["table_name"],
            subject=row["subject"],
            who=row["who"],
            why=row["why"],
            at=row["edited_at"],
            before=row["before"],
            after=row["after"],
        )
        for row in rows
    ]
