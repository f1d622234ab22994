"""Reads the book again from its tables: every batch as the lines its hash was made over, a few thousand at a time.

Source: `docs/verify.md`. What the lines cannot show (texts behind a digest, columns kept twice) is compared on the way.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Any

import asyncpg
import msgspec

from gateway.journal import chain
from gateway.journal.chain import PLAIN, SALT, Line, Said
from gateway.journal.line import Connection
from gateway.ledger.proof import Fault

TOGETHER = 2_000
_PREFETCH = 1_000
_BATCHES = """
    SELECT book, seq, batch_id, prev_hash, hash, changes, recorded_at, booked_on, keys
    FROM journal_batch WHERE book = $1 ORDER BY seq"""
_OPENED = """
    SELECT seq, id, party, unit, purpose, item FROM ledger_account
    WHERE book = $1 AND seq BETWEEN $2 AND $3 ORDER BY seq, id"""
_EVENTS = """
    SELECT seq, place, line, kind, subject, version, state, data::text AS data, told, who, why, change_id, occurred_at,
           recorded_at
    FROM journal_event WHERE book = $1 AND seq BETWEEN $2 AND $3 ORDER BY seq, place, line"""
_TRANSFERS = """
    SELECT t.seq, t.place, t.line, t.id, t.kind, t.subject, t.occurred_at, t.value_on, t.note, t.change_id,
           t.recorded_at, t.booked_on, e.account_id, e.version, e.amount_minor, e.balance_minor
    FROM ledger_transfer t LEFT JOIN ledger_entry e ON e.transfer_id = t.id
    WHERE t.book = $1 AND t.seq BETWEEN $2 AND $3 ORDER BY t.seq, t.place, t.line, t.id, e.account_id"""

_by_place, _by_line = itemgetter("place"), itemgetter("line", "id")
Rows = list[asyncpg.Record]


@dataclass(slots=True, kw_only=True)
class Transcript:
    """One batch read again: its row, its lines, what was counted in it and what does not agree inside it."""

    row: asyncpg.Record
    lines: list[Line]
    events: int
    transfers: int
    accounts: int
    erased: int = 0
    closed: date | None = None
    faults: list[Fault] = field(default_factory=list)

    @property
    def where(self) -> str:
        """Name the batch."""
        return f"{self.row['book']} batch {self.row['seq']}"

    @property
    def next_day(self) -> date:
        """Return the day the book is open on after this batch."""
        booked_on: date = self.row["booked_on"]
        return booked_on if self.closed is None else self.closed + timedelta(days=1)

    @property
    def text(self) -> bytes:
        """Return the lines as they are hashed."""
        return chain.encode(self.lines)

    def fault(self, kind: str, detail: str) -> None:
        """Note something that does not agree inside the batch."""
        self.faults.append(Fault(kind, self.where, detail))


async def transcripts(connection: Connection, book: str) -> AsyncIterator[Transcript]:
    """Give every batch of `book` in order, as the connection's transaction sees them; one at a time is in memory."""
    async for batches in _together(connection, book):
        span = (book, batches[0]["seq"], batches[-1]["seq"])
        opened, events, transfers = (
            _BySeq(connection.cursor(query, *span, prefetch=_PREFETCH)) for query in (_OPENED, _EVENTS, _TRANSFERS)
        )
        for batch in batches:
            seq = batch["seq"]
            yield _transcribe(batch, await opened.take(seq), await events.take(seq), await transfers.take(seq))


class _BySeq:
    """Rows in the order of their batches, taken batch by batch."""

    def __init__(self, rows: AsyncIterable[asyncpg.Record]) -> None:
        self._rows = aiter(rows)
        self._next: asyncpg.Record | None = None
        self._begun = False

    async def take(self, seq: int) -> Rows:
        """Return the rows of batch `seq`, leaving out those of none."""
        if not self._begun:
            self._begun, self._next = True, await anext(self._rows, None)
        taken: Rows = []
        while self._next is not None and self._next["seq"] <= seq:
            if self._next["seq"] == seq:
                taken.append(self._next)
            self._next = await anext(self._rows, None)
        return taken


async def _together(connection: Connection, book: str) -> AsyncIterator[list[asyncpg.Record]]:
    """Give the batches of a book in their order, so many at a time as make a few thousand changes."""
    group: list[asyncpg.Record] = []
    changes = 0
    async for batch in connection.cursor(_BATCHES, book):
        group.append(batch)
        changes += batch["changes"]
        if changes >= TOGETHER:
            yield group
            group, changes = [], 0
    if group:
        yield group


def _transcribe(batch: asyncpg.Record, opened: Rows, events: Rows, transfers: Rows) -> Transcript:
    first = chain.batch(
        book=batch["book"],
        seq=batch["seq"],
        batch_id=batch["batch_id"],
        recorded_at=batch["recorded_at"],
        booked_on=batch["booked_on"],
        changes=batch["changes"],
        keys=batch["keys"],
    )
    accounts = [chain.opened(*list(row.values())[1:]) for row in opened]
    made = Transcript(row=batch, lines=[first, *accounts], events=len(events), transfers=0, accounts=len(accounts))
    moved = {place: list(rows) for place, rows in groupby(transfers, key=_by_place)}
    for place, rows in groupby(events, key=_by_place):
        _change(made, list(rows), moved.pop(place, []))
    for place in moved:
        made.fault("transfer", f"place {place} moves money and no event says who did")
    return made


def _change(made: Transcript, events: Rows, entries: Rows) -> None:
    first = events[0]
    told = first["told"] or b""
    made.lines.append(
        chain.change(first["place"], first["change_id"], first["who"], first["occurred_at"], told[-chain.DIGEST :])
    )
    said = [_said(row) for row in events]
    made.lines += [chain.event(row["line"], one) for row, one in zip(events, said, strict=True)]
    notes: list[str] = []
    for transfer in _transfers(entries):
        made.lines += transfer
        made.transfers += 1
    for _, rows in groupby(entries, key=_by_line):
        notes.append(next(rows)["note"])
    _compare(made, events, entries)
    _look_at_text(made, first, told, [None if one.kind in PLAIN else one.data for one in said], notes)
    for one in said:
        if one.kind == "day_closed":
            _close(made, one)


def _close(made: Transcript, said: Said) -> None:
    try:
        made.closed = date.fromisoformat(str((said.data or {})["day"]))
    except (ValueError, LookupError, TypeError):
        made.fault("event", "a closing names no day")


def _said(row: asyncpg.Record) -> Said:
    data: Any = None if row["data"] is None else msgspec.json.decode(row["data"])
    return Said(row["kind"], row["subject"], row["version"], row["state"], data)


def _transfers(entries: Rows) -> Iterator[list[Line]]:
    for _, rows in groupby(entries, key=_by_line):
        own = list(rows)
        row = own[0]
        head = chain.transfer(row["line"], row["id"], row["kind"], row["subject"], row["occurred_at"], row["value_on"])
        yield [head, *(_entry(one) for one in own if one["account_id"] is not None)]


def _entry(row: asyncpg.Record) -> Line:
    return chain.entry(row["account_id"], row["version"], row["amount_minor"], row["balance_minor"])


def _compare(made: Transcript, events: Rows, entries: Rows) -> None:
    """Compare what rows of one change, and rows of one batch, say twice."""
    first, batch = events[0], made.row
    place = first["place"]
    for row in events:
        if any(row[column] != first[column] for column in ("who", "why", "change_id", "occurred_at")):
            made.fault("event", f"place {place} line {row['line']} says another change than line 1")
        if row["recorded_at"] != batch["recorded_at"]:
            made.fault("event", f"place {place} line {row['line']} is dated otherwise than its batch")
    for row in entries:
        if row["change_id"] != first["change_id"]:
            made.fault("transfer", f"{row['id']} says another change than its events")
        if (row["booked_on"], row["recorded_at"]) != (batch["booked_on"], batch["recorded_at"]):
            made.fault("transfer", f"{row['id']} is dated otherwise than its batch")


def _look_at_text(
    made: Transcript, first: asyncpg.Record, told: bytes, data: Sequence[chain.Data], notes: Sequence[str]
) -> None:
    """Compare a change's texts with their digest; where they were erased, only the digest is left."""
    place = first["place"]
    if len(told) == chain.DIGEST:
        made.erased += 1
        if first["why"] or any(data) or any(notes):
            made.fault("event", f"place {place} has lost its salt but not its texts")
    elif len(told) != SALT + chain.DIGEST:
        made.fault("event", f"place {place} has no digest of what it tells")
    elif _told_again(told[:SALT], first["why"], data, notes) != told[SALT:]:
        made.fault("event", f"place {place} tells another why, note or data than was hashed")


def _told_again(salt: bytes, why: str, data: Sequence[chain.Data], notes: Sequence[str]) -> bytes | None:
    try:
        return chain.telling(salt, why, data, notes)
    except chain.UnrepeatableError:
        return None
