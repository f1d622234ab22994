"""What access decides without a database: codes, passwords, rules, menus."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest
from argon2 import PasswordHasher
from hypothesis import given
from hypothesis import strategies as st

from gateway.access import CallerKind, Permission, RequestFacts, UserRules
from gateway.access.interception import matches
from gateway.access.menus import _upwards, branches
from gateway.access.model import InterceptionRule, MenuEntry
from gateway.access.seeds import read_menu, read_roles
from gateway.access.users.codes import STEP_S, code_at, step_of
from gateway.access.users.passwords import Passwords, common_passwords
from gateway.kernel.randomness import SeededRandomness, SystemRandomness

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
RFC_SECRET = b"12345678901234567890"


@pytest.mark.parametrize(
    ("at", "code"),
    [(59, "287082"), (1111111109, "081804"), (1111111111, "050471"), (1234567890, "005924"), (20000000000, "353130")],
)
def test_codes_are_those_of_rfc_6238(at, code):
    assert code_at(RFC_SECRET, at // STEP_S) == code


@given(seconds=st.integers(min_value=STEP_S * 4, max_value=4_000_000_000), off=st.integers(min_value=-3, max_value=3))
def test_a_code_counts_one_step_around_its_time_and_no_further(seconds, off):
    now = seconds // STEP_S
    found = step_of(RFC_SECRET, code_at(RFC_SECRET, now + off), datetime.fromtimestamp(seconds, UTC))
    if abs(off) <= 1:
        assert found is not None
    else:
        # six digits of another step are the same by chance only
        assert found is None or code_at(RFC_SECRET, found) == code_at(RFC_SECRET, now + off)


@pytest.mark.parametrize("code", ["", "12345", "1234567", "abcdef", "１２３４５６"])
def test_what_is_no_code_is_none(code):
    assert step_of(RFC_SECRET, code, datetime.fromtimestamp(59, UTC)) is None


@pytest.mark.parametrize(
    ("password", "is_allowed"),
    [
        ("otter-lantern-47", True),
        ("一个很长很长的密码没有人猜到", True),
        ("ninechars", False),
        ("x" * 129, False),
        ("Password1234", False),
        ("QWERTYUIOP", False),
        ("aaaaaaaaaaaaa", False),
        ("my-li.na-password", False),
        ("used-before-1", False),
    ],
)
async def test_which_passwords_may_be_chosen(password, is_allowed):
    passwords = Passwords(rules=UserRules(), randomness=SystemRandomness(), hasher=CHEAP)
    past = [await passwords.hash("used-before-1")]
    refusal = await passwords.refusal(password, login="li.na", past=past)
    assert (refusal is None) == is_allowed, refusal


async def test_a_one_time_password_may_be_chosen_and_is_never_the_same():
    passwords = Passwords(rules=UserRules(), randomness=SystemRandomness(), hasher=CHEAP)
    made = {passwords.one_time() for _ in range(50)}
    assert len(made) == 50
    assert {await passwords.refusal(one, login="li.na", past=[]) for one in made} == {None}


def test_letters_of_one_time_passwords_fall_evenly():
    passwords = Passwords(rules=UserRules(), randomness=SeededRandomness(7), hasher=CHEAP)
    letters = "".join(passwords.one_time() for _ in range(2_000)).replace("-", "")
    counts = [letters.count(letter) for letter in set(letters)]
    assert len(counts) == 31
    assert max(counts) < min(counts) * 1.3


async def test_a_broken_hash_lets_nobody_in():
    passwords = Passwords(rules=UserRules(), randomness=SystemRandomness(), hasher=CHEAP)
    assert not await passwords.matches("$argon2id$nonsense", "anything")


def test_the_list_of_common_passwords_is_one():
    assert len(common_passwords()) > 150
    assert "password1234" in common_passwords()


NOON = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)


def facts(**changes) -> RequestFacts:
    given = {"method": "POST", "path": "/v1/withdrawals", "source": "203.0.113.9", "caller": CallerKind.MERCHANT}
    return RequestFacts(**({"at": NOON} | given | changes))


@pytest.mark.parametrize(
    ("rule", "does"),
    [
        ({"method": "POST"}, True),
        ({"method": "GET"}, False),
        ({"path": "/v1/withdrawals*"}, True),
        ({"path": "/v1/with"}, False),
        ({"path": "*/withdrawals"}, True),
        ({"source": "203.0.113.0/24"}, True),
        ({"source": "203.0.114.0/24"}, False),
        ({"source": "2001:db8::/32"}, False),
        ({"caller": CallerKind.MERCHANT}, True),
        ({"caller": CallerKind.API}, False),
        ({"method": "POST", "source": "203.0.113.9/32", "caller": CallerKind.AGENT}, False),
        ({"method": "POST", "daily_from": 12 * 60, "daily_until": 13 * 60}, True),
        ({"method": "POST", "daily_from": 13 * 60, "daily_until": 14 * 60}, False),
        ({"method": "POST", "daily_from": 11 * 60, "daily_until": 12 * 60}, False),
        ({"method": "POST", "daily_from": 23 * 60, "daily_until": 6 * 60}, False),
        ({"method": "POST", "daily_from": 23 * 60, "daily_until": 12 * 60 + 1}, True),
        ({"method": "POST", "starts_at": NOON}, True),
        ({"method": "POST", "ends_at": NOON}, False),
    ],
)
def test_a_rule_refuses_what_all_of_its_fields_match(rule, does):
    made = InterceptionRule(id=UUID(int=1), code="r", is_on=True, why="x", **rule)
    assert matches(made, facts()) == does


@pytest.mark.parametrize(("source", "does"), [("::ffff:203.0.113.9", True), ("::ffff:203.0.114.9", False)])
def test_an_address_that_came_through_the_newer_protocol_is_the_same_one(source, does):
    rule = InterceptionRule(id=UUID(int=1), code="r", is_on=True, why="x", source="203.0.113.0/24")
    assert matches(rule, facts(source=source)) == does


@pytest.mark.parametrize("source", ["", "unix:", "fe80::1%eth0"])
def test_an_address_that_is_none_is_in_no_network(source):
    rule = InterceptionRule(id=UUID(int=1), code="r", is_on=True, why="x", source="203.0.113.0/24")
    assert not matches(rule, facts(source=source))


def entry(number: int, code: str, parent: int | None = None, permission: str | None = None) -> MenuEntry:
    above = None if parent is None else UUID(int=parent)
    titles = {"title_zh": code, "title_en": code}
    return MenuEntry(
        id=UUID(int=number), code=code, parent_id=above, position=0, permission=permission, version=1, **titles
    )


def test_a_heading_without_anything_under_it_is_not_shown():
    entries = [
        entry(1, "a"),
        entry(2, "a.x", 1, "x:read"),
        entry(3, "b", permission="y:read"),
        entry(4, "c"),
        entry(5, "b.z", 3, "x:read"),
    ]
    shown = branches(entries, frozenset({"x:read"}))
    assert [(one.entry.code, [under.entry.code for under in one.under]) for one in shown] == [("a", ["a.x"]), ("c", [])]


def test_seeds_name_only_permissions_that_there_are():
    known = set(Permission)
    assert all(role.permissions <= known for role in read_roles())
    named = [under.permission for heading in read_menu() for under in heading.under]
    assert {permission for permission in named if permission} <= known


def test_what_is_for_operators_is_in_no_other_seeded_role():
    reserved = {permission.value for permission in Permission if permission.for_operators}
    others = [role for role in read_roles() if role.code.startswith(("merchant", "agent", "member"))]
    assert len(others) == 5
    assert not any(role.permissions & reserved for role in others)


def test_entries_that_hang_under_each_other_are_not_walked_for_ever():
    """Two edits at once may do it; nothing but a third edit is needed to mend it."""
    entries = {one.id: one for one in (entry(1, "a", parent=2), entry(2, "b", parent=1))}
    assert list(_upwards(entries, UUID(int=1))) == [UUID(int=1), UUID(int=2)]
    assert branches(list(entries.values()), frozenset()) == ()
