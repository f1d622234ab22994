"""Permission items, roles, menus and interception rules over the API (rows P15-P17, P62-P68)."""

from __future__ import annotations

import pytest

from gateway.app.process import Gateway
from gateway.kernel.clock import SystemClock
from gateway.kernel.randomness import SystemRandomness
from tests.access.conftest import within_a_second

ROLES, ITEMS, MENUS, RULES = "/v1/roles", "/v1/permissions", "/v1/menu-entries", "/v1/interception-rules"
NIGHT = {"code": "night_desk", "title_zh": "夜班", "title_en": "Night desk"}
TITLES = {"title_zh": "甲", "title_en": "A"}


async def role_of(browser, code):
    return next(role for role in (await browser.get(ROLES)).body["roles"] if role["code"] == code)


async def item_of(browser, code):
    return next(item for item in (await browser.get(ITEMS)).body["permissions"] if item["code"] == code)


async def test_a_right_that_is_set_holds_after_a_restart(api, admin):
    added = await admin.post(ROLES, NIGHT | {"permissions": ["payments:read", "files:read"]})
    again = Gateway(api.settings, roles=("api",), clock=SystemClock(), randomness=SystemRandomness())
    restarted = (await again.start()).api
    try:
        admin.url = restarted
        assert (await role_of(admin, "night_desk")) == added.body
        changed = await admin.post(f"{ROLES}/{added.body['id']}/permissions", {"permissions": ["events:read"]})
        assert changed.body["permissions"] == ["events:read"]
    finally:
        await again.stop()


async def test_a_role_that_is_assigned_gives_its_rights_at_once_and_an_item_taken_from_it_is_gone(api, admin):
    id_ = await api.add("clerk")
    user = next(one for one in (await admin.get("/v1/users", login="clerk")).body["users"])
    clerk = await api.as_user("clerk")
    role = (await admin.post(ROLES, NIGHT | {"permissions": ["files:read", "payments:read"]})).body
    assert (await clerk.get("/v1/files")).code == "not_permitted"
    assert (await admin.post(f"/v1/users/{user['id']}/rights", {"roles": ["night_desk"]})).status == 200
    assert (await clerk.get("/v1/files")).status == 200
    await admin.post(f"{ROLES}/{role['id']}/permissions", {"permissions": ["payments:read"]})
    assert (await clerk.get("/v1/files")).code == "not_permitted"
    assert (await clerk.get("/v1/session")).body["permissions"] == ["payments:read"]
    assert id_


async def test_an_endpoint_is_refused_without_its_right(api):
    auditor = await api.as_user("auditor")
    assert (await auditor.get("/v1/files")).status == 200
    refused = await auditor.post("/v1/days/close", {"day": "2026-11-22"})
    assert (refused.status, refused.code) == (403, "not_permitted")
    assert "days:write" in refused.body["detail"]


async def test_the_permission_list_of_a_role_is_what_its_holder_can_do(api, admin):
    for role in (await admin.get(ROLES)).body["roles"]:
        read = await admin.get(f"{ROLES}/{role['id']}")
        assert read.body == role
        holder = await api.as_user(role["code"])
        can = set((await holder.get("/v1/session")).body["permissions"])
        items = {item["code"]: item for item in (await admin.get(ITEMS)).body["permissions"]}
        is_operator = (await holder.get("/v1/session")).body["kind"] == "operator"
        listed = {code for code in role["permissions"] if is_operator or not items[code].get("for_operators")}
        assert can == listed, role["code"]


async def test_roles_are_listed_added_edited_and_deleted_unless_somebody_has_them(api, admin):
    role = (await admin.post(ROLES, NIGHT | {"permissions": ["events:read"]})).body
    taken = await admin.post(ROLES, NIGHT)
    assert (taken.status, taken.code) == (409, "taken")
    edited = await admin.post(f"{ROLES}/{role['id']}", TITLES)
    assert (edited.body["title_zh"], edited.body["permissions"]) == ("甲", ["events:read"])
    await api.add("clerk", roles=["night_desk"])
    used = await admin.post(f"{ROLES}/{role['id']}/delete")
    assert (used.status, used.code) == (409, "in_use")
    clerk = (await admin.get("/v1/users", role="night_desk")).body["users"][0]
    assert (await admin.post(f"/v1/users/{clerk['id']}/rights", {})).status == 200
    deleted = await admin.post(f"{ROLES}/{role['id']}/delete", key="delete-1")
    assert deleted.status == 200
    again = await admin.post(f"{ROLES}/{role['id']}/delete", key="delete-1")
    assert (again.body, again.headers["Idempotency-Replayed"]) == (deleted.body, "true")
    assert (await admin.get(f"{ROLES}/{role['id']}")).code == "not_found"
    unknown = await admin.post(ROLES, NIGHT | {"permissions": ["nothing:read"]})
    assert unknown.code == "format"


async def test_a_seeded_role_that_was_deleted_stays_so(api, admin):
    member = await role_of(admin, "member")
    user = (await admin.get("/v1/users", role="member")).body["users"][0]
    await admin.post(f"/v1/users/{user['id']}/rights", {})
    assert (await admin.post(f"{ROLES}/{member['id']}/delete")).status == 200
    again = Gateway(api.settings, roles=("api",), clock=SystemClock(), randomness=SystemRandomness())
    await again.start()
    await again.stop()
    assert "member" not in {role["code"] for role in (await admin.get(ROLES)).body["roles"]}


async def test_the_role_that_holds_all_holds_what_is_added_later(api, admin):
    everything = await role_of(admin, "system_administrator")
    assert (await admin.post(f"{ROLES}/{everything['id']}/permissions", {"permissions": []})).code == "wrong_state"
    await admin.post(ITEMS, TITLES | {"code": "intranet:read"})
    assert "intranet:read" in (await admin.get("/v1/session")).body["permissions"]


async def test_permission_items_are_listed_added_edited_and_deleted_unless_used(api, admin):
    added = await admin.post(ITEMS, TITLES | {"code": "intranet:read"})
    assert added.status == 200, added
    path = f"{ITEMS}/{added.body['id']}"
    edited = await admin.post(path, {"title_zh": "乙", "title_en": "B"})
    assert (await item_of(admin, "intranet:read")) == edited.body
    assert (await admin.post(ITEMS, TITLES | {"code": "intranet:read"})).code == "taken"
    assert (await admin.post(ITEMS, TITLES | {"code": "Intranet"})).code == "format"
    role = (await admin.post(ROLES, NIGHT | {"permissions": ["intranet:read"]})).body
    used = await admin.post(f"{path}/delete")
    assert (used.status, used.code) == (409, "in_use")
    await admin.post(f"{ROLES}/{role['id']}/permissions", {"permissions": []})
    assert (await admin.post(f"{path}/delete")).status == 200
    needed = await item_of(admin, "files:read")
    assert (await admin.post(f"{ITEMS}/{needed['id']}/delete")).code == "in_use"
    assert (await admin.post(f"{ITEMS}/{needed['id']}", TITLES)).code == "not_permitted"


@pytest.mark.parametrize("holder", ["role", "grant", "denial", "menu", "key"])
async def test_whatever_uses_an_item_keeps_it(api, admin, holder):
    item = (await admin.post(ITEMS, TITLES | {"code": "intranet:read"})).body
    if holder == "role":
        await admin.post(ROLES, NIGHT | {"permissions": ["intranet:read"]})
    elif holder == "menu":
        await admin.post(MENUS, TITLES | {"code": "intranet", "permission": "intranet:read"})
    elif holder == "key":
        await api.pool.execute(
            "INSERT INTO api_key_permission (id, key_id, permission_id) SELECT gen_random_uuid(), k.id, i.id"
            " FROM api_key k, permission_item i WHERE k.keyid = 'shop' AND i.code = 'intranet:read'"
        )
    else:
        await api.add("clerk", **{f"{holder}s": ["intranet:read"]})
    refused = await admin.post(f"{ITEMS}/{item['id']}/delete")
    assert (refused.status, refused.code) == (409, "in_use")


async def test_roles_items_menus_and_rules_are_the_platforms_alone(api, admin):
    """Also where somebody else was given the right to edit them: they are everybody's."""
    codes = ["roles:write", "permissions:write", "menus:write", "interception:write"]
    added = await admin.post(ROLES, NIGHT | {"permissions": codes})
    assert added.status == 200
    await api.add("mole", "agent", roles=["night_desk"])
    mole = await api.as_user("mole")
    for path, body in ((ROLES, NIGHT | {"code": "x"}), (ITEMS, TITLES | {"code": "x:y"})):
        assert (await mole.post(path, body)).code == "not_permitted"


def codes(tree):
    return [code for branch in tree for code in [branch["code"], *codes(branch.get("under", []))]]


async def test_the_menu_differs_by_role(api):
    seen = {}
    for role in ("system_administrator", "settlement", "merchant_operator", "member"):
        user = await api.as_user(role)
        seen[role] = codes((await user.get("/v1/menus")).body["menus"])
    assert {"clearing.files", "clearing.days", "funds.accounts"} <= set(seen["settlement"])
    assert {"system.roles", "system.audit"} <= set(seen["system_administrator"])
    assert "clearing" not in seen["merchant_operator"]
    assert "system" not in seen["settlement"]
    assert "funds.withdrawals" in seen["merchant_operator"]
    assert "funds.withdrawals" not in seen["member"]
    assert all("own" in menu for menu in seen.values())


async def test_menu_entries_are_listed_added_edited_and_deleted(api, admin):
    user = await api.as_user("merchant_operator")
    top = (await admin.post(MENUS, TITLES | {"code": "help"})).body
    under = await admin.post(
        MENUS, TITLES | {"code": "help.files", "parent": top["id"], "permission": "files:read", "position": 3}
    )
    assert under.status == 200, under
    assert "help" not in codes((await user.get("/v1/menus")).body["menus"])
    assert "help.files" in codes((await admin.get("/v1/menus")).body["menus"])
    path = f"{MENUS}/{under.body['id']}"
    await admin.post(path, TITLES | {"parent": top["id"], "permission": "accounts:read"})
    assert "help.files" in codes((await user.get("/v1/menus")).body["menus"])
    circle = await admin.post(f"{MENUS}/{top['id']}", TITLES | {"parent": under.body["id"]})
    assert circle.code == "format"
    assert (await admin.post(f"{MENUS}/{top['id']}/delete")).code == "in_use"
    assert (await admin.post(path, TITLES | {"permission": "nothing:read"})).code == "format"
    assert (await admin.post(f"{path}/delete")).status == 200
    assert (await admin.post(f"{MENUS}/{top['id']}/delete")).status == 200
    assert "help" not in {entry["code"] for entry in (await admin.get(MENUS)).body["entries"]}


async def test_a_request_that_matches_a_rule_is_refused_logged_and_counted(api, admin, caplog, capsys):
    rule = {"code": "no-cards", "why": "closed for inventory", "path": "/v1/bank-*", "caller": "merchant"}
    added = await admin.post(RULES, rule)
    assert added.status == 200, added
    user = await api.as_user("merchant_operator")

    async def is_refused():
        return (await user.get("/v1/bank-cards")).status == 403

    assert await within_a_second(is_refused)
    refused = await user.get("/v1/bank-cards")
    assert (refused.code, refused.body["detail"]) == ("intercepted", "no-cards: closed for inventory")
    assert (await user.get("/v1/accounts")).status == 200
    assert (await admin.get("/v1/bank-cards")).status == 200
    async with api.session.get(f"{api.url}/metrics") as answer:
        counted = await answer.text()
    assert 'transaction="listBankCards"' in counted
    assert 'reason="intercepted"' in counted
    assert "no-cards" in capsys.readouterr().out + caplog.text
    path = f"{RULES}/{added.body['id']}"
    off = await admin.post(path, {"why": "over", "path": "/v1/bank-*", "is_on": False})
    assert off.body["is_on"] is False

    async def is_let_in():
        return not await is_refused()

    assert await within_a_second(is_let_in)
    assert (await admin.post(f"{path}/delete")).status == 200
    assert (await admin.get(RULES)).body["rules"] == []


async def test_a_rule_never_locks_those_out_who_edit_rules(api, admin):
    rule = (await admin.post(RULES, {"code": "all", "why": "stop", "source": "127.0.0.0/8"})).body

    async def is_refused():
        return (await admin.get("/v1/accounts")).code == "intercepted"

    assert await within_a_second(is_refused)
    assert (await admin.other().log_in("operator")).code == "intercepted"
    assert (await admin.get(RULES)).body["rules"] == [rule]
    assert (await admin.post(f"{RULES}/{rule['id']}/delete")).status == 200


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"path": "*"},
        {"source": "everywhere"},
        {"path": "/v1/files", "daily_from": "08:00"},
        {"path": "/v1/files", "daily_from": "25:00", "daily_until": "26:00"},
        {"method": "FETCH"},
        {"caller": "king"},
    ],
)
async def test_a_rule_that_says_nothing_or_nonsense_is_refused(api, admin, facts):
    assert (await admin.post(RULES, {"code": "x", "why": "y"} | facts)).code == "format"
