"""The event feed: everything for the platform, only its own for everybody else."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.api.ports import Event, Place
from gateway.app import store
from gateway.journal import Cursor, Happened
from gateway.kernel.postgres.pool import Database
from gateway.parties import Scope


class EventService:
    """Events for the API door."""

    def __init__(self, *, pool: Database) -> None:
        self._pool = pool

    async def read(self, sees: Scope, *, after: Place | None, limit: int) -> Sequence[Event]:
        """Return events about records of the parties that the caller sees."""
        cursor = Cursor() if after is None else Cursor(after.seq, after.place, after.line)
        return [_event(line) for line in await store.events_in(self._pool, sees, after=cursor, limit=limit)]


def _event(line: Happened) -> Event:
    return Event(
        at=Place(line.cursor.seq, line.cursor.place, line.cursor.line),
        table=line.kind,
        subject=line.subject,
        version=line.version,
        state=line.state,
        who=line.who,
        why=line.why,
        occurred_at=line.occurred_at,
        recorded_at=line.recorded_at,
        data=line.data or {},
    )
