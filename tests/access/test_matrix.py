"""Every operation x every seeded role, by hand in matrix.toml; and what no operation lets in, whoever asks."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from gateway.access import Open
from gateway.api.decoding import FileBody
from gateway.api.route import Route
from gateway.api.routes import ROUTES
from gateway.api.shown import API_KEY, PARTY, PAYMENT, USER, WITHDRAWAL
from gateway.kernel.clock import ManualClock, SystemClock
from gateway.kernel.ids import show
from gateway.kernel.randomness import SeededRandomness, SystemRandomness
from gateway.sandbox.day.api_client import Signing
from tests.access.conftest import KEY_PERMISSIONS, Answer, Browser, House

MATRIX = tomllib.loads((Path(__file__).parent / "matrix.toml").read_text("utf-8"))
COLUMNS = tuple(MATRIX["roles"].values())
BY_NAME = {route.operation: route for route in ROUTES}
GUARDED = [route for route in ROUTES if route.permission is not Open.PUBLIC]
# what nobody is told who was let in
SHUT = {"not_permitted", "bad_signature", "session_ended", "intercepted", "fault"}
WORDS = {"terminal": "10000001", "batch": "000001", "trace": "000001"}
NOBODY = UUID(int=7 << 64)


@dataclass
class Call:
    """A request of an operation: what its route's example says, and ids of nobody."""

    method: str
    path: str
    query: dict[str, str]
    body: Any

    @classmethod
    def of(cls, route: Route) -> Call:
        body = MATRIX["bodies"].get(route.operation, route.example or {})
        path = route.path
        for name in route.places:
            kinds = route.ids.get(name)
            word = show(kinds[0], NOBODY) if kinds else WORDS.get(name) or _word(route.words[name])
            path = path.replace(f"{{{name}}}", word)
        query = dict(MATRIX["queries"].get(route.operation, {}))
        return cls(route.method, path, query, json.loads(json.dumps(body)))

    def about(self, route: Route, record: str, foreign: Mapping[str, str]) -> Call:
        """The same about somebody else's record; `record` says where its id goes."""
        place, _, rest = record.partition(":")
        name, _, kind = rest.partition(":")
        if place == "path":
            self.path = route.path.replace(f"{{{route.places[0]}}}", foreign[name])
            for other in route.places[1:]:
                self.path = self.path.replace(f"{{{other}}}", show(route.ids[other][0], NOBODY))
        else:
            (self.query if place == "query" else self.body)[name] = foreign[kind]
        return self

    async def made_by(self, browser: Browser, route: Route) -> Answer:
        if isinstance(route.decoder, FileBody):
            return await uploaded(browser, self.path)
        return await browser.send(self.method, self.path, body=self.body, query=self.query)


def _word(pattern: str) -> str:
    """A word that a path's pattern takes."""
    for word in ("10000001", "000001", "system", "a", "abc", "a.b", "error"):
        if re.fullmatch(pattern, word):
            return word
    raise LookupError(f"no word for {pattern}: add one here")


async def uploaded(browser: Browser, path: str) -> Answer:
    headers = {"Authorization": f"Bearer {browser.token}", "Idempotency-Key": f"file-{browser.login}"}
    headers["Content-Type"] = "application/octet-stream"
    address = f"{browser.url}{path}?channel={show('chn', NOBODY)}&name=x.txt"
    async with browser.session.post(address, data=b"x", headers=headers) as answer:
        return Answer(answer.status, await answer.json(content_type=None), dict(answer.headers))


def marks(operation: str) -> dict[str, bool]:
    """Role -> let in."""
    line = MATRIX["operations"][operation]
    if line == "own":
        return dict.fromkeys(COLUMNS, True)
    columns = line.split()
    assert len(columns) == len(COLUMNS), operation
    assert set(columns) <= {"y", "n"}, operation
    return {role: mark == "y" for role, mark in zip(COLUMNS, columns, strict=True)}


def test_every_operation_has_its_line():
    assert set(MATRIX["operations"]) == set(BY_NAME)
    public = {name for name, line in MATRIX["operations"].items() if line == "public"}
    own = {name for name, line in MATRIX["operations"].items() if line == "own"}
    assert public == {route.operation for route in ROUTES if route.permission is Open.PUBLIC}
    assert own == {route.operation for route in ROUTES if route.permission is Open.SIGNED_IN}
    assert set(MATRIX["others"]) <= set(BY_NAME)


@pytest.fixture(scope="module")
async def browsers(standing: House) -> dict[str, Browser]:
    return {role: await standing.as_user(role) for role in COLUMNS}


@pytest.fixture(scope="module")
async def foreign(standing: House) -> dict[str, str]:
    """Records of the other merchant, by what the matrix calls them."""
    pool, other = standing.pool, standing.parties["other"]
    payment, withdrawal = UUID(int=0xD4 << 64), UUID(int=0xD5 << 64)
    await pool.execute(
        "INSERT INTO payout (id, kind, party_id, amount_minor, fee_minor, unit, state, asked_by, created_at)"
        " VALUES ($1, 'withdrawal', $2, 100, 0, 'CNY', 'checked', 'test', now())",
        *(withdrawal, other),
    )
    proposal = UUID(int=0xD6 << 64)
    await pool.execute(
        "INSERT INTO proposal (id, kind, subject, subject_version, party_id, content, digest, state, proposed_by, why,"
        " proposed_at, expires_at)"
        " VALUES ($1, 'merchant.open', $2, 1, $2, '{}', repeat('0', 64), 'proposed', 'user:x', 'x', now(),"
        " now() + interval '1 day')",
        *(proposal, other),
    )
    user = await standing.add("foreign.user", "other", roles=["merchant_operator"])
    key = await pool.fetchval("SELECT id FROM api_key WHERE keyid = 'stranger'")
    return {
        "party": show(PARTY, other),
        "withdrawal": show(WITHDRAWAL, withdrawal),
        "payment": show(PAYMENT, payment),
        "user": show(USER, user),
        "api_key": show(API_KEY, key),
        "proposal": show("apr", proposal),
    }


@pytest.mark.parametrize("operation", [route.operation for route in GUARDED])
async def test_each_role_is_let_in_or_refused_as_the_matrix_says(standing, browsers, operation):
    route = BY_NAME[operation]
    for role, let_in in marks(operation).items():
        browser = browsers[role]
        # what ends one's own session is tried by a session of its own
        if operation == "endSession":
            browser = await standing.as_user(role)
        answer = await Call.of(route).made_by(browser, route)
        if let_in:
            assert answer.code not in SHUT, (operation, role, answer)
            # what the route's own example says can be read
            assert "cannot be read" not in str(answer.body.get("detail", "")), (operation, role, answer)
        else:
            assert (answer.status, answer.code) == (403, "not_permitted"), (operation, role, answer)


@pytest.mark.parametrize("operation", sorted(MATRIX["others"]))
async def test_another_partys_data_is_as_if_it_were_not_there(browsers, foreign, operation):
    route = BY_NAME[operation]
    for role, let_in in marks(operation).items():
        if not let_in or role in COLUMNS[:4]:
            continue
        call = Call.of(route).about(route, MATRIX["others"][operation], foreign)
        answer = await call.made_by(browsers[role], route)
        assert (answer.status, answer.code) == (404, "not_found"), (operation, role, answer)


def _other_private_key() -> str:
    key = ed25519.Ed25519PrivateKey.generate()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


async def signed(house: House, route: Route, **changes: Any) -> Answer:
    """Send an operation's request under the key `shop`, one thing about it changed."""
    call = Call.of(route)
    signing = Signing(key=house.keys["shop"], clock=SystemClock(), randomness=SystemRandomness())
    signing = replace(signing, **changes)
    body = b"" if route.method == "GET" else json.dumps(call.body).encode()
    address = f"{house.url}{call.path}"
    headers = signing.headers(route.method, address, body=body, key="k" if body else "")
    async with house.session.request(route.method, address, data=body or None, headers=headers) as answer:
        return Answer(answer.status, await answer.json(content_type=None), dict(answer.headers))


@pytest.mark.parametrize("operation", [route.operation for route in GUARDED])
async def test_nobody_gets_in_unproven_at_any_operation(standing, browsers, operation):
    route = BY_NAME[operation]
    outside = standing.browser()
    assert (await Call.of(route).made_by(outside, route)).code in {"bad_signature", "session_ended"}
    ended = await standing.as_user("system_administrator")
    session = (await ended.get("/v1/session")).body["session"]
    assert (await ended.post(f"/v1/sessions/{session}/end")).status == 200
    for token in (ended.token, "A" * 43, "short"):
        outside.token = token
        assert (await Call.of(route).made_by(outside, route)).code == "session_ended"
    forged = msgspec.structs.replace(standing.keys["shop"], private_key=_other_private_key())
    unknown = msgspec.structs.replace(standing.keys["shop"], keyid="nobody")
    late = ManualClock(SystemClock().now() - timedelta(minutes=10))
    for change in ({"key": forged}, {"key": unknown}, {"clock": late}):
        answer = await signed(standing, route, **change)
        assert (answer.status, answer.code) == (401, "bad_signature"), (operation, answer)


@pytest.mark.parametrize("operation", [route.operation for route in GUARDED])
async def test_a_key_does_only_what_it_was_given_for(standing, operation):
    route = BY_NAME[operation]
    answer = await signed(standing, route)
    if route.permission in KEY_PERMISSIONS:
        assert answer.code not in SHUT, answer
    else:
        assert (answer.status, answer.code) == (403, "not_permitted"), answer


async def test_a_used_nonce_with_other_bytes_is_refused_where_records_are_edited(api):
    async def add(login: str, *, seed: int, key: str) -> Answer:
        body = json.dumps({"login": login, "party": api.shown("merchant"), "name": "X"}).encode()
        signing = Signing(key=api.keys["shop"], clock=SystemClock(), randomness=SeededRandomness(seed))
        headers = signing.headers("POST", f"{api.url}/v1/users", body=body, key=key)
        async with api.session.post(f"{api.url}/v1/users", data=body, headers=headers) as answer:
            return Answer(answer.status, await answer.json(content_type=None), dict(answer.headers))

    first = await add("li.na", seed=1, key="a")
    assert first.status == 200, first
    replayed = await add("wang.wei", seed=1, key="b")
    assert (replayed.status, replayed.code) == (401, "bad_signature")
    assert (await add("wang.wei", seed=2, key="b")).status == 200
    again = await add("li.na", seed=3, key="a")
    assert again.headers["Idempotency-Replayed"] == "true"
    assert await api.pool.fetchval("SELECT count(*) FROM access_user WHERE login = 'wang.wei'") == 1
