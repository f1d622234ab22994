"""Changes and tables that can never be written: faults of the code that made them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gateway.journal import CloseDay, Insert, MalformedChangeError, Move, Put, Table
from gateway.journal.shape import Shapes, check
from tests.journal.conftest import DAY, PARCEL, POST, Desk

SHAPES = Shapes.of((PARCEL, POST))

MALFORMED: dict[str, Callable[[Desk], dict[str, Any]]] = {
    "unknown table": lambda desk: {"records": (Insert("nowhere", {"id": desk.new()}),)},
    "unknown column": lambda desk: {"records": (Insert("parcel", {"id": desk.new(), "colour": "red"}),)},
    "no id": lambda _: {"records": (Insert("parcel", {"state": "packed"}),)},
    "unknown statement": lambda _: {"records": (Put("nowhere.set", {}),)},
    "a move of the id": lambda desk: {"records": (Move("parcel", desk.new(), 1, {"id": desk.new()}),)},
    "a move of the version": lambda desk: {"records": (Move("parcel", desk.new(), 1, {"version": 9}),)},
    "a move without versions": lambda desk: {"records": (Move("postbox", desk.new(), 1, {"body": "x"}),)},
    "another book": lambda _: {"book": "other"},
    "a day closed and more": lambda desk: {
        "close_day": CloseDay(DAY),
        "records": (Insert("parcel", {"id": desk.new()}),),
    },
}


@pytest.mark.parametrize("fields", MALFORMED.values(), ids=MALFORMED.keys())
def test_changes_that_are_refused_at_the_door(desk: Desk, fields: Callable[[Desk], dict[str, Any]]) -> None:
    with pytest.raises(MalformedChangeError):
        check(desk.change(**fields(desk)), SHAPES, "main")


def test_a_sound_change_passes(desk: Desk) -> None:
    records = (
        Insert("parcel", {"id": desk.new()}),
        Move("parcel", desk.new(), 1, {"state": "x"}),
        Put("postbox.drop", {}),
    )
    check(desk.change(records=records), SHAPES, "main")


@pytest.mark.parametrize(
    "tables",
    [
        (PARCEL, PARCEL),
        (POST, Table(name="other", columns={"id": "uuid"}, history=None, puts={"postbox.set": "x"})),
        (Table(name="stateless", columns={"id": "uuid"}),),
        (Table(name="wide", columns={f"c{n}": "text" for n in range(63)}, history=None),),
    ],
    ids=["a table twice", "a statement twice", "a history of nothing", "too wide"],
)
def test_tables_that_cannot_be_registered(tables: tuple[Table, ...]) -> None:
    with pytest.raises(MalformedChangeError):
        Shapes.of(tables)
