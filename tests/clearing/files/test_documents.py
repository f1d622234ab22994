"""`docs/states.md` is drawn from the tables."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

import pytest

from gateway.clearing.files.model import FileState
from gateway.clearing.files.states import OUTGOING, RETURNED
from gateway.clearing.returns.model import BatchState
from gateway.clearing.returns.states import BATCHES
from gateway.payments.payout import PayoutState
from gateway.payments.payout.states import MONEY_OUT, REPORTED

PAGE = (Path(__file__).parents[3] / "docs" / "states.md").read_text("utf-8")


def drawn(first: StrEnum, table: Mapping[StrEnum, Mapping[StrEnum, StrEnum]]) -> str:
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {first}"]
    for state, cells in table.items():
        lines += [f"    {state} --> {after}: {event.replace('_', ' ')}" for event, after in cells.items()]
        lines += [] if cells else [f"    {state} --> [*]"]
    return "\n".join([*lines, "```"])


@pytest.mark.parametrize(
    ("heading", "first", "table"),
    [
        ("Money out", PayoutState.REQUESTED, MONEY_OUT),
        ("Outgoing file", FileState.COLLECTING, OUTGOING),
        ("Return file", FileState.EXPECTED, RETURNED),
        ("Batch", BatchState.IMPORTING, BATCHES),
    ],
)
def test_the_diagrams_are_the_tables(
    heading: str, first: StrEnum, table: Mapping[StrEnum, Mapping[StrEnum, StrEnum]]
) -> None:
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    assert drawn(first, table) in section


def test_the_words_of_the_reports_are_the_code_s() -> None:
    rows = re.findall(r"^\| ([a-z, ]+) \| (to be submitted|processing|success|failure) \|$", PAGE, re.MULTILINE)
    told = {state: words for states, words in rows for state in states.split(", ")}
    assert told == {state.value: words for state, words in REPORTED.items()}
