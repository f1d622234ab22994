"""Proves the book: the hash chain recomputed from the tables alone, and the ledger's own proof in the same snapshot.

Source: `docs/verify.md`. Batches are gone through in their order, a few thousand changes at a time.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import asyncpg

from gateway.journal.chain import GENESIS, KEY_LEAF, key_leaf, link
from gateway.journal.close import Close, SignedClose, Sums, UnreadableCloseError
from gateway.journal.closing import closes as signed_closes
from gateway.journal.closing import sum_up
from gateway.journal.export import ExportWriter, open_to_write
from gateway.journal.line import Connection, Pool
from gateway.journal.transcript import Transcript, transcripts
from gateway.kernel.postgres.partitions import see_everything
from gateway.ledger.proof import Books, Fault, prove_books

_SHOWN = 100
_GRACE = timedelta(hours=1)
_HEADS = "SELECT book, seq, hash, open_day, recorded_at FROM journal_head ORDER BY book"
# A hold's row is moved in place: the newest line of the feed about it is what it must say.
# What the feed says is compared as text: it may have been made into anything.
_HOLDS = """
    WITH kept AS (
        SELECT id, state, version, rest_minor::text AS rest, amount_minor::text AS amount,
               to_char(expires_at AT TIME ZONE 'UTC',
                       CASE WHEN expires_at = date_trunc('second', expires_at) THEN 'YYYY-MM-DD"T"HH24:MI:SS"Z"'
                            ELSE 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"' END) AS expires
        FROM ledger_hold
    ), said AS (
        SELECT DISTINCT ON (subject) subject, version, state, data->>'rest_minor' AS rest
        FROM journal_event WHERE kind = 'ledger_hold' ORDER BY subject, version DESC
    ), opened AS (
        SELECT subject, data->>'rest_minor' AS amount, data->>'expires_at' AS expires
        FROM journal_event WHERE kind = 'ledger_hold' AND version = 1
    )
    SELECT coalesce(h.id, s.subject) AS id, CASE
               WHEN h.id IS NULL THEN 'was opened, and is not there'
               WHEN s.subject IS NULL THEN 'is there, and was never opened'
               WHEN (h.amount, h.expires) IS DISTINCT FROM (o.amount, o.expires)
               THEN format('says %s until %s, was opened with %s until %s', h.amount, h.expires, o.amount, o.expires)
               ELSE format('says %s, rest %s, version %s; its last change said %s, %s, %s',
                           h.state, h.rest, h.version, s.state, s.rest, s.version) END AS detail
    FROM kept h FULL JOIN said s ON s.subject = h.id LEFT JOIN opened o ON o.subject = s.subject
    WHERE (h.state, h.rest, h.version, h.amount, h.expires)
          IS DISTINCT FROM (s.state, s.rest, s.version, o.amount, o.expires)
    LIMIT $1"""
_HOLD_ACCOUNTS = """
    SELECT h.id FROM ledger_hold h
    WHERE NOT EXISTS (SELECT FROM ledger_entry e WHERE e.transfer_id = h.id AND e.account_id = h.account_id
                                                   AND e.amount_minor = h.amount_minor)
       OR NOT EXISTS (SELECT FROM ledger_entry e WHERE e.transfer_id = h.id AND e.account_id = h.frozen_account_id
                                                   AND e.amount_minor = -h.amount_minor)
    LIMIT $1"""
_KEYS = """
    SELECT seq, scope, name, digest, digest_version, subject, change_id, expires_at FROM journal_key ORDER BY seq"""
_LEAVES = """
    SELECT seq, string_agg(keys, '' ORDER BY book) AS leaves FROM journal_batch
    WHERE keys IS NOT NULL GROUP BY seq ORDER BY seq"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What was gone over and what does not hold.

    `erased` changes have a digest in place of their texts; `closes` are signed, by the public keys of `signed_by`;
    `unsigned` days were closed after the last of these.
    """

    batches: int
    events: int
    keys: int
    erased: int
    closes: int
    signed_by: tuple[bytes, ...]
    unsigned: tuple[date, ...]
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known from elsewhere: public keys whose closes are accepted (None: any), and closes to be met again.

    Without it, books that were made anew as a whole, closes included, cannot be told from the true ones.
    """

    trusted: tuple[bytes, ...] | None = None
    closes: tuple[Close, ...] = ()


async def verify(pool: Pool, *, known: Known | None = None, write: Path | None = None) -> Proof:
    """Prove all books of the database in one snapshot, while the journal may go on writing; `write` an export of them.

    Raises OSError where the export cannot be written.
    """
    async with pool.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        if write is None:
            return await prove(connection, known=known)
        with open_to_write(write) as file:
            writer = ExportWriter(file, await _readable(connection))
            proof = await prove(connection, known=known, writer=writer)
            writer.end()
            return proof


async def prove(connection: Connection, *, known: Known | None = None, writer: ExportWriter | None = None) -> Proof:
    """Prove all books as the connection's transaction sees them; `writer` is given every batch on the way."""
    known = known or Known()
    await see_everything(connection)
    books = await prove_books(connection)
    walk = _Walk(writer)
    heads = await connection.fetch(_HEADS)
    for head in heads:
        await walk.book(connection, head)
    await walk.leftovers(connection, books)
    await walk.holds(connection)
    await walk.keys(connection, max((head["recorded_at"] for head in heads), default=datetime.min.replace(tzinfo=UTC)))
    await walk.signed(connection, known.trusted)
    await walk.known(connection, known.closes)
    return Proof(
        batches=walk.batches,
        events=walk.events,
        keys=walk.leaves,
        erased=walk.erased,
        closes=walk.closes,
        signed_by=tuple(walk.signed_by),
        unsigned=tuple(day for (_, _), day in sorted(walk.closings.items())),
        books=books,
        faults=(*books.faults, *walk.faults),
    )


async def _readable(connection: Connection) -> list[SignedClose]:
    found = []
    for signed in await signed_closes(connection):
        try:
            signed.close()
        except UnreadableCloseError:
            continue
        found.append(signed)
    return found


@dataclass(slots=True)
class _Walk:
    """One walk over the batches of every book."""

    writer: ExportWriter | None
    batches: int = 0
    events: int = 0
    transfers: int = 0
    accounts: int = 0
    erased: int = 0
    leaves: int = 0
    closes: int = 0
    signed_by: dict[bytes, None] = field(default_factory=dict)
    closings: dict[tuple[str, int], date] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    async def book(self, connection: Connection, head: asyncpg.Record) -> None:
        """Recompute a book's chain from its first batch to its head."""
        seq, before, day = 0, GENESIS, None
        async for transcript in transcripts(connection, head["book"]):
            self._check(transcript, seq, before, day)
            seq, before, day = transcript.row["seq"], transcript.row["hash"], transcript.next_day
            if transcript.closed is not None:
                self.closings[head["book"], seq] = transcript.closed
            if self.writer is not None:
                self.writer.batch(transcript)
        if (seq, before) != (head["seq"], head["hash"]):
            self._fault("head", head["book"], f"stands at batch {head['seq']}, the chain ends at {seq} or otherwise")
        if day is not None and day != head["open_day"]:
            self._fault("head", head["book"], f"is open on {head['open_day']}, by its batches on {day}")
        if self.writer is not None:
            self.writer.head(book=head["book"], seq=head["seq"], hash_=head["hash"], open_day=head["open_day"])

    async def leftovers(self, connection: Connection, books: Books) -> None:
        """Find rows that belong to no batch."""
        events = await connection.fetchval("SELECT count(*) FROM journal_event")
        seen = {"events": self.events, "transfers": self.transfers, "accounts": self.accounts}
        there = {"events": events, "transfers": books.transfers, "accounts": books.accounts}
        for kind, count in there.items():
            if count != seen[kind]:
                self._fault(kind, "outside the chain", f"{count} are there, batches have {seen[kind]}")

    async def holds(self, connection: Connection) -> None:
        """Compare every hold with the last change of it that is in the chain."""
        for row in await connection.fetch(_HOLDS, _SHOWN):
            self._fault("hold", str(row["id"]), row["detail"])
        for row in await connection.fetch(_HOLD_ACCOUNTS, _SHOWN):
            self._fault("hold", str(row["id"]), "stands on other accounts or another amount than its transfer")

    async def keys(self, connection: Connection, recorded_at: datetime) -> None:
        """Compare idempotency keys with their leaves: none is changed or added, none is gone before its time.

        A deleted key would let a request through for a second time. Keys that have expired are forgotten by the
        gateway's clock; the later of the database's clock and the books' last instant stands for it here.
        """
        now: datetime = await connection.fetchval("SELECT now()")
        kept_after = max(now, recorded_at) + _GRACE
        async for seq, leaves, rows in _keys_by_batch(connection):
            self.leaves += len(leaves)
            for row in rows:
                leaf = key_leaf(**{column: value for column, value in row.items() if column != "seq"})
                if leaf in leaves:
                    leaves.remove(leaf)
                else:
                    self._fault("key", f"batch {seq}", f"{row['scope']} of change {row['change_id']} is not as used")
            for leaf in leaves:
                if datetime.fromtimestamp(int.from_bytes(leaf[:4], "big"), UTC) > kept_after:
                    self._fault("key", f"batch {seq}", "a key is gone before its time")

    async def signed(self, connection: Connection, trusted: Iterable[bytes] | None) -> None:
        """Check every signed close against the book, and that no closed day before the last of them is left out."""
        last: dict[str, tuple[int, Sums]] = {}
        trusted = None if trusted is None else frozenset(trusted)
        for signed in await signed_closes(connection):
            try:
                close = signed.close()
            except UnreadableCloseError as error:
                self._fault("close", "a line", str(error))
                continue
            self.closes += 1
            self.signed_by[signed.public_key] = None
            after, sums = last.get(close.book, (0, Sums()))
            sums = await sum_up(connection, sums, book=close.book, after=after, upto=close.seq)
            last[close.book] = close.seq, sums
            hash_ = await _hash(connection, close)
            self._check_close(close, signed.wrong_signature(trusted), hash_, sums)
        for (book, seq), day in self.closings.items():
            if seq < last.get(book, (0, None))[0]:
                self._fault("close", f"{book} {day}", "was closed, a later day is signed and this one is not")

    async def known(self, connection: Connection, closes: Sequence[Close]) -> None:
        """Meet the closes that are known from elsewhere."""
        for close in closes:
            if await _hash(connection, close) != close.hash:
                detail = f"batch {close.seq} is gone, or not the one that the known close was signed over"
                self._fault("close", f"{close.book} {close.day}", detail)

    def _check_close(self, close: Close, wrong: str, hash_: str, sums: Sums) -> None:
        where = f"{close.book} {close.day}"
        if wrong:
            self._fault("close", where, wrong)
        if self.closings.pop((close.book, close.seq), None) != close.day or hash_ != close.hash:
            self._fault("close", where, f"batch {close.seq} is not the one that closed the day")
        differs = sums.differs_from(close)
        if differs:
            self._fault("close", where, differs)

    def _check(self, transcript: Transcript, seq: int, before: bytes, day: date | None) -> None:
        batch = transcript.row
        if batch["seq"] != seq + 1:
            self._fault("batch", transcript.where, f"follows batch {seq}")
        if batch["prev_hash"] != before:
            self._fault("batch", transcript.where, "is not linked to the batch before it")
        if link(batch["prev_hash"], transcript.text) != batch["hash"]:
            self._fault("batch", transcript.where, "its content is not what was hashed")
        if day is not None and batch["booked_on"] != day:
            self._fault("batch", transcript.where, f"is booked on {batch['booked_on']}, the open day was {day}")
        for fault in transcript.faults:
            self._fault(fault.kind, fault.where, fault.detail)
        self.batches += 1
        self.events += transcript.events
        self.transfers += transcript.transfers
        self.accounts += transcript.accounts
        self.erased += transcript.erased

    def _fault(self, kind: str, where: str, detail: str) -> None:
        if len(self.faults) < _SHOWN:
            self.faults.append(Fault(kind, where, detail))


async def _hash(connection: Connection, close: Close) -> str:
    query = "SELECT hash FROM journal_batch WHERE book = $1 AND seq = $2"
    hash_: bytes | None = await connection.fetchval(query, close.book, close.seq)
    return "" if hash_ is None else hash_.hex()


async def _keys_by_batch(connection: Connection) -> AsyncIterator[tuple[int, set[bytes], list[asyncpg.Record]]]:
    """Give (seq, leaves, key rows) in order, both sides streamed; a row without a batch comes with no leaves."""
    rows = aiter(connection.cursor(_KEYS))
    row = await anext(rows, None)
    async for batch in connection.cursor(_LEAVES):
        seq, own = batch["seq"], []
        while row is not None and row["seq"] <= seq:
            if row["seq"] == seq:
                own.append(row)
            else:
                yield row["seq"], set(), [row]
            row = await anext(rows, None)
        leaves = batch["leaves"]
        yield seq, {leaves[at : at + KEY_LEAF] for at in range(0, len(leaves), KEY_LEAF)}, own
    while row is not None:
        yield row["seq"], set(), [row]
        row = await anext(rows, None)
