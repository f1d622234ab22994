"""Users over the API: who adds whom, with which rights, and what becomes of them (rows P5, P6, P16, P36, P69, P70)."""

from __future__ import annotations

import pytest

from tests.access.conftest import PASSWORD, House

USERS = "/v1/users"


def wanted(api: House, login: str = "li.na", party: str = "merchant", **changes):
    return {"login": login, "party": api.shown(party), "name": "李娜", "password": PASSWORD} | changes


async def listed(browser, **query):
    return {user["login"] for user in (await browser.get(USERS, limit="100", **query)).body["users"]}


async def first_login(api, login):
    """Log in by the password of the operator's choice and change it, as everybody must."""
    browser = await api.as_user(login)
    changed = await browser.post("/v1/password", {"password": PASSWORD, "new_password": f"new-{PASSWORD}"})
    assert changed.status == 200, changed
    return browser


async def test_a_user_is_added_read_back_edited_and_belongs_to_one_merchant(api, admin):
    added = await admin.post(USERS, wanted(api, phone="+86 512 5555 0100"))
    assert added.status == 200, added
    user = added.body["user"]
    assert (user["login"], user["party"], user["kind"], user["state"]) == (
        "li.na",
        api.shown("merchant"),
        "merchant",
        "active",
    )
    path = f"{USERS}/{user['id']}"
    edited = await admin.post(path, {"name": "李娜娜", "phone": "110", "parameters": {"session_idle_s": 600}})
    read = await admin.get(path)
    assert read.body == edited.body
    assert (read.body["name"], read.body["phone"], read.body["parameters"]) == (
        "李娜娜",
        "110",
        {"session_idle_s": 600},
    )
    assert "li.na" in await listed(admin, party=api.shown("merchant"))
    assert "li.na" not in await listed(admin, party=api.shown("other"))
    trail = (await admin.get("/v1/audit", table="access_user", subject=user["id"])).body["edits"]
    assert [(line["who"], "before" in line) for line in trail] == [
        ("user:system_administrator", True),
        ("user:system_administrator", False),
    ]
    assert trail[0]["before"]["version"] == 1
    assert "李娜" not in str(trail)
    assert "110" not in str([line["after"].get("phone_sealed") for line in trail])


async def test_names_and_phones_stand_nowhere_in_clear(api, admin):
    await admin.post(USERS, wanted(api, phone="+86 512 5555 0100", rights={"roles": ["merchant_operator"]}))
    for table in ("access_user", "record_edit", "record_edit_line", "login_event", "user_password"):
        stored = str(await api.pool.fetch(f"SELECT t::text FROM {table} t"))
        assert "李娜" not in stored
        assert "512 5555" not in stored
        assert PASSWORD not in stored


async def test_a_parameter_holds_for_its_user_only(api, admin):
    await api.add("slow", "merchant")
    await api.add("quick", "merchant")
    quick = next(user for user in (await admin.get(USERS)).body["users"] if user["login"] == "quick")
    for bad in ({"session_life_s": 1}, {"shoe_size": 44}):
        refused = await admin.post(f"{USERS}/{quick['id']}", {"name": "Q", "parameters": bad})
        assert refused.code == "format"
    done = await admin.post(f"{USERS}/{quick['id']}", {"name": "Q", "parameters": {"session_life_s": 60}})
    assert done.status == 200
    lives = {}
    for login in ("slow", "quick"):
        await api.as_user(login)
        row = await api.pool.fetchrow(
            "SELECT expires_at - opened_at AS life FROM user_session s JOIN access_user u ON u.id = s.user_id"
            " WHERE u.login = $1",
            login,
        )
        lives[login] = row["life"].total_seconds()
    assert lives == {"slow": 43_200, "quick": 60}


async def test_a_user_without_a_role_logs_in_and_does_nothing_and_with_one_what_it_allows(api, admin):
    id_ = (await admin.post(USERS, wanted(api))).body["user"]["id"]
    user = await first_login(api, "li.na")
    assert (await user.get("/v1/session")).body["permissions"] == []
    assert (await user.get("/v1/accounts")).code == "not_permitted"
    given = await admin.post(f"{USERS}/{id_}/rights", {"roles": ["merchant_operator"]})
    assert given.body["roles"] == ["merchant_operator"]
    assert (await user.get("/v1/accounts")).status == 200
    assert (await user.get("/v1/files")).code == "not_permitted"


async def test_a_denial_beats_role_and_grant_and_a_grant_works_without_a_role(api, admin):
    id_ = (await admin.post(USERS, wanted(api))).body["user"]["id"]
    user = await first_login(api, "li.na")
    tried = []
    for rights in (
        {"grants": ["accounts:read"]},
        {"roles": ["merchant_operator"], "grants": ["accounts:read"]},
        {"roles": ["merchant_operator"], "denials": ["accounts:read"]},
        {"denials": ["accounts:read"]},
        {},
    ):
        assert (await admin.post(f"{USERS}/{id_}/rights", rights)).status == 200
        tried.append((await user.get("/v1/accounts")).status)
    assert tried == [200, 200, 403, 403, 403]
    both = await admin.post(f"{USERS}/{id_}/rights", {"grants": ["accounts:read"], "denials": ["accounts:read"]})
    assert (both.status, both.code) == (400, "format")


async def test_a_new_user_of_a_merchant_logs_in_and_submits(api, admin):
    await admin.post(USERS, wanted(api, rights={"roles": ["merchant_operator"]}))
    user = await first_login(api, "li.na")
    cards = (await user.get("/v1/bank-cards")).body["bank_cards"]
    body = {"party": api.shown("merchant"), "amount": {"minor": 100, "unit": "CNY"}, "bank_card": cards[0]["id"]}
    asked = await user.post("/v1/withdrawals", body)
    # the shop has no money yet: the request went all the way to the check of funds
    assert asked.code == "insufficient_funds"


async def test_a_repeat_is_answered_once_and_other_content_is_refused(api, admin):
    first = await admin.post(USERS, wanted(api, password=None), key="add-1")
    again = await admin.post(USERS, wanted(api, password=None), key="add-1")
    assert (first.status, again.status) == (200, 200)
    assert again.headers.get("Idempotency-Replayed") == "true"
    assert first.body["user"] == again.body["user"]
    assert "one_time_password" in first.body
    assert "one_time_password" not in again.body
    other = await admin.post(USERS, wanted(api, login="wang.wei"), key="add-1")
    assert (other.status, other.code) == (422, "key_reused")
    taken = await admin.post(USERS, wanted(api))
    assert (taken.status, taken.code) == (409, "taken")
    missing = await admin.session.post(
        f"{api.url}{USERS}", json=wanted(api), headers={"Authorization": f"Bearer {admin.token}"}
    )
    assert (missing.status, (await missing.json(content_type=None))["code"]) == (400, "missing_key")


@pytest.mark.parametrize(
    "changes",
    [
        {"login": "Li.Na"},
        {"login": "x"},
        {"name": ""},
        {"password": "short"},
        {"password": "password1234"},
        {"password": "li.na-li.na-li.na"},
        {"rights": {"roles": ["king"]}},
        {"rights": {"grants": ["everything:write"]}},
        {"extra": 1},
    ],
)
async def test_what_is_not_allowed_adds_nobody(api, admin, changes):
    before = await api.pool.fetchval("SELECT count(*) FROM access_user")
    refused = await admin.post(USERS, wanted(api) | changes)
    assert refused.code in {"format", "bad_password"}
    assert await api.pool.fetchval("SELECT count(*) FROM access_user") == before


async def test_two_agents_log_in_and_see_disjoint_data(api, admin):
    await api.add("other.agent", "other_agent", roles=["agent_administrator"])
    mine, theirs = await api.as_user("agent_administrator"), await api.as_user("other.agent")
    seen = [await listed(mine), await listed(theirs)]
    assert "agent_administrator" in seen[0]
    assert seen[1] == {"other.agent"}
    assert not seen[0] & seen[1]
    assert (await mine.get("/v1/accounts", party=api.shown("merchant"))).status == 200
    assert (await mine.get("/v1/accounts", party=api.shown("other"))).code == "not_found"
    assert (await theirs.get("/v1/accounts", party=api.shown("merchant"))).code == "not_found"
    keys = [(await one.get("/v1/api-keys")).body["api_keys"] for one in (mine, theirs)]
    assert [[key["keyid"] for key in part] for part in keys] == [["shop"], ["stranger"]]


async def test_an_agents_staff_adds_a_user_under_the_agent_who_logs_in(api):
    agent = await api.as_user("agent_administrator")
    body = wanted(api, login="agents.new", party="agent", rights={"roles": ["agent_operator"]})
    assert (await agent.post(USERS, body)).status == 200
    new = await first_login(api, "agents.new")
    assert (await new.get("/v1/accounts")).status == 200


async def test_a_merchants_administrator_keeps_the_operators_of_the_merchant(api):
    boss = await api.as_user("merchant_administrator")
    id_ = (await boss.post(USERS, wanted(api, rights={"roles": ["merchant_operator"]}))).body["user"]["id"]
    assert {"li.na", "merchant_administrator", "merchant_operator", "member"} == await listed(boss)
    edited = await boss.post(f"{USERS}/{id_}", {"name": "李娜娜"})
    assert edited.body["name"] == "李娜娜"
    operator = await first_login(api, "li.na")
    assert (await boss.post(f"{USERS}/{id_}/close")).body["state"] == "closed"
    assert (await operator.get("/v1/accounts")).code == "session_ended"
    assert (await operator.other().log_in("li.na", f"new-{PASSWORD}")).code == "login_refused"
    assert (await boss.post(f"{USERS}/{id_}/unlock")).code == "wrong_state"


async def test_an_operators_password_is_changed_and_the_old_one_stops_at_once(api):
    boss, operator = await api.as_user("merchant_administrator"), await api.as_user("merchant_operator")
    user = (await operator.get("/v1/session")).body["user"]
    reset = await boss.post(f"{USERS}/{user}/password")
    once = reset.body["one_time_password"]
    assert (await operator.get("/v1/accounts")).code == "session_ended"
    assert (await operator.other().log_in("merchant_operator")).code == "login_refused"
    again = operator.other()
    logged_in = await again.log_in("merchant_operator", once)
    assert logged_in.body["must_change"]
    assert (await again.get("/v1/accounts")).code == "not_permitted"
    old = await again.post("/v1/password", {"password": once, "new_password": PASSWORD})
    assert old.code == "bad_password"
    new = await again.post("/v1/password", {"password": once, "new_password": "quiet-harbour-88"})
    assert new.status == 200
    assert (await again.get("/v1/accounts")).status == 200
    assert (await operator.other().log_in("merchant_operator", once)).code == "login_refused"


async def test_nobody_gives_what_they_do_not_hold_nor_touches_those_who_may_more(api, admin):
    boss = await api.as_user("merchant_administrator")
    for rights in (
        {"roles": ["system_administrator"]},
        {"roles": ["auditor"]},
        {"grants": ["files:read"]},
        {"grants": ["roles:write"]},
    ):
        refused = await boss.post(USERS, wanted(api, rights=rights))
        assert refused.code == "not_permitted", rights
    await admin.post("/v1/permissions", {"code": "vault:read", "title_zh": "库", "title_en": "Vault"})
    id_ = (await admin.post(USERS, wanted(api, rights={"grants": ["vault:read"]}))).body["user"]["id"]
    for what, body in (("password", {}), ("lock", {}), ("close", {}), ("rights", {}), ("", {"name": "X"})):
        refused = await boss.post(f"{USERS}/{id_}/{what}".rstrip("/"), body)
        assert refused.code == "not_permitted", what
    elsewhere = await boss.post(USERS, wanted(api, login="else", party="other"))
    assert elsewhere.code == "not_found"
    above = await boss.post(USERS, wanted(api, login="above", party="agent"))
    assert above.code == "not_found"


async def test_a_denial_is_lifted_only_by_who_holds_what_it_denies(api, admin):
    await api.add("clerk", "merchant", roles=["merchant_operator"], denials=["withdrawals:write"])
    user = next(one for one in (await admin.get(USERS, login="clerk")).body["users"])
    await api.add("chief", "merchant", roles=["merchant_administrator"], denials=["withdrawals:write"])
    chief = await api.as_user("chief")
    refused = await chief.post(f"{USERS}/{user['id']}/rights", {"grants": ["accounts:read"]})
    assert refused.code == "not_permitted"
    boss = await api.as_user("merchant_administrator")
    lifted = await boss.post(f"{USERS}/{user['id']}/rights", {"roles": ["merchant_operator"]})
    assert "withdrawals:write" in lifted.body["permissions"]


async def test_what_is_for_operators_never_reaches_others(api, admin):
    refused = await admin.post(USERS, wanted(api, rights={"grants": ["files:read"]}))
    assert refused.code == "not_permitted"
    added = await admin.post(USERS, wanted(api, rights={"roles": ["auditor"]}))
    permissions = set(added.body["user"]["permissions"])
    assert "audit:read" in permissions
    assert "files:read" not in permissions


async def test_nobody_locks_or_closes_themselves(api, admin):
    own = (await admin.get("/v1/session")).body["user"]
    for what in ("lock", "close"):
        assert (await admin.post(f"{USERS}/{own}/{what}")).code == "wrong_state"


async def test_lists_come_in_parts(api, admin):
    whole = [user["id"] for user in (await admin.get(USERS, limit="100")).body["users"]]
    parts, cursor = [], {}
    while True:
        part = (await admin.get(USERS, limit="4", **cursor)).body
        parts += [user["id"] for user in part["users"]]
        if "next" not in part:
            break
        cursor = {"cursor": part["next"]}
    assert parts == whole
    assert await listed(admin, role="auditor", state="active") == {"auditor"}
