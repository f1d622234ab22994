"""Sends rows column by column, each column in one parameter: ids and octets in binary, all else as a JSON array.

A column whose rows all have the same value is sent once, in a parameter of such values; a column of nulls not at all.
Which form is cheaper was measured on both sides: reading an id from text costs the server as much as all else of it,
while the driver is slow with arrays of numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from gateway.journal.rows import Cells

_BINARY = frozenset({"uuid", "bytea"})
_DOCUMENTS = frozenset({"json", "jsonb"})
_encode = msgspec.json.Encoder().encode


def relation(columns: Mapping[str, str], first: int) -> str:
    """Return the SQL of a relation with `columns` (name and type) whose parameters begin at number `first`."""
    alike = first + len(columns)
    sources = ", ".join(_source(kind, first + place) for place, kind in enumerate(columns.values()))
    names = ", ".join(f"c{place}" for place in range(len(columns)))
    cells = ", ".join(f"{_cell(place, kind, alike)} AS {name}" for place, (name, kind) in enumerate(columns.items()))
    # Where no column can be sent once, the last parameter is named all the same: the server must know its type.
    named = f" WHERE ${alike}::text IS NOT NULL" if _BINARY.issuperset(columns.values()) else ""
    return f"(SELECT {cells} FROM ROWS FROM ({sources}) AS x({names}){named})"


def parameters(kinds: Sequence[str], rows: Sequence[Cells]) -> list[object]:
    """Return the parameters for `rows`, of which there is at least one: as many as `kinds` and one more."""
    sent: list[object] = []
    alike: list[object] = []
    for place, (kind, column) in enumerate(zip(kinds, zip(*rows, strict=True), strict=True)):
        one = column[0]
        if kind in _BINARY:
            sent.append(column)
            alike.append(None)
        elif place and column[-1] == one and column.count(one) == len(column):
            sent.append("[]")
            alike.append(one)
        else:
            sent.append(_encode(column).decode())
            alike.append(None)
    sent.append(_encode(alike).decode())
    return sent


def _source(kind: str, number: int) -> str:
    if kind in _BINARY:
        return f"unnest(${number}::{kind}[])"
    spread = "json_array_elements" if _nested(kind) else "json_array_elements_text"
    return f"{spread}(${number}::text::json)"


def _cell(place: int, kind: str, alike: int) -> str:
    own, same = f"x.c{place}", f"(${alike}::text::json -> {place})"
    if kind in _DOCUMENTS:
        return f"coalesce(nullif({own}::text, 'null'), (SELECT nullif({same}::text, 'null')))::{kind}"
    if kind.endswith("[]"):
        return f"coalesce({_array(own, kind)}, (SELECT {_array(same, kind)}))"
    if kind in _BINARY:
        return own
    return f"coalesce({own}::{kind}, (SELECT (${alike}::text::json ->> {place})::{kind}))"


def _array(cell: str, kind: str) -> str:
    items = f"SELECT e::{kind.removesuffix('[]')} FROM json_array_elements_text({cell}) e"
    return f"CASE WHEN json_typeof({cell}) = 'array' THEN ARRAY({items}) END"


def _nested(kind: str) -> bool:
    return kind in _DOCUMENTS or kind.endswith("[]")
