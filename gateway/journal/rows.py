"""The rows that a decided batch writes, gathered per table so that one statement writes each table once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from gateway.journal.chain import EntryLine, EventLine, OpenedLine, TransferLine
from gateway.journal.model import Change, Insert, Key, Move, Put
from gateway.journal.postings import Entered
from gateway.journal.shape import Shape, Shapes
from gateway.journal.state import Held, Name, Versioned
from gateway.ledger.model import Account

Row = dict[str, object]


@dataclass(slots=True)
class Rows:
    """What one statement writes; a record that is touched twice in the batch is one row."""

    shapes: Shapes
    opened: list[Row] = field(default_factory=list)
    transfers: list[Row] = field(default_factory=list)
    entries: list[Row] = field(default_factory=list)
    new_holds: dict[UUID, Row] = field(default_factory=dict)
    moved_holds: dict[UUID, Row] = field(default_factory=dict)
    keys: list[Row] = field(default_factory=list)
    counters: dict[Name, int] = field(default_factory=dict)
    events: list[Row] = field(default_factory=list)
    inserts: dict[str, dict[object, Row]] = field(default_factory=dict)
    moves: dict[str, dict[object, Row]] = field(default_factory=dict)
    puts: dict[str, dict[tuple[object, ...], tuple[str, Row]]] = field(default_factory=dict)
    opened_lines: list[OpenedLine] = field(default_factory=list)
    event_lines: list[EventLine] = field(default_factory=list)
    transfer_lines: list[TransferLine] = field(default_factory=list)

    def transfer(self, change: Change, place: int, line: int, entered: Entered) -> None:
        """Write a transfer and its entries."""
        self.transfers.append(
            {
                "id": entered.id,
                "place": place,
                "line": line,
                "kind": entered.kind,
                "subject": entered.subject,
                "change_id": change.id,
                "occurred_at": entered.occurred_at,
                "value_on": entered.value_on,
                "note": entered.note,
            }
        )
        lines = [EntryLine(e.account_id, e.version, e.amount_minor, e.balance_minor) for e in entered.entries]
        self.transfer_lines.append(TransferLine(place, line, entered.id, entered.kind, entered.subject, lines))
        for entry in entered.entries:
            if entry.opens:
                self._open(entry.account, entry.account_id)
            self.entries.append(
                {
                    "account_id": entry.account_id,
                    "version": entry.version,
                    "transfer_id": entered.id,
                    "amount_minor": entry.amount_minor,
                    "balance_minor": entry.balance_minor,
                }
            )

    def _open(self, account: Account, account_id: UUID) -> None:
        self.opened_lines.append(OpenedLine(account_id, account.party, account.unit, account.purpose, account.item))
        self.opened.append(
            {
                "id": account_id,
                "party": account.party,
                "unit": account.unit,
                "purpose": account.purpose,
                "item": account.item,
            }
        )

    def new_hold(self, entered: Entered, held: Held, expires_at: datetime | None) -> None:
        """Write a hold that was opened now."""
        self.new_holds[entered.id] = {
            "id": entered.id,
            "account_id": held.account_id,
            "frozen_account_id": held.frozen_account_id,
            "amount_minor": held.rest_minor,
            "rest_minor": held.rest_minor,
            "kind": entered.kind,
            "subject": entered.subject,
            "state": held.state,
            "expires_at": expires_at,
            "version": held.version,
        }

    def move_hold(self, hold: UUID, held: Held) -> None:
        """Write what is left of a hold; one of this batch is written once, as it stands in the end."""
        moved = {"rest_minor": held.rest_minor, "state": held.state, "version": held.version}
        if hold in self.new_holds:
            self.new_holds[hold].update(moved)
        else:
            self.moved_holds[hold] = {"id": hold, **moved}

    def key(self, change: Change, key: Key) -> None:
        """Write an idempotency key."""
        self.keys.append(
            {
                "scope": key.scope,
                "name": key.name,
                "digest": octets(key.digest),
                "digest_version": key.digest_version,
                "subject": key.subject,
                "change_id": change.id,
                "expires_at": key.expires_at,
            }
        )

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
        inserted = self.inserts.get(record.table, {}).get(record.id)
        if inserted is not None:
            inserted.update(to, version=now.version)
            return
        moves = self.moves.setdefault(record.table, {})
        row = moves.setdefault(record.id, {"id": record.id, "was": record.version})
        row.update(to, version=now.version)

    def put(self, record: Put) -> None:
        """Write by a named statement; of two puts of one identity in a batch the later stands."""
        shape = self.shapes.statements[record.statement]
        row = _plain(record.row, shape)
        puts = self.puts.setdefault(shape.table.name, {})
        named = row.keys() >= set(shape.table.put_key)
        identity = tuple(row[column] for column in shape.table.put_key) if named else (len(puts),)
        puts[identity] = (record.statement, row)

    def event(self, change: Change, line: EventLine, data: Mapping[str, object] | None) -> None:
        """Write a line of the event feed."""
        self.event_lines.append(line)
        self.events.append(
            {
                "place": line.place,
                "line": line.line,
                "kind": line.kind,
                "subject": line.subject,
                "version": line.version,
                "state": line.state,
                "who": change.who,
                "why": change.why,
                "occurred_at": change.occurred_at,
                "change_id": change.id,
                "data": dict(data) if data else None,
            }
        )


def octets(value: object) -> str:
    """Write bytes as PostgreSQL's text form of bytea. Raises TypeError for anything else."""
    if not isinstance(value, bytes | bytearray | memoryview):
        raise TypeError(f"a bytea column takes bytes, not {type(value).__name__}")
    return "\\x" + bytes(value).hex()


def _plain(row: Mapping[str, object], shape: Shape) -> Row:
    plain = dict(row)
    for column in shape.octets:
        if plain.get(column) is not None:
            plain[column] = octets(plain[column])
    return plain
