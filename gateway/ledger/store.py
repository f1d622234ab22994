"""The ledger's SQL: fragments that the journal composes its statements from, and what readers ask of the books.

A fragment reads its rows from `{rows}`, a parameter with JSON text; writing ones join `fence`, the one row (book,
seq, recorded_at, booked_on) that is there only where the batch may be written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg

from gateway.ledger.fragment import Fragment
from gateway.ledger.model import Account, Posted, Purpose

Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"

# Of each kind of fault so many are listed by a proof: the first ones tell what happened.
SHOWN = 100

READ_ACCOUNTS = """
    SELECT json_agg(json_build_array(a.party, a.unit, a.purpose, a.item, a.id, a.version, a.balance_minor))
    FROM json_to_recordset({rows}) AS r(party uuid, unit text, purpose text, item text)
    JOIN ledger_standing a ON (a.party, a.unit, a.purpose, a.item) = (r.party, r.unit, r.purpose, r.item)"""

READ_HOLDS = """
    SELECT json_agg(json_build_array(h.id, a.party, a.unit, a.purpose, a.item, h.account_id, h.frozen_account_id,
                                     h.rest_minor, h.state, h.version))
    FROM json_to_recordset({rows}) AS r(id uuid)
    JOIN ledger_hold h ON h.id = r.id
    JOIN ledger_account a ON a.id = h.account_id"""

# A release is decided on the hold's two accounts and on what its party owes.
READ_HOLD_ACCOUNTS = """
    SELECT json_agg(json_build_array(a.party, a.unit, a.purpose, a.item, a.id, a.version, a.balance_minor))
    FROM json_to_recordset({rows}) AS r(id uuid)
    JOIN ledger_hold h ON h.id = r.id
    JOIN ledger_account held ON held.id = h.account_id
    JOIN ledger_standing a ON a.party = held.party AND a.unit = held.unit
         AND (a.id IN (h.account_id, h.frozen_account_id)
              OR (a.purpose IN ('advance', 'arrears') AND a.item = ''))"""

WRITE_ACCOUNTS = Fragment(
    {"id": "uuid", "party": "uuid", "unit": "text", "purpose": "text", "item": "text"},
    """
    INSERT INTO ledger_account (id, party, unit, purpose, item, book, seq, opened_at)
    SELECT r.id, r.party, r.unit, r.purpose, r.item, fence.book, fence.seq, fence.recorded_at
    FROM fence, {rows} AS r""",
)

WRITE_TRANSFERS = Fragment(
    {
        "id": "uuid",
        "place": "integer",
        "line": "integer",
        "kind": "text",
        "subject": "uuid",
        "change_id": "uuid",
        "occurred_at": "timestamptz",
        "value_on": "date",
        "note": "text",
    },
    """
    INSERT INTO ledger_transfer (id, book, seq, place, line, kind, subject, change_id,
                                 occurred_at, recorded_at, booked_on, value_on, note)
    SELECT r.id, fence.book, fence.seq, r.place, r.line, r.kind, r.subject, r.change_id,
           r.occurred_at, fence.recorded_at, fence.booked_on, r.value_on, r.note
    FROM fence, {rows} AS r""",
)

WRITE_ENTRIES = Fragment(
    {
        "account_id": "uuid",
        "version": "bigint",
        "transfer_id": "uuid",
        "amount_minor": "bigint",
        "balance_minor": "bigint",
    },
    """
    INSERT INTO ledger_entry (account_id, version, transfer_id, seq, amount_minor, balance_minor, booked_on)
    SELECT r.account_id, r.version, r.transfer_id, fence.seq, r.amount_minor, r.balance_minor, fence.booked_on
    FROM fence, {rows} AS r""",
)

WRITE_NEW_HOLDS = Fragment(
    {
        "id": "uuid",
        "account_id": "uuid",
        "frozen_account_id": "uuid",
        "amount_minor": "bigint",
        "kind": "text",
        "subject": "uuid",
        "expires_at": "timestamptz",
        "rest_minor": "bigint",
        "state": "text",
        "version": "integer",
    },
    """
    INSERT INTO ledger_hold (id, account_id, frozen_account_id, amount_minor, rest_minor, kind, subject, state,
                             expires_at, version)
    SELECT r.id, r.account_id, r.frozen_account_id, r.amount_minor, r.rest_minor, r.kind, r.subject, r.state,
           r.expires_at, r.version
    FROM fence, {rows} AS r""",
)

WRITE_MOVED_HOLDS = Fragment(
    {"id": "uuid", "rest_minor": "bigint", "state": "text", "version": "integer"},
    """
    UPDATE ledger_hold AS h SET rest_minor = r.rest_minor, state = r.state, version = r.version
    FROM fence, {rows} AS r
    WHERE h.id = r.id""",
)

# Versions have no gaps and grow with the batches: the snapshot before the day and the one after it bound the version,
# the rest is found by halving, so that a long history costs a few point reads; a day's end is its snapshot.
# $1 party, $2 batch, $3 its day, $4 book.
_STANDING_AFTER = """
    WITH RECURSIVE day_end AS MATERIALIZED (
        SELECT EXISTS (SELECT FROM ledger_snapshot_day d
                       WHERE d.book = $4 AND d.booked_on = $3 AND d.seq = $2 AND d.reached_seq = d.seq) AS is_known
    ), bounds AS (
        SELECT a.id, coalesce(below.version, 0) AS low,
               CASE WHEN n.is_known THEN coalesce(below.version, 0) ELSE coalesce(above.version, a.version) END AS high
        FROM day_end n
        CROSS JOIN ledger_standing a
        LEFT JOIN LATERAL (SELECT s.version FROM ledger_snapshot s
                           WHERE s.account_id = a.id AND s.booked_on < $3::date + n.is_known::integer
                           ORDER BY s.booked_on DESC LIMIT 1) below ON true
        LEFT JOIN LATERAL (SELECT s.version FROM ledger_snapshot s
                           JOIN ledger_snapshot_day d ON (d.book, d.booked_on) = (a.book, s.booked_on)
                           WHERE s.account_id = a.id AND s.booked_on >= $3 AND d.reached_seq = d.seq
                           ORDER BY s.booked_on LIMIT 1) above ON true
        WHERE a.party = $1 AND a.book = $4
    ), halves AS (
        SELECT id, low, high FROM bounds
        UNION ALL
        SELECT h.id, CASE WHEN e.seq <= $2 THEN e.version WHEN e.seq > $2 THEN h.low ELSE -1 END,
               CASE WHEN e.seq <= $2 THEN h.high ELSE coalesce(e.version, 0) - 1 END
        FROM halves h
        LEFT JOIN ledger_entry e ON e.account_id = h.id AND e.version = (h.low + h.high + 1) / 2
        WHERE h.low < h.high
    )
    SELECT a.party, a.unit, a.purpose, a.item, CASE WHEN h.low = 0 THEN 0 ELSE coalesce(
               (SELECT e.balance_minor FROM ledger_entry e WHERE e.account_id = h.id AND e.version = h.low),
               (SELECT s.balance_minor FROM ledger_snapshot s WHERE s.account_id = h.id AND s.version = h.low)) END
               AS balance_minor
    FROM halves h JOIN ledger_account a ON a.id = h.id
    WHERE h.low >= h.high
    ORDER BY a.unit, a.purpose, a.item"""

# $1-$4 account, $5 version to go on after, $6 and $7 first and last day, $8 most lines.
_STATEMENT = """
    WITH named AS MATERIALIZED (
        SELECT a.id,
               greatest($5::bigint, (SELECT s.version FROM ledger_snapshot s
                                     WHERE s.account_id = a.id AND s.booked_on < $6
                                     ORDER BY s.booked_on DESC LIMIT 1)) AS low,
               coalesce((SELECT s.version FROM ledger_snapshot s
                         JOIN ledger_snapshot_day d ON (d.book, d.booked_on) = (a.book, s.booked_on)
                         WHERE s.account_id = a.id AND s.booked_on >= $7 AND d.reached_seq = d.seq
                         ORDER BY s.booked_on LIMIT 1), 9223372036854775807) AS high
        FROM ledger_account a
        WHERE a.party = $1 AND a.unit = $2 AND a.purpose = $3 AND a.item = $4
    )
    SELECT e.account_id, e.version, e.transfer_id, e.amount_minor, e.balance_minor, e.booked_on, t.recorded_at,
           t.occurred_at, t.value_on, t.kind, t.subject, t.note
    FROM ledger_entry e
    JOIN ledger_transfer t ON t.id = e.transfer_id
    WHERE e.account_id = (SELECT id FROM named)
      AND e.version > (SELECT low FROM named) AND e.version <= (SELECT high FROM named)
      AND ($6::date IS NULL OR e.booked_on >= $6) AND ($7::date IS NULL OR e.booked_on <= $7)
    ORDER BY e.version
    LIMIT $8"""


class ArchivedError(LookupError):
    """The books of that day are archived: they stand in the database, but not where readers look."""

    def __init__(self, day: date) -> None:
        super().__init__(f"the books of {day} are archived")
        self.day = day


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectEntry:
    """An entry of a transfer about one subject, with what a posting list shows of it."""

    transfer_id: UUID
    kind: str
    account: Account
    amount_minor: int
    balance_minor: int
    occurred_at: datetime
    recorded_at: datetime
    booked_on: date
    value_on: date | None
    note: str


async def balance(pool: Pool, account: Account) -> int:
    """Return what stands on `account` in minor units, debit positive; 0 where it was never used."""
    return (await balances(pool, [account]))[account]


async def balances(pool: Pool, accounts: Sequence[Account]) -> dict[Account, int]:
    """Return what stands on each of `accounts`, in one snapshot."""
    rows = await pool.fetch(
        """
        SELECT a.party, a.unit, a.purpose, a.item, a.balance_minor
        FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[]) AS r(party, unit, purpose, item)
        JOIN ledger_standing a ON (a.party, a.unit, a.purpose, a.item) = (r.party, r.unit, r.purpose, r.item)
        """,
        [account.party for account in accounts],
        [account.unit for account in accounts],
        [account.purpose.value for account in accounts],
        [account.item for account in accounts],
    )
    return dict.fromkeys(accounts, 0) | {_account(row): row["balance_minor"] for row in rows}


async def balances_of(pool: Pool, party: UUID) -> dict[Account, int]:
    """Return what stands on every account of `party`, in one snapshot."""
    rows = await pool.fetch(
        """
        SELECT a.party, a.unit, a.purpose, a.item, a.balance_minor
        FROM ledger_standing a
        WHERE a.party = $1
        ORDER BY a.unit, a.purpose, a.item
        """,
        party,
    )
    return {_account(row): row["balance_minor"] for row in rows}


async def balances_after(pool: Pool, party: UUID, *, seq: int, day: date, book: str = "main") -> dict[Account, int]:
    """Return what stood on every account of `party` after batch `seq`, which was booked on `day`.

    Raises ArchivedError where an entry that it turned on lies in a month that was archived.
    """
    rows = await pool.fetch(_STANDING_AFTER, party, seq, day, book)
    if any(row["balance_minor"] is None for row in rows):
        raise ArchivedError(day)
    return {_account(row): row["balance_minor"] for row in rows}


async def balance_at(pool: Pool, account: Account, instant: datetime, *, book: str = "main") -> int:
    """Return what stood on `account` when everything recorded up to `instant` was in the book. Raises ArchivedError."""
    return (await balances_at(pool, account.party, instant, book=book)).get(account, 0)


async def balances_at(pool: Pool, party: UUID, instant: datetime, *, book: str = "main") -> dict[Account, int]:
    """Return what stood on every account of `party` when everything recorded up to `instant` was in the book.

    Raises ArchivedError.
    """
    row = await pool.fetchrow(
        """
        SELECT seq, booked_on AS day FROM journal_batch WHERE book = $1 AND recorded_at <= $2
        ORDER BY recorded_at DESC, seq DESC LIMIT 1
        """,
        book,
        instant,
    )
    return {} if row is None else await balances_after(pool, party, seq=row["seq"], day=row["day"], book=book)


async def balances_on(pool: Pool, party: UUID, day: date, *, book: str = "main") -> dict[Account, int]:
    """Return what stood on every account of `party` at the end of book day `day`; of the open day: what stands now.

    Raises ArchivedError.
    """
    row = await pool.fetchrow(
        """
        SELECT seq, booked_on AS day FROM journal_batch WHERE book = $1 AND booked_on <= $2
        ORDER BY booked_on DESC, seq DESC LIMIT 1
        """,
        book,
        day,
    )
    return {} if row is None else await balances_after(pool, party, seq=row["seq"], day=row["day"], book=book)


async def statement(
    pool: Pool,
    account: Account,
    *,
    after_version: int = 0,
    limit: int = 100,
    booked_from: date | None = None,
    booked_to: date | None = None,
) -> list[Posted]:
    """Return entries of `account` in their order with the running balance, from the one after `after_version` on.

    Snapshots bound the versions of the days asked for, so a day far back costs no more than yesterday.
    """
    rows = await pool.fetch(_STATEMENT, *_named(account), after_version, booked_from, booked_to, limit)
    return [Posted(**row, account=account) for row in rows]


async def entries_about(pool: Pool, subject: UUID) -> list[SubjectEntry]:
    """Return every entry of the transfers about `subject`, in the order of the book."""
    rows = await pool.fetch(
        """
        SELECT t.id, t.kind, t.occurred_at, t.recorded_at, t.booked_on, t.value_on, t.note,
               a.party, a.unit, a.purpose, a.item, e.amount_minor, e.balance_minor
        FROM ledger_transfer t
        JOIN ledger_entry e ON e.transfer_id = t.id
        JOIN ledger_account a ON a.id = e.account_id
        WHERE t.subject = $1
        ORDER BY t.book, t.seq, t.place, t.line, e.amount_minor DESC, e.account_id
        """,
        subject,
    )
    return [_subject_entry(row) for row in rows]


async def trial_balance(pool: Pool) -> dict[str, int]:
    """Return the sum of all balances per unit; every one must be 0."""
    rows = await pool.fetch(
        """
        SELECT a.unit, sum(a.balance_minor)::numeric AS total
        FROM ledger_standing a
        GROUP BY a.unit
        ORDER BY a.unit
        """
    )
    return {row["unit"]: int(row["total"]) for row in rows}


async def advances(pool: Pool, *, most_minor: int) -> list[tuple[str, int, int]]:
    """Return per unit what parties owe altogether, in minor units, and how many of them owe more than `most_minor`."""
    rows = await pool.fetch(
        """
        SELECT a.unit, sum(a.balance_minor)::numeric AS total, count(*) FILTER (WHERE a.balance_minor > $1) AS over
        FROM ledger_standing a
        WHERE a.purpose IN ('advance', 'arrears') AND a.balance_minor > 0
        GROUP BY a.unit ORDER BY a.unit
        """,
        most_minor,
    )
    return [(row["unit"], int(row["total"]), row["over"]) for row in rows]


async def open_holds_about(pool: Pool, subject: UUID) -> dict[UUID, int]:
    """Return the rest, in minor units, of each open hold about `subject`."""
    rows = await pool.fetch(
        "SELECT id, rest_minor FROM ledger_hold WHERE subject = $1 AND state = 'open' ORDER BY id", subject
    )
    return {row["id"]: row["rest_minor"] for row in rows}


async def counts(connection: Connection) -> dict[str, int]:
    """Count what a proof goes over."""
    row = await connection.fetchrow(
        """
        SELECT (SELECT count(*) FROM ledger_account) AS accounts,
               (SELECT count(*) FROM ledger_transfer) AS transfers,
               (SELECT count(*) FROM ledger_entry) AS entries,
               (SELECT count(*) FROM ledger_hold WHERE state = 'open') AS open_holds
        """
    )
    return {} if row is None else dict(row.items())


async def sums_of_balances(connection: Connection) -> dict[str, int]:
    """Return the sum of all balances per unit; where entries add up to something else, that as `<unit> entries`."""
    rows = await connection.fetch(
        """
        SELECT a.unit, sum(newest.balance_minor)::numeric AS balances, sum(newest.entries)::numeric AS entries
        FROM ledger_account a
        JOIN (SELECT account_id, sum(amount_minor) AS entries,
                     (array_agg(balance_minor ORDER BY version DESC))[1] AS balance_minor
              FROM ledger_entry GROUP BY account_id) newest ON newest.account_id = a.id
        GROUP BY a.unit ORDER BY a.unit
        """
    )
    sums = {row["unit"]: int(row["balances"]) for row in rows}
    return sums | {f"{row['unit']} entries": int(row["entries"]) for row in rows if row["entries"] != row["balances"]}


async def broken_entries(connection: Connection) -> list[tuple[UUID, int, str]]:
    """Return entries that do not follow the one before: (account, version, what is wrong)."""
    rows = await connection.fetch(
        """
        SELECT account_id, version, CASE
                   WHEN version <> version_before + 1 THEN format('follows version %s', version_before)
                   ELSE format('balance %s, but %s and %s were to make it', balance_minor, balance_before, amount_minor)
               END AS detail
        FROM (SELECT account_id, version, amount_minor, balance_minor,
                     lag(version, 1, 0::bigint) OVER w AS version_before,
                     lag(balance_minor, 1, 0::bigint) OVER w AS balance_before
              FROM ledger_entry WINDOW w AS (PARTITION BY account_id ORDER BY version)) e
        WHERE version <> version_before + 1 OR balance_minor::numeric <> balance_before::numeric + amount_minor
        LIMIT $1
        """,
        SHOWN,
    )
    return [(row["account_id"], row["version"], row["detail"]) for row in rows]


async def broken_transfers(connection: Connection) -> list[tuple[UUID, str]]:
    """Return transfers that do not balance, lack entries, or disagree with theirs: (transfer, what is wrong)."""
    rows = await connection.fetch(
        """
        (SELECT e.transfer_id, format('%s %s over', sum(e.amount_minor), a.unit) AS detail
         FROM ledger_entry e JOIN ledger_account a ON a.id = e.account_id
         GROUP BY e.transfer_id, a.unit HAVING sum(e.amount_minor) <> 0 LIMIT $1)
        UNION ALL
        (SELECT coalesce(e.transfer_id, t.id), CASE
                    WHEN t.id IS NULL THEN 'has entries but is not in the book'
                    WHEN e.transfer_id IS NULL THEN 'has no entries'
                    ELSE format('an entry of it says batch %s, day %s', e.seq, e.booked_on) END
         FROM ledger_transfer t FULL JOIN ledger_entry e ON e.transfer_id = t.id
         WHERE t.id IS NULL OR e.transfer_id IS NULL OR (e.seq, e.booked_on) <> (t.seq, t.booked_on) LIMIT $1)
        """,
        SHOWN,
    )
    return [(row["transfer_id"], row["detail"]) for row in rows]


async def broken_accounts(connection: Connection) -> list[tuple[UUID, str]]:
    """Return accounts that stand where they must not, or frozen ones that differ from their open holds."""
    rows = await connection.fetch(
        """
        WITH standing AS (
            SELECT a.id, a.purpose, coalesce(e.balance_minor, 0) AS balance_minor
            FROM ledger_account a
            LEFT JOIN LATERAL (SELECT balance_minor FROM ledger_entry
                               WHERE account_id = a.id ORDER BY version DESC LIMIT 1) e ON true
            WHERE a.purpose IN ('available', 'frozen', 'deposit')
        ), held AS (
            SELECT frozen_account_id AS id, sum(rest_minor) AS rest FROM ledger_hold
            WHERE state = 'open' GROUP BY frozen_account_id
        )
        (SELECT id, format('%s stands at %s', purpose, balance_minor) AS detail
         FROM standing WHERE balance_minor > 0 LIMIT $1)
        UNION ALL
        (SELECT coalesce(s.id, h.id), format('frozen at %s, open holds %s', s.balance_minor, h.rest)
         FROM (SELECT id, balance_minor FROM standing WHERE purpose = 'frozen') s FULL JOIN held h ON h.id = s.id
         WHERE coalesce(-s.balance_minor, 0) <> coalesce(h.rest, 0) LIMIT $1)
        UNION ALL
        (SELECT e.account_id, 'has entries but was never opened' FROM ledger_entry e
         WHERE NOT EXISTS (SELECT 1 FROM ledger_account a WHERE a.id = e.account_id) LIMIT $1)
        """,
        SHOWN,
    )
    return [(row["id"], row["detail"]) for row in rows]


async def broken_standings(connection: Connection) -> list[tuple[UUID, str]]:
    """Return accounts that are read otherwise than their newest entry says, and snapshots that no entry bears out."""
    rows = await connection.fetch(
        """
        WITH newest AS (SELECT account_id, max(version) AS version FROM ledger_entry GROUP BY account_id)
        (SELECT coalesce(s.id, n.account_id) AS id,
                format('is read as %s at version %s, its entries end with %s at version %s',
                       s.balance_minor, s.version, e.balance_minor, e.version) AS detail
         FROM ledger_standing s
         FULL JOIN newest n ON n.account_id = s.id
         LEFT JOIN ledger_entry e ON e.account_id = n.account_id AND e.version = n.version
         WHERE (s.version, s.balance_minor) IS DISTINCT FROM (e.version, e.balance_minor) LIMIT $1)
        UNION ALL
        (SELECT s.account_id, format('a snapshot of %s says %s at version %s', s.booked_on, s.balance_minor, s.version)
         FROM ledger_snapshot s
         LEFT JOIN ledger_entry e ON e.account_id = s.account_id AND e.version = s.version
         WHERE e.balance_minor IS DISTINCT FROM s.balance_minor OR e.booked_on > s.booked_on LIMIT $1)
        """,
        SHOWN,
    )
    return [(row["id"], row["detail"]) for row in rows]


def _named(account: Account) -> tuple[UUID, str, str, str]:
    return account.party, account.unit, account.purpose.value, account.item


def _account(row: asyncpg.Record) -> Account:
    return Account(row["party"], row["unit"], Purpose(row["purpose"]), row["item"])


def _subject_entry(row: asyncpg.Record) -> SubjectEntry:
    fields: dict[str, Any] = {name: row[name] for name in _SUBJECT_FIELDS}
    return SubjectEntry(transfer_id=row["id"], account=_account(row), **fields)


_SUBJECT_FIELDS = (
    "kind",
    "amount_minor",
    "balance_minor",
    "occurred_at",
    "recorded_at",
    "booked_on",
    "value_on",
    "note",
)
