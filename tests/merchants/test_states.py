"""The states of a merchant, every cell; its documents; and the page that shows them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from gateway.kernel.ids import UuidSevens
from gateway.merchants import (
    BY_TWO,
    MERCHANT_STATES,
    Document,
    DocumentKind,
    MerchantEvent,
    MerchantKind,
    MerchantState,
)
from gateway.merchants.documents import NEEDED, mask_number, missing
from gateway.merchants.states import advance

PAGE = (Path(__file__).parents[2] / "docs" / "merchants.md").read_text("utf-8")
MOVES = {
    ("draft", "submit"): "review",
    ("review", "return"): "draft",
    ("review", "open"): "open",
    ("open", "suspend"): "suspended",
    ("suspended", "reopen"): "open",
    ("suspended", "close"): "closed",
}
TODAY = date(2026, 11, 22)


@pytest.mark.parametrize("state", MerchantState)
@pytest.mark.parametrize("event", MerchantEvent)
def test_every_cell(state: MerchantState, event: MerchantEvent) -> None:
    assert advance(state, event) == MOVES.get((state.value, event.value))


def test_what_lets_money_flow_or_ends_it_takes_two() -> None:
    assert {event.value for event in BY_TWO} == {"open", "reopen", "close"}


def test_the_page_is_drawn_from_the_table() -> None:
    lines = [
        f"    {state} --> {after}: {event}"
        for state, moves in MERCHANT_STATES.items()
        for event, after in moves.items()
    ]
    assert "\n".join(["    [*] --> draft", *lines, "    closed --> [*]"]) in PAGE


@pytest.mark.parametrize("kind", MerchantKind)
def test_the_page_names_what_each_kind_needs(kind: MerchantKind) -> None:
    row = next(line for line in PAGE.splitlines() if line.startswith(f"| {kind} |"))
    assert {name.strip() for name in row.split("|")[2].split(",")} == {document.value for document in NEEDED[kind]}


def held(ids: UuidSevens, kind: DocumentKind, *, until: date | None = None, is_held: bool = True) -> Document:
    return Document(
        id=ids.new(),
        merchant_id=ids.new(),
        kind=kind,
        number_mask="****",
        file_digest="0" * 64,
        valid_until=until,
        is_held=is_held,
        added_at=datetime(2026, 1, 1, tzinfo=UTC),
        version=1,
    )


def test_what_is_missing_is_named(ids: UuidSevens) -> None:
    needed = sorted(NEEDED[MerchantKind.MICRO])
    assert missing(MerchantKind.MICRO, [], on=TODAY) == needed
    documents = [held(ids, kind) for kind in needed]
    assert missing(MerchantKind.MICRO, documents, on=TODAY) == []
    assert missing(MerchantKind.MICRO, documents[1:], on=TODAY) == needed[:1]


def test_a_document_that_ran_out_or_was_retired_does_not_count(ids: UuidSevens) -> None:
    rest = [held(ids, kind) for kind in NEEDED[MerchantKind.MICRO] if kind is not DocumentKind.AGREEMENT]
    last_day = held(ids, DocumentKind.AGREEMENT, until=TODAY)
    assert missing(MerchantKind.MICRO, [*rest, last_day], on=TODAY) == []
    for gone in (
        held(ids, DocumentKind.AGREEMENT, until=date(2026, 11, 21)),
        held(ids, DocumentKind.AGREEMENT, is_held=False),
    ):
        assert missing(MerchantKind.MICRO, [*rest, gone], on=TODAY) == [DocumentKind.AGREEMENT]


@pytest.mark.parametrize(
    ("number", "shown"),
    [("320500199001011234", "**************1234"), ("HT-1", "***1"), ("12", "**"), ("139000", "****00")],
)
def test_a_number_shows_its_end_only(number: str, shown: str) -> None:
    assert mask_number(number) == shown
