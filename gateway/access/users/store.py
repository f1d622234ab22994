"""The SQL of users, their rights, passwords, one-time codes and sessions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import asyncpg
import msgspec

from gateway.access.model import CallerKind
from gateway.access.store import IS_CLOSED
from gateway.access.users.model import (
    Credentials,
    FoundSession,
    Session,
    Totp,
    User,
    UserFilter,
    UserParameters,
    UserState,
)
from gateway.kernel.postgres.edit import Editable
from gateway.kernel.postgres.pool import Database
from gateway.parties import Scope

USER = Editable(
    name="access_user",
    columns={
        "id": "uuid",
        "login": "text",
        "party_id": "uuid",
        "kind": "text",
        "name_sealed": "bytea",
        "phone_sealed": "bytea",
        "state": "text",
        "parameters": "jsonb",
        "created_at": "timestamptz",
        "version": "integer",
    },
)
USER_ROLE = Editable(
    name="user_role", columns={"id": "uuid", "user_id": "uuid", "role_id": "uuid", "version": "integer"}
)
USER_PERMISSION = Editable(
    name="user_permission",
    columns={"id": "uuid", "user_id": "uuid", "permission_id": "uuid", "effect": "text", "version": "integer"},
)
PASSWORD = Editable(
    name="user_password",
    columns={
        "id": "uuid",
        "hash": "text",
        "past": "text[]",
        "must_change": "boolean",
        "good_until": "timestamptz",
        "wrong_tries": "integer",
        "locked_until": "timestamptz",
        "changed_at": "timestamptz",
        "version": "integer",
    },
    hidden=frozenset({"hash", "past"}),
)
TOTP = Editable(
    name="user_totp",
    columns={
        "id": "uuid",
        "secret_sealed": "bytea",
        "state": "text",
        "last_step": "bigint",
        "recovery": "bytea[]",
        "changed_at": "timestamptz",
        "version": "integer",
    },
    hidden=frozenset({"recovery"}),
)

# links are shown as code -> [id, version], so that they can be taken away again
_USERS = """
SELECT u.*, w.must_change, w.locked_until, coalesce(t.state = 'active', false) AS has_totp,
       ARRAY(SELECT r.code FROM user_right r WHERE r.user_id = u.id) AS permissions,
       (SELECT coalesce(jsonb_object_agg(r.code, jsonb_build_array(ur.id, ur.version)), '{}')
          FROM user_role ur JOIN role r ON r.id = ur.role_id WHERE ur.user_id = u.id) AS roles,
       (SELECT coalesce(jsonb_object_agg(i.code, jsonb_build_array(up.id, up.version)), '{}')
          FROM user_permission up JOIN permission_item i ON i.id = up.permission_id
         WHERE up.user_id = u.id AND up.effect = 'grant') AS grants,
       (SELECT coalesce(jsonb_object_agg(i.code, jsonb_build_array(up.id, up.version)), '{}')
          FROM user_permission up JOIN permission_item i ON i.id = up.permission_id
         WHERE up.user_id = u.id AND up.effect = 'deny') AS denials
  FROM access_user u
  JOIN party p ON p.id = u.party_id
  JOIN user_password w ON w.id = u.id
  LEFT JOIN user_totp t ON t.id = u.id
"""


async def user_in(pool: Database, scope: Scope, id_: UUID) -> User | None:
    """Read a user of a party that the scope covers."""
    row = await pool.fetchrow(f"{_USERS} WHERE u.id = $1 AND p.path LIKE $2", id_, scope.pattern)
    return None if row is None else _user(row)


async def user_by_login(pool: Database, scope: Scope, login: str) -> User | None:
    """Read a user of a party that the scope covers, by login."""
    row = await pool.fetchrow(f"{_USERS} WHERE u.login = $1 AND p.path LIKE $2", login, scope.pattern)
    return None if row is None else _user(row)


async def users_in(pool: Database, scope: Scope, which: UserFilter) -> list[User]:
    """List users of parties that the scope covers."""
    rows = await pool.fetch(
        f"{_USERS} WHERE p.path LIKE $1 AND ($2::uuid IS NULL OR u.id > $2) AND ($3::uuid IS NULL OR u.party_id = $3)"
        " AND ($4::text IS NULL OR u.state = $4) AND ($5::text IS NULL OR u.login = $5)"
        " AND ($6::text IS NULL OR EXISTS (SELECT 1 FROM user_role ur JOIN role r ON r.id = ur.role_id"
        "                                   WHERE ur.user_id = u.id AND r.code = $6))"
        " ORDER BY u.id LIMIT $7",
        *(scope.pattern, which.after, which.party, which.state, which.login, which.role, which.limit),
    )
    return [_user(row) for row in rows]


async def credentials(pool: Database, login: str) -> Credentials | None:
    """Read what a log-in is checked against."""
    row = await pool.fetchrow(
        f"SELECT u.id, u.login, u.party_id, u.state = 'active' AND NOT {IS_CLOSED} AS is_open, u.parameters,"
        "       w.hash, w.past, w.must_change, w.good_until, w.version AS password_version"
        "  FROM access_user u JOIN party p ON p.id = u.party_id JOIN user_password w ON w.id = u.id"
        " WHERE u.login = $1",
        login,
    )
    return None if row is None else _credentials(row)


async def take_try(pool: Database, user: UUID, *, most: int, now: datetime) -> bool:
    """Count one try before it is checked, so that many at once cannot pass the limit; False where none is left.

    A lock that ran out gives all tries back.
    """
    found = await pool.fetchval(
        "UPDATE user_password"
        " SET wrong_tries = CASE WHEN locked_until <= $3 THEN 1 ELSE wrong_tries + 1 END,"
        "     locked_until = CASE WHEN locked_until <= $3 THEN NULL ELSE locked_until END"
        " WHERE id = $1 AND (wrong_tries < $2 OR locked_until <= $3) RETURNING id",
        *(user, most, now),
    )
    return found is not None


async def forgive_tries(pool: Database, user: UUID) -> None:
    """Give all tries back: after a good log-in, or because an operator unlocks."""
    await pool.execute("UPDATE user_password SET wrong_tries = 0, locked_until = NULL WHERE id = $1", user)


async def give_try_back(pool: Database, user: UUID) -> None:
    """Uncount one try that proved nothing yet; the others stay counted."""
    await pool.execute("UPDATE user_password SET wrong_tries = greatest(wrong_tries - 1, 0) WHERE id = $1", user)


async def lock_if_spent(pool: Database, user: UUID, *, most: int, until: datetime) -> None:
    """Lock where the tries are spent."""
    await pool.execute(
        "UPDATE user_password SET locked_until = coalesce(locked_until, $3) WHERE id = $1 AND wrong_tries >= $2",
        *(user, most, until),
    )


async def take_source_try(pool: Database, source: str, *, now: datetime, forgotten_at: datetime) -> int:
    """Count one try of an address and return how many it has made in its window."""
    tries: int = await pool.fetchval(
        "INSERT INTO login_source AS s (source, wrong_tries, forgotten_at) VALUES ($1, 1, $3)"
        " ON CONFLICT (source) DO UPDATE SET"
        "   wrong_tries = CASE WHEN s.forgotten_at <= $2 THEN 1 ELSE s.wrong_tries + 1 END,"
        "   forgotten_at = CASE WHEN s.forgotten_at <= $2 THEN $3 ELSE s.forgotten_at END"
        " RETURNING wrong_tries",
        *(source, now, forgotten_at),
    )
    return tries


async def give_source_try_back(pool: Database, source: str) -> None:
    """Uncount a try that was good."""
    await pool.execute("UPDATE login_source SET wrong_tries = greatest(wrong_tries - 1, 0) WHERE source = $1", source)


async def totp(pool: Database, user: UUID) -> Totp | None:
    """Read a user's one-time codes, whatever their state."""
    row = await pool.fetchrow("SELECT * FROM user_totp WHERE id = $1", user)
    if row is None:
        return None
    return Totp(
        state=row["state"], secret_sealed=row["secret_sealed"], last_step=row["last_step"], version=row["version"]
    )


async def take_step(pool: Database, user: UUID, step: int) -> bool:
    """Take the code of a time step; False where it, or a later one, was taken before."""
    query = "UPDATE user_totp SET last_step = $2 WHERE id = $1 AND last_step < $2 RETURNING id"
    return await pool.fetchval(query, user, step) is not None


async def take_recovery(pool: Database, user: UUID, digests: Sequence[bytes]) -> bool:
    """Take a recovery code by its digest under any key version; False where it is none, or was taken."""
    for digest in digests:
        query = (
            "UPDATE user_totp SET recovery = array_remove(recovery, $2)"
            " WHERE id = $1 AND state = 'active' AND $2 = ANY (recovery) RETURNING id"
        )
        if await pool.fetchval(query, user, digest) is not None:
            return True
    return False


async def open_session(
    pool: Database,
    *,
    id_: UUID,
    token_hash: bytes,
    found: Credentials,
    source: str,
    at: datetime,
    idle_until: datetime,
    expires_at: datetime,
) -> None:
    """Keep a new session."""
    await pool.execute(
        "INSERT INTO user_session (id, token_hash, user_id, password_version, source, opened_at, seen_at, idle_until,"
        " expires_at) VALUES ($1, $2, $3, $4, $5, $6, $6, $7, $8)",
        *(id_, token_hash, found.user, found.password_version, source, at, idle_until, expires_at),
    )


async def session(pool: Database, token_hash: bytes, *, now: datetime) -> FoundSession | None:
    """Read a session that is good now, with its user's rights, in one query."""
    row = await pool.fetchrow(
        "SELECT s.id, s.seen_at, u.id AS user_id, u.login, u.kind, u.party_id, u.parameters, p.path, w.must_change,"
        "       coalesce(t.state = 'active', false) AS has_totp,"
        "       ARRAY(SELECT r.code FROM user_right r WHERE r.user_id = u.id) AS permissions"
        "  FROM user_session s JOIN access_user u ON u.id = s.user_id JOIN party p ON p.id = u.party_id"
        "  JOIN user_password w ON w.id = u.id AND w.version = s.password_version"
        "  LEFT JOIN user_totp t ON t.id = u.id"
        " WHERE s.token_hash = $1 AND s.ended_at IS NULL AND s.idle_until > $2 AND s.expires_at > $2"
        f"   AND u.state = 'active' AND NOT {IS_CLOSED}",
        *(token_hash, now),
    )
    return None if row is None else _found(row)


async def touch_session(pool: Database, id_: UUID, *, now: datetime, idle_until: datetime) -> None:
    """Keep a session open for a while longer."""
    await pool.execute("UPDATE user_session SET seen_at = $2, idle_until = $3 WHERE id = $1", id_, now, idle_until)


async def rebind_session(pool: Database, id_: UUID, *, password_version: int) -> None:
    """Let the session that changed the password live on; every other one ended with the version it was opened under."""
    await pool.execute("UPDATE user_session SET password_version = $2 WHERE id = $1", id_, password_version)


async def sessions_of(pool: Database, user: UUID, *, now: datetime) -> list[Session]:
    """List a user's sessions that are good now, newest first."""
    rows = await pool.fetch(
        "SELECT s.* FROM user_session s JOIN user_password w ON w.id = s.user_id AND w.version = s.password_version"
        " WHERE s.user_id = $1 AND s.ended_at IS NULL AND s.idle_until > $2 AND s.expires_at > $2 ORDER BY s.id DESC",
        *(user, now),
    )
    return [_session(row) for row in rows]


async def end_session(pool: Database, user: UUID, id_: UUID, *, at: datetime) -> bool:
    """End a session of this user; False where there is none. One that ended before stays as it is."""
    query = "UPDATE user_session SET ended_at = coalesce(ended_at, $3) WHERE id = $1 AND user_id = $2 RETURNING id"
    return await pool.fetchval(query, id_, user, at) is not None


async def forget(pool: Database, *, before: datetime) -> None:
    """Delete sessions and counted tries whose time has passed."""
    await pool.execute("DELETE FROM user_session WHERE expires_at < $1", before)
    await pool.execute("DELETE FROM login_source WHERE forgotten_at < $1", before)


def _links(found: Mapping[str, Sequence[object]]) -> dict[str, tuple[UUID, int]]:
    return {code: (UUID(str(link[0])), int(str(link[1]))) for code, link in found.items()}


def _user(row: asyncpg.Record) -> User:
    return User(
        id=row["id"],
        login=row["login"],
        party_id=row["party_id"],
        kind=CallerKind(row["kind"]),
        name_sealed=row["name_sealed"],
        phone_sealed=row["phone_sealed"],
        state=UserState(row["state"]),
        parameters=_parameters(row),
        roles=_links(row["roles"]),
        grants=_links(row["grants"]),
        denials=_links(row["denials"]),
        permissions=frozenset(row["permissions"]),
        must_change=row["must_change"],
        locked_until=row["locked_until"],
        has_totp=row["has_totp"],
        created_at=row["created_at"],
        version=row["version"],
    )


def _credentials(row: asyncpg.Record) -> Credentials:
    return Credentials(
        user=row["id"],
        login=row["login"],
        party=row["party_id"],
        is_open=row["is_open"],
        parameters=_parameters(row),
        hash=row["hash"],
        past=tuple(row["past"]),
        must_change=row["must_change"],
        good_until=row["good_until"],
        password_version=row["password_version"],
    )


def _found(row: asyncpg.Record) -> FoundSession:
    return FoundSession(
        id=row["id"],
        user=row["user_id"],
        login=row["login"],
        kind=CallerKind(row["kind"]),
        party=row["party_id"],
        sees=Scope(row["path"]),
        permissions=frozenset(row["permissions"]),
        parameters=_parameters(row),
        must_change=row["must_change"],
        has_totp=row["has_totp"],
        seen_at=row["seen_at"],
    )


def _session(row: asyncpg.Record) -> Session:
    return Session(
        id=row["id"],
        source=row["source"],
        opened_at=row["opened_at"],
        seen_at=row["seen_at"],
        expires_at=row["expires_at"],
    )


def _parameters(row: asyncpg.Record) -> UserParameters:
    return msgspec.convert(row["parameters"], UserParameters)
