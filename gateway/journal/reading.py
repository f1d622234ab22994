"""Reads what a batch needs in one statement, so that everything comes from one snapshot of the books."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from gateway.journal.line import Line
from gateway.journal.needs import Needs
from gateway.journal.shape import Shapes
from gateway.journal.state import NO_RECORD, UNOPENED, Head, Held, Standing, State, Used, Versioned
from gateway.ledger.model import Account, Purpose
from gateway.ledger.store import READ_ACCOUNTS, READ_HOLD_ACCOUNTS, READ_HOLDS

_READ_KEYS = """
    SELECT json_agg(json_build_array(k.scope, k.name, encode(k.digest, 'hex'), k.digest_version, k.subject,
                                      k.expires_at))
    FROM json_to_recordset({rows}) AS r(scope text, name text)
    JOIN journal_key k ON k.scope = r.scope AND k.name = r.name"""

_READ_COUNTERS = """
    SELECT json_agg(json_build_array(c.scope, c.name, c.value))
    FROM json_to_recordset({rows}) AS r(scope text, name text)
    JOIN journal_counter c ON c.scope = r.scope AND c.name = r.name"""

_READ_GENERATIONS = """
    SELECT json_agg(json_build_array(g.name, g.number))
    FROM json_to_recordset({rows}) AS r(name text)
    JOIN generation g ON g.name = r.name"""

_Accounts = list[tuple[UUID, str, Purpose, str, UUID, int | None, int | None]]
_Holds = list[tuple[UUID, UUID, str, Purpose, str, UUID, UUID, int, str, int]]
_Keys = list[tuple[str, str, str, int, UUID, datetime]]
_Counters = list[tuple[str, str, int]]
_Generations = list[tuple[str, int]]
_Records = list[tuple[UUID, int, str | None]]

_ACCOUNTS = msgspec.json.Decoder(_Accounts)
_HOLDS = msgspec.json.Decoder(_Holds)
_KEYS = msgspec.json.Decoder(_Keys)
_COUNTERS = msgspec.json.Decoder(_Counters)
_GENERATIONS = msgspec.json.Decoder(_Generations)
_RECORDS = msgspec.json.Decoder(_Records)


class NoBookError(LookupError):
    """The book has no head: the journal was never started on it."""


@dataclass(slots=True)
class Reader:
    """Composes the read of a batch; statements are kept by the parts they have."""

    book: str
    shapes: Shapes
    _texts: dict[tuple[str, ...], str] = field(default_factory=dict)

    async def read(self, line: Line, needs: Needs) -> State:
        """Read `needs`; what is not in the books stands as absent in the state. Raises NoBookError."""
        parts = _parts(needs)
        names = tuple(parts)
        text = self._texts.get(names) or self._compose(names)
        row = await line.fetch_row(text, self.book, *parts.values())
        if row is None:
            raise NoBookError(self.book)
        return _state(row, needs)

    def _compose(self, names: tuple[str, ...]) -> str:
        columns = ["h.seq", "h.hash", "h.open_day", "h.recorded_at"]
        for place, name in enumerate(names, 2):
            fragments = self._fragments(name)
            for suffix, fragment in fragments.items():
                columns.append(f'({fragment.format(rows=f"${place}::text::json")})::text AS "{name}{suffix}"')
        text = f"SELECT {', '.join(columns)} FROM journal_head h WHERE h.book = $1"
        self._texts[names] = text
        return text

    def _fragments(self, name: str) -> dict[str, str]:
        if name.startswith("record "):
            return {"": self._read_records(name.removeprefix("record "))}
        if name == "holds":
            return {"": READ_HOLDS, " accounts": READ_HOLD_ACCOUNTS}
        return {"": _FRAGMENTS[name]}

    def _read_records(self, name: str) -> str:
        table = self.shapes.tables[name].table
        state = "NULL" if table.history is None else f"t.{table.history}"
        return (
            f"SELECT json_agg(json_build_array(t.id, t.version, {state})) "
            f"FROM json_to_recordset({{rows}}) AS r(id uuid) JOIN {name} t ON t.id = r.id"
        )


_FRAGMENTS = {
    "accounts": READ_ACCOUNTS,
    "keys": _READ_KEYS,
    "counters": _READ_COUNTERS,
    "generations": _READ_GENERATIONS,
}


def _parts(needs: Needs) -> dict[str, str]:
    parts: dict[str, str] = {}
    if needs.accounts:
        parts["accounts"] = _json(
            {"party": a.party, "unit": a.unit, "purpose": a.purpose, "item": a.item} for a in needs.accounts
        )
    if needs.holds:
        parts["holds"] = _json({"id": hold} for hold in needs.holds)
    if needs.keys:
        parts["keys"] = _json({"scope": scope, "name": name} for scope, name in needs.keys)
    if needs.counters:
        parts["counters"] = _json({"scope": scope, "name": name} for scope, name in needs.counters)
    if needs.generations:
        parts["generations"] = _json({"name": name} for name in needs.generations)
    for table in sorted(needs.records):
        parts[f"record {table}"] = _json({"id": record} for record in needs.records[table])
    return parts


def _json(rows: Iterable[dict[str, Any]]) -> str:
    return msgspec.json.encode(list(rows)).decode()


def _state(row: asyncpg.Record, needs: Needs) -> State:
    found: dict[str, str | None] = dict(row.items())
    state = State(Head(row["seq"], row["hash"], row["open_day"], row["recorded_at"]))
    _read_accounts(state, needs, found)
    for hold in _HOLDS.decode(found.get("holds") or "[]"):
        state.holds[hold[0]] = Held(Account(*hold[1:5]), *hold[5:])
    for scope, name, digest, digest_version, subject, expires_at in _KEYS.decode(found.get("keys") or "[]"):
        state.keys[scope, name] = Used(bytes.fromhex(digest), digest_version, subject, expires_at)
    state.counters.update(dict.fromkeys(needs.counters, 0))
    state.counters.update({(s, name): value for s, name, value in _COUNTERS.decode(found.get("counters") or "[]")})
    state.generations.update(dict.fromkeys(needs.generations, 0))
    state.generations.update(dict(_GENERATIONS.decode(found.get("generations") or "[]")))
    for table, ids in needs.records.items():
        state.records.update({(table, record): NO_RECORD for record in ids})
        for record, version, standing in _RECORDS.decode(found.get(f"record {table}") or "[]"):
            state.records[table, record] = Versioned(version, standing)
    state.fresh.update(needs.holds, needs.keys, needs.generations, state.records)
    return state


def _read_accounts(state: State, needs: Needs, found: dict[str, str | None]) -> None:
    state.accounts.update(dict.fromkeys(needs.accounts, UNOPENED))
    for part in ("accounts", "holds accounts"):
        for party, unit, purpose, item, account_id, version, balance in _ACCOUNTS.decode(found.get(part) or "[]"):
            account = Account(party, unit, purpose, item)
            state.accounts[account] = Standing(account_id, version or 0, balance or 0)
