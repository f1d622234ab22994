"""The SQL of files: records, pieces, templates, and the instructions a payment file is made of."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import date, datetime
from uuid import UUID

from gateway.clearing.files.model import REFUSAL, Direction, FileRecord, FileState
from gateway.journal.model import Table
from gateway.kernel.postgres.edit import Editable
from gateway.kernel.postgres.pool import Database
from gateway.payments.payout import store as payouts
from gateway.payments.payout.model import OwnInstruction, Payout
from gateway.payments.payout.store import Row

FILE = Table(
    name="file",
    columns={
        "id": "uuid",
        "direction": "text",
        "channel_id": "uuid",
        "kind": "text",
        "name": "text",
        "day": "date",
        "sequence": "integer",
        "state": "text",
        "unit": "text",
        "count": "integer",
        "amount_minor": "bigint",
        "size": "bigint",
        "digest": "bytea",
        "content_id": "uuid",
        "path": "text",
        "template_id": "uuid",
        "answers_id": "uuid",
        "duplicate_of": "uuid",
        "reason": "text",
        "error_line": "integer",
        "error_offset": "bigint",
        "modified_at": "timestamptz",
        "tries": "integer",
        "begun": "boolean",
        "resent": "boolean",
        "absent_at": "timestamptz",
        "made_by": "text",
        "made_at": "timestamptz",
        "submitted_at": "timestamptz",
        "version": "integer",
    },
    noted=("reason", "tries", "count"),
)

FILE_NAME = Table(
    name="file_name",
    columns={"id": "uuid", "channel_id": "uuid", "direction": "text", "name": "text", "file_id": "uuid"},
    history=None,
)

FILE_DIGEST = Table(
    name="file_digest",
    columns={"id": "uuid", "channel_id": "uuid", "digest": "bytea", "file_id": "uuid"},
    history=None,
)

FILE_TEMPLATE = Editable(
    name="file_template",
    columns={
        "id": "uuid",
        "channel_kind": "text",
        "kind": "text",
        "number": "integer",
        "body": "text",
        "sha256": "bytea",
        "state": "text",
        "sample": "bytea",
        "created_by": "text",
        "created_at": "timestamptz",
        "activated_by": "text",
        "activated_at": "timestamptz",
        "version": "integer",
    },
)

_WAITING = """
SELECT i.id, i.unit, i.amount_minor, i.version FROM instruction i
WHERE i.channel_id = $1 AND i.communication = 'waiting' AND i.state = 'routed' AND i.ask = 'payout'
  AND ($2::text IS NULL OR i.unit = $2)
ORDER BY i.number LIMIT $3
"""

_OF_FILE = """
SELECT i.id, i.number, i.business, i.amount_minor, i.unit, i.created_at, i.payee_account, i.payee_name, i.payee_bank,
       i.purpose, i.state, i.communication, i.version
FROM instruction i
WHERE i.file_id = $1 AND i.number > $2::text::bpchar ORDER BY i.number LIMIT $3
"""

_OF_FILE_COLUMNS = ", ".join(
    [f"p.{name} AS p_{name}" for name in payouts.PAYOUT.columns]
    + [f"i.{name} AS i_{name}" for name in ("id", "number", "channel_id", "state", "communication", "tries", "version")]
)

_PAYOUTS_IN = f"""
SELECT {_OF_FILE_COLUMNS} FROM instruction i JOIN payout p ON p.id = i.owner_id AND i.owner_kind = 'payout'
WHERE i.file_id = $1 AND i.state = ANY($2) AND i.communication = ANY($3) ORDER BY i.number LIMIT $4
"""

_PAYOUT_IN = f"""
SELECT {_OF_FILE_COLUMNS} FROM instruction i JOIN payout p ON p.id = i.owner_id AND i.owner_kind = 'payout'
WHERE i.file_id = $1 AND i.number = $2::text::bpchar
"""

_LIST = """
SELECT * FROM file
WHERE ($1::uuid IS NULL OR channel_id = $1) AND ($2::text IS NULL OR direction = $2)
  AND ($3::text IS NULL OR state = $3) AND ($4::uuid IS NULL OR id < $4) AND ($5::date IS NULL OR day = $5)
ORDER BY id DESC LIMIT $6
"""

_CHANNEL = """
SELECT c.id, c.kind, c.params FROM channel c WHERE c.id = $1 AND c.communication = 'batch_file' AND c.state = 'on'
"""


async def find(pool: Database, file: UUID) -> FileRecord | None:
    """Read one file."""
    row = await pool.fetchrow("SELECT * FROM file WHERE id = $1", file)
    return None if row is None else _file(row)


async def files(
    pool: Database,
    *,
    channel: UUID | None = None,
    direction: Direction | None = None,
    state: FileState | None = None,
    day: date | None = None,
    before: UUID | None = None,
    limit: int = 100,
) -> Sequence[FileRecord]:
    """List files, newest first; `before` continues a page."""
    rows = await pool.fetch(_LIST, channel, direction, state, before, day, limit)
    return [_file(row) for row in rows]


async def by_name(pool: Database, channel: UUID, direction: Direction, name: str) -> FileRecord | None:
    """Read the file that a name was first given to."""
    row = await pool.fetchrow(
        "SELECT f.* FROM file_name n JOIN file f ON f.id = n.file_id"
        " WHERE n.channel_id = $1 AND n.direction = $2 AND n.name = $3",
        *(channel, direction, name),
    )
    return None if row is None else _file(row)


async def is_answered_by_line(pool: Database, file: UUID) -> bool:
    """Tell whether a payment file was answered by a return file with details that could be read."""
    return bool(
        await pool.fetchval(
            "SELECT EXISTS (SELECT FROM file WHERE answers_id = $1 AND kind <> $2"
            " AND state IN ('archived', 'parsed', 'imported', 'done'))",
            *(file, REFUSAL),
        )
    )


async def seen(pool: Database, channel: UUID, name: str, size: int, modified: datetime | None) -> bool:
    """Tell whether a remote file was received as it is listed now, under whatever outcome."""
    return bool(
        await pool.fetchval(
            "SELECT EXISTS (SELECT FROM file WHERE channel_id = $1 AND direction = 'in' AND name = $2 AND size = $3"
            " AND modified_at IS NOT DISTINCT FROM $4)",
            *(channel, name, size, modified),
        )
    )


async def last_sequence(pool: Database, channel: UUID, day: date) -> int:
    """Return the highest sequence of the channel's payment files of a day, 0 where there is none."""
    return int(
        await pool.fetchval(
            "SELECT coalesce(max(sequence), 0) FROM file WHERE channel_id = $1 AND direction = 'out' AND day = $2",
            *(channel, day),
        )
    )


async def waiting_units(pool: Database, channel: UUID) -> Sequence[str]:
    """List the units that something waits for a file in."""
    rows = await pool.fetch(
        "SELECT DISTINCT unit FROM instruction"
        " WHERE channel_id = $1 AND communication = 'waiting' AND state = 'routed' AND ask = 'payout' ORDER BY unit",
        channel,
    )
    return [row["unit"] for row in rows]


async def is_overdue(pool: Database, kind: str, subject: UUID, now: datetime) -> bool:
    """Tell whether a timer should have run by now, or is running."""
    return bool(
        await pool.fetchval(
            "SELECT EXISTS (SELECT FROM timer WHERE kind = $1 AND subject = $2 AND state <> 'parked' AND due_at <= $3)",
            *(kind, subject, now),
        )
    )


async def waiting(
    pool: Database, channel: UUID, *, unit: str | None = None, limit: int
) -> Sequence[tuple[UUID, str, int, int]]:
    """Read instructions that wait for a file: id, unit, amount, version."""
    rows = await pool.fetch(_WAITING, channel, unit, limit)
    return [(row["id"], row["unit"], row["amount_minor"], row["version"]) for row in rows]


async def instructions(pool: Database, file: UUID, *, page: int) -> AsyncIterator[Row]:
    """Give the rows of a file's instructions in the order of their numbers."""
    after = ""
    while rows := await pool.fetch(_OF_FILE, file, after, page):
        for row in rows:
            yield row
        after = rows[-1]["number"]


async def payouts_in(
    pool: Database, file: UUID, *, states: Sequence[str], communications: Sequence[str], limit: int
) -> Sequence[tuple[Payout, OwnInstruction]]:
    """Read payouts with their instructions of a file, by the instruction's state and communication."""
    rows = await pool.fetch(_PAYOUTS_IN, file, list(states), list(communications), limit)
    return [(payouts.read_payout(row, "p_"), payouts.read_instruction(row, "i_")) for row in rows]


async def payout_in(pool: Database, file: UUID, number: str) -> tuple[Payout, OwnInstruction]:
    """Read one payout of a file by its instruction's number. Raises LookupError where it is not in the file."""
    row = await pool.fetchrow(_PAYOUT_IN, file, number)
    if row is None:
        message = f"instruction {number} is not in file {file}"
        raise LookupError(message)
    return payouts.read_payout(row, "p_"), payouts.read_instruction(row, "i_")


async def write_piece(pool: Database, content: UUID, place: int, sealed: bytes) -> None:
    """Keep one piece; written again it is the same piece."""
    await pool.execute(
        "INSERT INTO file_piece (content_id, place, sealed) VALUES ($1, $2, $3)"
        " ON CONFLICT (content_id, place) DO UPDATE SET sealed = excluded.sealed",
        *(content, place, sealed),
    )


async def drop_pieces(pool: Database, content: UUID, *, beyond: int = -1) -> None:
    """Forget the pieces after `beyond`: of an earlier, longer writing, or of content that was not kept."""
    await pool.execute("DELETE FROM file_piece WHERE content_id = $1 AND place > $2", content, beyond)


async def piece(pool: Database, content: UUID, place: int) -> bytes | None:
    """Read one sealed piece."""
    found: bytes | None = await pool.fetchval(
        "SELECT sealed FROM file_piece WHERE content_id = $1 AND place = $2", content, place
    )
    return found


async def open_spool(pool: Database, content: UUID, at: datetime) -> None:
    """Note that pieces are about to be written which no file has taken for its own yet."""
    await pool.execute("INSERT INTO file_spool (content_id, begun_at) VALUES ($1, $2)", content, at)


async def close_spool(pool: Database, content: UUID) -> None:
    """A file has the content, or its pieces are gone."""
    await pool.execute("DELETE FROM file_spool WHERE content_id = $1", content)


async def sweep_spools(pool: Database, before: datetime) -> None:
    """Drop the pieces of writings that were begun before `before` and ended in nothing."""
    await pool.execute(
        "WITH stale AS (DELETE FROM file_spool WHERE begun_at < $1 RETURNING content_id)"
        " DELETE FROM file_piece p USING stale s WHERE p.content_id = s.content_id"
        " AND NOT EXISTS (SELECT FROM file f WHERE f.content_id = s.content_id)",
        before,
    )


async def active_template(pool: Database, channel_kind: str, kind: str) -> tuple[UUID, str] | None:
    """Read the template that files of a kind are read or written by now: id and body (row C77)."""
    row = await pool.fetchrow(
        "SELECT id, body FROM file_template WHERE channel_kind = $1 AND kind = $2 AND state = 'active'",
        *(channel_kind, kind),
    )
    return None if row is None else (row["id"], row["body"])


async def template_body(pool: Database, template: UUID) -> str:
    """Read the body of one version of a template."""
    return str(await pool.fetchval("SELECT body FROM file_template WHERE id = $1", template))


async def template(pool: Database, template_id: UUID) -> Row | None:
    """Read one version of a template, whole."""
    row: Row | None = await pool.fetchrow("SELECT * FROM file_template WHERE id = $1", template_id)
    return row


async def templates(pool: Database, channel_kind: str, kind: str) -> Sequence[Row]:
    """Read all versions of a kind's template, newest first."""
    return await pool.fetch(
        "SELECT * FROM file_template WHERE channel_kind = $1 AND kind = $2 ORDER BY number DESC", channel_kind, kind
    )


async def channel(pool: Database, channel_id: UUID) -> Row | None:
    """Read a batch channel that is on."""
    row: Row | None = await pool.fetchrow(_CHANNEL, channel_id)
    return row


async def batch_channels(pool: Database) -> Sequence[UUID]:
    """List the batch channels that are on."""
    rows = await pool.fetch("SELECT id FROM channel WHERE communication = 'batch_file' AND state = 'on' ORDER BY code")
    return [row["id"] for row in rows]


async def payout_channel(pool: Database, unit: str) -> UUID | None:
    """Return the first channel that takes payouts of a unit by file."""
    found: UUID | None = await pool.fetchval(
        "SELECT id FROM channel WHERE communication = 'batch_file' AND state = 'on' AND 'payout' = ANY(asks)"
        " AND $1 = ANY(units) ORDER BY code LIMIT 1",
        unit,
    )
    return found


def _file(row: Row) -> FileRecord:
    values = {name: row[name] for name in FILE.columns}
    values["direction"] = Direction(values["direction"])
    values["state"] = FileState(values["state"])
    return FileRecord(**values)
