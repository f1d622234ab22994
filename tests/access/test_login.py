"""Logging in: passwords, wrong tries, authenticators, sessions (rows A45, A54, L21)."""

from __future__ import annotations

import asyncio
import base64
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from gateway.access.users.codes import STEP_S, code_at
from gateway.kernel.clock import ManualClock, SystemClock
from tests.access.conftest import PASSWORD, house

NEW = "quiet-harbour-88"


async def refused(browser, login, password="wrong-wrong-wrong", totp=""):
    answer = await browser.other().log_in(login, password, totp)
    return answer.code


async def outcomes(api):
    rows = await api.pool.fetch("SELECT login, outcome FROM login_event ORDER BY id")
    return [(row["login"], row["outcome"]) for row in rows]


async def test_a_log_in_gives_a_token_the_user_their_rights_and_menu(api):
    browser = api.browser()
    answer = await browser.log_in("  MERCHANT_operator ")
    assert answer.status == 200
    body = answer.body
    assert (body["user"]["login"], body["user"]["kind"], body["must_change"]) == (
        "merchant_operator",
        "merchant",
        False,
    )
    assert {"accounts:read", "withdrawals:write"} <= set(body["permissions"])
    assert [branch["code"] for branch in body["menus"]]
    assert len(base64.urlsafe_b64decode(body["token"] + "=")) == 32
    stored = await api.pool.fetchval("SELECT string_agg(s::text, '') FROM user_session s")
    assert body["token"] not in stored
    assert (await browser.get("/v1/session")).body == body["user"]


async def test_every_refusal_looks_the_same_is_written_down_and_counted(api, admin):
    user = (await admin.get("/v1/users", login="auditor")).body["users"][0]
    await admin.post(f"/v1/users/{user['id']}/lock")
    tries = [("operator", "wrong-wrong-wrong"), ("nobody", PASSWORD), ("auditor", PASSWORD), ("'; --", PASSWORD)]
    answers = [await api.browser().log_in(login, password) for login, password in tries]
    assert {(answer.status, answer.code, answer.body["detail"]) for answer in answers} == {
        (401, "login_refused", answers[0].body["detail"])
    }
    assert answers[0].headers["WWW-Authenticate"] == "Bearer"
    written = await outcomes(api)
    assert written[-4:] == [("operator", "password"), ("", "unknown"), ("auditor", "closed"), ("", "unknown")]
    async with api.session.get(f"{api.url}/metrics") as answer:
        counted = await answer.text()
    for why, count in (("password", 1), ("unknown", 2), ("closed", 1)):
        assert f'tillgate_logins_refused_total{{why="{why}"}} {count}.0' in counted
    shown = (await admin.get("/v1/audit/logins", limit="3")).body
    assert [one["outcome"] for one in shown["logins"]] == ["unknown", "closed", "unknown"]
    assert (await admin.get("/v1/audit/logins", user=user["id"])).body["logins"][0]["outcome"] == "closed"


async def test_wrong_tries_lock_a_user_and_an_operator_unlocks(api, admin):
    for _ in range(5):
        assert await refused(admin, "settlement") == "login_refused"
    assert await refused(admin, "settlement", PASSWORD) == "login_refused"
    user = (await admin.get("/v1/users", login="settlement")).body["users"][0]
    assert "locked_until" in user
    assert (await admin.post(f"/v1/users/{user['id']}/unlock")).status == 200
    assert (await admin.other().log_in("settlement")).status == 200


async def test_tries_at_once_cannot_pass_the_limit(api):
    answers = await asyncio.gather(*(api.browser().log_in("settlement", f"guess-number-{n}") for n in range(12)))
    assert {answer.code for answer in answers} == {"login_refused"}
    kinds = [outcome for login, outcome in await outcomes(api) if login == "settlement"]
    assert (kinds.count("password"), kinds.count("locked")) == (5, 7)


async def test_a_good_try_gives_the_wrong_ones_back(api):
    for _ in range(3):
        for _ in range(4):
            await refused(api.browser(), "settlement")
        assert (await api.browser().log_in("settlement")).status == 200


async def test_an_address_that_tries_too_much_is_refused_whoever_it_tries(postgres, peopled):
    async with house(postgres, peopled, TILLGATE_ACCESS__SOURCE_TRIES="3") as small:
        for login in ("nobody", "somebody", "anybody"):
            assert await refused(small.browser(), login) == "login_refused"
        answer = await small.browser().log_in("operator")
        assert (answer.status, answer.code) == (429, "too_many_requests")
        await small.pool.execute("UPDATE login_source SET forgotten_at = now() - interval '1 second'")
        assert (await small.browser().log_in("operator")).status == 200


async def test_the_old_password_stops_working_and_other_sessions_end(api):
    here, elsewhere = await api.as_user("merchant_operator"), await api.as_user("merchant_operator")
    wrong = await here.post("/v1/password", {"password": "wrong-wrong-wrong", "new_password": NEW})
    assert wrong.code == "bad_password"
    changed = await here.post("/v1/password", {"password": PASSWORD, "new_password": NEW}, key="change-1")
    assert changed.status == 200, changed
    assert (await here.get("/v1/accounts")).status == 200
    assert (await elsewhere.get("/v1/accounts")).code == "session_ended"
    assert await refused(here, "merchant_operator", PASSWORD) == "login_refused"
    assert (await here.other().log_in("merchant_operator", NEW)).status == 200
    again = await here.post("/v1/password", {"password": PASSWORD, "new_password": NEW}, key="change-1")
    assert again.headers["Idempotency-Replayed"] == "true"
    back = await here.post("/v1/password", {"password": NEW, "new_password": PASSWORD})
    assert back.code == "bad_password"
    assert "last 5" in back.body["detail"]


async def test_a_one_time_password_runs_out(api):
    await api.pool.execute("UPDATE user_password SET good_until = now() - interval '1 second'")
    assert await refused(api.browser(), "operator", PASSWORD) == "login_refused"
    assert (await outcomes(api))[-1] == ("operator", "expired")


async def enrol(browser):
    proposed = await browser.post("/v1/authenticator", {"password": PASSWORD})
    assert proposed.status == 200, proposed
    secret = base64.b32decode(proposed.body["secret"])
    assert parse_qs(urlsplit(proposed.body["address"]).query)["secret"] == [proposed.body["secret"]]
    step = int(SystemClock().now().timestamp()) // STEP_S
    confirmed = await browser.post("/v1/authenticator/confirm", {"code": code_at(secret, step - 1)})
    assert confirmed.status == 200, confirmed
    return secret, step, confirmed.body["recovery_codes"]


async def test_an_authenticators_code_is_needed_and_good_once(api):
    user = await api.as_user("operator")
    secret, step, _ = await enrol(user)
    without = await user.other().log_in("operator")
    assert (without.code, "authenticator" in without.body["detail"]) == ("login_refused", True)
    code = code_at(secret, step)
    answers = await asyncio.gather(*(user.other().log_in("operator", totp=code) for _ in range(4)))
    assert sorted(answer.status for answer in answers) == [200, 401, 401, 401]
    assert await refused(user, "operator", PASSWORD, code_at(secret, step - 1)) == "login_refused"
    assert await refused(user, "operator", "wrong-wrong-wrong", code_at(secret, step + 1)) == "login_refused"
    stored = str(
        await api.pool.fetch("SELECT t::text FROM user_totp t UNION ALL SELECT l::text FROM record_edit_line l")
    )
    assert secret.hex() not in stored


async def test_a_recovery_code_stands_in_once(api):
    user = await api.as_user("operator")
    _, _, recovery = await enrol(user)
    assert len(set(recovery)) == 10
    assert (await user.other().log_in("operator", totp=recovery[3])).status == 200
    assert await refused(user, "operator", PASSWORD, recovery[3]) == "login_refused"
    assert (await user.other().log_in("operator", totp=recovery[4].upper())).status == 200
    gone = await user.post("/v1/authenticator/remove", {"password": PASSWORD})
    assert gone.status == 200
    assert (await user.other().log_in("operator")).status == 200


async def test_a_lost_authenticator_is_taken_away_by_who_may(api, admin):
    user = await api.as_user("merchant_operator")
    await enrol(user)
    id_ = (await user.get("/v1/session")).body["user"]
    stranger = await api.as_user("agent_operator")
    assert (await stranger.post(f"/v1/users/{id_}/authenticator/remove")).code == "not_permitted"
    boss = await api.as_user("merchant_administrator")
    assert (await boss.post(f"/v1/users/{id_}/authenticator/remove")).body.get("has_authenticator") is None
    assert (await user.other().log_in("merchant_operator")).status == 200


async def test_who_needs_an_authenticator_does_nothing_before(api, admin):
    id_ = (await admin.get("/v1/users", login="operator")).body["users"][0]["id"]
    await admin.post(f"/v1/users/{id_}", {"name": "O", "parameters": {"totp_needed": True}})
    user = await api.as_user("operator")
    assert (await user.get("/v1/session")).body["must"] == ["enrol_totp"]
    assert (await user.get("/v1/files")).code == "not_permitted"
    await enrol(user)
    assert (await user.get("/v1/files")).status == 200


async def test_sessions_are_listed_and_ended_by_their_user_alone(api):
    here, elsewhere = await api.as_user("operator"), await api.as_user("operator")
    stranger = await api.as_user("auditor")
    listed = (await here.get("/v1/sessions")).body["sessions"]
    assert [one.get("is_this", False) for one in listed] == [False, True]
    path = f"/v1/sessions/{listed[0]['id']}/end"
    assert (await stranger.post(path)).code == "not_found"
    assert (await here.post(path)).status == 200
    assert (await elsewhere.get("/v1/session")).code == "session_ended"
    assert (await here.post(f"/v1/sessions/{listed[1]['id']}/end")).status == 200
    assert (await here.get("/v1/session")).code == "session_ended"


@pytest.mark.parametrize(("minutes", "outcome"), [(29, "kept"), (31, "ended"), (60 * 13, "ended")])
async def test_sessions_end_unused_and_end_old(api, minutes, outcome):
    user = await api.as_user("operator")
    sessions = api.access.sessions
    sessions._clock = ManualClock(SystemClock().now() + timedelta(minutes=minutes))
    assert (await sessions.find(user.token) is not None) == (outcome == "kept")


async def test_a_session_that_is_used_lives_on_but_not_for_ever(api):
    user = await api.as_user("operator")
    clock = ManualClock(SystemClock().now())
    api.access.sessions._clock = clock
    lived = 0
    while await api.access.sessions.find(user.token) is not None:
        clock.advance(timedelta(minutes=20))
        lived += 20
    assert 12 * 60 <= lived <= 12 * 60 + 20


async def test_the_users_of_a_closed_party_are_out(api):
    user = await api.as_user("merchant_operator")
    await api.pool.execute("UPDATE party SET state = 'closed' WHERE id = $1", api.parties["merchant"])
    assert (await user.get("/v1/accounts")).code == "session_ended"
    assert await refused(user, "merchant_operator", PASSWORD) == "login_refused"


async def test_a_signature_has_no_session_and_a_session_no_signature(api):
    answer = await api.session.get(
        f"{api.url}/v1/accounts", headers={"Authorization": "Bearer x", "Signature-Input": "sig1=()", "Signature": "s"}
    )
    assert (answer.status, (await answer.json(content_type=None))["code"]) == (401, "session_ended")
    basic = await api.session.get(f"{api.url}/v1/accounts", headers={"Authorization": "Basic eDp5"})
    assert basic.status == 401
    system = await api.signed("shop").get("/v1/accounts")
    assert "balances" in system
