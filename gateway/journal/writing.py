"""Writes a decided batch in one statement, fenced on the head: every part of it joins the fence's row.

Where the head has moved since, the fence gives no row and nothing at all is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import msgspec

from gateway.journal.decide import Decided
from gateway.journal.rows import Row, Rows
from gateway.journal.shape import Shape, Shapes
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
    WHERE book = $1 AND seq = $2::bigint - 1
    RETURNING book, seq, recorded_at, $6::date AS booked_on
), batch AS (
    INSERT INTO journal_batch (book, seq, batch_id, prev_hash, hash, changes, recorded_at, booked_on, writer)
    SELECT book, seq, $7::uuid, $8::bytea, $3::bytea, $9::integer, recorded_at, booked_on, $10::text FROM fence
)"""
_FIXED = 10

_WRITE_KEYS = """
    INSERT INTO journal_key (scope, name, digest, digest_version, subject, change_id, seq, expires_at)
    SELECT r.scope, r.name, r.digest, r.digest_version, r.subject, r.change_id, fence.seq, r.expires_at
    FROM fence, json_to_recordset({rows}) AS r(scope text, name text, digest bytea, digest_version integer,
         subject uuid, change_id uuid, expires_at timestamptz)"""

_WRITE_COUNTERS = """
    INSERT INTO journal_counter (scope, name, value)
    SELECT r.scope, r.name, r.value FROM fence, json_to_recordset({rows}) AS r(scope text, name text, value bigint)
    ON CONFLICT (scope, name) DO UPDATE SET value = excluded.value"""

_WRITE_EVENTS = """
    INSERT INTO journal_event (book, seq, place, line, kind, subject, version, state, who, why, occurred_at,
                               recorded_at, change_id, data)
    SELECT fence.book, fence.seq, r.place, r.line, r.kind, r.subject, r.version, r.state, r.who, r.why, r.occurred_at,
           fence.recorded_at, r.change_id, r.data
    FROM fence, json_to_recordset({rows}) AS r(place integer, line integer, kind text, subject uuid, version integer,
         state text, who text, why text, occurred_at timestamptz, change_id uuid, data jsonb)"""

_FRAGMENTS = {
    "account": WRITE_ACCOUNTS,
    "transfer": WRITE_TRANSFERS,
    "entry": WRITE_ENTRIES,
    "new_hold": WRITE_NEW_HOLDS,
    "moved_hold": WRITE_MOVED_HOLDS,
    "key": _WRITE_KEYS,
    "counter": _WRITE_COUNTERS,
    "event": _WRITE_EVENTS,
}


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
    _texts: dict[tuple[str, ...], str] = field(default_factory=dict)

    def compose(self, decided: Decided) -> tuple[str, list[object]]:
        """Return the statement for `decided` and its parameters; it answers with a row only where the fence held."""
        parts = self._parts(decided.rows)
        moves = [(len(parts[name]), name) for name in parts if name.startswith("move ")]
        names = tuple(parts) + tuple(f"{name}:{','.join(self.moved[name[5:]])}" for _, name in moves)
        text = self._texts.get(names)
        if text is None:
            text = self._texts[names] = self._compose(list(parts), [name for _, name in moves])
        fixed: list[object] = [
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
        ]
        return text, [*fixed, *(_json(rows) for rows in parts.values()), *(count for count, _ in moves)]

    def _parts(self, rows: Rows) -> dict[str, list[Row]]:
        entries = sorted(rows.entries, key=_by_account)
        fixed: dict[str, list[Row]] = {
            "account": rows.opened,
            "transfer": rows.transfers,
            "entry": entries,
            "new_hold": list(rows.new_holds.values()),
            "moved_hold": list(rows.moved_holds.values()),
            "key": rows.keys,
            "counter": [{"scope": s, "name": n, "value": value} for (s, n), value in rows.counters.items()],
            "event": rows.events,
        }
        parts = {name: part for name, part in fixed.items() if part}
        for table in sorted(rows.inserts):
            parts[f"insert {table}"] = list(rows.inserts[table].values())
        for table in sorted(rows.moves):
            parts[f"move {table}"] = self._masked(table, rows.moves[table].values())
        for table in sorted(rows.puts):
            parts |= _by_statement(rows.puts[table].values())
        return parts

    def _masked(self, table: str, rows: Iterable[Row]) -> list[Row]:
        bits, moved = self.shapes.tables[table].bits, self.moved.setdefault(table, {})
        masked = []
        for row in rows:
            columns = [column for column in row if column not in _MOVE_OWN]
            moved.update(dict.fromkeys(columns))
            masked.append({**row, "m": sum(bits[column] for column in columns)})
        return masked

    def _compose(self, names: list[str], moves: list[str]) -> str:
        parts = [_FENCE]
        for place, name in enumerate(names, _FIXED + 1):
            fragment = self._fragment(name).replace("{rows}", f"${place}::text::json")
            parts.append(f'"{name}" AS ({fragment})')
        first = _FIXED + 1 + len(names)
        # A record that was moved past the journal since it was read fails the whole statement, which is then retried.
        expected = [
            f'journal_expect((SELECT count(*) FROM "{name}"), ${place}::bigint)'
            for place, name in enumerate(moves, first)
        ]
        return f"WITH {', '.join(parts)}\nSELECT {', '.join(['fence.seq', *expected])} FROM fence"

    def _fragment(self, name: str) -> str:
        verb, _, table = name.partition(" ")
        match verb:
            case "insert":
                return self._insert(self.shapes.tables[table])
            case "move":
                return self._move(self.shapes.tables[table])
            case "put":
                return _put(table, self.shapes.statements[table])
            case _:
                return _FRAGMENTS[name]

    def _insert(self, shape: Shape) -> str:
        name, defaults = shape.table.name, self.defaults.get(shape.table.name, {})
        columns = list(shape.table.columns)
        values = [f"coalesce(r.{c}, {defaults[c]})" if c in defaults else f"r.{c}" for c in columns]
        kinds = [f"{column} {kind}" for column, kind in shape.table.columns.items()]
        if shape.table.stamped:
            columns, values = _stamp(columns, values)
            kinds = [kind for kind in kinds if kind.partition(" ")[0] != "place"] + ["place integer"]
        return (
            f"INSERT INTO {name} ({', '.join(columns)}) SELECT {', '.join(values)} "
            f"FROM fence, json_to_recordset({{rows}}) AS r({', '.join(kinds)})"
        )

    def _move(self, shape: Shape) -> str:
        columns = list(self.moved[shape.table.name])
        sets = [f"{c} = CASE WHEN r.m & {shape.bits[c]} <> 0 THEN r.{c} ELSE t.{c} END" for c in columns]
        kinds = [f"{column} {shape.table.columns[column]}" for column in columns]
        return (
            f"UPDATE {shape.table.name} AS t SET {', '.join(['version = r.version', *sets])} "
            f"FROM fence, json_to_recordset({{rows}}) AS "
            f"r({', '.join(['id uuid', 'was integer', 'version integer', 'm bigint', *kinds])}) "
            "WHERE t.id = r.id AND t.version = r.was RETURNING 1"
        )


_MOVE_OWN = frozenset({"id", "was", "version"})


def _by_account(row: Row) -> tuple[bytes, int]:
    return row["account_id"].bytes, row["version"]  # type: ignore[attr-defined, return-value]


def _by_statement(puts: Iterable[tuple[str, Row]]) -> dict[str, list[Row]]:
    grouped: dict[str, list[Row]] = {}
    for statement, row in puts:
        grouped.setdefault(f"put {statement}", []).append(row)
    return dict(sorted(grouped.items()))


def _stamp(columns: list[str], values: list[str]) -> tuple[list[str], list[str]]:
    plain = [(c, v) for c, v in zip(columns, values, strict=True) if c not in ("seq", "place")]
    return [*(c for c, _ in plain), "seq", "place"], [*(v for _, v in plain), "fence.seq", "r.place"]


def _put(statement: str, shape: Shape) -> str:
    kinds = ", ".join(f"{column} {kind}" for column, kind in shape.table.columns.items())
    rows = f"WITH r AS (SELECT * FROM json_to_recordset({{rows}}) AS x({kinds}))"
    body = shape.table.puts[statement].strip()
    if body[:4].upper() == "WITH":
        return f"{rows}, {body[4:]}"
    return f"{rows} {body}"


def _json(rows: list[Row]) -> str:
    return msgspec.json.encode(rows).decode()
