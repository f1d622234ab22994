"""Refuses changes that no state of the books could take, before they are queued."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.journal.model import Change, Insert, Move, Put, Table
from gateway.ledger.rules import check as check_posting

# A move says which of the table's columns it sets by the bits of one bigint.
MOST_COLUMNS = 62
_KEPT_BY_JOURNAL = frozenset({"version", "seq", "place"})


class MalformedChangeError(ValueError):
    """A change that names what is not registered or contradicts itself: a fault of the code that made it."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A registered table as the journal uses it."""

    table: Table
    columns: frozenset[str]
    bits: Mapping[str, int]
    octets: tuple[str, ...]
    versioned: bool

    @classmethod
    def of(cls, table: Table) -> Shape:
        """Look a table over once. Raises MalformedChangeError where it cannot be written by the journal."""
        if len(table.columns) > MOST_COLUMNS:
            raise MalformedChangeError(f"table {table.name} has more than {MOST_COLUMNS} columns")
        if table.history is not None and table.history not in table.columns:
            raise MalformedChangeError(f"table {table.name} has no column {table.history} for its history")
        return cls(
            table=table,
            columns=frozenset(table.columns),
            bits={column: 1 << place for place, column in enumerate(table.columns)},
            octets=tuple(column for column, kind in table.columns.items() if kind == "bytea"),
            versioned="version" in table.columns,
        )


@dataclass(frozen=True, slots=True)
class Shapes:
    """Every table and named statement that changes may speak of."""

    tables: Mapping[str, Shape]
    statements: Mapping[str, Shape]

    @classmethod
    def of(cls, tables: tuple[Table, ...]) -> Shapes:
        """Register `tables`. Raises MalformedChangeError where two bear one name."""
        shapes = [Shape.of(table) for table in tables]
        named = {shape.table.name: shape for shape in shapes}
        statements = {name: shape for shape in shapes for name in shape.table.puts}
        if len(named) != len(shapes) or len(statements) != sum(len(shape.table.puts) for shape in shapes):
            raise MalformedChangeError("two registered tables or statements bear one name")
        return cls(named, statements)


def check(change: Change, shapes: Shapes, book: str) -> None:
    """Raise MalformedChangeError or MalformedPostingError where `change` could never be written."""
    if change.book != book:
        raise MalformedChangeError(f"a change for book {change.book} came to book {book}")
    if change.close_day is not None and (change.records or change.postings or change.counts or change.events):
        raise MalformedChangeError("closing the day is the only content of its change")
    for record in change.records:
        _check_record(record, shapes)
    for posting in change.postings:
        check_posting(posting)


def _check_record(record: Insert | Move | Put, shapes: Shapes) -> None:
    if isinstance(record, Put):
        shape, where, row = shapes.statements.get(record.statement), record.statement, record.row
    elif isinstance(record, Insert):
        shape, where, row = shapes.tables.get(record.table), record.table, record.row
    else:
        shape, where, row = shapes.tables.get(record.table), record.table, record.to
    if shape is None:
        raise MalformedChangeError(f"{where} is not registered with the journal")
    if not row.keys() <= shape.columns:
        raise MalformedChangeError(f"{where} has no column {', '.join(sorted(row.keys() - shape.columns))}")
    if isinstance(record, Insert) and "id" not in row:
        raise MalformedChangeError(f"a new record of {where} has an id")
    if isinstance(record, Move):
        _check_move(record, shape)


def _check_move(move: Move, shape: Shape) -> None:
    if not shape.versioned:
        raise MalformedChangeError(f"{move.table} has no version, so its records cannot be moved")
    if "id" in move.to or not _KEPT_BY_JOURNAL.isdisjoint(move.to):
        raise MalformedChangeError(f"a move of {move.table} leaves id, version and stamp to the journal")
