"""The sandbox's users, as an outside client finds them in its JSON."""

from __future__ import annotations

from typing import Any

from gateway.access.seeds import read_roles


async def log_in(http: Any, outside: Any, user: dict[str, str]) -> tuple[int, dict[str, Any]]:
    body = {"login": user["name"], "password": user["password"]}
    async with http.post(f"{outside.api.url}/v1/sessions", json=body, ssl=outside.tls()) as answer:
        return answer.status, await answer.json(content_type=None)


async def test_a_user_of_every_seeded_role_logs_in(world, outside, http) -> None:
    users = world["console"]["users"]
    assert {user["role"] for user in users} == {role.code for role in read_roles()}
    for user in users:
        status, body = await log_in(http, outside, user)
        assert (status, body["must_change"]) == (200, False), user["name"]
        assert body["permissions"], user["name"]


async def test_the_first_operators_password_is_for_one_time(world, outside, http) -> None:
    status, body = await log_in(http, outside, world["console"]["first_operator"])
    assert (status, body["must_change"], body["user"]["must"]) == (200, True, ["change_password"])
    token = {"Authorization": f"Bearer {body['token']}"}
    async with http.get(f"{outside.api.url}/v1/files", headers=token, ssl=outside.tls()) as answer:
        assert answer.status == 403
