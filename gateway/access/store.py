"""The SQL of API keys, permission items, roles, menus, interception rules and the audit trail."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import asyncpg

from gateway.access.model import (
    Algorithm,
    ApiKey,
    CallerKind,
    InterceptionRule,
    Item,
    LoginEvent,
    MenuEntry,
    RecordEdit,
    Role,
    TrailFilter,
)
from gateway.kernel.postgres.edit import Editable
from gateway.kernel.postgres.pool import Database
from gateway.parties import Scope

_LINK = {"id": "uuid", "permission_id": "uuid", "version": "integer"}
API_KEY = Editable(
    name="api_key",
    columns={
        "id": "uuid",
        "keyid": "text",
        "algorithm": "text",
        "public_key": "bytea",
        "secret": "bytea",
        "party_id": "uuid",
        "state": "text",
        "created_at": "timestamptz",
        "version": "integer",
    },
)
API_KEY_PERMISSION = Editable(name="api_key_permission", columns={**_LINK, "key_id": "uuid"})
ITEM = Editable(
    name="permission_item",
    columns={
        "id": "uuid",
        "code": "text",
        "title_zh": "text",
        "title_en": "text",
        "for_operators": "boolean",
        "is_system": "boolean",
        "version": "integer",
    },
)
ROLE = Editable(
    name="role",
    columns={
        "id": "uuid",
        "code": "text",
        "title_zh": "text",
        "title_en": "text",
        "holds_all": "boolean",
        "created_at": "timestamptz",
        "version": "integer",
    },
)
ROLE_PERMISSION = Editable(name="role_permission", columns={**_LINK, "role_id": "uuid"})
MENU = Editable(
    name="menu_entry",
    columns={
        "id": "uuid",
        "code": "text",
        "parent_id": "uuid",
        "position": "integer",
        "title_zh": "text",
        "title_en": "text",
        "permission_id": "uuid",
        "version": "integer",
    },
)
RULE = Editable(
    name="interception_rule",
    columns={
        "id": "uuid",
        "code": "text",
        "is_on": "boolean",
        "method": "text",
        "path": "text",
        "source": "text",
        "caller": "text",
        "daily_from": "smallint",
        "daily_until": "smallint",
        "starts_at": "timestamptz",
        "ends_at": "timestamptz",
        "why": "text",
        "version": "integer",
    },
)

# whether party `p`, or one above it, is closed: nobody of it comes in any more
IS_CLOSED = """EXISTS (
    SELECT FROM party above
     WHERE above.id = ANY (string_to_array(trim(BOTH '/' FROM p.path), '/')::uuid[]) AND above.state = 'closed')"""
_KEYS = f"""
SELECT k.*, p.path, {IS_CLOSED} AS party_closed,
       ARRAY(SELECT i.code FROM api_key_permission kp JOIN permission_item i ON i.id = kp.permission_id
              WHERE kp.key_id = k.id AND (NOT i.for_operators OR p.kind IN ('platform', 'institution'))) AS permissions
  FROM api_key k JOIN party p ON p.id = k.party_id
"""
_ROLES = """
SELECT r.*, ARRAY(SELECT i.code FROM permission_item i
                   WHERE r.holds_all OR EXISTS (SELECT 1 FROM role_permission rp
                                                 WHERE rp.role_id = r.id AND rp.permission_id = i.id)
                   ORDER BY i.code) AS permissions,
       (SELECT count(*) FROM user_role ur JOIN access_user u ON u.id = ur.user_id JOIN party p ON p.id = u.party_id
         WHERE ur.role_id = r.id AND p.path LIKE $1) AS holders
  FROM role r
"""


async def api_key(pool: Database, keyid: str) -> ApiKey | None:
    """Read a key by the name that callers send; one whose party, or one above it, is closed is not active."""
    row = await pool.fetchrow(f"{_KEYS} WHERE k.keyid = $1", keyid)
    return None if row is None else _key(row)


async def api_key_in(pool: Database, scope: Scope, id_: UUID) -> ApiKey | None:
    """Read a key of a party that the scope covers."""
    row = await pool.fetchrow(f"{_KEYS} WHERE k.id = $1 AND p.path LIKE $2", id_, scope.pattern)
    return None if row is None else _key(row)


async def api_keys(pool: Database, scope: Scope) -> list[ApiKey]:
    """List the keys of the parties that the scope covers, by name."""
    return [_key(row) for row in await pool.fetch(f"{_KEYS} WHERE p.path LIKE $1 ORDER BY k.keyid", scope.pattern)]


async def items(pool: Database) -> list[Item]:
    """List the permission items by code."""
    return [_item(row) for row in await pool.fetch("SELECT * FROM permission_item ORDER BY code")]


async def item(pool: Database, id_: UUID) -> Item | None:
    """Read a permission item."""
    row = await pool.fetchrow("SELECT * FROM permission_item WHERE id = $1", id_)
    return None if row is None else _item(row)


async def roles(pool: Database, scope: Scope) -> list[Role]:
    """List the roles by code, with what they permit; holders are those that the scope covers."""
    return [_role(row) for row in await pool.fetch(f"{_ROLES} ORDER BY r.code", scope.pattern)]


async def role(pool: Database, scope: Scope, id_: UUID) -> Role | None:
    """Read a role with what it permits; holders are those that the scope covers."""
    row = await pool.fetchrow(f"{_ROLES} WHERE r.id = $2", scope.pattern, id_)
    return None if row is None else _role(row)


async def role_links(pool: Database, role_id: UUID) -> dict[str, tuple[UUID, int]]:
    """Return the records that tie a role to its permission items: code -> id and version."""
    rows = await pool.fetch(
        "SELECT rp.id, rp.version, i.code FROM role_permission rp JOIN permission_item i ON i.id = rp.permission_id"
        " WHERE rp.role_id = $1",
        role_id,
    )
    return {row["code"]: (row["id"], row["version"]) for row in rows}


async def seeded(pool: Database) -> set[str]:
    """Return the keys of seeds that were sown, whatever became of them."""
    return {row["key"] for row in await pool.fetch("SELECT key FROM record_edit WHERE key LIKE 'seed/access/%'")}


async def menu(pool: Database) -> list[MenuEntry]:
    """List the menu entries in the order they are shown."""
    rows = await pool.fetch(
        "SELECT m.*, i.code AS permission FROM menu_entry m LEFT JOIN permission_item i ON i.id = m.permission_id"
        " ORDER BY m.position, m.code"
    )
    return [_entry(row) for row in rows]


async def rules(pool: Database) -> list[InterceptionRule]:
    """List the interception rules by code."""
    return [_rule(row) for row in await pool.fetch("SELECT * FROM interception_rule ORDER BY code")]


async def trail(pool: Database, scope: Scope, which: TrailFilter) -> list[RecordEdit]:
    """List record edits, newest first: those made by users and keys that the scope covers, or about their parties."""
    rows = await pool.fetch(
        "SELECT e.id, e.who, e.why, e.edited_at, l.place, l.table_name, l.subject, l.before, l.after"
        "  FROM record_edit e JOIN record_edit_line l ON l.edit_id = e.id"
        " WHERE ($1 = (SELECT path || '%' FROM party WHERE kind = 'platform')"
        "    OR e.who IN (SELECT 'user:' || u.login FROM access_user u JOIN party p ON p.id = u.party_id"
        "                  WHERE p.path LIKE $1"
        "                 UNION ALL SELECT 'api:' || k.keyid FROM api_key k JOIN party p ON p.id = k.party_id"
        "                  WHERE p.path LIKE $1)"
        "    OR l.subject IN (SELECT id FROM party WHERE path LIKE $1"
        "                     UNION ALL SELECT u.id FROM access_user u JOIN party p ON p.id = u.party_id"
        "                      WHERE p.path LIKE $1))"
        "   AND ($2 = '' OR e.who = $2) AND ($3 = '' OR l.table_name = $3) AND ($4::uuid IS NULL OR l.subject = $4)"
        "   AND ($5::timestamptz IS NULL OR e.edited_at >= $5) AND ($6::timestamptz IS NULL OR e.edited_at < $6)"
        "   AND ($7::uuid IS NULL OR (e.id, l.place) < ($7, $8))"
        " ORDER BY e.id DESC, l.place DESC LIMIT $9",
        *(scope.pattern, which.who, which.table, which.subject, which.since, which.until),
        *(which.before, which.before_place, which.limit),
    )
    return [_edit(row) for row in rows]


async def logins(pool: Database, scope: Scope, which: TrailFilter) -> list[LoginEvent]:
    """List log-ins, refused ones too, of users that the scope covers; tries of nobody's login only for the platform."""
    rows = await pool.fetch(
        "SELECT e.* FROM login_event e LEFT JOIN party p ON p.id = e.party_id"
        " WHERE (p.path LIKE $1 OR (p.id IS NULL AND $1 = (SELECT path || '%' FROM party WHERE kind = 'platform')))"
        "   AND ($2 = '' OR 'user:' || e.login = $2) AND ($3::uuid IS NULL OR e.user_id = $3)"
        "   AND ($4::timestamptz IS NULL OR e.at >= $4) AND ($5::timestamptz IS NULL OR e.at < $5)"
        "   AND ($6::uuid IS NULL OR e.id < $6)"
        " ORDER BY e.id DESC LIMIT $7",
        *(scope.pattern, which.who, which.subject, which.since, which.until, which.before, which.limit),
    )
    return [_login(row) for row in rows]


async def note_login(
    pool: Database, *, id_: UUID, at: datetime, login: str, source: str, outcome: str, user: tuple[UUID, UUID] | None
) -> None:
    """Keep that somebody came to log in; `user` is the user and their party, where the login is one's."""
    await pool.execute(
        "INSERT INTO login_event (id, at, login, source, outcome, user_id, party_id)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7)",
        *(id_, at, login, source, outcome, *(user or (None, None))),
    )


def codes_of(row: asyncpg.Record, column: str = "permissions") -> frozenset[str]:
    """Return a column of codes as a set."""
    found: Sequence[str] = row[column]
    return frozenset(found)


def _key(row: asyncpg.Record) -> ApiKey:
    return ApiKey(
        id=row["id"],
        keyid=row["keyid"],
        algorithm=Algorithm(row["algorithm"]),
        public_key=row["public_key"],
        secret=row["secret"],
        party_id=row["party_id"],
        permissions=codes_of(row),
        active=row["state"] == "active" and not row["party_closed"],
        sees=Scope(row["path"]),
        created_at=row["created_at"],
        version=row["version"],
    )


def _item(row: asyncpg.Record) -> Item:
    return Item(
        id=row["id"],
        code=row["code"],
        title_zh=row["title_zh"],
        title_en=row["title_en"],
        for_operators=row["for_operators"],
        is_system=row["is_system"],
        version=row["version"],
    )


def _role(row: asyncpg.Record) -> Role:
    return Role(
        id=row["id"],
        code=row["code"],
        title_zh=row["title_zh"],
        title_en=row["title_en"],
        holds_all=row["holds_all"],
        permissions=codes_of(row),
        holders=row["holders"],
        version=row["version"],
    )


def _entry(row: asyncpg.Record) -> MenuEntry:
    return MenuEntry(
        id=row["id"],
        code=row["code"],
        parent_id=row["parent_id"],
        position=row["position"],
        title_zh=row["title_zh"],
        title_en=row["title_en"],
        permission=row["permission"],
        version=row["version"],
    )


def _rule(row: asyncpg.Record) -> InterceptionRule:
    return InterceptionRule(
        id=row["id"],
        code=row["code"],
        is_on=row["is_on"],
        method=row["method"],
        path=row["path"],
        source=row["source"],
        caller=CallerKind(row["caller"]) if row["caller"] else None,
        daily_from=row["daily_from"],
        daily_until=row["daily_until"],
        starts_at=row["starts_at"],
        ends_at=row["ends_at"],
        why=row["why"],
        version=row["version"],
    )


def _edit(row: asyncpg.Record) -> RecordEdit:
    return RecordEdit(
        id=row["id"],
        place=row["place"],
        who=row["who"],
        why=row["why"],
        at=row["edited_at"],
        table=row["table_name"],
        subject=row["subject"],
        before=row["before"],
        after=row["after"],
    )


def _login(row: asyncpg.Record) -> LoginEvent:
    return LoginEvent(
        id=row["id"],
        at=row["at"],
        login=row["login"],
        user=row["user_id"],
        party=row["party_id"],
        source=row["source"],
        outcome=row["outcome"],
    )
