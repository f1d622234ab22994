"""What each database role may do with each table: derived from the catalog, granted after every migration.

A table that refuses rewriting (a trigger says so) is inserted into and read, by nobody updated or deleted. The book is
written by the journal's role alone. Doors and reports read, and what is secret they do not. A table of a later release
falls under the same rules without a word. Design section 3, "everyone sees only theirs".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from gateway.kernel.postgres.pool import Connection, Database


class DatabaseRole(StrEnum):
    """The group roles of a cluster, made by a migration; nobody logs in as one."""

    JOURNAL = "tillgate_journal"
    WORKER = "tillgate_worker"
    DOOR = "tillgate_door"
    READ = "tillgate_read"


_READ = frozenset({"SELECT"})
_ADD = _READ | {"INSERT"}
_MOVE = _ADD | {"UPDATE"}
_EDIT = _MOVE | {"DELETE"}

# written once by the edit shell and at log-in, without a trigger of their own
_TRAIL = frozenset({"record_edit", "record_edit_line", "login_event"})
# the book's own growth is the owner's work: months are closed and archived by changing tables
_GROWTH = frozenset({"ledger_snapshot", "ledger_snapshot_day", "ledger_horizon", "schema_migration"})
_BOOK = ("ledger_", "journal_")
_BOOK_ONCE = ("journal_key", "journal_poison")
# people, keys and settings, which no change of the journal moves
_BY_EDIT_ONLY = (
    *("access_user", "user_", "role", "permission_item", "api_key", "menu_entry", "interception_rule", "login_"),
    *("withdrawal_password", "named_key", "key_", "record_edit", "edit_nonce", "parameter_value", "error_text"),
    *("dictionary_word", "fee_", "remote_source"),
)
# what no answer of a door and no report is made of
_SECRET = (
    *("user_session", "login_source", "withdrawal_password", "named_key", "key_", "edit_nonce", "file_piece"),
    *("file_spool", "journal_key", "journal_counter", "journal_poison"),
)
# of these only the columns named
_IN_PART: Mapping[str, tuple[str, ...]] = {
    "user_password": ("id", "must_change", "locked_until"),
    "user_totp": ("id", "state"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """A table, view or sequence: `kind` as in pg_class."""

    schema: str
    name: str
    kind: str
    is_written_once: bool = False

    @property
    def place(self) -> str:
        """Its name as SQL; names of ours need no quotes."""
        return f"{self.schema}.{self.name}"


Rights = frozenset[str]


def rights_on(relation: Relation) -> dict[DatabaseRole, Rights]:
    """Return what each role may do with a relation; what is left out may nothing."""
    rights = {
        DatabaseRole.JOURNAL: _of_journal(relation),
        DatabaseRole.WORKER: _of_worker(relation),
        DatabaseRole.DOOR: _of_reader(relation) if relation.schema == "public" else frozenset(),
        DatabaseRole.READ: _of_reader(relation),
    }
    return {role: found for role, found in rights.items() if found}


def _of_journal(relation: Relation) -> Rights:
    match relation:
        case Relation(kind="S"):
            return frozenset({"USAGE"})
        case Relation(schema=schema, name=name, kind=kind) if schema != "public" or kind == "v" or name in _GROWTH:
            return _READ
        case Relation(name="journal_close_draft" | "timer"):
            return _EDIT
        case Relation(name=name) if _begins(name, _BY_EDIT_ONLY):
            return frozenset() if _begins(name, _SECRET) or name in _IN_PART else _READ
        case _:
            return _ADD if relation.is_written_once or _begins(relation.name, _BOOK_ONCE) else _MOVE


def _of_worker(relation: Relation) -> Rights:
    match relation:
        case Relation(kind="S"):
            return frozenset({"USAGE"})
        case Relation(schema=schema, name=name, kind=kind) if schema != "public" or kind == "v" or name in _GROWTH:
            return _READ
        case Relation(name=name) if _begins(name, _BOOK):
            return _READ
        case _:
            return _ADD if relation.is_written_once or relation.name in _TRAIL else _EDIT


def _of_reader(relation: Relation) -> Rights:
    if relation.kind == "S" or _begins(relation.name, _SECRET):
        return frozenset()
    columns = _IN_PART.get(relation.name)
    return _READ if columns is None else frozenset({f"SELECT ({', '.join(columns)})"})


def _begins(name: str, words: Iterable[str]) -> bool:
    """Whether a name is one of the words, or begins with one that ends in an underscore or has links behind it."""
    return any(name == word or name.startswith(word if word.endswith("_") else f"{word}_") for word in words)


# Written once is what a trigger on both UPDATE (16) and DELETE (8) refuses whatever the row.
_RELATIONS = """
SELECT n.nspname AS schema, c.relname AS name,
       CASE c.relkind WHEN 'p' THEN 'r' ELSE c.relkind::text END AS kind,
       EXISTS (SELECT FROM pg_trigger t JOIN pg_proc f ON f.oid = t.tgfoid
                WHERE t.tgrelid = c.oid AND f.proname LIKE 'refuse\\_%' AND t.tgqual IS NULL
                  AND t.tgtype & 24 = 24) AS is_written_once
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname IN ('public', 'part', 'archive', 'whole') AND c.relkind IN ('r', 'p', 'v', 'S')
   AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype IN ('i', 'e') AND c.relkind = 'S')
 ORDER BY 1, 2
"""
_GRANTED = """
SELECT n.nspname || '.' || c.relname AS place, r.rolname AS role, g.privilege_type AS right
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 CROSS JOIN LATERAL aclexplode(c.relacl) g JOIN pg_roles r ON r.oid = g.grantee
 WHERE n.nspname IN ('public', 'part', 'archive', 'whole') AND c.relkind IN ('r', 'p', 'v', 'S')
   AND r.rolname = ANY ($1)
UNION ALL
SELECT place, role, 'SELECT (' || string_agg(attname, ', ' ORDER BY attnum) || ')' FROM (
    SELECT n.nspname || '.' || c.relname AS place, r.rolname AS role, a.attname, a.attnum
      FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
     CROSS JOIN LATERAL aclexplode(a.attacl) g JOIN pg_roles r ON r.oid = g.grantee
     WHERE n.nspname = 'public' AND r.rolname = ANY ($1) AND NOT a.attisdropped) of_columns
 GROUP BY place, role
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deviation:
    """What a role has on a relation (`place`) and what it should have."""

    place: str
    role: DatabaseRole
    has: Rights
    wanted: Rights

    @property
    def is_too_strong(self) -> bool:
        """Whether it may more than it should."""
        return bool(self.has - self.wanted)


async def missing_roles(connection: Connection | Database) -> list[DatabaseRole]:
    """Return the roles that this cluster lacks."""
    rows = await connection.fetch("SELECT rolname FROM pg_roles WHERE rolname = ANY ($1)", list(DatabaseRole))
    return [role for role in DatabaseRole if role not in {row["rolname"] for row in rows}]


async def deviations(connection: Connection | Database) -> list[Deviation]:
    """Return where the rights of the roles in this database are not what they should be."""
    has: dict[tuple[str, DatabaseRole], set[str]] = {}
    for row in await connection.fetch(_GRANTED, list(DatabaseRole)):
        has.setdefault((row["place"], DatabaseRole(row["role"])), set()).add(row["right"])
    relations = [Relation(**row) for row in await connection.fetch(_RELATIONS)]
    return [one for relation in relations for one in _deviations_of(relation, has)]


def _deviations_of(relation: Relation, has: Mapping[tuple[str, DatabaseRole], set[str]]) -> Iterator[Deviation]:
    rights = rights_on(relation)
    for role in DatabaseRole:
        wanted, found = rights.get(role, frozenset()), frozenset(has.get((relation.place, role), ()))
        if wanted != found:
            yield Deviation(place=relation.place, role=role, has=found, wanted=wanted)


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """Who a connection logged in as; `lacks` are the roles that a process needs and it may not act as."""

    name: str
    is_superuser: bool
    lacks: tuple[DatabaseRole, ...]


async def login_of(connection: Connection | Database) -> Login:
    """Return who is logged in; the roles are there."""
    row = await connection.fetchrow(
        """
        SELECT r.rolname, r.rolsuper,
               ARRAY(SELECT w.role FROM unnest($1::text[]) WITH ORDINALITY w (role, place)
                      WHERE NOT pg_has_role(r.oid, w.role, 'MEMBER') ORDER BY w.place) AS lacks
          FROM pg_roles r WHERE r.rolname = session_user
        """,
        [DatabaseRole.JOURNAL, DatabaseRole.WORKER, DatabaseRole.DOOR],
    )
    assert row is not None, "whoever asks is logged in"  # noqa: S101 - for the types
    lacks = tuple(DatabaseRole(role) for role in row["lacks"])
    return Login(name=row["rolname"], is_superuser=row["rolsuper"], lacks=lacks)


async def unguarded_tables(connection: Connection | Database) -> list[str]:
    """Return the tables whose row-level security was turned off although they have policies."""
    rows = await connection.fetch(
        """
        SELECT DISTINCT c.relname FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
         WHERE NOT c.relrowsecurity ORDER BY 1
        """
    )
    return [row["relname"] for row in rows]


async def grant_rights(connection: Connection) -> None:
    """Give each role what it should have in this database, and take away the rest. Run by the owner of the tables.

    Before the migration that makes the roles there is nothing to grant.
    """
    if await missing_roles(connection):
        return
    async with connection.transaction():
        for one in await deviations(connection):
            await _correct(connection, one)


async def _correct(connection: Connection, one: Deviation) -> None:
    # taking a right away from a table takes it away from its columns as well
    await connection.execute(f"REVOKE ALL ON {one.place} FROM {one.role}")
    for right in sorted(one.wanted):
        await connection.execute(f"GRANT {right} ON {one.place} TO {one.role}")
