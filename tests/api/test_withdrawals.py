from __future__ import annotations

import json
from uuid import UUID

import pytest

from gateway.kernel.ids import show


async def test_a_withdrawal_is_asked_for_confirmed_and_read(world, send, withdrawal_body):
    asked = await send(world.shop.request("POST", "/v1/withdrawals", withdrawal_body, key="k1"))
    assert asked.status == 200
    assert asked.body["state"] == "checked"
    assert asked.body["fee"] == {"minor": 200, "unit": "CNY"}
    assert asked.body["withdrawable"] == {"minor": 1_000_000, "unit": "CNY"}
    id_ = asked.body["id"]
    confirmed = await send(
        world.shop.request("POST", f"/v1/withdrawals/{id_}/confirm", b'{"password":"right"}', key="k2")
    )
    assert (confirmed.status, confirmed.body["state"]) == (200, "frozen")
    read = await send(world.shop.request("GET", f"/v1/withdrawals/{id_}", nonce=None))
    assert (read.status, read.body["id"], read.body["state"]) == (200, id_, "frozen")
    assert read.body["history"][0] == {
        "at": "2026-11-22T02:00:00Z",
        "what": "checked",
        "who": "api:shop",
        "why": "asked",
    }


async def test_the_same_key_and_body_give_the_first_answer_again(world, send, withdrawal_body):
    first = await send(world.shop.request("POST", "/v1/withdrawals", withdrawal_body, key="k1"))
    again = await send(world.shop.request("POST", "/v1/withdrawals", withdrawal_body, key="k1"))
    assert again.body == first.body
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len(world.withdrawals.records) == 1


async def test_a_body_that_says_the_same_in_other_bytes_is_the_same(world, send, withdrawal_body):
    first = await send(world.shop.request("POST", "/v1/withdrawals", withdrawal_body, key="k1"))
    spaced = json.dumps(json.loads(withdrawal_body), indent=2, sort_keys=True).encode()
    again = await send(world.shop.request("POST", "/v1/withdrawals", spaced, key="k1"))
    assert (again.status, again.body) == (200, first.body)


async def test_the_same_key_with_another_body_is_refused(world, send, withdrawal_body):
    await send(world.shop.request("POST", "/v1/withdrawals", withdrawal_body, key="k1"))
    other = withdrawal_body.replace(b"100000", b"100001")
    refused = await send(world.shop.request("POST", "/v1/withdrawals", other, key="k1"))
    assert (refused.status, refused.body["code"], refused.body["retry"]) == (422, "key_reused", "never")


async def test_the_same_key_at_another_address_is_refused(world, send, withdrawal_body):
    asked = await send(world.shop.request("POST", "/v1/withdrawals", withdrawal_body, key="k1"))
    path = f"/v1/withdrawals/{asked.body['id']}/confirm"
    refused = await send(world.shop.request("POST", path, b'{"password":"right"}', key="k1"))
    assert (refused.status, refused.body["code"]) == (422, "key_reused")


async def test_one_key_of_two_parties_is_two_keys(world, send, withdrawal_body):
    await send(world.shop.request("POST", "/v1/withdrawals", withdrawal_body, key="k1"))
    other = withdrawal_body.replace(b"pty_", b"mch_")
    assert (await send(world.other.request("POST", "/v1/withdrawals", other, key="k1"))).status == 404


async def test_two_api_keys_of_one_party_share_their_idempotency_keys(world, send, withdrawal_body):
    first = await send(world.shop.request("POST", "/v1/withdrawals", withdrawal_body, key="k1"))
    again = await send(world.machine.request("POST", "/v1/withdrawals", withdrawal_body, key="k1"))
    assert (again.body, again.headers["Idempotency-Replayed"]) == (first.body, "true")


async def test_the_same_bytes_again_give_the_first_answer(world, send, withdrawal_body):
    request = world.shop.request("POST", "/v1/withdrawals", withdrawal_body, key="k1")
    first, again = await send(request), await send(request)
    assert (again.status, again.body) == (200, first.body)
    assert again.headers["Idempotency-Replayed"] == "true"


async def test_a_nonce_with_other_bytes_is_refused(world, send, withdrawal_body):
    await send(world.shop.request("POST", "/v1/withdrawals", withdrawal_body, key="k1", nonce="once"))
    refused = await send(world.shop.request("POST", "/v1/withdrawals", withdrawal_body, key="k2", nonce="once"))
    assert (refused.status, refused.body["code"]) == (401, "bad_signature")
    assert len(world.withdrawals.records) == 1


async def test_a_wrong_password_leaves_the_key_unused(world, send, withdrawal_body):
    asked = await send(world.shop.request("POST", "/v1/withdrawals", withdrawal_body, key="k1"))
    path = f"/v1/withdrawals/{asked.body['id']}/confirm"
    wrong = await send(world.shop.request("POST", path, b'{"password":"wrong"}', key="k2"))
    assert (wrong.status, wrong.body["code"]) == (422, "bad_pin")
    right = await send(world.shop.request("POST", path, b'{"password":"right"}', key="k2"))
    assert (right.status, right.body["state"]) == (200, "frozen")


async def test_no_password_goes_into_what_is_kept_of_a_request(world, send, withdrawal_body):
    asked = await send(world.shop.request("POST", "/v1/withdrawals", withdrawal_body, key="k1"))
    path = f"/v1/withdrawals/{asked.body['id']}/confirm"
    await send(world.shop.request("POST", path, b'{"password":"right"}', key="k2"))
    again = await send(world.shop.request("POST", path, b'{"password":"right"}', key="k2"))
    assert again.headers["Idempotency-Replayed"] == "true"
    assert all(len(digest) == 32 for digest, _ in world.journal.kept.values())


@pytest.mark.parametrize("minor", [0, -1, -100_000])
async def test_an_amount_that_is_not_positive_is_refused(world, send, withdrawal_body, minor):
    body = withdrawal_body.replace(b"100000", str(minor).encode())
    refused = await send(world.shop.request("POST", "/v1/withdrawals", body, key="k1"))
    assert (refused.status, refused.body["code"]) == (422, "bad_amount")


async def test_a_refusal_of_the_house_is_a_problem(world, send, withdrawal_body):
    body = withdrawal_body.replace(b"100000", b"1000001")
    refused = await send(world.shop.request("POST", "/v1/withdrawals", body, key="k1"))
    assert refused.status == 422
    assert refused.headers["Content-Type"].startswith("application/problem+json")
    assert refused.body == {
        "type": "https://pay.example.test/docs#insufficient_funds",
        "title": "Not enough funds",
        "status": 422,
        "code": "insufficient_funds",
        "retry": "new_key",
        "instance": f"urn:tillgate:request:{refused.headers['X-Request-Id']}",
        "detail": "more than can be withdrawn",
    }


async def test_what_belongs_to_another_party_is_not_there(world, send, withdrawal_body):
    asked = await send(world.shop.request("POST", "/v1/withdrawals", withdrawal_body, key="k1"))
    path = f"/v1/withdrawals/{asked.body['id']}"
    for request in (
        world.other.request("GET", path),
        world.other.request("POST", f"{path}/confirm", b'{"password":"right"}', key="k1"),
        world.other.request("POST", "/v1/withdrawals", withdrawal_body, key="k2"),
    ):
        refused = await send(request)
        assert (refused.status, refused.body["code"]) == (404, "not_found")


async def test_an_operator_reads_every_withdrawal_and_asks_for_none(world, send, withdrawal_body):
    asked = await send(world.shop.request("POST", "/v1/withdrawals", withdrawal_body, key="k1"))
    read = await send(world.operator.request("GET", f"/v1/withdrawals/{asked.body['id']}"))
    assert (read.status, read.body["id"]) == (200, asked.body["id"])
    refused = await send(world.operator.request("POST", "/v1/withdrawals", withdrawal_body, key="k2"))
    assert (refused.status, refused.body["code"]) == (403, "not_permitted")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda _: b"", "missing required field"),
        (lambda _: b"{", "cannot be read"),
        (lambda _: b"\xff", "cannot be read"),
        (lambda _: b"[" * 5000, "cannot be read"),
        (lambda body: body.replace(b'"party"', b'"pary"'), "pary"),
        (lambda body: body.replace(b"100000", b'"100000"'), "$.amount.minor"),
        (lambda body: body.replace(b"100000", b"1.5"), "$.amount.minor"),
        (lambda body: body.replace(b"100000", b"1" + b"0" * 30), "$.amount.minor"),
        (lambda body: body.replace(b"CNY", b"cny"), "$.amount.unit"),
        (lambda body: body.replace(b"crd_", b"pay_"), "not an id of kind crd_"),
        (lambda body: body.replace(b"pty_", b"chn_"), "not an id of kind pty_"),
        (lambda body: body[:-1] + b',"more":1}', "more"),
    ],
)
async def test_a_body_that_cannot_be_read_is_refused_with_its_place(world, send, withdrawal_body, change, says):
    refused = await send(world.shop.request("POST", "/v1/withdrawals", change(withdrawal_body), key="k1"))
    assert (refused.status, refused.body["code"]) == (400, "format")
    assert says in refused.body["detail"]
    assert not world.withdrawals.records


async def test_a_key_is_needed_and_has_a_form(world, send, withdrawal_body):
    missing = await send(world.shop.request("POST", "/v1/withdrawals", withdrawal_body))
    assert (missing.status, missing.body["code"]) == (400, "missing_key")
    for key in ("k" * 256, ""):
        refused = await send(world.shop.request("POST", "/v1/withdrawals", withdrawal_body, key=key))
        assert (refused.status, refused.body["code"]) == (400, "format")


async def test_an_id_that_is_none_is_a_format_error(world, send):
    for name in ("wd_nonsense", "pay_00000000000000000000000000", show("wd", UUID(int=5)) + "0"):
        refused = await send(world.shop.request("GET", f"/v1/withdrawals/{name}"))
        assert (refused.status, refused.body["code"]) == (400, "format")


async def test_another_content_type_is_refused(world, send, withdrawal_body):
    request = world.shop.request("POST", "/v1/withdrawals", withdrawal_body, key="k1", content_type="text/plain")
    refused = await send(request)
    assert (refused.status, refused.body["code"]) == (400, "format")
