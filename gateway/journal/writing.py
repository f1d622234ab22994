"""Writes a decided batch in one statement, fenced on the head: every part of it joins the fence's row.

Where the head has moved since, or a cached fact has, the fence gives no row and nothing at all is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from gateway.journal.columns import parameters, relation
from gateway.journal.decide import Decided
from gateway.journal.rows import Cells, Row, Rows
from gateway.journal.shape import Shape, Shapes
from gateway.ledger.fragment import Fragment
from gateway.ledger.store import (
    WRITE_ACCOUNTS,
    WRITE_ENTRIES,
    WRITE_MOVED_HOLDS,
    WRITE_NEW_HOLDS,
    WRITE_TRANSFERS,
)

_FENCE = """
fence AS (
    UPDATE journal_head SET seq = $2, hash = $3, open_day = $4, recorded_at = $5
    WHERE book = $1 AND seq = $2::bigint - 1 AND NOT EXISTS (
        SELECT FROM json_each_text($12::text::json) e LEFT JOIN generation g ON g.name = e.key
        WHERE coalesce(g.number, 0) <> e.value::bigint)
    RETURNING book, seq, recorded_at, $6::date AS booked_on
), batch AS (
    INSERT INTO journal_batch (book, seq, batch_id, prev_hash, hash, changes, recorded_at, booked_on, writer, keys)
    SELECT book, seq, $7::uuid, $8::bytea, $3::bytea, $9::integer, recorded_at, booked_on, $10::text, $11::bytea
    FROM fence
)"""
_FIXED = 12

_WRITE_KEYS = Fragment(
    {
        "scope": "text",
        "name": "text",
        "digest": "bytea",
        "digest_version": "integer",
        "subject": "uuid",
        "change_id": "uuid",
        "expires_at": "timestamptz",
    },
    """
    INSERT INTO journal_key (scope, name, digest, digest_version, subject, change_id, seq, expires_at)
    SELECT r.scope, r.name, r.digest, r.digest_version, r.subject, r.change_id, fence.seq, r.expires_at
    FROM fence, {rows} AS r""",
)

_WRITE_COUNTERS = Fragment(
    {"scope": "text", "name": "text", "value": "bigint"},
    """
    INSERT INTO journal_counter (scope, name, value) SELECT r.scope, r.name, r.value FROM fence, {rows} AS r
    ON CONFLICT (scope, name) DO UPDATE SET value = excluded.value""",
)

_WRITE_EVENTS = Fragment(
    {
        "place": "integer",
        "line": "integer",
        "kind": "text",
        "subject": "uuid",
        "version": "integer",
        "state": "text",
        "who": "text",
        "why": "text",
        "occurred_at": "timestamptz",
        "change_id": "uuid",
        "data": "jsonb",
        "told": "bytea",
    },
    """
    INSERT INTO journal_event (book, seq, place, line, kind, subject, version, state, who, why, occurred_at,
                               recorded_at, change_id, data, told)
    SELECT fence.book, fence.seq, r.place, r.line, r.kind, r.subject, r.version, r.state, r.who, r.why, r.occurred_at,
           fence.recorded_at, r.change_id, r.data, r.told
    FROM fence, {rows} AS r""",
)

# Keys come first: where one was used already, the statement fails before anything else is written.
_FRAGMENTS = {
    "key": _WRITE_KEYS,
    "account": WRITE_ACCOUNTS,
    "transfer": WRITE_TRANSFERS,
    "entry": WRITE_ENTRIES,
    "new_hold": WRITE_NEW_HOLDS,
    "moved_hold": WRITE_MOVED_HOLDS,
    "counter": _WRITE_COUNTERS,
    "event": _WRITE_EVENTS,
}


class Part(NamedTuple):
    """One table's rows of a batch, in the order of its fragment's columns."""

    name: str
    columns: tuple[str, ...]
    kinds: tuple[str, ...]
    rows: list[Cells]


@dataclass(slots=True)
class Composer:
    """Composes the statement of a batch; statements are kept by the parts they have.

    `defaults` are the tables' own column defaults, for columns that a new record leaves out. `moved` grows by every
    column that a move ever set, so that moves of one table soon share one statement.
    """

    shapes: Shapes
    defaults: Mapping[str, Mapping[str, str]]
    writer: str
    moved: dict[str, dict[str, None]] = field(default_factory=dict)
    _texts: dict[tuple[tuple[str, tuple[str, ...]], ...], str] = field(default_factory=dict)

    def compose(self, decided: Decided) -> tuple[str, list[object]]:
        """Return the statement for `decided` and its parameters; it answers with a row only where the fence held."""
        parts = self._parts(decided.rows)
        names = tuple((part.name, part.columns) for part in parts)
        text = self._texts.get(names)
        if text is None:
            text = self._texts[names] = self._compose(parts)
        sent: list[object] = self._fixed(decided)
        for part in parts:
            sent += parameters(part.kinds, part.rows)
        return text, sent + [len(part.rows) for part in parts if part.name.startswith("move ")]

    def _fixed(self, decided: Decided) -> list[object]:
        return [
            decided.book,
            decided.head.seq,
            decided.head.hash,
            decided.head.open_day,
            decided.head.recorded_at,
            decided.before.open_day,
            decided.batch_id,
            decided.before.hash,
            decided.changes,
            self.writer,
            bytes(decided.rows.key_leaves) or None,
            msgspec.json.encode(decided.rows.generations).decode(),
        ]

    def _parts(self, rows: Rows) -> list[Part]:
        rows.entries.sort(key=_by_account)
        own: dict[str, list[Cells]] = {
            "key": rows.keys,
            "account": rows.opened,
            "transfer": rows.transfers,
            "entry": rows.entries,
            "new_hold": [tuple(row) for row in rows.new_holds.values()],
            "moved_hold": list(rows.moved_holds.values()),
            "counter": [(scope, name, value) for (scope, name), value in rows.counters.items()],
            "event": rows.events,
        }
        parts = [_part(name, _FRAGMENTS[name].columns, cells) for name, cells in own.items() if cells]
        for table in sorted(rows.inserts):
            columns = _columns_of(self.shapes.tables[table])
            parts.append(_part(f"insert {table}", columns, _cells(columns, rows.inserts[table].values())))
        parts += [self._moves(table, rows.moves[table].values()) for table in sorted(rows.moves)]
        for table in sorted(rows.puts):
            parts += self._puts(table, rows.puts[table].values())
        return parts

    def _moves(self, table: str, rows: Iterable[Row]) -> Part:
        shape, moved = self.shapes.tables[table], self.moved.setdefault(table, {})
        bits = shape.bits
        for row in rows:
            row["m"] = 0
            for column in row:
                if column in bits and column not in _MOVE_OWN:
                    moved[column] = None
                    row["m"] |= bits[column]  # type: ignore[operator]
        columns = {**_MOVE_COLUMNS, **{column: shape.table.columns[column] for column in moved}}
        return _part(f"move {table}", columns, _cells(columns, rows))

    def _puts(self, table: str, puts: Iterable[tuple[str, Row]]) -> list[Part]:
        columns = self.shapes.tables[table].table.columns
        grouped: dict[str, list[Row]] = {}
        for statement, row in puts:
            grouped.setdefault(statement, []).append(row)
        return [_part(f"put {name}", columns, _cells(columns, rows)) for name, rows in sorted(grouped.items())]

    def _compose(self, parts: list[Part]) -> str:
        texts, number = [_FENCE], _FIXED + 1
        for part in parts:
            rows = relation(dict(zip(part.columns, part.kinds, strict=True)), number)
            texts.append(f'"{part.name}" AS ({self._fragment(part).replace("{rows}", rows)})')
            number += len(part.columns) + 1
        # A record that was moved past the journal since it was read fails the whole statement, which is then retried.
        expected = [
            f'journal_expect((SELECT count(*) FROM "{part.name}"), ${place}::bigint)'
            for place, part in enumerate((part for part in parts if part.name.startswith("move ")), number)
        ]
        return f"WITH {', '.join(texts)}\nSELECT {', '.join(['fence.seq', *expected])} FROM fence"

    def _fragment(self, part: Part) -> str:
        verb, _, table = part.name.partition(" ")
        match verb:
            case "insert":
                return self._insert(self.shapes.tables[table])
            case "move":
                return _move(self.shapes.tables[table], part.columns[len(_MOVE_COLUMNS) :])
            case "put":
                return _put(table, self.shapes.statements[table])
            case _:
                return _FRAGMENTS[verb].text

    def _insert(self, shape: Shape) -> str:
        name, defaults = shape.table.name, self.defaults.get(shape.table.name, {})
        columns = list(shape.table.columns)
        values = [f"coalesce(r.{c}, {defaults[c]})" if c in defaults else f"r.{c}" for c in columns]
        if shape.table.stamped:
            columns, values = _stamp(columns, values)
        return f"INSERT INTO {name} ({', '.join(columns)}) SELECT {', '.join(values)} FROM fence, {{rows}} AS r"


_MOVE_OWN = frozenset({"id", "was", "version", "m"})
_MOVE_COLUMNS = {"id": "uuid", "was": "integer", "version": "integer", "m": "bigint"}


def _part(name: str, columns: Mapping[str, str], rows: list[Cells]) -> Part:
    return Part(name, tuple(columns), tuple(columns.values()), rows)


def _cells(columns: Mapping[str, str], rows: Iterable[Row]) -> list[Cells]:
    return [tuple(map(row.get, columns)) for row in rows]


def _columns_of(shape: Shape) -> dict[str, str]:
    columns = dict(shape.table.columns)
    if shape.table.stamped:
        columns["place"] = "integer"
    return columns


def _by_account(row: Cells) -> int:
    # The sort is stable, and an account's entries were made in the order of their versions.
    return row[0].int  # type: ignore[attr-defined, no-any-return]


def _move(shape: Shape, columns: Iterable[str]) -> str:
    sets = [f"{c} = CASE WHEN r.m & {shape.bits[c]} <> 0 THEN r.{c} ELSE t.{c} END" for c in columns]
    return (
        f"UPDATE {shape.table.name} AS t SET {', '.join(['version = r.version', *sets])} "
        "FROM fence, {rows} AS r WHERE t.id = r.id AND t.version = r.was RETURNING 1"
    )


def _stamp(columns: list[str], values: list[str]) -> tuple[list[str], list[str]]:
    plain = [(c, v) for c, v in zip(columns, values, strict=True) if c not in ("seq", "place")]
    return [*(c for c, _ in plain), "seq", "place"], [*(v for _, v in plain), "fence.seq", "r.place"]


def _put(statement: str, shape: Shape) -> str:
    rows = "WITH r AS (SELECT * FROM {rows} AS given)"
    body = shape.table.puts[statement].strip()
    if body[:4].upper() == "WITH":
        return f"{rows}, {body[4:]}"
    return f"{rows} {body}"
