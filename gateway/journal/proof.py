"""Proves the book: the hash chain recomputed from the tables alone, and the ledger's own proof in the same snapshot.

Source: `docs/verify.md`. Batches are gone through in their order, a few thousand changes at a time.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from gateway.journal.chain import GENESIS, Content, EntryLine, EventLine, OpenedLine, TransferLine, link
from gateway.journal.line import Connection, Pool
from gateway.ledger.proof import Books, Fault, prove_books

_TOGETHER = 2_000
_SHOWN = 100
_MISDATED = """
    SELECT t.id FROM ledger_transfer t JOIN journal_batch b ON b.book = t.book AND b.seq = t.seq
    WHERE (t.booked_on, t.recorded_at) <> (b.booked_on, b.recorded_at) LIMIT $1"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What was gone over and what does not hold."""

    batches: int
    events: int
    books: Books
    faults: tuple[Fault, ...]

    @property
    def holds(self) -> bool:
        """Tell whether everything holds."""
        return not self.faults

    @property
    def trial_balance(self) -> dict[str, int]:
        """Sum of all balances per unit; every one must be 0."""
        return self.books.trial_balance


async def verify(pool: Pool) -> Proof:
    """Prove all books of the database in one snapshot, while the journal may go on writing."""
    async with pool.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        return await prove(connection)


async def prove(connection: Connection) -> Proof:
    """Prove all books as the connection's transaction sees them."""
    books = await prove_books(connection)
    walk = _Walk()
    for head in await connection.fetch("SELECT book, seq, hash FROM journal_head ORDER BY book"):
        await walk.book(connection, head)
    await walk.leftovers(connection, books)
    return Proof(batches=walk.batches, events=walk.events, books=books, faults=(*books.faults, *walk.faults[:_SHOWN]))


@dataclass(slots=True)
class _Walk:
    """One walk over the batches of every book."""

    batches: int = 0
    events: int = 0
    transfers: int = 0
    accounts: int = 0
    faults: list[Fault] = field(default_factory=list)

    async def book(self, connection: Connection, head: asyncpg.Record) -> None:
        """Recompute a book's chain from its first batch to its head."""
        seq, before = 0, GENESIS
        async for batches in _together(connection, head["book"]):
            contents = await _contents(connection, batches)
            for batch, content in zip(batches, contents, strict=True):
                self._check(batch, content, seq, before)
                seq, before = batch["seq"], batch["hash"]
        if (seq, before) != (head["seq"], head["hash"]):
            self._fault("head", head["book"], f"stands at batch {head['seq']}, the chain ends at {seq} or otherwise")

    async def leftovers(self, connection: Connection, books: Books) -> None:
        """Find rows that belong to no batch."""
        events = await connection.fetchval("SELECT count(*) FROM journal_event")
        seen = {"events": self.events, "transfers": self.transfers, "accounts": self.accounts}
        there = {"events": events, "transfers": books.transfers, "accounts": books.accounts}
        for kind, count in there.items():
            if count != seen[kind]:
                self._fault(kind, "outside the chain", f"{count} are there, batches have {seen[kind]}")
        for transfer in await connection.fetch(_MISDATED, _SHOWN):
            self._fault("transfer", str(transfer["id"]), "is dated otherwise than its batch")

    def _check(self, batch: asyncpg.Record, content: Content, seq: int, before: bytes) -> None:
        where = f"{batch['book']} batch {batch['seq']}"
        if batch["seq"] != seq + 1:
            self._fault("batch", where, f"follows batch {seq}")
        if batch["prev_hash"] != before:
            self._fault("batch", where, "is not linked to the batch before it")
        if link(batch["prev_hash"], content) != batch["hash"]:
            self._fault("batch", where, "its content is not what was hashed")
        self.batches += 1
        self.events += len(list(content.events))
        self.transfers += len(list(content.transfers))
        self.accounts += len(list(content.opened))

    def _fault(self, kind: str, where: str, detail: str) -> None:
        if len(self.faults) < _SHOWN:
            self.faults.append(Fault(kind, where, detail))


async def _together(connection: Connection, book: str) -> AsyncIterator[list[asyncpg.Record]]:
    """Give the batches of a book in their order, so many at a time as make a few thousand changes."""
    group: list[asyncpg.Record] = []
    changes = 0
    query = "SELECT book, seq, batch_id, prev_hash, hash, changes, recorded_at, booked_on FROM journal_batch"
    async for batch in connection.cursor(f"{query} WHERE book = $1 ORDER BY seq", book):
        group.append(batch)
        changes += batch["changes"]
        if changes >= _TOGETHER:
            yield group
            group, changes = [], 0
    if group:
        yield group


async def _contents(connection: Connection, batches: Sequence[asyncpg.Record]) -> list[Content]:
    span = (batches[0]["book"], batches[0]["seq"], batches[-1]["seq"])
    opened, events, transfers = (
        await _opened(connection, span),
        await _events(connection, span),
        await _transfers(connection, span),
    )
    return [
        Content(
            book=batch["book"],
            seq=batch["seq"],
            batch_id=batch["batch_id"],
            recorded_at=batch["recorded_at"],
            booked_on=batch["booked_on"],
            opened=opened.get(batch["seq"], []),
            events=events.get(batch["seq"], []),
            transfers=transfers.get(batch["seq"], []),
        )
        for batch in batches
    ]


async def _opened(connection: Connection, span: tuple[str, int, int]) -> dict[int, list[OpenedLine]]:
    rows = await connection.fetch(
        "SELECT seq, id, party, unit, purpose, item FROM ledger_account WHERE book = $1 AND seq BETWEEN $2 AND $3",
        *span,
    )
    grouped: dict[int, list[OpenedLine]] = {}
    for row in rows:
        grouped.setdefault(row["seq"], []).append(OpenedLine(*_fields(row)))
    return grouped


async def _events(connection: Connection, span: tuple[str, int, int]) -> dict[int, list[EventLine]]:
    rows = await connection.fetch(
        """
        SELECT seq, place, line, kind, subject, version, state
        FROM journal_event WHERE book = $1 AND seq BETWEEN $2 AND $3
        """,
        *span,
    )
    grouped: dict[int, list[EventLine]] = {}
    for row in rows:
        grouped.setdefault(row["seq"], []).append(EventLine(*_fields(row)))
    return grouped


async def _transfers(connection: Connection, span: tuple[str, int, int]) -> dict[int, list[TransferLine]]:
    rows = await connection.fetch(
        """
        SELECT t.seq, t.place, t.line, t.id, t.kind, t.subject,
               e.account_id, e.version, e.amount_minor, e.balance_minor
        FROM ledger_transfer t LEFT JOIN ledger_entry e ON e.transfer_id = t.id
        WHERE t.book = $1 AND t.seq BETWEEN $2 AND $3
        ORDER BY t.seq, t.place, t.line
        """,
        *span,
    )
    grouped: dict[int, list[TransferLine]] = {}
    for row in rows:
        lines = grouped.setdefault(row["seq"], [])
        if not lines or lines[-1].id != row["id"]:
            lines.append(TransferLine(row["place"], row["line"], row["id"], row["kind"], row["subject"], []))
        if row["account_id"] is not None:
            entry = EntryLine(row["account_id"], row["version"], row["amount_minor"], row["balance_minor"])
            lines[-1].entries.append(entry)
    return grouped


def _fields(row: asyncpg.Record) -> list[Any]:
    return list(row.values())[1:]
