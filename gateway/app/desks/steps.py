"""Histories as the API shows them, and small commands that only record that they were asked for."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from gateway.api.ports import Step, Submission
from gateway.journal import Change, Event, Happened, Journal, Receipt
from gateway.kernel.ids import Ids


def steps(lines: Sequence[Happened]) -> list[Step]:
    """Show a record's history."""
    return [
        Step(at=line.recorded_at, what=line.state or line.kind, who=line.who, why=line.why, data=line.data or {})
        for line in lines
    ]


async def record_order(journal: Journal, ids: Ids, order: Submission, *, what: str, subject: UUID) -> Receipt:
    """Record that a command was given, under its keys; what it then does may be done twice without harm."""
    change = Change(
        id=ids.new(),
        who=order.who,
        why=what,
        occurred_at=order.at,
        keys=order.keys(subject),
        events=(Event(kind=what, subject=subject),),
    )
    return await journal.post(change)
