"""The rows that a decided batch writes, gathered per table so that one statement writes each table once.

Rows are tuples in the order of the columns that `parts.py` declares for them: they are sent column by column.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from gateway.journal import chain
from gateway.journal.chain import Line, Said
from gateway.journal.model import Change, Insert, Key, Move, Put
from gateway.journal.postings import Entered, Entry
from gateway.journal.shape import Shape, Shapes
from gateway.journal.state import Held, Name, Versioned
from gateway.ledger.model import Account

Row = dict[str, object]
Cells = tuple[object, ...]


class Rows:
    """What one statement writes; a record that is touched twice in the batch is one row."""

    def __init__(self, shapes: Shapes) -> None:
        self.shapes = shapes
        self.opened: list[Cells] = []
        self.transfers: list[Cells] = []
        self.entries: list[Cells] = []
        self.new_holds: dict[UUID, list[object]] = {}
        self.moved_holds: dict[UUID, Cells] = {}
        self.keys: list[Cells] = []
        self.counters: dict[Name, int] = {}
        self.generations: dict[str, int] = {}
        self.events: list[Cells] = []
        self.inserts: dict[str, dict[object, Row]] = {}
        self.moves: dict[str, dict[object, Row]] = {}
        self.puts: dict[str, dict[Cells, tuple[str, Row]]] = {}
        self.key_leaves = bytearray()
        self.opened_lines: list[Line] = []
        self.lines: list[Line] = []

    def change(self, change: Change, place: int, said: Sequence[Said], told: bytes) -> None:
        """Write a change's lines of the event feed; `told` is the salt and the digest of all that it tells."""
        who, why, at, id_ = change.who, change.why, change.occurred_at, change.id
        self.lines.append(chain.change(place, id_, who, at, told[chain.SALT :]))
        for line, one in enumerate(said, 1):
            self.lines.append(chain.event(line, one))
            digest = told if line == 1 else None
            kind, subject, version, state, data = one
            self.events.append((place, line, kind, subject, version, state, who, why, at, id_, data, digest))

    def transfer(self, change: Change, place: int, line: int, entered: Entered) -> None:
        """Write a transfer and its entries."""
        id_, kind, subject, at, entries, _, value_on, note = entered
        self.transfers.append((id_, place, line, kind, subject, change.id, at, value_on, note))
        lines, rows = self.lines, self.entries
        lines.append(chain.transfer(line, id_, kind, subject, at, value_on))
        entries.sort(key=_account_id)
        for entry in entries:
            account, account_id, version, amount, balance, opens = entry
            lines.append(("entry", account_id, version, amount, balance))
            rows.append((account_id, version, id_, amount, balance))
            if opens:
                self._open(account_id, account)

    def _open(self, account_id: UUID, account: Account) -> None:
        party, unit, purpose, item = account.party, account.unit, account.purpose, account.item
        self.opened.append((account_id, party, unit, purpose, item))
        self.opened_lines.append(chain.opened(account_id, party, unit, purpose, item))

    def new_hold(self, entered: Entered, held: Held, expires_at: datetime | None) -> None:
        """Write a hold that was opened now."""
        self.new_holds[entered.id] = [
            entered.id,
            held.account_id,
            held.frozen_account_id,
            held.rest_minor,
            entered.kind,
            entered.subject,
            expires_at,
            held.rest_minor,
            held.state,
            held.version,
        ]

    def move_hold(self, hold: UUID, held: Held) -> None:
        """Write what is left of a hold; one of this batch is written once, as it stands in the end."""
        if hold in self.new_holds:
            self.new_holds[hold][-3:] = held.rest_minor, held.state, held.version
        else:
            self.moved_holds[hold] = (hold, held.rest_minor, held.state, held.version)

    def key(self, change: Change, key: Key) -> None:
        """Write an idempotency key."""
        scope, name, digest, version, subject = key.scope, key.name, key.digest, key.digest_version, key.subject
        self.key_leaves += chain.key_leaf(scope, name, digest, version, subject, change.id, key.expires_at)
        self.keys.append((scope, name, octets(digest), version, subject, change.id, key.expires_at))

    def insert(self, record: Insert, place: int) -> None:
        """Write a new record."""
        shape = self.shapes.tables[record.table]
        row = _plain(record.row, shape)
        if shape.versioned:
            row["version"] = 1
        if shape.table.stamped:
            row["place"] = place
        self.inserts.setdefault(record.table, {})[record.row["id"]] = row

    def move(self, record: Move, now: Versioned) -> None:
        """Move a record to `now`; one that was inserted or moved in this batch is still one row."""
        to = _plain(record.to, self.shapes.tables[record.table])
        to["version"] = now.version
        inserted = self.inserts.get(record.table, {}).get(record.id)
        if inserted is not None:
            inserted.update(to)
            return
        moves = self.moves.setdefault(record.table, {})
        moves.setdefault(record.id, {"id": record.id, "was": record.version}).update(to)

    def put(self, record: Put) -> None:
        """Write by a named statement; of two puts of one identity in a batch the later stands."""
        shape = self.shapes.statements[record.statement]
        row = _plain(record.row, shape)
        puts = self.puts.setdefault(shape.table.name, {})
        named = row.keys() >= set(shape.table.put_key)
        identity = tuple(row[column] for column in shape.table.put_key) if named else (len(puts),)
        puts[identity] = (record.statement, row)


def octets(value: object) -> bytes:
    """Return octets as the driver takes them. Raises TypeError for anything else."""
    if not isinstance(value, bytes | bytearray | memoryview):
        raise TypeError(f"a bytea column takes bytes, not {type(value).__name__}")
    return bytes(value)


def _plain(row: Mapping[str, object], shape: Shape) -> Row:
    plain = dict(row)
    for column in shape.octets:
        if plain.get(column) is not None:
            plain[column] = octets(plain[column])
    return plain


def _account_id(entry: Entry) -> int:
    return entry.account_id.int
