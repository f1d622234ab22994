"""The tables of tasks and schedules, cell by cell, and the page that is drawn from them."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest

from gateway.tasks.batch import ScheduleEvent, ScheduleState, TaskEvent, TaskState
from gateway.tasks.batch.states import SCHEDULES, TASKS, NoSuchMoveError, advance, advance_schedule

PAGE = (Path(__file__).parents[3] / "docs" / "states.md").read_text("utf-8")
CASES: list[tuple[Any, Any, Any]] = [
    *((advance, TASKS, (state, event)) for state in TaskState for event in TaskEvent),
    *((advance_schedule, SCHEDULES, (state, event)) for state in ScheduleState for event in ScheduleEvent),
]


@pytest.mark.parametrize(("move", "table", "cell"), CASES)
def test_every_cell(move: Any, table: Any, cell: tuple[Any, Any]) -> None:
    state, event = cell
    if event in table[state]:
        assert move(state, event) is table[state][event]
    else:
        with pytest.raises(NoSuchMoveError, match=f"takes no {event}"):
            move(state, event)


def drawn(first: StrEnum, table: dict[Any, dict[Any, Any]]) -> str:
    lines = [f"    [*] --> {first}"]
    lines += [f"    {state} --> {to}: {event}" for state, moves in table.items() for event, to in moves.items()]
    return "\n".join(lines)


@pytest.mark.parametrize(("first", "table"), [(TaskState.WAITING, TASKS), (ScheduleState.ACTIVE, SCHEDULES)])
def test_the_page_shows_the_tables(first: StrEnum, table: dict[Any, dict[Any, Any]]) -> None:
    assert drawn(first, table) in PAGE
