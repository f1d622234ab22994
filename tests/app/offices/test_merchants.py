"""A merchant comes in as a draft, is reviewed, is opened by two, and only then pays (rows P4, P7, P35, X4)."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any
from uuid import UUID

import pytest

from gateway.app.counter import counter
from gateway.app.keys_desk import KeyDesk
from gateway.kernel.clock import SystemClock
from gateway.kernel.settings import Settings, load_settings
from gateway.keys import KeyKind
from gateway.keys.ceremony import NewCeremony
from gateway.parties import store as parties
from gateway.sandbox.day.api_client import ApiRefusedError
from gateway.sandbox.terminal import SimulatedTerminal, TerminalSettings
from tests.app.offices.conftest import Callers, soon, uuid

NUMBER, TERMINAL = "104110070110899", "10009901"
DOCUMENTS = ("business_licence", "identity_card", "account_permit", "agreement")
SCAN = hashlib.sha256(b"scan").hexdigest()


async def draft(api: Callers, number: str = NUMBER, **own: Any) -> dict[str, Any]:
    body = {"number": number, "name": "南山茶庄", "kind": "enterprise", "mcc": "5499", "phone": "13900001111", **own}
    return await api.post("li", "/v1/merchants", body)


async def with_documents(api: Callers, number: str = NUMBER, kinds: tuple[str, ...] = DOCUMENTS) -> str:
    merchant = await draft(api, number)
    for kind in kinds:
        body = {"kind": kind, "number": "91320500MA1ABCDE0K", "file_digest": SCAN}
        await api.post("li", f"/v1/merchants/{merchant['id']}/documents", body)
    return merchant["id"]


async def move(api: Callers, id_: str, event: str, by: str = "li", **own: Any) -> dict[str, Any]:
    return await api.post(by, f"/v1/merchants/{id_}/moves", {"move": event}, **own)


async def opened(api: Callers, number: str = NUMBER) -> str:
    id_ = await with_documents(api, number)
    await move(api, id_, "submit")
    proposed = await move(api, id_, "open")
    await api.approve("wang", proposed["proposal"])
    return id_


async def state(api: Callers, id_: str, *, second: bool = False) -> str:
    return (await api.get("li", f"/v1/merchants/{id_}", second=second))["state"]


async def test_saved_data_is_read_back_edited_and_its_history_kept(api: Callers) -> None:
    merchant = await draft(api, contact="王小明")
    assert (merchant["state"], merchant["name"], merchant["mcc"]) == ("draft", "南山茶庄", "5499")
    assert merchant["phone"] == "********111"
    path = f"/v1/merchants/{merchant['id']}"
    await api.post("wang", path, {"name": "新南山茶庄", "address": "平江路 8 号", "why": "renamed"})
    read = await api.get("li", path, second=True)
    assert (read["name"], read["address"], read["mcc"]) == ("新南山茶庄", "平江路 8 号", "5499")
    line = next(step for step in read["history"] if step["what"] == "party edited")
    assert (line["who"], line["why"]) == ("api:wang", "renamed")
    assert line["data"] == {"before": {"name": "南山茶庄"}, "after": {"name": "新南山茶庄"}}
    listed = await api.get("li", f"/v1/merchants?state=draft&number={NUMBER}")
    assert [one["id"] for one in listed["merchants"]] == [merchant["id"]]
    assert "王小明" not in str(read)
    assert "13900001111" not in str(read)


async def test_the_list_goes_on_where_it_ended(api: Callers) -> None:
    for place in range(3):
        await draft(api, f"10411007011080{place}")
    first = await api.get("li", "/v1/merchants?limit=2")
    rest = await api.get("li", f"/v1/merchants?limit=2&cursor={first['next']}")
    numbers = [one["number"] for one in [*first["merchants"], *rest["merchants"]]]
    assert numbers == ["104110070110802", "104110070110801", "104110070110800"]
    assert "next" not in rest


async def test_it_goes_from_draft_over_review_to_open_and_each_move_has_who_and_why(api: Callers) -> None:
    id_ = await with_documents(api)
    assert (await move(api, id_, "submit"))["merchant"]["state"] == "review"
    proposed = await move(api, id_, "open")
    assert proposed["merchant"]["state"] == "review"
    body = {"digest": proposed["proposal"]["digest"]}
    with pytest.raises(ApiRefusedError, match="not_permitted"):
        await api.client("li").post(f"/v1/approvals/{proposed['proposal']['id']}/approve", body, key="mine")
    assert (await api.approve("wang", proposed["proposal"]))["state"] == "approved"
    assert await state(api, id_, second=True) == "open"
    await move(api, id_, "suspend")
    for event, after in (("reopen", "open"), ("suspend", "suspended"), ("close", "closed")):
        moved = await move(api, id_, event)
        if "proposal" in moved:
            await api.approve("wang", moved["proposal"])
        assert await state(api, id_) == after
    history = (await api.get("li", f"/v1/merchants/{id_}"))["history"]
    moves = [step for step in history if step["what"] in {"review", "open", "suspended", "closed"}]
    assert [step["what"] for step in moves] == ["review", "open", "suspended", "open", "suspended", "closed"]
    assert all(step["who"] in {"api:li", "api:wang"} and step["why"].startswith("a test") for step in moves)
    assert moves[1]["who"] == "api:wang"


@pytest.mark.parametrize("event", ["open", "suspend", "reopen", "close", "return"])
async def test_every_other_transition_is_refused(api: Callers, event: str) -> None:
    id_ = await with_documents(api)
    assert await api.refused("li", f"/v1/merchants/{id_}/moves", {"move": event}) == "wrong_state"
    assert await state(api, id_) == "draft"


async def test_without_its_documents_it_is_not_reviewed(api: Callers) -> None:
    id_ = await with_documents(api, kinds=DOCUMENTS[:3])
    assert await api.refused("li", f"/v1/merchants/{id_}/moves", {"move": "submit"}) == "wrong_state"
    old = {"kind": "agreement", "number": "HT-2020-1", "file_digest": SCAN, "valid_until": "2020-12-31"}
    await api.post("li", f"/v1/merchants/{id_}/documents", old)
    assert await api.refused("li", f"/v1/merchants/{id_}/moves", {"move": "submit"}) == "wrong_state"
    await api.post("li", f"/v1/merchants/{id_}/documents", {**old, "valid_until": "2099-12-31"})
    assert (await move(api, id_, "submit"))["merchant"]["state"] == "review"


async def test_a_document_s_number_is_nowhere_in_clear(api: Callers) -> None:
    id_ = await with_documents(api)
    shown = await api.get("li", f"/v1/merchants/{id_}")
    assert shown["documents"][0]["number"] == "**************DE0K"
    kept = str(await api.pool.fetch("SELECT d::text FROM merchant_document d"))
    kept += str(await api.pool.fetch("SELECT l::text FROM record_edit_line l"))
    assert "91320500MA1ABCDE0K" not in kept
    retired = await api.post("li", f"/v1/merchants/{id_}/documents/{shown['documents'][0]['id']}/retire", {})
    assert retired["documents"][0]["state"] == "retired"


async def test_in_review_its_file_is_closed_and_a_returned_one_is_opened_anew(api: Callers) -> None:
    id_ = await with_documents(api)
    await move(api, id_, "submit")
    proposal = (await move(api, id_, "open"))["proposal"]
    assert await api.refused("li", f"/v1/merchants/{id_}", {"name": "Other"}) == "wrong_state"
    await move(api, id_, "return", by="wang")
    await api.post("li", f"/v1/merchants/{id_}", {"name": "Other"})
    await move(api, id_, "submit")
    path = f"/v1/approvals/{proposal['id']}/approve"
    with pytest.raises(ApiRefusedError, match="wrong_state"):
        await api.client("wang").post(path, {"digest": proposal["digest"]}, key="old")
    assert await state(api, id_) == "review"


async def test_a_merchant_administrator_does_not_open_their_own_shop(api: Callers) -> None:
    id_ = await with_documents(api)
    await api.add(
        "shop", uuid(id_), frozenset({"merchants:read", "merchants:write", "approvals:read", "approvals:decide"})
    )
    assert (await api.get("shop", f"/v1/merchants/{id_}"))["number"] == NUMBER
    await move(api, id_, "submit", by="shop")
    proposal = (await move(api, id_, "open", by="li"))["proposal"]
    with pytest.raises(ApiRefusedError, match="not_permitted"):
        await api.approve("shop", proposal)


async def test_who_does_not_see_a_merchant_is_told_there_is_none(api: Callers) -> None:
    id_, other = await with_documents(api), (await draft(api, "104110070110800"))["id"]
    await api.add("other", uuid(other))
    assert await api.refused("other", f"/v1/merchants/{id_}") == "not_found"
    for path, body in (
        ("", {"name": "Mine"}),
        ("/moves", {"move": "submit"}),
        ("/moves", {"move": "open"}),
        ("/shops", {"code": "X", "name": "X"}),
        ("/terminals", {"number": TERMINAL, "serial": "S", "model": "M"}),
        ("/bank-cards", {"account": "6222020001234560", "name": "x", "bank": "ICBC"}),
    ):
        assert await api.refused("other", f"/v1/merchants/{id_}{path}", body) == "not_found"
    assert [one["id"] for one in (await api.get("other", "/v1/merchants"))["merchants"]] == [other]


async def test_a_device_stands_with_one_merchant_and_a_terminal_in_its_shop(api: Callers) -> None:
    id_, other = (await draft(api))["id"], (await draft(api, "104110070110800"))["id"]
    shops = (await api.post("li", f"/v1/merchants/{id_}/shops", {"code": "PJL", "name": "平江路店"}))["shops"]
    device = {"number": TERMINAL, "serial": "SN1", "model": "P90", "shop": shops[0]["id"]}
    taken = await api.post("li", f"/v1/merchants/{id_}/terminals", device)
    terminal = taken["terminals"][0]
    assert (terminal["serial"], terminal["model"], terminal["shop"]) == ("SN1", "P90", shops[0]["id"])
    assert terminal["has_key"] is False
    assert await api.refused("li", f"/v1/merchants/{other}/terminals", device) == "not_found"
    again = {"number": "10009902", "serial": "SN1", "model": "P90"}
    assert await api.refused("li", f"/v1/merchants/{other}/terminals", again) == "taken"
    assert await api.refused("li", f"/v1/merchants/{other}/terminals", {**again, "number": TERMINAL}) == "taken"
    both = [{**again, "number": f"1000991{place}", "serial": "SN2"} for place in range(2)]
    paths = [f"/v1/merchants/{one}/terminals" for one in (id_, other)]
    outcomes = await asyncio.gather(
        *(api.post("li", path, body) for path, body in zip(paths, both, strict=True)), return_exceptions=True
    )
    assert sum(isinstance(one, Exception) for one in outcomes) == 1


async def test_a_repeated_command_gets_its_first_answer(api: Callers) -> None:
    body = {"number": NUMBER, "name": "南山茶庄", "kind": "micro"}
    first = await api.post("li", "/v1/merchants", body, key="take-on")
    again = await api.post("li", "/v1/merchants", body, key="take-on", second=True)
    assert again["id"] == first["id"]
    assert await api.refused("li", "/v1/merchants", {**body, "name": "Other"}, key="take-on") == "key_reused"
    for kind in ("identity_card", "premises_proof", "agreement"):
        document = {"kind": kind, "number": "320500199001011234", "file_digest": SCAN}
        await api.post("li", f"/v1/merchants/{first['id']}/documents", document)
    one = await move(api, first["id"], "submit", key="submit")
    two = await move(api, first["id"], "submit", key="submit")
    assert (one["merchant"]["state"], two["merchant"]["state"]) == ("review", "review")
    assert await api.refused("li", f"/v1/merchants/{first['id']}/moves", {"move": "submit"}) == "wrong_state"


@pytest.mark.parametrize(
    ("own", "code"),
    [
        ({"number": "123"}, "format"),
        ({"kind": "circus"}, "format"),
        ({"mcc": "9999"}, "format"),
        ({"ripening": "after_days:0"}, "format"),
        ({"parent": "pty_01kanbz1s0e008000000000001"}, "not_found"),
        ({"name": ""}, "format"),
        ({"colour": "red"}, "format"),
    ],
)
async def test_what_cannot_be_taken_on(api: Callers, own: dict[str, Any], code: str) -> None:
    body = {"number": NUMBER, "name": "南山茶庄", "kind": "micro", **own}
    assert await api.refused("li", "/v1/merchants", body) == code


async def test_a_bank_card_is_bound_and_unbound_by_two(api: Callers) -> None:
    id_ = await opened(api)
    card = {"account": "6222020001234560", "name": "王小明", "bank": "ICBC"}
    proposal = await api.post("li", f"/v1/merchants/{id_}/bank-cards", card)
    assert proposal["after"] == {"bank_card": "622202******4560", "bank": "ICBC", "number": 1}
    assert (await api.get("li", f"/v1/bank-cards?party={id_}"))["bank_cards"] == []
    stored = str(
        await api.pool.fetch("SELECT p::text FROM proposal p UNION ALL SELECT l::text FROM record_edit_line l")
    )
    assert "6222020001234560" not in stored
    assert "王小明" not in stored
    await api.approve("wang", proposal)
    [bound] = (await api.get("li", f"/v1/merchants/{id_}"))["bank_cards"]
    assert bound["mask"] == "622202******4560"
    assert await api.refused("li", f"/v1/merchants/{id_}/bank-cards", card) == "taken"
    unbind = await api.post("wang", f"/v1/merchants/{id_}/bank-cards/{bound['id']}/unbind", {})
    await api.approve("li", unbind)
    assert "bank_cards" not in await api.get("li", f"/v1/merchants/{id_}")
    assert await parties.bank_cards(api.pool, uuid(id_)) == []


async def test_a_repeated_proposal_gets_its_first_answer_also_after_it_took_effect(api: Callers) -> None:
    id_ = (await draft(api))["id"]
    path, card = f"/v1/merchants/{id_}/bank-cards", {"account": "6222020001234560", "name": "王小明", "bank": "ICBC"}
    proposal = await api.post("li", path, card, key="bind")
    await api.approve("wang", proposal)
    again = await api.post("li", path, card, key="bind", second=True)
    assert (again["id"], again["state"]) == (proposal["id"], "approved")
    assert await api.refused("li", path, {**card, "bank": "ABC"}, key="bind") == "key_reused"
    merchant = await api.get("li", f"/v1/merchants/{id_}")
    unbind = f"{path}/{merchant['bank_cards'][0]['id']}/unbind"
    taken = await api.post("li", unbind, {}, key="unbind")
    await api.approve("wang", taken)
    assert (await api.post("li", unbind, {}, key="unbind"))["id"] == taken["id"]
    history = (await api.get("li", f"/v1/merchants/{id_}"))["history"]
    cards = [(step["what"], step["who"]) for step in history if step["what"].startswith("bank_card")]
    assert cards == [("bank_card added", "api:wang"), ("bank_card edited", "api:wang")]
    assert "6222020001234560" not in str(history)


async def test_a_proposal_to_open_ends_with_the_day_of_its_first_document(api: Callers) -> None:
    id_ = await with_documents(api, kinds=DOCUMENTS[:3])
    today = await api.pool.fetchval("SELECT (now() AT TIME ZONE 'Asia/Shanghai')::date::text")
    lapsing = {"kind": "agreement", "number": "HT-2020-1", "file_digest": SCAN, "valid_until": today}
    await api.post("li", f"/v1/merchants/{id_}/documents", lapsing)
    await move(api, id_, "submit")
    proposal = (await move(api, id_, "open"))["proposal"]
    ends = "SELECT ($1::date + 1)::timestamp AT TIME ZONE 'Asia/Shanghai' = $2::timestamptz"
    kept = await api.pool.fetchval("SELECT expires_at FROM proposal")
    assert await api.pool.fetchval(ends.replace("$1", f"'{today}'").replace("$2", "$1"), kept), proposal["expires_at"]


async def test_without_its_documents_a_suspended_merchant_is_not_reopened(api: Callers) -> None:
    id_ = await with_documents(api)
    await api.pool.execute("UPDATE merchant SET state = 'suspended', version = version + 1")
    held = (await api.get("li", f"/v1/merchants/{id_}"))["documents"][0]
    await api.post("li", f"/v1/merchants/{id_}/documents/{held['id']}/retire", {})
    assert await api.refused("li", f"/v1/merchants/{id_}/moves", {"move": "reopen"}) == "wrong_state"
    await api.post(
        "li", f"/v1/merchants/{id_}/documents", {"kind": held["kind"], "number": "91320500MA1", "file_digest": SCAN}
    )
    assert (await move(api, id_, "reopen"))["proposal"]["state"] == "proposed"


async def test_a_rate_is_approved_before_it_takes_effect_or_never(api: Callers) -> None:
    id_ = await opened(api)
    path = f"/v1/merchants/{id_}/rates"
    rate = {"percent": "0.55", "effective_from": "2099-01-01T00:00:00+08:00"}
    proposal = await api.post("li", path, rate)
    assert proposal["after"]["percent"] == "0.55"
    assert await api.pool.fetchval("SELECT count(*) FROM fee_version") == 0
    await api.approve("wang", proposal)
    [row] = await api.pool.fetch("SELECT ratio, effective_from FROM fee_version")
    assert (str(row["ratio"].normalize()), row["effective_from"].isoformat()) == ("0.55", "2098-12-31T16:00:00+00:00")
    assert await api.refused("li", path, {**rate, "effective_from": "2020-01-01T00:00:00+08:00"}) == "format"
    assert await api.refused("li", path, {**rate, "item": "no_such_fee"}) == "format"


async def test_an_unknown_merchant_is_refused_and_one_that_is_not_open_does_not_withdraw(api: Callers) -> None:
    assert await api.refused("li", "/v1/merchants/mch_01kanbz1s0e008000000000001") == "not_found"
    id_ = await with_documents(api)
    await api.add("shop", uuid(id_))
    wish = {"party": id_, "amount": {"minor": 100, "unit": "CNY"}, "bank_card": "crd_01kanbz1s0e008000000000002"}

    async def told() -> str:
        with pytest.raises(ApiRefusedError) as refusal:
            await api.client("shop").post("/v1/withdrawals", wish, key=f"w{next(api.numbers)}")
        return refusal.value.code

    assert await told() == "merchant_unknown"
    await move(api, id_, "submit")
    await api.approve("wang", (await move(api, id_, "open"))["proposal"])
    assert await told() == "card_not_bound"
    await move(api, id_, "suspend")
    assert await told() == "not_permitted"


async def entered_by_two(settings: Settings, dsn: str, parts: list[bytes]) -> dict[str, Any]:
    """Enter a terminal's master key by two people at the command; returns the proposal to put it into use."""
    new = NewCeremony(target=f"terminal:{TERMINAL}", kind=KeyKind.TERMINAL_MASTER, why="ceremony")
    async with counter(settings, dsn, password=None) as at:
        first, second = KeyDesk(at, name="custodian.a"), KeyDesk(at, name="custodian.b")
        ceremony = UUID((await first.start(new))["id"])
        for desk, part in ((first, parts[0]), (second, parts[1])):
            entered = await desk.enter(ceremony, part, confirmed=await desk.component_check_value(ceremony, part))
    return {"id": entered["proposal"]["id"], "digest": entered["proposal"]["digest"]}


async def test_a_terminal_pays_only_while_its_merchant_is_open(api: Callers) -> None:
    id_ = await with_documents(api)
    await api.post("li", f"/v1/merchants/{id_}/terminals", {"number": TERMINAL, "serial": "SN1", "model": "P90"})
    parts = [bytes.fromhex("CA5D92598DCA48CE8A4C76361A9269E9"), bytes.fromhex("0123456789ABCDEF0123456789ABCDEF")]
    tmk = bytes(a ^ b for a, b in zip(*parts, strict=True))
    settings = load_settings((), {"TILLGATE_KEYS__DIRECTORY": str(api.keys)})
    proposal = await entered_by_two(settings, api.dsn, parts)
    await api.approve("wang", proposal)
    terminal = SimulatedTerminal(
        TerminalSettings(
            host=api.listener["host"], port=api.listener["port"], terminal=TERMINAL, merchant=NUMBER, answer_seconds=10
        ),
        tmk=tmk,
        clock=SystemClock(),
    )
    try:
        assert (await terminal.sign_in()).answer["39"] == "03"
        await move(api, id_, "submit")
        await api.approve("wang", (await move(api, id_, "open"))["proposal"])

        async def signs_in() -> bool:
            return (await terminal.sign_in()).answer["39"] == "00"

        await soon("the terminal door to follow", signs_in, within_s=1.0)
        await move(api, id_, "suspend")

        async def is_told(code: str) -> bool:
            return (await terminal.purchase(100, pan="6222020001234560")).answer["39"] == code

        await soon("a suspended merchant to be refused", lambda: is_told("58"), within_s=1.0)
        await api.approve("wang", (await move(api, id_, "close"))["proposal"])
        await soon("a closed merchant to be refused", lambda: is_told("03"), within_s=1.0)
    finally:
        await terminal.close()


async def test_a_locked_terminal_is_not_served(api: Callers) -> None:
    id_ = (await draft(api))["id"]
    body = {"number": TERMINAL, "serial": "SN1", "model": "P90"}
    terminal = (await api.post("li", f"/v1/merchants/{id_}/terminals", body))["terminals"][0]
    path = f"/v1/merchants/{id_}/terminals/{terminal['id']}/state"
    assert (await api.post("li", path, {"state": "locked"}))["terminals"][0]["state"] == "locked"
    assert (await api.post("li", path, {"state": "active"}))["terminals"][0]["state"] == "active"
