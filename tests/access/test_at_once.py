"""What is taken away in one process is refused in another within a second; nothing but the database tells it."""

from __future__ import annotations

import asyncio

from gateway.sandbox.day.api_client import ApiRefusedError
from tests.access.conftest import KEY_PERMISSIONS, within_a_second


async def test_a_permission_removed_in_one_process_is_refused_in_another(api, admin, second_process):
    role = {"code": "desk", "title_zh": "甲", "title_en": "A", "permissions": ["files:read"]}
    made = (await admin.post("/v1/roles", role)).body
    await api.add("clerk", roles=["desk"])
    there = second_process.browser()
    assert (await there.log_in("clerk")).status == 200
    assert (await there.get("/v1/files")).status == 200
    await admin.post(f"/v1/roles/{made['id']}/permissions", {"permissions": []})
    assert (await there.get("/v1/files")).code == "not_permitted"


async def test_a_locked_users_session_ends_in_every_process(api, admin, second_process):
    there = second_process.browser()
    await there.log_in("operator")
    user = (await there.get("/v1/session")).body["user"]
    await admin.post(f"/v1/users/{user}/lock")
    assert (await there.get("/v1/session")).code == "session_ended"


async def test_a_key_taken_back_is_refused_in_another_process_within_a_second(api, admin, second_process):
    system = second_process.signed("shop")
    assert await system.get("/v1/accounts")
    key = next(one for one in (await admin.get("/v1/api-keys")).body["api_keys"] if one["keyid"] == "shop")
    assert (await admin.post(f"/v1/api-keys/{key['id']}/revoke")).body["is_active"] is False

    async def is_refused() -> bool:
        try:
            await system.get("/v1/accounts")
        except ApiRefusedError as refused:
            return refused.code == "bad_signature"
        return False

    assert await within_a_second(is_refused)


async def test_a_key_is_given_out_and_used(api, admin):
    key = next(one for one in (await admin.get("/v1/api-keys")).body["api_keys"] if one["keyid"] == "shop")
    assert key["permissions"] == sorted(KEY_PERMISSIONS)
    boss = await api.as_user("merchant_administrator")
    body = {"keyid": "new", "algorithm": "ed25519", "party": api.shown("merchant"), "public_key": "nonsense"}
    assert (await boss.post("/v1/api-keys", body | {"permissions": ["accounts:read"]})).code == "format"
    assert (await boss.post("/v1/api-keys", body | {"permissions": ["files:read"]})).code in {"format", "not_permitted"}


async def test_a_role_deleted_and_assigned_at_once_ends_one_way(api, admin):
    """Either the role goes and nobody has it, or somebody has it and it stays."""
    await api.add("clerk")
    user = (await admin.get("/v1/users", login="clerk")).body["users"][0]["id"]
    for number in range(6):
        role = {"code": f"desk{number}", "title_zh": "甲", "title_en": "A", "permissions": ["files:read"]}
        made = (await admin.post("/v1/roles", role)).body
        deleted, given = await asyncio.gather(
            admin.post(f"/v1/roles/{made['id']}/delete"),
            admin.post(f"/v1/users/{user}/rights", {"roles": [role["code"]]}),
        )
        stays = await api.pool.fetchval("SELECT count(*) FROM role WHERE code = $1", role["code"])
        assert {deleted.status, given.status} != {200}
        assert (deleted.status == 200) == (stays == 0)
