"""What is approved is exactly what was proposed: lines of an edit as JSON and back, and the digest over it.

Every value is written with its column's type in mind, so that a line that was proposed is written later as it would
have been written then. Sealed bytes travel as base64 and never in clear.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import msgspec

from gateway.kernel.postgres.edit import Add, Alter, Editable

Packed = dict[str, Any]

_READERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "uuid": UUID,
    "timestamptz": datetime.fromisoformat,
    "date": date.fromisoformat,
    "numeric": Decimal,
    "bytea": base64.b64decode,
}


def digest_of(
    *, kind: str, subject: UUID, subject_version: int, party: UUID, content: Mapping[str, Any], shown: Sequence[Any]
) -> str:
    """Return the digest of a proposal: SHA-256 (hex) over its canonical JSON, what people were shown included."""
    whole = [kind, str(subject), subject_version, str(party), content, shown]
    return hashlib.sha256(msgspec.json.encode(whole, order="deterministic")).hexdigest()


def pack(lines: Iterable[Add | Alter]) -> Packed:
    """Write the lines of an edit as a proposal's content."""
    return {"lines": [_packed(line) for line in lines]}


def unpack(content: Mapping[str, Any], tables: Mapping[str, Editable]) -> tuple[Add | Alter, ...]:
    """Read the lines back. Raises KeyError where one is about another table than `tables`."""
    return tuple(_unpacked(line, tables) for line in content["lines"])


def _packed(line: Add | Alter) -> Packed:
    values = line.row if isinstance(line, Add) else line.to
    written = {column: _written(value) for column, value in values.items()}
    if isinstance(line, Add):
        return {"add": line.table.name, "row": written}
    return {"alter": line.table.name, "id": str(line.id), "version": line.version, "to": written}


def _written(value: object) -> Any:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, Decimal | UUID):
        return str(value)
    if isinstance(value, date | datetime):
        return value.isoformat()
    return msgspec.to_builtins(value)


def _unpacked(line: Packed, tables: Mapping[str, Editable]) -> Add | Alter:
    if "add" in line:
        table = tables[line["add"]]
        return Add(table, _read(table, line["row"]))
    table = tables[line["alter"]]
    return Alter(table, UUID(line["id"]), line["version"], _read(table, line["to"]))


def _read(table: Editable, values: Mapping[str, Any]) -> dict[str, object]:
    return {column: _value(table.columns[column], value) for column, value in values.items()}


def _value(kind: str, value: Any) -> Any:
    reader = _READERS.get(kind)
    return value if reader is None or value is None else reader(value)
