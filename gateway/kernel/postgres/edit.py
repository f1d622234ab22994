"""The one shell for editing records: transaction, idempotency key, compare-and-set, before and after, who and why.

What moves a state or money goes through the journal instead; there is no third way. Row A90.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import asyncpg
import msgspec

from gateway.kernel.postgres.pool import Connection, Database
from gateway.kernel.reasons import Reason

_TRIES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Editable:
    """A table that is edited: its columns with their PostgreSQL types, `id uuid` and `version integer` among them.

    Columns in `hidden` and all `bytea` columns never enter the trail.
    """

    name: str
    columns: Mapping[str, str]
    hidden: frozenset[str] = frozenset()

    @property
    def unseen(self) -> list[str]:
        """Columns that the trail leaves out."""
        return sorted(self.hidden | {column for column, kind in self.columns.items() if kind == "bytea"})


@dataclass(frozen=True, slots=True)
class Add:
    """A new record; `row` has its `id`, what it leaves out gets the table's default."""

    table: Editable
    row: Mapping[str, object] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Alter:
    """Set `to` on the record where its version is still `version`, and raise the version by one."""

    table: Editable
    id: UUID
    version: int
    to: Mapping[str, object] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Remove:
    """Delete the record where its version is still `version`; one that others point to stays: the edit is refused."""

    table: Editable
    id: UUID
    version: int


Line = Add | Alter | Remove


@dataclass(frozen=True, slots=True, kw_only=True)
class Nonce:
    """What a signed request may be sent with once: the same name with another digest is refused as a bad signature."""

    scope: str
    name: str
    digest: bytes
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """One edit, whole: all its lines or none.

    `said` is the request as it was made, without secrets: the same `key` with the same `said` is done once. Its `nonce`
    is kept with it, so that what was not done leaves none behind.
    """

    id: UUID
    key: str
    who: str
    why: str
    at: datetime
    said: Mapping[str, object]
    lines: tuple[Line, ...]
    nonce: Nonce | None = None


@dataclass(frozen=True, slots=True)
class Edited:
    """The edit is durable."""

    edit: UUID


@dataclass(frozen=True, slots=True)
class Repeated:
    """The key was used before with the same request: nothing was written, `edit` is the first one."""

    edit: UUID


@dataclass(frozen=True, slots=True)
class EditRefused:
    """Nothing was written; `subject` is the record it failed on, where there is one."""

    reason: Reason
    detail: str
    subject: UUID | None = None


EditResult = Edited | Repeated | EditRefused


class _RefusedError(Exception):
    def __init__(self, refused: EditRefused) -> None:
        super().__init__(refused.detail)
        self.refused = refused


async def apply_edit(pool: Database, edit: Edit) -> EditResult:
    """Write the edit and its trail in one transaction; a deadlock or a lost race with another edit is tried again."""
    for last in [False] * (_TRIES - 1) + [True]:
        try:
            async with pool.acquire() as connection, connection.transaction():
                return await _write(connection, edit)
        except _RefusedError as refused:
            return refused.refused
        except asyncpg.IntegrityConstraintViolationError as error:
            return EditRefused(_reason(error, edit), _explain(error))
        except (asyncpg.DeadlockDetectedError, asyncpg.SerializationError):
            if last:
                raise
    return EditRefused(Reason.BUSY, "the records are being edited by others")  # pragma: no cover - the loop returns


async def earlier_edit(pool: Database, key: str, said: Mapping[str, object]) -> Repeated | EditRefused | None:
    """Tell whether an edit with this key was written before: with the same request, with another one, or not at all.

    For commands whose decision no longer holds once they are done (what was deleted cannot be found again).
    """
    async with pool.acquire() as connection:
        first = await connection.fetchval("SELECT id FROM record_edit WHERE key = $1", key)
        return None if first is None else await _answer_again(connection, key, _digest(said))


async def edited_subject(pool: Database, edit: UUID) -> UUID:
    """Return the record that an edit's first line was about."""
    found: UUID = await pool.fetchval("SELECT subject FROM record_edit_line WHERE edit_id = $1 AND place = 0", edit)
    return found


async def forget_nonces(pool: Database, *, before: datetime) -> None:
    """Delete the nonces of edits whose time has passed."""
    await pool.execute("DELETE FROM edit_nonce WHERE expires_at < $1", before)


def _digest(said: Mapping[str, object]) -> bytes:
    return hashlib.sha256(msgspec.json.encode(said, order="deterministic")).digest()


async def _write(connection: Connection, edit: Edit) -> EditResult:
    digest = _digest(edit.said)
    await _keep_nonce(connection, edit.nonce)
    new = await connection.fetchval(
        "INSERT INTO record_edit (id, key, digest, who, why, edited_at) VALUES ($1, $2, $3, $4, $5, $6)"
        " ON CONFLICT (key) DO NOTHING RETURNING id",
        *(edit.id, edit.key, digest, edit.who, edit.why, edit.at),
    )
    if new is None:
        return await _answer_again(connection, edit.key, digest)
    for place, line in enumerate(edit.lines):
        subject, before, after = await _put(connection, line)
        await connection.execute(
            "INSERT INTO record_edit_line (edit_id, place, table_name, subject, before, after)"
            " VALUES ($1, $2, $3, $4, $5, $6)",
            *(edit.id, place, line.table.name, subject, before, after),
        )
    return Edited(edit.id)


async def _keep_nonce(connection: Connection, nonce: Nonce | None) -> None:
    if nonce is None:
        return
    kept = await connection.fetchval(
        "INSERT INTO edit_nonce AS n (scope, name, digest, expires_at) VALUES ($1, $2, $3, $4)"
        " ON CONFLICT (scope, name) DO UPDATE SET expires_at = n.expires_at RETURNING digest",
        *(nonce.scope, nonce.name, nonce.digest, nonce.expires_at),
    )
    if kept != nonce.digest:
        raise _RefusedError(EditRefused(Reason.BAD_SIGNATURE, "the nonce was used with another request"))


async def _answer_again(connection: Connection, key: str, digest: bytes) -> Repeated | EditRefused:
    first = await connection.fetchrow("SELECT id, digest FROM record_edit WHERE key = $1", key)
    if first is None or first["digest"] != digest:
        return EditRefused(Reason.KEY_REUSED, f"the key {key} was used for another edit")
    return Repeated(first["id"])


async def _put(connection: Connection, line: Line) -> tuple[UUID, object, object]:
    if isinstance(line, Add):
        return await _insert(connection, line)
    if isinstance(line, Remove):
        return await _delete(connection, line)
    return await _update(connection, line)


async def _insert(connection: Connection, line: Add) -> tuple[UUID, object, object]:
    names = ", ".join(line.row)
    places = ", ".join(f"${n}::{line.table.columns[column]}" for n, column in enumerate(line.row, start=1))
    # the trail's columns come after the row's own parameters
    row = await connection.fetchrow(
        f"INSERT INTO {line.table.name} AS t ({names}) VALUES ({places})"
        f" RETURNING id, to_jsonb(t) - ${len(line.row) + 1}::text[] AS after",
        *line.row.values(),
        line.table.unseen,
    )
    if row is None:
        raise _RefusedError(EditRefused(Reason.FAULT, f"{line.table.name} took no row"))
    return row["id"], None, row["after"]


async def _update(connection: Connection, line: Alter) -> tuple[UUID, object, object]:
    table, unseen = line.table.name, line.table.unseen
    before = await _locked(connection, line)
    sets = ", ".join(f"{column} = ${n}::{line.table.columns[column]}" for n, column in enumerate(line.to, start=3))
    after = await connection.fetchval(
        f"UPDATE {table} AS t SET {sets}, version = version + 1 WHERE id = $1 RETURNING to_jsonb(t) - $2::text[]",
        *(line.id, unseen, *line.to.values()),
    )
    return line.id, before, after


async def _delete(connection: Connection, line: Remove) -> tuple[UUID, object, object]:
    before = await _locked(connection, line)
    await connection.execute(f"DELETE FROM {line.table.name} WHERE id = $1", line.id)
    return line.id, before, None


async def _locked(connection: Connection, line: Alter | Remove) -> object:
    """Lock the record that a line is about and return it as the trail shows it."""
    table = line.table.name
    before = await connection.fetchrow(
        f"SELECT version, to_jsonb(t) - $2::text[] AS shown FROM {table} t WHERE id = $1 FOR UPDATE",
        *(line.id, line.table.unseen),
    )
    if before is None:
        raise _RefusedError(EditRefused(Reason.NOT_FOUND, f"no such {table}", line.id))
    if before["version"] != line.version:
        detail = f"this {table} was changed meanwhile: read it again"
        raise _RefusedError(EditRefused(Reason.MOVED, detail, line.id))
    return before["shown"]


def _reason(error: asyncpg.IntegrityConstraintViolationError, edit: Edit) -> Reason:
    if isinstance(error, asyncpg.UniqueViolationError):
        return Reason.TAKEN
    is_needed = isinstance(error, asyncpg.ForeignKeyViolationError | asyncpg.RestrictViolationError)
    return Reason.IN_USE if is_needed and any(isinstance(line, Remove) for line in edit.lines) else Reason.FORMAT


def _explain(error: asyncpg.IntegrityConstraintViolationError) -> str:
    # never the server's DETAIL: it repeats values
    return (
        f"{getattr(error, 'table_name', '') or 'the record'}: {getattr(error, 'constraint_name', '') or 'not allowed'}"
    )
