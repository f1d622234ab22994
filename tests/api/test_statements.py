"""Accounts of the past and statements, as callers read them."""

from __future__ import annotations

import pytest

from gateway.kernel.ids import show

CNY = {"unit": "CNY"}


def balances(answer):
    return [(one["purpose"], one["balance"]["minor"]) for one in answer.body["accounts"]]


@pytest.mark.parametrize(
    ("when", "available"),
    [
        ("day=2026-11-20", 0),
        ("day=2026-11-21", 10_000),
        ("day=2026-11-22", 7_000),
        ("at=2026-11-21T09:00:00Z", 10_000),
        ("at=2026-11-21T23:00:00-08:00", 10_000),
    ],
)
async def test_accounts_are_shown_as_they_stood(world, send, when, available):
    found = await send(world.shop.request("GET", f"/v1/accounts/past?{when}".replace("+", "%2B")))
    assert found.status == 200
    # What the owner owes is below nothing.
    assert balances(found) == [("available", available), ("advance", -5)]
    name, value = when.split("=")
    assert found.body[name].startswith(value[:10])


@pytest.mark.parametrize("query", ["", "?day=2026-11-21&at=2026-11-21T00:00:00Z", "?at=2026-11-21T00:00:00", "?day=x"])
async def test_either_an_instant_or_a_day_is_said(world, send, query):
    refused = await send(world.shop.request("GET", f"/v1/accounts/past{query}"))
    assert (refused.status, refused.body["code"]) == (400, "format")


async def test_an_archived_day_is_not_there(world, send):
    refused = await send(world.shop.request("GET", "/v1/accounts/past?day=2026-11-01"))
    assert (refused.status, refused.body["code"]) == (404, "not_found")
    assert "archived" in refused.body["detail"]


async def test_a_statement_is_read_by_parts(world, send):
    first = (await send(world.shop.request("GET", "/v1/accounts/statement?limit=1"))).body
    assert first["lines"][0] | {"occurred_at": "", "recorded_at": ""} == {
        "number": 1,
        "transfer": first["lines"][0]["transfer"],
        "kind": "purchase",
        "amount": CNY | {"minor": 10_000},
        "balance": CNY | {"minor": 10_000},
        "booked_on": "2026-11-21",
        "occurred_at": "",
        "recorded_at": "",
    }
    assert first["next"] == 1
    rest = (await send(world.shop.request("GET", f"/v1/accounts/statement?limit=1&cursor={first['next']}"))).body
    assert [(line["amount"]["minor"], line["balance"]["minor"]) for line in rest["lines"]] == [(-3_000, 7_000)]
    assert "next" not in rest


async def test_a_statement_of_one_day(world, send):
    found = await send(world.shop.request("GET", "/v1/accounts/statement?first=2026-11-22&last=2026-11-22"))
    assert [line["kind"] for line in found.body["lines"]] == ["refund"]


@pytest.mark.parametrize("query", ["unit=cny", "purpose=bank", "limit=0", "limit=501", "cursor=-1", "from=2026-11-22"])
async def test_a_query_that_makes_no_sense_is_refused(world, send, query):
    refused = await send(world.shop.request("GET", f"/v1/accounts/statement?{query}"))
    assert (refused.status, refused.body["code"]) == (400, "format")


@pytest.mark.parametrize("path", ["/v1/accounts/past?day=2026-11-22&", "/v1/accounts/statement?"])
async def test_accounts_of_another_party_are_not_there(world, send, path):
    party = show("pty", world.keyring.keys["shop"].party_id)
    assert (await send(world.operator.request("GET", f"{path}party={party}"))).status == 200
    refused = await send(world.other.request("GET", f"{path}party={party}"))
    assert (refused.status, refused.body["code"]) == (404, "not_found")
