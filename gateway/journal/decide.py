"""Decides a whole batch in memory: each change sees what the ones before it did, a refused one leaves no trace.

Nothing is written here: the state it works on, the time and the maker of ids are arguments.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from gateway.journal import chain
from gateway.journal.chain import SALT, Said
from gateway.journal.model import Change, Done, Insert, Key, Move, Put, Receipt, Refused, Replayed, Table
from gateway.journal.postings import Entered, NewId, enter
from gateway.journal.rows import Rows
from gateway.journal.shape import Shapes
from gateway.journal.state import Head, Held, NotReadError, State, Undo, Used, Versioned
from gateway.kernel.reasons import Reason
from gateway.ledger.model import Hold, Posting
from gateway.ledger.rules import LARGEST

_UNVERSIONED = Versioned(0, None)
_Record = Insert | Move | Put


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """A batch as it will be written over `before`; `receipts` answer the changes in their order.

    The state it was decided on stands at `head` now; `undo` leads it back to `before`.
    """

    book: str
    batch_id: UUID
    before: Head
    head: Head
    receipts: list[Receipt]
    rows: Rows
    undo: list[Undo]
    changes: int

    @property
    def writes(self) -> bool:
        """Tell whether any change was taken; a batch of refusals writes nothing."""
        return self.changes > 0


class _Taken:
    """One change on its way into the rows; dropped where it is refused."""

    __slots__ = ("change", "doubted", "entered", "keys", "now", "postings", "records", "state")

    def __init__(self, change: Change, state: State, now: datetime) -> None:
        self.change, self.state, self.now = change, state, now
        self.keys: list[Key] = []
        self.records: list[tuple[_Record, Versioned]] = []
        # What was entered, and the posting that each is of.
        self.entered: list[Entered] = []
        self.postings: list[Posting] = []
        # What it may not be refused over before it was read.
        self.doubted: list[object] = []

    def doubts(self) -> list[object]:
        """Name what must be read before the change is refused: what was only remembered, and keys taken for free.

        A change that is taken is proven by the fence, and by the database, which keeps keys unique.
        """
        fresh = self.state.fresh
        return self.doubted + [name for key in self.keys if (name := (key.scope, key.name)) not in fresh]


def decide_batch(
    state: State, changes: Sequence[Change], *, book: str, shapes: Shapes, now: datetime, new_id: NewId
) -> Decided:
    """Decide `changes` in their order on `state`, which then stands after them.

    Raises NotReadError where the state lacks what a decision turned to; the state stands as before then, as after any
    error. A change that closes the day is decided alone in its batch: the whole batch is booked on the day that was
    open.
    """
    batch = _Batch(state, book=book, shapes=shapes, now=now, new_id=new_id)
    try:
        batch.take(changes)
        return batch.sealed()
    except BaseException:
        state.back_to(0)
        raise


class _Batch:
    """A batch on its way."""

    def __init__(self, state: State, *, book: str, shapes: Shapes, now: datetime, new_id: NewId) -> None:
        self.state, self.book, self.shapes, self.now, self.new_id = state, book, shapes, now, new_id
        self.head = state.head
        self.rows = Rows(shapes)
        self.recorded_at = max(now, state.head.recorded_at)
        self.open_day = state.head.open_day
        self.receipts: list[Receipt] = []
        state.undo = []

    def take(self, changes: Sequence[Change]) -> None:
        """Decide changes one after another."""
        state, receipts, place = self.state, self.receipts, 0
        seq, booked_on = self.head.seq + 1, self.head.open_day
        doubted: list[object] = []
        salts = chain.salts(self.new_id, len(changes))
        for change in changes:
            mark, taken = len(state.undo), _Taken(change, state, self.now)
            refused = self._weigh(taken)
            if refused is not None:
                doubted += taken.doubts()
                state.back_to(mark)
                receipts.append(refused)
                continue
            self._write(taken, place + 1, salts[place * SALT : (place + 1) * SALT])
            place += 1
            receipts.append(
                Done(change=change.id, seq=seq, place=place, recorded_at=self.recorded_at, booked_on=booked_on)
            )
        if doubted:
            raise NotReadError(*doubted)

    def sealed(self) -> Decided:
        """Link the batch to the chain; the state stands at its head then."""
        state, rows, before, batch_id = self.state, self.rows, self.head, self.new_id()
        changes = sum(type(receipt) is Done for receipt in self.receipts)
        rows.counters = {name: pages[name] for pages, name, _ in state.undo if pages is state.counters}
        head = Head(before.seq + 1, self._hash(batch_id, changes), self.open_day, self.recorded_at)
        if changes:
            state.head = head
        undo, state.undo = state.undo, []
        return Decided(
            book=self.book,
            batch_id=batch_id,
            before=before,
            head=head,
            receipts=self.receipts,
            rows=rows,
            undo=undo,
            changes=changes,
        )

    def _hash(self, batch_id: UUID, changes: int) -> bytes:
        rows = self.rows
        first = chain.batch(
            book=self.book,
            seq=self.head.seq + 1,
            batch_id=batch_id,
            recorded_at=self.recorded_at,
            booked_on=self.head.open_day,
            changes=changes,
            keys=bytes(rows.key_leaves),
        )
        return chain.link(self.head.hash, chain.encode([first, *sorted(rows.opened_lines), *rows.lines]))

    def _weigh(self, taken: _Taken) -> Replayed | Refused | None:
        change = taken.change
        return (
            (_use_keys(taken) if change.keys else None)
            or (_in_time(change, taken.now) if change.not_after is not None else None)
            or (_expect(taken) if change.expects else None)
            or (_close_day(change, self.head) if change.close_day is not None else None)
            or (_move_records(taken, self.shapes) if change.records else None)
            or (_count(change, taken.state) if change.counts else None)
            or (_post(taken, self.new_id) if change.postings else None)
        )

    def _write(self, taken: _Taken, place: int, salt: bytes) -> None:
        change, rows = taken.change, self.rows
        for key in taken.keys:
            rows.key(change, key)
        for record, now in taken.records:
            _write_record(record, now, rows, place)
        said = _said(taken, self.shapes)
        notes = [entered.note for entered in taken.entered]
        told = chain.telling(salt, change.why, [None if one.kind in chain.PLAIN else one.data for one in said], notes)
        rows.change(change, place, said, salt + told)
        for line, entered in enumerate(taken.entered, 1):
            rows.transfer(change, place, line, entered)
            if entered.holds:
                _write_holds(taken.postings[line - 1], entered, rows)
        for name, number in change.expects:
            rows.generations[name] = number
        if change.close_day is not None:
            self.open_day = change.close_day.day + timedelta(days=1)


def _use_keys(taken: _Taken) -> Replayed | Refused | None:
    state = taken.state
    for key in taken.change.keys:
        name = (key.scope, key.name)
        used = state.key(name, taken.now)
        if used is None:
            state.note(state.keys, name, Used(key.digest, key.digest_version, key.subject, key.expires_at))
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


def _expect(taken: _Taken) -> Refused | None:
    for name, number in taken.change.expects:
        if taken.state.generations[name] != number:
            if name not in taken.state.fresh:
                taken.doubted.append(name)
            return Refused(Reason.MOVED, f"{name} has changed since it was read")
    return None


def _close_day(change: Change, head: Head) -> Refused | None:
    if change.close_day is not None and change.close_day.day != head.open_day:
        return Refused(Reason.WRONG_STATE, f"the open day is {head.open_day}")
    return None


def _move_records(taken: _Taken, shapes: Shapes) -> Refused | None:
    for record in taken.change.records:
        if isinstance(record, Put):
            taken.records.append((record, _UNVERSIONED))
            continue
        refused = _insert(record, taken, shapes) if isinstance(record, Insert) else _move(record, taken, shapes)
        if refused is not None:
            return refused
    return None


def _insert(record: Insert, taken: _Taken, shapes: Shapes) -> Refused | None:
    state, subject = taken.state, _uuid(record.row["id"])
    name = (record.table, subject)
    known = state.records.seen(name)
    if known is not None and known.version and state.may_refuse(name):
        return Refused(Reason.MOVED, f"{record.table} has a record with this id", subject)
    now = Versioned(1, _state(record.row, shapes.tables[record.table].table))
    state.note(state.records, name, now)
    taken.records.append((record, now))
    return None


def _move(record: Move, taken: _Taken, shapes: Shapes) -> Refused | None:
    state, name = taken.state, (record.table, record.id)
    now = state.records[name]
    if now.version != record.version or not now.version:
        if not state.may_refuse(name):
            taken.doubted.append(name)
        return _not_there(record, now)
    moved = Versioned(now.version + 1, _state(record.to, shapes.tables[record.table].table) or now.state)
    state.note(state.records, name, moved)
    taken.records.append((record, moved))
    return None


def _not_there(record: Move, now: Versioned) -> Refused:
    if not now.version:
        return Refused(Reason.NOT_FOUND, f"{record.table} has no such record", record.id)
    return Refused(Reason.MOVED, f"{record.table} is at version {now.version}", record.id)


def _state(row: Mapping[str, object], table: Table) -> str | None:
    state = row.get(table.history) if table.history is not None else None
    return None if state is None else str(state)


def _count(change: Change, state: State) -> Refused | None:
    for count in change.counts:
        name = (count.scope, count.name)
        value = state.counters[name] + count.by
        if (count.most is not None and value > count.most) or abs(value) > LARGEST:
            return Refused(Reason.LIMIT_EXCEEDED, f"{count.name} would stand at {value}")
        if count.least is not None and value < count.least:
            return Refused(count.refusal, f"{count.name} would stand at {value}")
        state.note(state.counters, name, value)
    return None


def _post(taken: _Taken, new_id: NewId) -> Refused | None:
    for posting in taken.change.postings:
        entered = enter(posting, taken.state, new_id)
        if isinstance(entered, Refused):
            return entered
        # A credit that only repays what the same transfer advances comes to nothing: there is nothing to enter.
        if entered.entries:
            taken.entered.append(entered)
            taken.postings.append(posting)
    return None


def _write_record(record: _Record, now: Versioned, rows: Rows, place: int) -> None:
    if isinstance(record, Insert):
        rows.insert(record, place)
    elif isinstance(record, Move):
        rows.move(record, now)
    else:
        rows.put(record)


def _write_holds(posting: Posting, entered: Entered, rows: Rows) -> None:
    for hold, held in entered.holds.items():
        if isinstance(posting, Hold):
            rows.new_hold(entered, held, posting.expires_at)
        else:
            rows.move_hold(hold, held)


def _said(taken: _Taken, shapes: Shapes) -> list[Said]:
    change = taken.change
    said = [one for record, now in taken.records if (one := _said_of(record, now, shapes)) is not None]
    for posting, entered in zip(taken.postings, taken.entered, strict=True):
        if entered.holds:
            said += [_said_of_hold(posting, hold, held) for hold, held in entered.holds.items()]
    if change.events:
        said += [Said(event.kind, event.subject, None, None, event.data or None) for event in change.events]
    if change.close_day is not None:
        said.append(Said("day_closed", change.id, None, None, {"day": change.close_day.day.isoformat()}))
    if not said:
        # Who moved money and why must stand somewhere, also where no record moved with it.
        subject = change.postings[0].subject if change.postings else change.id
        said.append(Said("change", subject, None, None, None))
    return said


def _said_of_hold(posting: Posting, hold: UUID, held: Held) -> Said:
    data: dict[str, object] = {"rest_minor": held.rest_minor}
    if isinstance(posting, Hold):
        data["expires_at"] = None if posting.expires_at is None else chain.utc(posting.expires_at)
    return Said("ledger_hold", hold, held.version, held.state, data)


def _said_of(record: _Record, now: Versioned, shapes: Shapes) -> Said | None:
    if isinstance(record, Put):
        return None
    table = shapes.tables[record.table].table
    if table.history is None:
        return None
    row, subject = (record.row, record.row["id"]) if isinstance(record, Insert) else (record.to, record.id)
    noted = {column: row[column] for column in table.noted if column in row} if table.noted else None
    return Said(table.name, _uuid(subject), now.version, now.state, noted or None)


def _uuid(subject: object) -> UUID:
    if not isinstance(subject, UUID):
        raise TypeError(f"an id is a UUID, not {type(subject).__name__}")
    return subject
