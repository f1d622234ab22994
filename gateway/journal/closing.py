"""Signs the closes of book days: everything up to the day's last batch is added up, a few thousand changes at a time.

Closing the day itself is one batch that only moves the open day; this follows it, as often as it takes. Every step is
one transaction that keeps how far it came, so it goes on where it was stopped, and two workers at it do no harm.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

import asyncpg

from gateway.journal.close import Close, SignedClose, Sums, read_close
from gateway.journal.line import Connection, Pool

STEP_CHANGES = 20_000


class RewrittenError(Exception):
    """The book is not the one that the last close was signed over: nothing more is signed until a person has looked."""


class CloseSigner(Protocol):
    """Signs closes with the newest key for it."""

    async def number(self) -> int:
        """Return the number of the key that signs now."""
        ...

    async def sign(self, line: bytes, number: int) -> tuple[bytes, bytes]:
        """Return the signature of `line` by key `number`, and the key's public half (32 bytes)."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A close under way: everything up to `reached_seq` is in `sums`."""

    book: str
    day: date
    seq: int
    reached_seq: int
    sums: Sums


async def sign_closes(pool: Pool, *, book: str, signer: CloseSigner, now: Callable[[], datetime]) -> int:
    """Sign every closed day of `book` that is not signed yet, the oldest first; returns how many that were."""
    signed = 0
    while (draft := await draft_next(pool, book)) is not None:
        if draft.reached_seq < draft.seq:
            await take_step(pool, draft)
        else:
            signed += await _sign(pool, draft, signer, now())
    return signed


async def draft_next(pool: Pool, book: str) -> Draft | None:
    """Return the draft of the oldest closed day that is not signed; None where every one is."""
    last = await last_close(pool, book)
    if last is not None:
        await _refuse_rewritten(pool, last)
    closing = await pool.fetchrow(
        """
        SELECT seq, (data->>'day')::date AS day FROM journal_event
        WHERE book = $1 AND kind = 'day_closed' AND seq > $2 ORDER BY seq LIMIT 1
        """,
        book,
        last.seq if last else 0,
    )
    if closing is None:
        return None
    await pool.execute(
        """
        INSERT INTO journal_close_draft (book, day, seq, reached_seq, sums) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (book, day) DO NOTHING
        """,
        book,
        closing["day"],
        closing["seq"],
        last.seq if last else 0,
        (Sums.of(last) if last else Sums()).kept(),
    )
    row = await pool.fetchrow(
        "SELECT book, day, seq, reached_seq, sums FROM journal_close_draft WHERE book = $1 AND day = $2",
        book,
        closing["day"],
    )
    # Gone again: another worker has signed it since, and looks for the next one.
    return None if row is None else _draft(row)


async def take_step(pool: Pool, draft: Draft, *, changes: int = STEP_CHANGES) -> None:
    """Add up the next batches of a draft, about `changes` changes, and keep how far it came."""
    async with pool.acquire() as connection, connection.transaction(isolation="repeatable_read"):
        upto = await _upto(connection, draft, changes)
        sums = await sum_up(connection, draft.sums, book=draft.book, after=draft.reached_seq, upto=upto)
    # Another worker may have come further meanwhile: the draft is read again before it is gone on with.
    await pool.execute(
        "UPDATE journal_close_draft SET reached_seq = $4, sums = $5 WHERE book = $1 AND day = $2 AND reached_seq = $3",
        draft.book,
        draft.day,
        draft.reached_seq,
        upto,
        sums.kept(),
    )


async def sum_up(connection: Connection, sums: Sums, *, book: str, after: int, upto: int) -> Sums:
    """Return `sums` with everything added that the batches after `after`, up to `upto`, have written."""
    counts = await connection.fetchrow(
        """
        SELECT (SELECT count(*) FROM ledger_account WHERE book = $1 AND seq > $2 AND seq <= $3) AS accounts,
               (SELECT count(*) FROM journal_event WHERE book = $1 AND seq > $2 AND seq <= $3) AS events,
               (SELECT count(*) FROM ledger_transfer WHERE book = $1 AND seq > $2 AND seq <= $3) AS transfers
        """,
        book,
        after,
        upto,
    )
    rows = await connection.fetch(
        """
        SELECT a.unit, a.purpose, sum(e.amount_minor)::numeric AS amount, count(*) AS entries
        FROM ledger_transfer t
        JOIN ledger_entry e ON e.transfer_id = t.id
        JOIN ledger_account a ON a.id = e.account_id
        WHERE t.book = $1 AND t.seq > $2 AND t.seq <= $3
        GROUP BY a.unit, a.purpose
        """,
        book,
        after,
        upto,
    )
    added = Sums(sums.accounts, sums.events, sums.transfers, sums.entries, dict(sums.totals))
    for row in rows:
        added.add(row["unit"], row["purpose"], int(row["amount"]))
        added.entries += row["entries"]
    if counts is not None:
        added.accounts += counts["accounts"]
        added.events += counts["events"]
        added.transfers += counts["transfers"]
    return added


async def last_close(pool: Pool, book: str) -> Close | None:
    """Return the newest close of `book`."""
    line = await pool.fetchval("SELECT line FROM journal_close WHERE book = $1 ORDER BY seq DESC LIMIT 1", book)
    return None if line is None else read_close(line.encode())


async def closes(pool: Pool | Connection, *, book: str | None = None, most: int = 1_000_000) -> list[SignedClose]:
    """Return the signed closes, of one book or of all, in order; with `most` the newest of them."""
    rows = await pool.fetch(
        """
        SELECT line, signature, public_key, signed_at FROM journal_close
        WHERE $1::text IS NULL OR book = $1 ORDER BY seq DESC LIMIT $2
        """,
        book,
        most,
    )
    return [
        SignedClose(
            line=row["line"].encode(),
            signature=row["signature"],
            public_key=row["public_key"],
            signed_at=row["signed_at"],
        )
        for row in reversed(rows)
    ]


def _draft(row: asyncpg.Record) -> Draft:
    return Draft(
        book=row["book"], day=row["day"], seq=row["seq"], reached_seq=row["reached_seq"], sums=Sums.read(row["sums"])
    )


async def _refuse_rewritten(pool: Pool, last: Close) -> None:
    """Refuse to sign on a book that no longer has the last close in it."""
    hash_ = await pool.fetchval("SELECT hash FROM journal_batch WHERE book = $1 AND seq = $2", last.book, last.seq)
    if hash_ is None or hash_.hex() != last.hash:
        raise RewrittenError(
            f"{last.book} batch {last.seq} is not the one that the close of {last.day} was signed over"
        )


async def _upto(connection: Connection, draft: Draft, changes: int) -> int:
    """Return the batch up to which the next step goes: at least one, at most those of about `changes` changes."""
    upto = await connection.fetchval(
        """
        SELECT max(seq) FROM (
            SELECT seq, sum(changes) OVER (ORDER BY seq) - changes AS before
            FROM (SELECT seq, changes FROM journal_batch
                  WHERE book = $1 AND seq > $2 AND seq <= $3 ORDER BY seq LIMIT $4) few) ahead
        WHERE before < $4
        """,
        draft.book,
        draft.reached_seq,
        draft.seq,
        changes,
    )
    if upto is None:
        raise LookupError(f"{draft.book} has no batch after {draft.reached_seq}, its day was closed by {draft.seq}")
    return int(upto)


async def _sign(pool: Pool, draft: Draft, signer: CloseSigner, now: datetime) -> bool:
    """Sign a draft that is added up; False where another worker has done it."""
    hash_ = await pool.fetchval("SELECT hash FROM journal_batch WHERE book = $1 AND seq = $2", draft.book, draft.seq)
    number = await signer.number()
    close = draft.sums.closed(book=draft.book, day=draft.day, seq=draft.seq, hash_=hash_, key=number)
    signature, public_key = await signer.sign(close.line(), number)
    done = await pool.execute(
        """
        INSERT INTO journal_close (book, day, seq, line, signature, key_number, public_key, signed_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (book, day) DO NOTHING
        """,
        close.book,
        close.day,
        close.seq,
        close.line().decode(),
        signature,
        number,
        public_key,
        now,
    )
    await pool.execute("DELETE FROM journal_close_draft WHERE book = $1 AND day = $2", draft.book, draft.day)
    return bool(done.endswith(" 1"))
