"""The comparison with the bank's own books: it agrees where they agree, and each way to disagree is seen."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.app import store
from gateway.app.proof import agree

PAID, VOIDED, DECLINED, REVERSED, REFUND, OUT, BACK = (f"2026112200000000{n:04d}" for n in range(7))


def ours(
    ask: str, amount: int, state: str, *, operation: str | None = None, payout: str | None = None
) -> dict[str, Any]:
    return {
        "ask": ask,
        "amount_minor": amount,
        "unit": "CNY",
        "state": state,
        "operation": operation,
        "payout": payout,
        "corrected_minor": 0,
    }


def bank(number: str, kind: str, amount: int, state: str) -> dict[str, Any]:
    return {"number": number, "kind": kind, "amount": amount, "unit": "CNY", "state": state, "value_on": "2026-11-22"}


@pytest.fixture
def own() -> dict[str, dict[str, Any]]:
    """A small day in our books, by instruction number."""
    return {
        PAID: ours("pay", 1000, "success", operation="approved"),
        VOIDED: ours("pay", 2000, "cancelled", operation="approved"),
        DECLINED: ours("pay", 3000, "failed", operation="declined"),
        REVERSED: ours("pay", 4000, "cancelled", operation="reversed"),
        REFUND: ours("refund", 500, "success", operation="approved"),
        OUT: ours("payout", 7000, "success", payout="success"),
        BACK: ours("payout", 8000, "success", payout="returned"),
        "20261122000000009999": ours("reverse", 4000, "success", operation="reversed"),
    }


@pytest.fixture
def books() -> list[dict[str, Any]]:
    """The same day in the bank's."""
    return [
        bank(PAID, "pay", 1000, "success"),
        bank(VOIDED, "pay", 2000, "voided"),
        bank(DECLINED, "pay", 3000, "failed"),
        bank(REVERSED, "pay", 4000, "reversed"),
        bank(REFUND, "refund", 500, "success"),
        bank(OUT, "payout", 7000, "success"),
        bank(BACK, "payout", 8000, "returned"),
    ]


@pytest.fixture
def strangers() -> dict[str, int]:
    """What we gave back of lines that we know nothing of."""
    return {}


@pytest.fixture
def compare(own, books, strangers, monkeypatch):
    async def read_own(_pool: Any) -> dict[str, dict[str, Any]]:
        return dict(own)

    async def read_strangers(_pool: Any) -> dict[str, int]:
        return dict(strangers)

    nowhere: Any = None

    monkeypatch.setattr(store, "settled_by_number", read_own)
    monkeypatch.setattr(store, "strangers", read_strangers)

    async def compared():
        return await agree(nowhere, books)

    return compared


async def test_a_day_that_agrees(compare) -> None:
    agreement = await compare()
    assert (agreement.holds, agreement.compared, agreement.disagreements) == (True, 7, ())


async def seen(compare, number: str, *words: str) -> None:
    """One disagreement, which names the number and says what it is."""
    (line,) = (await compare()).disagreements
    assert line.startswith(f"{number}: ")
    assert [word for word in words if word not in line] == []


async def test_another_amount(compare, books) -> None:
    books[0]["amount"] = 1001
    await seen(compare, PAID, "the bank has 1001", "we have 1000")


async def test_an_amount_that_was_corrected_agrees(compare, own, books) -> None:
    books[0]["amount"] = 900
    own[PAID]["corrected_minor"] = -100
    assert (await compare()).holds


async def test_a_correction_of_something_else_does_not(compare, own, books) -> None:
    own[PAID]["corrected_minor"] = -100
    await seen(compare, PAID, "the bank has 1000", "we have 900")


@pytest.mark.parametrize("place", [0, 4, 5])
async def test_missing_at_the_bank(compare, books, place: int) -> None:
    gone = books.pop(place)
    await seen(compare, gone["number"], "we say success", "the bank has nothing")


@pytest.mark.parametrize("place", [2, 3])
async def test_what_never_stood_may_be_missing_at_the_bank(compare, books, place: int) -> None:
    books.pop(place)
    assert (await compare()).holds


async def test_unknown_to_us(compare, books) -> None:
    books.append(bank("20261122990000000001", "pay", 777, "success"))
    await seen(compare, "20261122990000000001", "pay success", "we have nothing")


async def test_a_stranger_that_was_given_back_agrees(compare, books, strangers) -> None:
    books.append(bank("20261122990000000001", "pay", 777, "success"))
    strangers["20261122990000000001"] = 777
    assert (await compare()).holds
    strangers["20261122990000000001"] = 776
    await seen(compare, "20261122990000000001", "we have nothing")


@pytest.mark.parametrize("state", ["created", "sent", "unknown", "reversing"])
async def test_still_open_with_us(compare, own, state: str) -> None:
    own[PAID]["operation"] = state
    await seen(compare, PAID, "still open with us", "the bank says success")


@pytest.mark.parametrize("state", ["frozen", "sent", "unknown"])
async def test_a_payout_still_open_with_us(compare, own, state: str) -> None:
    own[OUT]["payout"] = state
    await seen(compare, OUT, "still open with us", state)


@pytest.mark.parametrize("state", ["failed", "reversed", "voided"])
async def test_done_with_us_and_not_at_the_bank(compare, books, state: str) -> None:
    books[0]["state"] = state
    await seen(compare, PAID, f"the bank says {state}", "we say success")


@pytest.mark.parametrize("place", [1, 2, 3])
@pytest.mark.parametrize("state", ["success", "processing"])
async def test_done_at_the_bank_and_not_with_us(compare, books, place: int, state: str) -> None:
    books[place]["state"] = state
    await seen(compare, books[place]["number"], f"the bank says {state}")


@pytest.mark.parametrize(("place", "state"), [(5, "returned"), (5, "failed"), (6, "success"), (6, "failed")])
async def test_a_payout_that_ended_otherwise(compare, books, place: int, state: str) -> None:
    books[place]["state"] = state
    await seen(compare, books[place]["number"], f"the bank says {state}")


async def test_every_disagreement_is_named(compare, own, books) -> None:
    books[0]["amount"] += 1
    books[5]["state"] = "failed"
    own["20261122000000008888"] = ours("pay", 1, "success", operation="approved")
    assert len((await compare()).disagreements) == 3
