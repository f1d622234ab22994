from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.api.ports import Payment
from gateway.journal.model import InDoubtError
from gateway.kernel.ids import show

REFERENCE = "/v1/acquiring/by-reference/10000001/000001/000042"


async def test_a_payment_is_read_by_its_reference_with_evidence(world, send):
    found = await send(world.shop.request("GET", REFERENCE))
    assert found.status == 200
    assert found.body["state"] == "approved"
    assert found.body["amount"] == {"minor": 12345, "unit": "CNY"}
    assert found.body["card"] == "622202******0000"
    assert found.body["evidence"][0]["what"] == "operation.approved"
    again = await send(world.shop.request("GET", f"/v1/payments/{found.body['id']}"))
    assert again.body == found.body


@pytest.mark.parametrize("path", [REFERENCE.replace("42", "43"), REFERENCE.replace("10000001", "10000002")])
async def test_a_reference_never_seen_is_not_there(world, send, path):
    refused = await send(world.shop.request("GET", path))
    assert (refused.status, refused.body["code"]) == (404, "not_found")


async def test_a_payment_of_another_party_is_not_there(world, send):
    payment = (await send(world.shop.request("GET", REFERENCE))).body["id"]
    for path in (REFERENCE, f"/v1/payments/{payment}"):
        assert (await send(world.other.request("GET", path))).status == 404
    assert (await send(world.operator.request("GET", REFERENCE))).status == 200


async def test_bank_cards_are_shown_masked(world, send):
    shown = await send(world.shop.request("GET", "/v1/bank-cards"))
    card = shown.body["bank_cards"][0]
    assert (card["number"], card["mask"], card["bank"]) == (1, "622202******0000", "ICBC")
    assert set(card) == {"id", "number", "mask", "bank"}


async def test_accounts_of_the_own_party_need_no_name(world, send):
    party = show("pty", world.keyring.keys["shop"].party_id)
    own = await send(world.shop.request("GET", "/v1/accounts"))
    named = await send(world.shop.request("GET", f"/v1/accounts?party={party}"))
    assert own.body == named.body
    assert own.body["party"] == party
    assert own.body["balances"] == [
        {
            "available": {"minor": 90_000, "unit": "CNY"},
            "frozen": {"minor": 10_000, "unit": "CNY"},
            "deposit": {"minor": 5_000, "unit": "CNY"},
            "advance": {"minor": 0, "unit": "CNY"},
            "withdrawable": {"minor": 80_000, "unit": "CNY"},
        }
    ]


async def test_events_go_on_from_their_cursor(world, send):
    first = (await send(world.shop.request("GET", "/v1/events?limit=2"))).body
    assert [event["cursor"] for event in first["events"]] == ["1.0.1", "2.0.1"]
    assert first["events"][0]["kind"] == "payout.checked"
    assert first["events"][0]["subject"].startswith("wd_")
    rest = (await send(world.shop.request("GET", f"/v1/events?cursor={first['next']}"))).body
    assert [event["sequence"] for event in rest["events"]] == [3]
    end = (await send(world.shop.request("GET", f"/v1/events?cursor={rest['next']}"))).body
    assert end == {"events": [], "next": "3.0.1"}
    refused = await send(world.shop.request("GET", "/v1/events?cursor=1.2"))
    assert refused.status == 400


async def test_the_answers_keys_are_public(world):
    answer = await world.client.get("/v1/keys")
    (key,) = (await answer.json())["keys"]
    assert (key["keyid"], key["alg"]) == ("answers-1", "ed25519")
    assert key["public_key"].startswith("-----BEGIN PUBLIC KEY-----")
    assert 'keyid="answers-1";alg="ed25519"' in answer.headers["Signature-Input"]


async def test_an_address_or_method_that_is_not_served_is_a_signed_problem(world, send):
    nowhere = await send(world.shop.request("GET", "/v1/nothing"))
    assert (nowhere.status, nowhere.body["code"]) == (404, "not_found")
    other = await send(world.shop.request("DELETE", "/v1/files"))
    assert (other.status, other.headers["Allow"]) == (405, "GET, POST")


@pytest.mark.parametrize(
    ("error", "status", "code", "retry"),
    [
        (InDoubtError(), 504, "no_answer", "ask"),
        (ConnectionError("host=10.0.0.1"), 503, "unreachable", "same_key"),
        (RuntimeError("secret words"), 500, "fault", "same_key"),
    ],
)
async def test_what_goes_wrong_inside_is_a_signed_problem_without_its_words(world, send, error, status, code, retry):
    async def broken(*_args: object, **_named: object) -> Payment | None:
        raise error

    world.desks.payments.find = broken
    payment = show("pay", world.files.kept[0].id)
    refused = await send(world.shop.request("GET", f"/v1/payments/{payment}"))
    assert (refused.status, refused.body["code"], refused.body["retry"]) == (status, code, retry)
    assert b"secret" not in refused.raw
    assert b"10.0.0.1" not in refused.raw


async def test_requests_are_counted_and_timed_by_operation(world, send):
    await send(world.shop.request("GET", REFERENCE))
    await send(replace(world.shop, keyid="nobody").request("GET", REFERENCE))
    text = await (await world.client.get("/metrics")).text()
    assert 'tillgate_requests_total{door="api",reason="done",transaction="readByReference"} 1.0' in text
    assert 'tillgate_requests_total{door="api",reason="bad_signature",transaction="readByReference"} 1.0' in text
    assert 'tillgate_request_seconds_count{door="api",transaction="readByReference"} 2.0' in text


async def test_every_answer_has_a_request_id_of_its_own(world, send):
    one, two = await send(world.shop.request("GET", REFERENCE)), await send(world.shop.request("GET", REFERENCE))
    assert one.headers["X-Request-Id"].startswith("req_")
    assert one.headers["X-Request-Id"] != two.headers["X-Request-Id"]


@pytest.mark.parametrize(
    ("table", "state", "kind", "prefix"),
    [
        ("operation", "approved", "operation.approved", "pay"),
        ("channel.cut_off", None, "channel.cut_off", "chn"),
        ("payment_exception", "open", "payment_exception.open", "rec"),
    ],
)
async def test_an_event_names_its_subject_by_kind(world, send, table, state, kind, prefix):
    (first, *_) = await world.desks.events.read(None, after=None, limit=1)

    async def one(*_args: object, **_named: object) -> list[object]:
        return [replace(first, table=table, state=state)]

    world.desks.events.read = one
    (event,) = (await send(world.shop.request("GET", "/v1/events"))).body["events"]
    assert (event["kind"], event["subject"].rpartition("_")[0]) == (kind, prefix)
