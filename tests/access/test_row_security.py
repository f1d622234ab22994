"""The second fence: what a query that forgot its scope, or was given a wrong one, sees by a door's connection."""

from __future__ import annotations

import ast
import importlib
import inspect
import itertools
import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, get_type_hints
from uuid import UUID

import asyncpg
import pytest

from gateway.access.authority import PLATFORM_SCOPE
from gateway.access.model import TrailFilter
from gateway.access.users.model import UserFilter
from gateway.journal import Cursor
from gateway.kernel.postgres.doors import open_door_pool, seen_within
from gateway.kernel.postgres.pool import Database, open_pool
from gateway.parties import Kind, Scope
from gateway.parties import store as parties
from tests.access.conftest import House, Peopled
from tests.conftest import run_in
from tests.tidy.scope import Scoped, reads
from tests.tidy.source import CHECKOUT, functions, read_sources
from tests.tidy.sql import text_of

SCOPED = Scoped.read(CHECKOUT / "tests/tidy/scoped.toml").tables
EARLY = datetime(2026, 1, 1, tzinfo=UTC)
_NUMBERS = itertools.count(1)
_WRITES = re.compile(r"\b(INSERT INTO|UPDATE \w+|DELETE FROM)\b")

# the party of a row, where it is not in `party_id`
PARTY_OF = {
    "party": "id",
    "merchant": "id",
    "merchant_profile": "id",
    "merchant_document": "merchant_id",
    "shop": "merchant_id",
    "terminal": "merchant_id",
    "operation": "merchant_id",
    "refused_message": "merchant_id",
}
# tables that name a party and are read by doors without a policy, and why that may be
WITHOUT_POLICY = {
    "channel_opening": "which channels a merchant has is the platform's to read",
    "difference": "reconciliation is the platform's to read",
    "fee_instance": "rates are read with a merchant that was found within the scope",
    "ledger_account": "accounts are read with a party that was found within the scope, and by the joins of statements",
    "profit_entry": "shares are the platform's to read",
    "terminal_batch": "read with a terminal that was found within the scope",
    "terminal_difference": "read with a terminal that was found within the scope",
}


@dataclass(frozen=True, slots=True)
class Ground:
    """A database with two subtrees: the agent's, which the door may see, and the other agent's."""

    pool: Database
    door: Database
    sees: Scope
    theirs: Sequence[UUID]
    words: Sequence[str]
    fingerprints: Sequence[bytes]


@pytest.fixture(scope="module")
async def ground(postgres: Any, peopled: Peopled) -> AsyncIterator[Ground]:
    name = f"fence_{next(_NUMBERS)}"
    await run_in(postgres.dsn(), f"CREATE DATABASE {name} TEMPLATE {peopled.name} STRATEGY FILE_COPY")
    pool, door = await open_pool(postgres.dsn(name)), await open_door_pool(postgres.dsn(name), largest=2)
    try:
        for code in ("merchant", "other"):
            await _populate(pool, peopled.parties[code], code)
        sees = await parties.scope_of(pool, peopled.parties["agent"])
        assert sees is not None
        yield await _ground(pool, door, sees)
    finally:
        await door.close()
        await pool.close()
        await run_in(postgres.dsn(), f"DROP DATABASE {name} WITH (FORCE)")


_ROWS = """
INSERT INTO party (id, kind, code, name, parent_id, path, created_at)
VALUES ('{shop}', 'shop', 'shop of {code}', 'Shop', '{merchant}', '', '{early}');
INSERT INTO shop (id, merchant_id) VALUES ('{shop}', '{merchant}');
INSERT INTO merchant_profile (id, kind) VALUES ('{merchant}', 'micro') ON CONFLICT DO NOTHING;
INSERT INTO merchant_document (id, merchant_id, kind, number_sealed, number_mask, fingerprint, fingerprint_version,
    file_digest, added_at)
VALUES (gen_random_uuid(), '{merchant}', 'agreement', '', '1*', '', 1, repeat('0', 64), '{early}');
INSERT INTO access_user (id, login, party_id, kind, name_sealed, created_at)
VALUES ('{user}', 'fence-{code}', '{merchant}', 'merchant', '', '{early}');
INSERT INTO user_password (id, hash, must_change, changed_at) VALUES ('{user}', '$argon2id$', false, '{early}');
INSERT INTO api_key (id, keyid, algorithm, public_key, party_id, created_at)
VALUES (gen_random_uuid(), 'fence-{code}', 'ed25519', 'x', '{merchant}', '{early}');
INSERT INTO login_event (id, at, login, user_id, party_id, source, outcome)
VALUES (gen_random_uuid(), '{early}', 'fence-{code}', '{user}', '{merchant}', '::1', 'in');
INSERT INTO proposal (id, kind, subject, subject_version, party_id, content, digest, state, proposed_by, why,
    proposed_at, expires_at)
VALUES (gen_random_uuid(), 'a.b', '{merchant}', 0, '{merchant}', '{{}}', repeat('0', 64), 'proposed', 'user:x', 'w',
    '{early}', '2099-01-01Z');
INSERT INTO delegation (id, party_id, giver, taker, kinds, from_at, until_at, created_at)
VALUES (gen_random_uuid(), '{merchant}', 'user:fence-{code}', 'user:y', '{{a}}', '{early}', '2099-01-01Z', '{early}');
INSERT INTO refused_message (id, dialect, source, terminal, merchant_id, mti, code, field, why, byte_place, size_bytes,
    shape, count, first_at, last_at)
VALUES (gen_random_uuid(), 'cups', '::1', '{code}', '{merchant}', '', '', 0, 'w', 0, 0, '', 1, '{early}', '{early}');
INSERT INTO parameter_value (id, code, party_id, value) VALUES (gen_random_uuid(), 'a.b', '{merchant}', '1');
"""


async def _populate(pool: Database, merchant: UUID, code: str) -> None:
    """A row in every scoped table that the seeded parties have none in, for one merchant."""
    shop, user = UUID(int=merchant.int + 1), UUID(int=merchant.int + 2)
    await pool.execute(_ROWS.format(merchant=merchant, shop=shop, user=user, code=code, early=EARLY.isoformat()))


async def _ground(pool: Database, door: Database, sees: Scope) -> Ground:
    theirs = await pool.fetch(
        """
        WITH strangers AS (SELECT id FROM party WHERE path NOT LIKE $1 AND kind <> 'platform')
        SELECT id FROM strangers UNION SELECT id FROM bank_card WHERE party_id IN (TABLE strangers)
        UNION SELECT id FROM api_key WHERE party_id IN (TABLE strangers)
        UNION SELECT id FROM access_user WHERE party_id IN (TABLE strangers)
        UNION SELECT id FROM proposal WHERE party_id IN (TABLE strangers)
        UNION SELECT id FROM delegation WHERE party_id IN (TABLE strangers)
        UNION SELECT id FROM login_event WHERE party_id IN (TABLE strangers)
        UNION SELECT id FROM refused_message WHERE merchant_id IN (TABLE strangers)
        UNION SELECT id FROM merchant_document WHERE merchant_id IN (TABLE strangers)
        """,
        sees.pattern,
    )
    prints = [row["fingerprint"] for row in await pool.fetch("SELECT fingerprint FROM bank_card")]
    words = ("fence-other", "stranger", "M2", "B", "user:fence-other", "user:y", "104110070110812")
    return Ground(pool, door, sees, [row["id"] for row in theirs], words, prints)


async def policies(pool: Database) -> set[str]:
    rows = await pool.fetch("SELECT DISTINCT tablename FROM pg_policies WHERE policyname = 'seen'")
    return {row["tablename"] for row in rows}


async def test_every_scoped_table_has_row_level_security_for_all_roles(ground: Ground) -> None:
    assert await policies(ground.pool) >= SCOPED
    found = await ground.pool.fetch(
        "SELECT c.relname, c.relrowsecurity, array_agg(p.polname::text ORDER BY p.polname) AS names"
        " FROM pg_class c JOIN pg_policy p ON p.polrelid = c.oid GROUP BY 1, 2"
    )
    for row in found:
        assert row["relrowsecurity"], row
        assert row["names"] == ["house", "seen"], row


async def test_a_table_that_names_a_party_has_a_policy_or_a_reason(ground: Ground) -> None:
    rows = await ground.pool.fetch(
        "SELECT DISTINCT c.relname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid"
        " WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')"
        "   AND a.attname IN ('party_id', 'merchant_id', 'party') AND NOT a.attisdropped"
        "   AND has_any_column_privilege('tillgate_door', c.oid, 'SELECT')"
    )
    named = {row["relname"] for row in rows}
    assert named - await policies(ground.pool) <= WITHOUT_POLICY.keys(), "give it policies in its own migration"
    assert named >= WITHOUT_POLICY.keys()


async def seen_by_nobody_asked(ground: Ground, table: str) -> list[UUID | None]:
    """The parties of all rows of a table, asked for without any scope."""
    column = PARTY_OF.get(table, "party_id")
    return [row["of"] for row in await ground.door.fetch(f"SELECT {column} AS of FROM {table}")]


@pytest.mark.parametrize("table", sorted(SCOPED | {"merchant", "parameter_value"}))
async def test_a_query_that_forgot_its_scope_gives_nothing_of_others(ground: Ground, table: str) -> None:
    own = {row["id"] for row in await ground.pool.fetch("SELECT id FROM party WHERE path LIKE $1", ground.sees.pattern)}
    assert set(await seen_by_nobody_asked(ground, table)) <= {None}, "nobody asked, so nothing is seen"
    with seen_within(ground.sees.path):
        mine = await seen_by_nobody_asked(ground, table)
    with seen_within(PLATFORM_SCOPE.path):
        everybody_s = await seen_by_nobody_asked(ground, table)
    assert set(mine) - {None} <= own
    assert 0 < len(mine) < len(everybody_s), "there is something to see, and something to hide"
    assert set(everybody_s) & set(ground.theirs), table


@pytest.mark.parametrize("table", ["login_event"])
async def test_tries_of_nobody_s_login_are_the_platform_s(ground: Ground, table: str) -> None:
    await ground.pool.execute(
        "INSERT INTO login_event (id, at, login, source, outcome)"
        " VALUES (gen_random_uuid(), $1, 'nobody', '::1', 'no')",
        EARLY,
    )
    with seen_within(ground.sees.path):
        assert None not in await seen_by_nobody_asked(ground, table)
    with seen_within(PLATFORM_SCOPE.path):
        assert None in await seen_by_nobody_asked(ground, table)


# what shows something of others as soon as the fence is gone: so these calls prove something
TELLING = frozenset(
    {
        *("party_in", "parties_in", "bank_card", "bank_cards", "api_key_in", "api_keys", "user_in", "users_in"),
        *("user_by_login", "trail", "logins", "find", "proposals_in", "delegation", "merchants_in", "file_of"),
    }
)


def store_functions() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Every function of a store that reads a scoped table and writes nothing, exempt from binding a scope or not."""
    for source in read_sources(CHECKOUT, ("gateway",)):
        if source.path.name != "store.py":
            continue
        for name, node in functions(source):
            writes = any(_WRITES.search(text_of(part)) for part in ast.walk(node))
            if reads(source, node) & SCOPED and not writes and not name.startswith("_") and "." not in name:
                module = importlib.import_module(".".join(source.path.with_suffix("").parts))
                yield f"{source.path}::{name}", getattr(module, name)


FUNCTIONS = dict(store_functions())


def tries(ground: Ground, function: Callable[..., Any]) -> Iterator[Mapping[str, Any]]:
    """Ways to call a function for what others have: with everybody's scope, and with ids and words of others."""
    hints = get_type_hints(function, localns={"Database": object, "Connection": object})
    choices: dict[str, Sequence[Any]] = {}
    for name, parameter in list(inspect.signature(function).parameters.items())[1:]:
        if parameter.default is inspect.Parameter.empty:
            choices[name] = _choices(ground, name, hints[name])
    yield from (dict(zip(choices, values, strict=True)) for values in itertools.product(*choices.values()))


def _choices(ground: Ground, name: str, hint: Any) -> Sequence[Any]:
    known: dict[Any, Sequence[Any]] = {
        Scope: [PLATFORM_SCOPE],
        UUID: ground.theirs,
        UUID | None: ground.theirs,
        str: ground.words,
        int: [1, 1000],
        bytes: [b"\0" * 32],
        datetime: [datetime(2026, 6, 1, tzinfo=UTC)],
        datetime | None: [None],
        Sequence[bytes]: [ground.fingerprints],
        Sequence[UUID]: [ground.theirs],
        Kind: [Kind.MERCHANT, Kind.AGENT],
        TrailFilter: [TrailFilter(limit=1000)],
        UserFilter: [UserFilter(limit=1000)],
        Cursor: [Cursor()],
    }
    if hint not in known:
        pytest.fail(f"say here what {name}: {hint} may be called with")
    return known[hint]


async def answers(ground: Ground, function: Callable[..., Any], scope: str) -> list[str]:
    """What a function gives, called in every way, as text; nothing where the door is refused."""
    found = []
    with seen_within(scope) if scope else nullcontext():
        for given in tries(ground, function):
            try:
                found.append(repr(await function(ground.door, **given)))
            except (asyncpg.InsufficientPrivilegeError, asyncpg.ReadOnlySQLTransactionError):
                found.append("refused")
    return found


def of_theirs(ground: Ground, found: list[str]) -> set[UUID]:
    return {id_ for id_ in ground.theirs if any(str(id_) in one for one in found)}


@pytest.mark.parametrize("name", FUNCTIONS)
async def test_a_store_function_with_a_wrong_scope_or_none_shows_nothing_of_others(ground: Ground, name: str) -> None:
    function = FUNCTIONS[name]
    mine, unset = await answers(ground, function, ground.sees.path), await answers(ground, function, "")
    assert of_theirs(ground, mine) == set()
    assert of_theirs(ground, unset) == set()
    if function.__name__ in TELLING:
        assert of_theirs(ground, await answers(ground, function, PLATFORM_SCOPE.path)), "the fence hid nothing"


def test_the_telling_functions_are_there() -> None:
    assert {function.__name__ for function in FUNCTIONS.values()} >= TELLING


async def test_whoever_reads_by_an_api_is_behind_the_fence(standing: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first fence is taken away: a query of the desks reads any party, whoever asks."""

    async def unscoped(pool: Any, scope: Scope, id_: UUID) -> Any:
        del scope
        return await parties.party(pool, id_)

    monkeypatch.setattr(parties, "party_in", unscoped)
    browser = await standing.as_user("merchant_administrator")
    seen = await browser.get("/v1/accounts", party=standing.shown("merchant"))
    foreign = await browser.get("/v1/accounts", party=standing.shown("other"))
    assert (seen.status, foreign.status) == (200, 404), (seen, foreign)
    operator = await standing.as_user("operator")
    assert (await operator.get("/v1/accounts", party=standing.shown("other"))).status == 200
