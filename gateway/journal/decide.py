"""Decides a whole batch in memory: each change sees what the ones before it did, a refused one leaves no trace.

Pure: the state, the time and the maker of ids are arguments, and nothing is written here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from gateway.journal.chain import Content, EventLine, link
from gateway.journal.model import Change, Done, Insert, Key, Move, Put, Receipt, Refused, Replayed, Table
from gateway.journal.postings import Entered, NewId, enter
from gateway.journal.rows import Rows
from gateway.journal.shape import Shapes
from gateway.journal.state import Head, Layer, State, Used, Versioned
from gateway.kernel.reasons import Reason
from gateway.ledger.model import Hold, Posting
from gateway.ledger.rules import LARGEST

EventData = Mapping[str, object] | None
_UNVERSIONED = Versioned(0, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """A batch as it will be written over `before`; `receipts` answer the changes in their order."""

    book: str
    batch_id: UUID
    before: Head
    head: Head
    receipts: list[Receipt]
    state: State
    rows: Rows
    layer: Layer
    changes: int

    @property
    def writes(self) -> bool:
        """Tell whether any change was taken; a batch of refusals writes nothing."""
        return self.changes > 0


@dataclass(slots=True)
class _Taken:
    """One change on its way into the rows; dropped where it is refused."""

    change: Change
    layer: Layer
    shapes: Shapes
    keys: list[Key] = field(default_factory=list)
    records: list[tuple[Insert | Move | Put, Versioned]] = field(default_factory=list)
    entered: list[Entered] = field(default_factory=list)


def decide_batch(
    state: State, changes: Sequence[Change], *, book: str, shapes: Shapes, now: datetime, new_id: NewId
) -> Decided:
    """Decide `changes` in their order on `state`.

    Raises NotReadError where the state lacks an account that a decision turned to. A change that closes the day is
    decided alone in its batch: the whole batch is booked on the day that was open.
    """
    head = state.head
    layer, rows = Layer(state), Rows(shapes)
    recorded_at = max(now, head.recorded_at)
    receipts: list[Receipt] = []
    place, open_day = 0, head.open_day
    for change in changes:
        taken = _weigh(_Taken(change, Layer(layer), shapes), state, now, new_id)
        if not isinstance(taken, _Taken):
            receipts.append(taken)
            continue
        place += 1
        layer.sink(taken.layer)
        _write(taken, rows, place)
        if change.close_day is not None:
            open_day = change.close_day.day + timedelta(days=1)
        receipts.append(
            Done(change=change.id, seq=head.seq + 1, place=place, recorded_at=recorded_at, booked_on=head.open_day)
        )
    rows.counters = layer.counters
    content = Content(
        book=book,
        seq=head.seq + 1,
        batch_id=new_id(),
        recorded_at=recorded_at,
        booked_on=head.open_day,
        opened=rows.opened_lines,
        events=rows.event_lines,
        transfers=rows.transfer_lines,
    )
    return Decided(
        book=book,
        batch_id=content.batch_id,
        before=head,
        head=Head(head.seq + 1, link(head.hash, content), open_day, recorded_at),
        receipts=receipts,
        state=state,
        rows=rows,
        layer=layer,
        changes=place,
    )


def _weigh(taken: _Taken, state: State, now: datetime, new_id: NewId) -> _Taken | Replayed | Refused:
    return (
        _use_keys(taken)
        or _in_time(taken.change, now)
        or _expect(taken.change, taken.layer)
        or _close_day(taken.change, state)
        or _move_records(taken)
        or _count(taken.change, taken.layer)
        or _post(taken, new_id)
        or taken
    )


def _use_keys(taken: _Taken) -> Replayed | Refused | None:
    layer = taken.layer
    for key in taken.change.keys:
        name = (key.scope, key.name)
        used = layer.key(name)
        if used is None:
            layer.keys[name] = Used(key.digest, key.digest_version, key.subject)
            taken.keys.append(key)
        elif not any(mine.name == key.name and mine.scope == key.scope for mine in taken.keys):
            return _replay(taken.change, key, used)
    return None


def _replay(change: Change, key: Key, used: Used) -> Replayed | Refused:
    # While digest keys rotate a change brings its digest under each live version: the stored one's is compared.
    for mine in change.keys:
        same_name = mine.scope == key.scope and mine.name == key.name
        if same_name and mine.digest_version == used.digest_version and mine.digest == used.digest:
            return Replayed(key.name, used.subject)
    return Refused(key.refusal, f"{key.scope} {key.name} was used with other content", used.subject)


def _in_time(change: Change, now: datetime) -> Refused | None:
    if change.not_after is not None and now > change.not_after:
        return Refused(Reason.MOVED, "its time has passed")
    return None


def _expect(change: Change, layer: Layer) -> Refused | None:
    for name, number in change.expects:
        if layer.generation(name) != number:
            return Refused(Reason.MOVED, f"{name} has changed since it was read")
    return None


def _close_day(change: Change, state: State) -> Refused | None:
    if change.close_day is not None and change.close_day.day != state.head.open_day:
        return Refused(Reason.WRONG_STATE, f"the open day is {state.head.open_day}")
    return None


def _move_records(taken: _Taken) -> Refused | None:
    for record in taken.change.records:
        if isinstance(record, Put):
            taken.records.append((record, _UNVERSIONED))
            continue
        refused = _insert(record, taken) if isinstance(record, Insert) else _move(record, taken)
        if refused is not None:
            return refused
    return None


def _insert(record: Insert, taken: _Taken) -> Refused | None:
    subject = _uuid(record.row["id"])
    if taken.layer.known_record((record.table, subject)):
        return Refused(Reason.MOVED, f"{record.table} has a record with this id", subject)
    now = Versioned(1, _state(record.row, taken.shapes.tables[record.table].table))
    taken.layer.records[record.table, subject] = now
    taken.records.append((record, now))
    return None


def _move(record: Move, taken: _Taken) -> Refused | None:
    now = taken.layer.record((record.table, record.id))
    if now is None:
        return Refused(Reason.NOT_FOUND, f"{record.table} has no such record", record.id)
    if now.version != record.version:
        return Refused(Reason.MOVED, f"{record.table} is at version {now.version}", record.id)
    table = taken.shapes.tables[record.table].table
    moved = Versioned(now.version + 1, _state(record.to, table) or now.state)
    taken.layer.records[record.table, record.id] = moved
    taken.records.append((record, moved))
    return None


def _state(row: Mapping[str, object], table: Table) -> str | None:
    state = row.get(table.history) if table.history is not None else None
    return None if state is None else str(state)


def _count(change: Change, layer: Layer) -> Refused | None:
    for count in change.counts:
        name = (count.scope, count.name)
        value = layer.counter(name) + count.by
        if (count.most is not None and value > count.most) or abs(value) > LARGEST:
            return Refused(Reason.LIMIT_EXCEEDED, f"{count.name} would stand at {value}")
        if count.least is not None and value < count.least:
            return Refused(count.refusal, f"{count.name} would stand at {value}")
        layer.counters[name] = value
    return None


def _post(taken: _Taken, new_id: NewId) -> Refused | None:
    for posting in taken.change.postings:
        entered = enter(posting, taken.layer, new_id)
        if isinstance(entered, Refused):
            return entered
        taken.entered.append(entered)
    return None


def _write(taken: _Taken, rows: Rows, place: int) -> None:
    change = taken.change
    for key in taken.keys:
        rows.key(change, key)
    for record, now in taken.records:
        match record:
            case Insert():
                rows.insert(record, place)
            case Move():
                rows.move(record, now)
            case Put():
                rows.put(record)
    for line, (posting, entered) in enumerate(zip(change.postings, taken.entered, strict=True), 1):
        rows.transfer(change, place, line, entered)
        _write_holds(posting, entered, rows)
    for number, (line_of, data) in enumerate(_lines(taken), 1):
        rows.event(change, line_of._replace(place=place, line=number), data)


def _write_holds(posting: Posting, entered: Entered, rows: Rows) -> None:
    for hold, held in entered.holds.items():
        if isinstance(posting, Hold):
            rows.new_hold(entered, held, posting.expires_at)
        else:
            rows.move_hold(hold, held)


def _lines(taken: _Taken) -> list[tuple[EventLine, EventData]]:
    change = taken.change
    lines = [line for record, now in taken.records if (line := _record_line(record, now, taken.shapes)) is not None]
    for entered in taken.entered:
        for hold, held in entered.holds.items():
            lines.append((EventLine(0, 0, "ledger_hold", hold, held.version, held.state), None))
    lines += [(EventLine(0, 0, event.kind, event.subject, None, None), event.data) for event in change.events]
    if change.close_day is not None:
        closed = {"day": change.close_day.day.isoformat()}
        lines.append((EventLine(0, 0, "day_closed", change.id, None, None), closed))
    if not lines:
        # Who moved money and why must stand somewhere, also where no record moved with it.
        subject = change.postings[0].subject if change.postings else change.id
        lines.append((EventLine(0, 0, "change", subject, None, None), None))
    return lines


def _record_line(record: Insert | Move | Put, now: Versioned, shapes: Shapes) -> tuple[EventLine, EventData] | None:
    if isinstance(record, Put):
        return None
    table = shapes.tables[record.table].table
    if table.history is None:
        return None
    row, subject = (record.row, record.row["id"]) if isinstance(record, Insert) else (record.to, record.id)
    noted = {column: row[column] for column in table.noted if column in row} if table.noted else None
    return EventLine(0, 0, table.name, _uuid(subject), now.version, now.state), noted


def _uuid(subject: object) -> UUID:
    if not isinstance(subject, UUID):
        raise TypeError(f"an id is a UUID, not {type(subject).__name__}")
    return subject
