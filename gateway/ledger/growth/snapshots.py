"""Snapshots: how every account that moved on a book day stood when the day was closed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from gateway.kernel.postgres.pool import Database
from gateway.ledger.growth import store

# A few hundred thousand entries at the most: one chunk takes a second or two and leaves the book to its writers.
BATCHES = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far the snapshot of `day` has come: batches up to `reached_seq` of `seq` are in it, `rows` were written."""

    day: date
    seq: int
    reached_seq: int
    rows: int

    @property
    def is_whole(self) -> bool:
        """Tell whether the day's snapshot is done."""
        return self.reached_seq == self.seq


async def take_snapshot(pool: Database, *, book: str = "main", batches: int = BATCHES) -> Progress | None:
    """Bring the snapshots of closed days forward by up to `batches` batches; None where all of them are whole.

    One transaction, a set at a time; whoever comes after a crash goes on where the last chunk ended.
    """
    async with pool.acquire() as connection, connection.transaction():
        due = await store.begin_day(connection, book)
        if due is None:
            return None
        upto = min(due.reached_seq + batches, due.seq)
        rows = await store.write_snapshot(connection, due, upto)
        return Progress(day=due.booked_on, seq=due.seq, reached_seq=upto, rows=rows)
