"""Ways to get further than one may: each was tried, and each must stay shut."""

from __future__ import annotations

import asyncio

import pytest

from gateway.access import AccessSeeds, store
from gateway.access.users.codes import code_at
from gateway.access.users.login import _counted
from gateway.access.users.model import UserParameters, UserRules
from gateway.access.users.parameters import in_force
from tests.access.conftest import PASSWORD, house, within_a_second
from tests.access.test_login import NEW, enrol, outcomes

USERS = "/v1/users"
WRONG_CODE = "000000"


async def own(browser):
    return (await browser.get(USERS, login=browser.login)).body["users"][0]


async def test_codes_are_not_guessed_by_asking_for_them_between_the_guesses(api):
    """A password alone must give no tries back, or its thief would have as many guesses at the code as they like."""
    secret, step, _ = await enrol(await api.as_user("operator"))
    wrong = WRONG_CODE if code_at(secret, step) != WRONG_CODE else "111111"
    for _ in range(6):
        await api.browser().log_in("operator", totp=wrong)
        await api.browser().log_in("operator")
    told = [outcome for login, outcome in await outcomes(api) if login == "operator"]
    assert told.count("code") == 5
    assert (await api.browser().log_in("operator", totp=code_at(secret, step))).code == "login_refused"


@pytest.mark.parametrize(
    ("source", "counted"),
    [
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("203.0.113.7", "203.0.113.7"),
        ("", ""),
        ("unix", "unix"),
    ],
)
def test_a_host_with_many_addresses_has_the_tries_of_one(source, counted):
    assert _counted(source) == counted


async def test_whoever_stands_under_a_closed_party_is_out(api):
    user = await (api.browser()).log_in("member")
    assert user.status == 200
    there = await api.as_user("member")
    await api.pool.execute("UPDATE party SET state = 'closed' WHERE id = $1", api.parties["merchant"])
    assert (await there.get("/v1/session")).code == "session_ended"
    assert (await api.browser().log_in("member")).code == "login_refused"


async def test_the_systems_under_a_closed_party_are_out(api):
    found = await store.api_key(api.pool, "shop")
    assert found is not None
    assert found.active
    await api.pool.execute("UPDATE party SET state = 'closed' WHERE id = $1", api.parties["agent"])
    found = await store.api_key(api.pool, "shop")
    assert found is not None
    assert not found.active


@pytest.mark.parametrize(
    "parameters",
    [{"session_idle_s": 86_400}, {"session_life_s": 2_592_000}],
)
async def test_a_merchants_administrator_allows_nobody_more_than_the_platform_does(api, parameters):
    boss = await api.as_user("merchant_administrator")
    clerk = (await boss.get(USERS, login="merchant_operator")).body["users"][0]
    for user in (clerk, await own(boss)):
        asked = {"name": "x", "parameters": parameters}
        assert (await boss.post(f"{USERS}/{user['id']}", asked)).code == "not_permitted"
    added = {"login": "zhao", "party": api.shown("merchant"), "name": "x", "parameters": parameters}
    assert (await boss.post(USERS, added)).code == "not_permitted"
    stricter = {"name": "x", "parameters": {"session_idle_s": 120, "totp_needed": True}}
    assert (await boss.post(f"{USERS}/{clerk['id']}", stricter)).status == 200


async def test_an_authenticator_that_all_need_is_waived_by_the_platform_alone_and_never_for_oneself(postgres, peopled):
    async with house(postgres, peopled, TILLGATE_ACCESS__AUTHENTICATOR_NEEDED="true") as strict:
        boss, admin = await strict.as_user("merchant_administrator"), await strict.as_user("system_administrator")
        for browser in (boss, admin):
            await enrol(browser)
        waived = {"name": "x", "parameters": {"totp_needed": False}}
        clerk = (await boss.get(USERS, login="merchant_operator")).body["users"][0]
        assert (await boss.post(f"{USERS}/{clerk['id']}", waived)).code == "not_permitted"
        assert (await admin.post(f"{USERS}/{(await own(admin))['id']}", waived)).code == "not_permitted"
        assert (await admin.post(f"{USERS}/{clerk['id']}", waived)).status == 200
        # what the platform allowed stays when somebody else edits the name
        assert (await boss.post(f"{USERS}/{clerk['id']}", {**waived, "name": "y"})).status == 200


def test_what_is_set_for_one_user_stands_before_the_settings():
    rules = UserRules()
    assert in_force(UserParameters(), rules).allows(in_force(UserParameters(session_idle_s=60), rules))
    assert not in_force(UserParameters(totp_needed=True), rules).allows(in_force(UserParameters(), rules))


async def test_what_one_user_did_never_answers_another(api):
    """Passwords take no part in comparing repeats: two users with one key would share one change of password."""
    await api.add("ann")
    await api.add("bob")
    for login, new in (("ann", NEW), ("bob", f"{NEW}-too")):
        browser = await api.as_user(login)
        changed = await browser.post(
            "/v1/password", {"password": PASSWORD, "new_password": new}, key="one and the same"
        )
        assert (changed.status, "Idempotency-Replayed" in changed.headers) == (200, False)
        assert (await api.browser().log_in(login, new)).status == 200


async def test_the_same_command_many_times_at_once_is_one_command(api, admin):
    for number in range(6):
        await api.add(f"clerk{number}")
        user = (await admin.get(USERS, login=f"clerk{number}")).body["users"][0]["id"]
        answers = await asyncio.gather(*(admin.post(f"{USERS}/{user}/lock", key=f"lock {user}") for _ in range(8)))
        assert {answer.status for answer in answers} == {200}


async def test_how_many_others_have_a_role_is_not_shown(api, admin):
    boss = await api.as_user("merchant_administrator")
    for browser, holders in ((boss, 0), (admin, 1)):
        roles = {role["code"]: role for role in (await browser.get("/v1/roles")).body["roles"]}
        assert roles["system_administrator"]["holders"] == holders
        one = await browser.get(f"/v1/roles/{roles['system_administrator']['id']}")
        assert one.body["holders"] == holders
        assert roles["merchant_administrator"]["holders"] == 1


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/roles", {"code": "desk", "title_zh": "\0", "title_en": "b"}),
        ("/v1/tasks", {"kind": "transactions.pull", "params": {"source": "a\0"}}),
        ("/v1/tasks", {"kind": "transactions.pull", "params": {"a\0": "source"}}),
        ("/v1/tasks", {"kind": "transactions.pull", "params": {}, "at": "0001-01-01T00:00:00+08:00"}),
        ("/v1/tasks", {"kind": "transactions.pull", "params": {}, "at": "9999-12-31T23:59:59-08:00"}),
    ],
)
async def test_what_the_books_cannot_keep_is_the_callers_to_mend(admin, path, body):
    answer = await admin.post(path, body)
    assert (answer.status, answer.code) == (400, "format")


@pytest.mark.parametrize(
    ("path", "query"),
    [
        (USERS, {"login": "\0"}),
        ("/v1/audit", {"who": "a\0b"}),
        ("/v1/audit", {"since": "0001-01-01T00:00:00+08:00"}),
        ("/v1/audit/logins", {"until": "9999-12-31T23:59:59-08:00"}),
    ],
)
async def test_what_the_books_cannot_look_for_is_the_callers_to_mend(admin, path, query):
    answer = await admin.get(path, **query)
    assert (answer.status, answer.code) == (400, "format")


async def test_an_item_made_before_the_code_asked_for_it_becomes_the_systems(pool, clock, ids):
    """Otherwise a release that brings an item of that name would not start."""
    seeds = AccessSeeds(pool=pool, ids=ids, clock=clock)
    await pool.execute(
        "INSERT INTO permission_item (id, code, title_zh, title_en) VALUES ($1, 'tasks:write', 'x', 'x')", ids.new()
    )
    await seeds.sow()
    await seeds.sow()
    rows = await pool.fetch("SELECT is_system, for_operators, title_en FROM permission_item WHERE code = 'tasks:write'")
    assert [tuple(row) for row in rows] == [(True, True, "Start, cancel and reset tasks, and set their schedules")]


async def test_an_address_is_what_our_own_proxies_say_and_nobody_else(postgres, peopled):
    """Behind a proxy everybody would share the tries of one address; without one a header would give new ones."""
    tries = {"TILLGATE_ACCESS__SOURCE_TRIES": "2"}
    for proxies, codes in (("[]", {"too_many_requests"}), ('["127.0.0.0/8"]', {"login_refused"})):
        async with house(postgres, peopled, **tries, TILLGATE_HTTP__PROXIES=proxies) as small:
            told = []
            for number in range(4):
                browser = small.browser()
                browser.headers["X-Forwarded-For"] = f"10.9.9.9, 203.0.113.{number}"
                told.append((await browser.log_in("operator", "wrong-wrong-wrong")).code)
            assert set(told[2:]) == codes
    async with house(postgres, peopled, TILLGATE_HTTP__PROXIES='["127.0.0.0/8"]') as small:
        admin = await small.as_user("system_administrator")
        rule = {"code": "guests", "is_on": True, "source": "203.0.113.0/24", "why": "not from there"}
        assert (await admin.post("/v1/interception-rules", rule)).status == 200
        admin.headers["X-Forwarded-For"] = "10.0.0.1, 203.0.113.7"

        async def is_refused() -> bool:
            return (await admin.get("/v1/users")).code == "intercepted"

        assert await within_a_second(is_refused)
        admin.headers["X-Forwarded-For"] = "203.0.113.7, 198.51.100.1"
        assert (await admin.get("/v1/users")).status == 200
