"""Parameters and dictionaries take effect in every process without a restart, and keep who, when, why and what."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.sandbox.day.api_client import ApiRefusedError
from tests.app.offices.conftest import Callers, soon, uuid

OPEN_MOST = "withdrawal.most_open"
DAILY = "withdrawal.daily_minor"
MERCHANT = {"number": "104110070110899", "name": "南山茶庄", "kind": "micro"}


async def value(api: Callers, code: str, *, party: str = "", second: bool = False, by: str = "li") -> dict[str, Any]:
    found = await api.get(by, f"/v1/parameters{f'?party={party}' if party else ''}", second=second)
    return next(one for one in found["parameters"] if one["code"] == code)


async def change(api: Callers, code: str, new: Any, by: str = "li", **own: Any) -> dict[str, Any]:
    return await api.post(by, f"/v1/parameters/{code}", {"value": new, **own})


async def merchant_of(api: Callers, number: str = MERCHANT["number"]) -> str:
    id_ = (await api.post("li", "/v1/merchants", {**MERCHANT, "number": number}))["id"]
    for kind in ("identity_card", "premises_proof", "agreement"):
        document = {"kind": kind, "number": "320500199001011234", "file_digest": "0" * 64}
        await api.post("li", f"/v1/merchants/{id_}/documents", document)
    await api.post("li", f"/v1/merchants/{id_}/moves", {"move": "submit"})
    proposed = await api.post("li", f"/v1/merchants/{id_}/moves", {"move": "open"})
    await api.approve("wang", proposed["proposal"])
    return id_


async def test_a_parameter_says_what_it_is(api: Callers) -> None:
    shown = await value(api, OPEN_MOST)
    assert (shown["value"], shown["source"], shown["type"]) == (20, "default", "integer")
    assert (shown["smallest"], shown["largest"], shown["by_party"]) == (1, 1000, True)
    assert shown["title_zh"]
    listed = (await api.get("li", "/v1/parameters"))["parameters"]
    assert len(listed) >= 8
    assert {one["code"] for one in listed if one.get("sensitive")} >= {DAILY, "withdrawal_password.most_tries"}


async def test_a_new_value_is_read_back_in_the_other_process_and_its_history_kept(api: Callers) -> None:
    changed = await change(api, OPEN_MOST, 3, why="few at once")
    assert (changed["parameter"]["value"], changed["parameter"]["source"]) == (3, "system")
    assert (await value(api, OPEN_MOST, second=True))["value"] == 3
    await change(api, OPEN_MOST, 4, by="wang")
    await change(api, OPEN_MOST, None)
    assert (await value(api, OPEN_MOST))["source"] == "default"
    history = (await api.get("wang", f"/v1/parameters/{OPEN_MOST}/history"))["history"]
    assert [step["who"] for step in history] == ["api:li", "api:wang", "api:li"]
    assert history[0]["why"] == "few at once"
    values = [(step["data"]["before"].get("value"), step["data"]["after"].get("value")) for step in history]
    assert values == [(None, 3), (3, 4), (4, None)]


async def test_a_limit_holds_at_once_in_running_code_of_every_process_and_for_that_merchant_only(api: Callers) -> None:
    shops = {name: await merchant_of(api, f"10411007011089{place}") for place, name in enumerate(("a", "b"))}
    for name, id_ in shops.items():
        await api.add(name, uuid(id_))
        card = {"account": f"622202000123456{len(name)}", "name": "王", "bank": "ICBC"}
        await api.approve("wang", await api.post("li", f"/v1/merchants/{id_}/bank-cards", card))
    cards = {name: (await api.get(name, "/v1/bank-cards"))["bank_cards"][0]["id"] for name in shops}

    async def told(name: str, *, second: bool) -> str:
        wish = {"party": shops[name], "amount": {"minor": 500, "unit": "CNY"}, "bank_card": cards[name]}
        client = api.client(name, api.second if second else api.first)
        with pytest.raises(ApiRefusedError) as refusal:
            await client.post("/v1/withdrawals", wish, key=f"w{next(api.numbers)}")
        return refusal.value.code

    assert [await told(name, second=False) for name in shops] == ["insufficient_funds"] * 2
    await change(api, "withdrawal.smallest_minor", 501, party=shops["a"])
    for second in (False, True):

        async def is_refused(*, second: bool = second) -> bool:
            return await told("a", second=second) == "limit_exceeded"

        await soon("the limit to hold", is_refused, within_s=1.0)
        assert await told("b", second=second) == "insufficient_funds"
    assert (await value(api, "withdrawal.smallest_minor", party=shops["a"]))["source"] == "party"
    assert (await value(api, "withdrawal.smallest_minor", party=shops["b"]))["source"] == "default"


async def test_a_sensitive_one_needs_a_second_person(api: Callers) -> None:
    changed = await change(api, DAILY, 100_00)
    assert changed["parameter"]["value"] == 20_000_000_00
    proposal = changed["proposal"]
    assert proposal["before"] == {"parameter": DAILY, "party": None, "value": 20_000_000_00}
    assert proposal["after"] == {"parameter": DAILY, "party": None, "value": 100_00}
    with pytest.raises(ApiRefusedError, match="not_permitted"):
        await api.approve("li", proposal)
    assert (await value(api, DAILY))["source"] == "default"
    await api.approve("wang", proposal)
    assert (await value(api, DAILY, second=True))["value"] == 100_00
    history = (await api.get("li", f"/v1/parameters/{DAILY}/history"))["history"]
    assert [(step["who"], "proposed by api:li" in step["why"]) for step in history] == [("api:wang", True)]
    stale = [await change(api, DAILY, amount) for amount in (200_00, 300_00)]
    await api.approve("wang", stale[0]["proposal"])
    with pytest.raises(ApiRefusedError, match="wrong_state"):
        await api.approve("wang", stale[1]["proposal"])
    assert (await value(api, DAILY))["value"] == 200_00


@pytest.mark.parametrize(
    ("code", "new", "problem"),
    [
        (OPEN_MOST, 0, "format"),
        (OPEN_MOST, 1001, "format"),
        (OPEN_MOST, "3", "format"),
        (OPEN_MOST, True, "format"),
        (OPEN_MOST, 3.5, "format"),
        ("withdrawal.gone", 1, "not_found"),
        (DAILY, -1, "format"),
    ],
)
async def test_what_it_may_not_be(api: Callers, code: str, new: Any, problem: str) -> None:
    assert await api.refused("li", f"/v1/parameters/{code}", {"value": new}) == problem


async def test_a_merchant_sees_its_own_and_sets_nothing(api: Callers) -> None:
    shops = [await merchant_of(api, f"10411007011089{place}") for place in range(2)]
    await api.add("shop", uuid(shops[0]))
    assert (await value(api, OPEN_MOST, party=shops[0], by="shop"))["value"] == 20
    assert await api.refused("shop", f"/v1/parameters?party={shops[1]}") == "not_found"
    assert await api.refused("shop", f"/v1/parameters/{OPEN_MOST}/history?party={shops[1]}") == "not_found"
    assert await api.refused("shop", f"/v1/parameters/{OPEN_MOST}", {"value": 99}) == "not_permitted"
    confined = "withdrawal.confirm_within_s"
    assert await api.refused("li", f"/v1/parameters/{confined}", {"value": 99, "party": shops[0]}) == "format"


async def test_the_error_dictionary_is_listed_added_edited_and_deleted(api: Callers) -> None:
    facts = {
        "channel": "boc",
        "code": "51",
        "reason": "insufficient_funds",
        "text_zh": "余额不足",
        "text_en": "No funds",
    }
    entry = await api.post("li", "/v1/error-texts", facts, key="add")
    assert (await api.post("li", "/v1/error-texts", facts, key="add"))["id"] == entry["id"]
    assert await api.refused("li", "/v1/error-texts", facts) == "taken"
    assert await api.refused("li", "/v1/error-texts", {**facts, "code": "52", "reason": "moon"}) == "format"
    path = f"/v1/error-texts/{entry['id']}"
    words = {"reason": "insufficient_funds", "text_zh": "可用余额不足", "text_en": "No funds"}
    await api.post("wang", path, {**words, "why": "clearer"})
    listed = (await api.get("li", "/v1/error-texts?channel=boc", second=True))["entries"]
    assert [(one["code"], one["reason"], one["text_zh"]) for one in listed] == [
        ("51", "insufficient_funds", "可用余额不足")
    ]
    history = (await api.get("li", path))["history"]
    assert [(step["who"], step["what"]) for step in history] == [
        ("api:li", "error_text added"),
        ("api:wang", "error_text edited"),
    ]
    await api.post("li", f"{path}/delete", {})
    assert (await api.get("li", "/v1/error-texts"))["entries"] == []
    assert await api.refused("li", path) == "not_found"
    assert await api.refused("li", f"{path}/delete", {}) == "not_found"


async def test_the_business_dictionary_is_listed_added_edited_and_deleted(api: Callers) -> None:
    facts = {"dictionary": "mcc", "code": "5462", "text_zh": "面包店", "text_en": "Bakeries", "place": 3}
    word = await api.post("li", "/v1/words", facts)
    assert await api.refused("li", "/v1/words", facts) == "taken"
    path = f"/v1/words/{word['id']}"
    await api.post("li", path, {"text_zh": "烘焙店", "text_en": "Bakeries", "place": 1})
    codes = [one["code"] for one in (await api.get("li", "/v1/words?dictionary=mcc"))["words"]]
    assert codes.index("5462") < codes.index("5411")
    assert await api.post("li", f"{path}/delete", {}) == {"id": word["id"]}
    assert "5462" not in {one["code"] for one in (await api.get("li", "/v1/words"))["words"]}


async def test_a_word_that_is_used_is_retired_and_chosen_no_more(api: Callers) -> None:
    await api.post("li", "/v1/merchants", {**MERCHANT, "mcc": "5812"})
    [word] = [one for one in (await api.get("li", "/v1/words?dictionary=mcc"))["words"] if one["code"] == "5812"]
    assert await api.post("li", f"/v1/words/{word['id']}/delete", {}) == {"id": word["id"], "retired": True}
    assert (await api.get("li", f"/v1/words/{word['id']}"))["state"] == "retired"
    other = {**MERCHANT, "number": "104110070110800", "mcc": "5812"}
    assert await api.refused("li", "/v1/merchants", other) == "format"
    await api.post("li", f"/v1/words/{word['id']}", {"text_zh": "餐馆", "text_en": "Restaurants", "place": 5})
    assert (await api.post("li", "/v1/merchants", other))["mcc"] == "5812"
