"""Proposals through the door: listed by who may decide, shown with before and after, decided once, delegated."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gateway.sandbox.day.api_client import ApiRefusedError
from tests.app.offices.conftest import Callers, soon

DAILY, TRIES = "withdrawal.daily_minor", "withdrawal_password.most_tries"
CLERK = frozenset({"approvals:read", "approvals:decide"})


async def proposed(api: Callers, value: int = 100_00, code: str = DAILY, by: str = "li") -> dict[str, Any]:
    return (await api.post(by, f"/v1/parameters/{code}", {"value": value}))["proposal"]


async def mine(api: Callers, name: str) -> list[str]:
    return [one["id"] for one in (await api.get(name, "/v1/approvals?mine=true"))["proposals"]]


async def test_each_sees_what_they_may_decide(api: Callers) -> None:
    await api.add("clerk", permissions=CLERK)
    first, second = await proposed(api), await proposed(api, 3, TRIES, by="wang")
    assert await mine(api, "li") == [second["id"]]
    assert await mine(api, "wang") == [first["id"]]
    assert await mine(api, "clerk") == []
    listed = await api.get("clerk", "/v1/approvals?state=proposed&limit=1")
    assert [one["id"] for one in listed["proposals"]] == [second["id"]]
    rest = await api.get("clerk", f"/v1/approvals?limit=1&cursor={listed['next']}")
    assert [one["id"] for one in rest["proposals"]] == [first["id"]]


async def test_a_proposal_is_shown_whole_and_its_history_kept(api: Callers) -> None:
    proposal = await proposed(api)
    path = f"/v1/approvals/{proposal['id']}"
    shown = await api.get("wang", path)
    assert (shown["state"], shown["proposed_by"], shown["why"]) == ("proposed", "api:li", "a test")
    assert (shown["before"]["value"], shown["after"]["value"]) == (20_000_000_00, 100_00)
    await api.post("wang", f"{path}/refuse", {"why": "far too low"})
    ended = await api.get("li", path)
    assert (ended["state"], ended["decided_by"], ended["decided_why"]) == ("refused", "api:wang", "far too low")
    steps = [(step["what"], step["who"], step["why"]) for step in ended["history"]]
    assert steps == [("proposed", "api:li", "a test"), ("refused", "api:wang", "far too low")]
    with pytest.raises(ApiRefusedError, match="wrong_state"):
        await api.approve("wang", proposal)


async def test_an_approval_shows_in_its_history_too(api: Callers) -> None:
    proposal = await proposed(api)
    await api.approve("wang", proposal)
    history = (await api.get("li", f"/v1/approvals/{proposal['id']}"))["history"]
    assert [(step["what"], step["who"]) for step in history] == [("proposed", "api:li"), ("approved", "api:wang")]


async def test_the_proposer_withdraws(api: Callers) -> None:
    path = f"/v1/approvals/{(await proposed(api))['id']}"
    assert await api.refused("wang", f"{path}/withdraw", {}) == "not_permitted"
    assert (await api.post("li", f"{path}/withdraw", {}))["state"] == "withdrawn"


async def test_of_many_approvals_in_two_processes_one_takes_effect(api: Callers) -> None:
    proposal = await proposed(api)
    path, body = f"/v1/approvals/{proposal['id']}/approve", {"digest": proposal["digest"]}

    async def approve(place: int) -> str:
        client = api.client("wang", api.second if place % 2 else api.first)
        try:
            return (await client.post(path, body, key=f"many{place}"))["state"]
        except ApiRefusedError as refused:
            return refused.code

    outcomes = await asyncio.gather(*(approve(place) for place in range(20)))
    assert sorted(outcomes) == ["approved", *["wrong_state"] * 19]
    assert await api.pool.fetchval("SELECT version FROM parameter_value WHERE code = $1", DAILY) == 1


async def test_a_decision_is_delegated_and_taken_back(api: Callers) -> None:
    await api.add("clerk", permissions=CLERK)
    lent = {
        "taker": "api:clerk",
        "kinds": ["parameter.change"],
        "from_at": "2020-01-01T00:00:00Z",
        "until_at": "2020-01-02T00:00:00Z",
    }
    assert await api.refused("wang", "/v1/delegations", lent) == "format"
    now = await api.pool.fetchval("SELECT date_trunc('day', now())")
    until = await api.pool.fetchval("SELECT date_trunc('day', now()) + interval '3 days'")
    lent |= {"from_at": now.isoformat(), "until_at": until.isoformat()}
    given = await api.post("wang", "/v1/delegations", lent)
    first, second = await proposed(api), await proposed(api, 3, TRIES)
    assert await mine(api, "clerk") == [second["id"], first["id"]]
    done = await api.approve("clerk", first)
    assert (done["decided_by"], done["decided_for"]) == ("api:clerk", "api:wang")
    assert [one["id"] for one in (await api.get("clerk", "/v1/delegations"))["delegations"]] == [given["id"]]
    await api.post("wang", f"/v1/delegations/{given['id']}/revoke", {})
    with pytest.raises(ApiRefusedError, match="not_permitted"):
        await api.approve("clerk", second)


async def test_every_kind_names_who_decides_it(api: Callers) -> None:
    kinds = {one["code"]: one["permission"] for one in (await api.get("li", "/v1/approval-kinds"))["kinds"]}
    assert (
        kinds.items()
        >= {
            "merchant.open": "merchants:approve",
            "merchant.reopen": "merchants:approve",
            "merchant.close": "merchants:approve",
            "merchant.bank_card": "merchants:approve",
            "merchant.rate": "merchants:approve",
            "parameter.change": "configuration:approve",
        }.items()
    )


async def test_its_time_ends_it(api: Callers) -> None:
    proposal = await proposed(api)
    async with api.pool.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL session_replication_role = replica")
        await connection.execute("UPDATE proposal SET proposed_at = proposed_at - interval '4 days'")
        await connection.execute("UPDATE proposal SET expires_at = proposed_at + interval '3 days'")
        await connection.execute("UPDATE timer SET due_at = now() WHERE kind = 'approval.expire'")

    async def expired() -> bool:
        return (await api.get("li", f"/v1/approvals/{proposal['id']}"))["state"] == "expired"

    with pytest.raises(ApiRefusedError, match="wrong_state"):
        await api.approve("wang", proposal)
    await soon("its timer", expired, within_s=10.0)
