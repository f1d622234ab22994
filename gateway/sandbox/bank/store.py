"""The bank's books in a SQLite file of its own: every effect is on disk before anybody is told of it."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from gateway.sandbox.bank.messages import Answer
from gateway.sandbox.bank.model import Entry, FileState, Kind, OutFile, OutLine, PaymentLine, State

Result = TypeVar("Result")

_TABLES = """
CREATE TABLE IF NOT EXISTS instruction (
  place INTEGER PRIMARY KEY AUTOINCREMENT,
  number TEXT NOT NULL UNIQUE,
  kind TEXT NOT NULL,
  original TEXT NOT NULL DEFAULT '',
  amount INTEGER NOT NULL,
  unit TEXT NOT NULL,
  state TEXT NOT NULL,
  code TEXT NOT NULL,
  text TEXT NOT NULL DEFAULT '',
  approval TEXT NOT NULL DEFAULT '',
  value_on TEXT NOT NULL DEFAULT '',
  trigger TEXT NOT NULL DEFAULT '',
  due_ms INTEGER,
  answer TEXT,
  arrivals INTEGER NOT NULL DEFAULT 1,
  listed TEXT NOT NULL DEFAULT '',
  business TEXT NOT NULL DEFAULT '',
  silent INTEGER NOT NULL DEFAULT 0,
  returned_late INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS instruction_original ON instruction (original) WHERE original <> '';
CREATE INDEX IF NOT EXISTS instruction_due ON instruction (due_ms) WHERE state = 'processing';
CREATE INDEX IF NOT EXISTS instruction_unlisted ON instruction (kind, state) WHERE listed = '';
CREATE TABLE IF NOT EXISTS barred (number TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS control_answer (key TEXT PRIMARY KEY, request TEXT NOT NULL, answer TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS payment_file (
  name TEXT PRIMARY KEY,
  mark TEXT NOT NULL,
  day TEXT NOT NULL,
  sequence INTEGER NOT NULL,
  state TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS payment_line (
  file TEXT NOT NULL,
  line INTEGER NOT NULL,
  number TEXT NOT NULL,
  account TEXT NOT NULL,
  name TEXT NOT NULL,
  bank TEXT NOT NULL,
  amount INTEGER NOT NULL,
  business TEXT NOT NULL,
  code TEXT NOT NULL,
  silent INTEGER NOT NULL,
  returned_late INTEGER NOT NULL,
  PRIMARY KEY (file, line)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS out_file (
  name TEXT PRIMARY KEY,
  kind TEXT NOT NULL,
  day TEXT NOT NULL,
  sequence INTEGER NOT NULL,
  count INTEGER NOT NULL,
  amount INTEGER NOT NULL,
  due_ms INTEGER NOT NULL,
  raw BLOB,
  there INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS out_line (
  file TEXT NOT NULL,
  line INTEGER NOT NULL,
  number TEXT NOT NULL,
  business TEXT NOT NULL,
  kind TEXT NOT NULL,
  amount INTEGER NOT NULL,
  state TEXT NOT NULL,
  code TEXT NOT NULL,
  text TEXT NOT NULL,
  reference TEXT NOT NULL,
  value_on TEXT NOT NULL,
  fee INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (file, line)
) WITHOUT ROWID;
"""

_ENTRY = "place, number, kind, original, amount, unit, state, code, text, approval, value_on, trigger, due_ms, listed"


class Book:
    """The bank's books inside one transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._sql = connection

    def settle_due(self, now_ms: int) -> None:
        """Finish what was delayed and is due: time alone decides, so a restart changes nothing."""
        self._sql.execute(
            "UPDATE instruction SET state = 'success', code = '00', text = 'done'"
            " WHERE state = 'processing' AND due_ms <= ?",
            (now_ms,),
        )

    def find(self, number: str) -> Entry | None:
        """Read the entry numbered `number`."""
        row = self._sql.execute(f"SELECT {_ENTRY} FROM instruction WHERE number = ?", (number,)).fetchone()
        return None if row is None else _entry(row)

    def counters(self, original: str) -> list[Entry]:
        """Read what was done to `original` and stands or may come to stand."""
        rows = self._sql.execute(
            f"SELECT {_ENTRY} FROM instruction WHERE original = ?"
            " AND kind IN ('void', 'refund', 'release', 'complete') AND state IN ('success', 'processing')",
            (original,),
        )
        return [_entry(row) for row in rows]

    def insert(self, entry: Entry) -> Entry:
        """Write a new entry and return it with its place."""
        cursor = self._sql.execute(
            "INSERT INTO instruction (number, kind, original, amount, unit, state, code, text, approval, value_on,"
            " trigger, due_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING place",
            (
                entry.number,
                entry.kind.value,
                entry.original,
                entry.amount,
                entry.unit,
                entry.state.value,
                entry.code,
                entry.text,
                entry.approval,
                entry.value_on,
                entry.trigger,
                entry.due_ms,
            ),
        )
        (place,) = cursor.fetchone()
        found = self.find(entry.number)
        if found is None:
            raise RuntimeError(f"entry {place} is gone inside its own transaction")
        return found

    def move(self, number: str, *, state: State, code: str, text: str) -> None:
        """Change where an entry stands."""
        self._sql.execute(
            "UPDATE instruction SET state = ?, code = ?, text = ? WHERE number = ?",
            (state.value, code, text, number),
        )

    def arrive_again(self, number: str) -> None:
        """Count one more arrival of a number that is known."""
        self._sql.execute("UPDATE instruction SET arrivals = arrivals + 1 WHERE number = ?", (number,))

    def first_answer(self, number: str) -> Answer | None:
        """Read the first answer given to `number`."""
        row = self._sql.execute("SELECT answer FROM instruction WHERE number = ?", (number,)).fetchone()
        return None if row is None or row[0] is None else Answer(**json.loads(row[0]))

    def keep_answer(self, number: str, answer: Answer) -> None:
        """Keep the first answer given to `number`."""
        text = json.dumps({name: getattr(answer, name) for name in Answer.__slots__})
        self._sql.execute("UPDATE instruction SET answer = ? WHERE number = ? AND answer IS NULL", (text, number))

    def bar(self, number: str) -> None:
        """Bar a number that was never seen."""
        self._sql.execute("INSERT INTO barred VALUES (?) ON CONFLICT DO NOTHING", (number,))

    def is_barred(self, number: str) -> bool:
        """Tell whether a number was barred."""
        return self._sql.execute("SELECT 1 FROM barred WHERE number = ?", (number,)).fetchone() is not None

    def listing(self) -> list[dict[str, Any]]:
        """Give the books as `GET /books` shows them."""
        rows = self._sql.execute(
            "SELECT number, kind, amount, unit, state, value_on FROM instruction WHERE kind <> 'reverse' ORDER BY place"
        )
        names = ("number", "kind", "amount", "unit", "state", "value_on")
        return [dict(zip(names, row, strict=True)) for row in rows]

    def setting(self, name: str) -> Any:
        """Read a setting; None where it was never set."""
        row = self._sql.execute("SELECT value FROM setting WHERE name = ?", (name,)).fetchone()
        return None if row is None else json.loads(row[0])

    def keep_setting(self, name: str, value: Any) -> None:
        """Write a setting."""
        self._sql.execute(
            "INSERT INTO setting VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            (name, json.dumps(value)),
        )

    def control_answer(self, key: str) -> tuple[str, Any] | None:
        """Read what a control request with this idempotency key asked and was answered."""
        row = self._sql.execute("SELECT request, answer FROM control_answer WHERE key = ?", (key,)).fetchone()
        return None if row is None else (row[0], json.loads(row[1]))

    def keep_control_answer(self, key: str, request: str, answer: Any) -> None:
        """Keep what a control request was answered."""
        self._sql.execute("INSERT INTO control_answer VALUES (?, ?, ?)", (key, request, json.dumps(answer)))

    def payment_file(self, name: str) -> tuple[str, FileState] | None:
        """Read the mark (which file it was) and the state of a payment file."""
        row = self._sql.execute("SELECT mark, state FROM payment_file WHERE name = ?", (name,)).fetchone()
        return None if row is None else (row[0], FileState(row[1]))

    def begin_file(self, name: str, *, mark: str, day: str, sequence: int) -> None:
        """Begin to read a payment file, forgetting what an earlier reading had staged."""
        self._sql.execute("DELETE FROM payment_line WHERE file = ?", (name,))
        self._sql.execute(
            "INSERT INTO payment_file VALUES (?, ?, ?, ?, 'reading')"
            " ON CONFLICT (name) DO UPDATE SET mark = excluded.mark, state = 'reading'",
            (name, mark, day, sequence),
        )

    def stage(self, name: str, lines: Sequence[PaymentLine]) -> None:
        """Keep lines of a file that is being read; they have no effect yet."""
        self._sql.executemany(
            "INSERT INTO payment_line VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    name,
                    line.line,
                    line.number,
                    line.account,
                    line.name,
                    line.bank,
                    line.amount,
                    line.business,
                    line.code,
                    line.silent,
                    line.returned_late,
                )
                for line in lines
            ],
        )

    def refuse_file(self, name: str) -> None:
        """End a bad payment file: nothing of it is kept."""
        self._sql.execute("DELETE FROM payment_line WHERE file = ?", (name,))
        self._finish_file(name)

    def mark_file(self, name: str, mark: str) -> None:
        """Remember which file under a known name has been refused."""
        self._sql.execute("UPDATE payment_file SET mark = ? WHERE name = ?", (mark, name))

    def pay_file(self, name: str, *, value_on: str) -> None:
        """Pay every line of a good payment file, each number once for ever."""
        self._sql.execute(
            "INSERT INTO instruction (number, kind, amount, unit, state, code, text, value_on, business, silent,"
            " returned_late) SELECT number, 'payout', amount, 'CNY',"
            " CASE code WHEN '00' THEN 'success' ELSE 'failed' END, code,"
            " CASE code WHEN '00' THEN 'done' ELSE 'refused' END, ?, business, silent, returned_late"
            " FROM payment_line WHERE file = ? ORDER BY line ON CONFLICT (number) DO NOTHING",
            (value_on, name),
        )
        self._finish_file(name)

    def answer_file(self, answer: OutFile, *, payment_file: str, value_on: str) -> None:
        """Lay down the return file of a payment file: the lines that are not silent, and earlier silent ones."""
        self._sql.execute(
            "INSERT INTO out_line SELECT ?, row_number() OVER (ORDER BY earlier DESC, place), number, business, 'O',"
            " amount, state, code, text, reference, value_on, 0 FROM ("
            "   SELECT 0 AS earlier, l.line AS place, l.number, l.business, coalesce(i.amount, l.amount) AS amount,"
            "     CASE WHEN i.state = 'success' THEN 'S' WHEN i.state = 'returned' THEN 'R' ELSE 'F' END AS state,"
            "     coalesce(i.code, '12') AS code, coalesce(i.text, 'number of another business') AS text,"
            "     printf('B%011d', coalesce(i.place, 0)) AS reference, coalesce(i.value_on, ?) AS value_on"
            "   FROM payment_line l LEFT JOIN instruction i ON i.number = l.number AND i.kind = 'payout'"
            "   WHERE l.file = ? AND coalesce(i.silent, 0) = 0"
            "   UNION ALL"
            "   SELECT 1, s.place, s.number, s.business, s.amount, 'S', s.code, s.text, printf('B%011d', s.place),"
            "     s.value_on"
            "   FROM instruction s WHERE s.kind = 'payout' AND s.silent = 1"
            "     AND s.number NOT IN (SELECT number FROM payment_line WHERE file = ?))",
            (answer.name, value_on, payment_file, payment_file),
        )
        self._sql.execute(
            "UPDATE instruction SET silent = 0 WHERE silent = 1"
            " AND number IN (SELECT number FROM out_line WHERE file = ?)",
            (answer.name,),
        )
        self.add_file(answer)

    def next_sequence(self, kind: str, day: str, *, first: int) -> int:
        """Return the sequence after the last one used for files of `kind` and `day`, at least `first`."""
        row = self._sql.execute(
            "SELECT coalesce(max(sequence), 0) + 1 FROM out_file WHERE kind = ? AND day = ? AND sequence >= ?",
            (kind, day, first),
        ).fetchone()
        return max(first, int(row[0]))

    def add_file(self, file: OutFile) -> None:
        """Lay down a file whose lines are in `out_line` already; count and amount are taken from them."""
        self._sql.execute(
            "INSERT INTO out_file SELECT ?, ?, ?, ?, count(*), coalesce(sum(amount), 0), ?, ?, 0"
            " FROM out_line WHERE file = ?"
            " ON CONFLICT (name) DO UPDATE SET raw = excluded.raw, due_ms = excluded.due_ms, there = 0",
            (file.name, file.kind, file.day, file.sequence, file.due_ms, file.raw, file.name),
        )

    def count_lines(self, name: str) -> int:
        """Count the details of a file."""
        row = self._sql.execute("SELECT count FROM out_file WHERE name = ?", (name,)).fetchone()
        return 0 if row is None else int(row[0])

    def list_acquiring(self, name: str, *, without: Sequence[str]) -> None:
        """Put every sale, VOID and REFUND that stands and is in no file yet into file `name`, except `without`."""
        self._sql.execute(
            "INSERT INTO out_line SELECT ?, row_number() OVER (ORDER BY place), number, 'ACQUIRING',"
            " CASE WHEN kind IN ('pay', 'complete') THEN 'P' WHEN kind = 'void' THEN 'V' ELSE 'R' END, amount, 'S',"
            " '00', 'done',"
            " printf('B%011d', place), value_on, 0 FROM instruction"
            " WHERE listed = '' AND state = 'success' AND kind IN ('pay', 'complete', 'void', 'refund')"
            " AND number NOT IN (SELECT value FROM json_each(?))",
            (name, json.dumps(list(without))),
        )
        self._mark_listed(name)

    def list_silent(self, name: str) -> int:
        """Put the silent payouts into return file `name`; returns how many there were."""
        cursor = self._sql.execute(
            "INSERT INTO out_line SELECT ?, row_number() OVER (ORDER BY place), number, business, 'O', amount, 'S',"
            " code, text, printf('B%011d', place), value_on, 0 FROM instruction WHERE kind = 'payout' AND silent = 1",
            (name,),
        )
        self._sql.execute("UPDATE instruction SET silent = 0 WHERE kind = 'payout' AND silent = 1")
        return cursor.rowcount

    def list_late_returns(self, name: str, *, value_on: str) -> int:
        """Return the payouts that come back late and put them into file `name`; returns how many there were."""
        cursor = self._sql.execute(
            "INSERT INTO out_line SELECT ?, row_number() OVER (ORDER BY place), number, business, 'O', amount, 'R',"
            " '14', 'account closed', printf('B%011d', place), ?, 0 FROM instruction"
            " WHERE kind = 'payout' AND state = 'success' AND returned_late = 1 AND silent = 0",
            (name, value_on),
        )
        self._sql.execute(
            "UPDATE instruction SET state = 'returned', code = '14', text = 'account closed', listed = ?"
            " WHERE number IN (SELECT number FROM out_line WHERE file = ?)",
            (name, name),
        )
        return cursor.rowcount

    def change_amount(self, number: str, amount: int) -> bool:
        """Change the amount of an entry that is in no file yet; False where there is none."""
        cursor = self._sql.execute(
            "UPDATE instruction SET amount = ? WHERE number = ? AND listed = ''"
            " AND kind IN ('pay', 'complete', 'void', 'refund')",
            (amount, number),
        )
        return cursor.rowcount == 1

    def files_to_write(self, now_ms: int) -> list[OutFile]:
        """Read the files that are due and not there yet."""
        rows = self._sql.execute(
            "SELECT name, kind, day, sequence, count, amount, due_ms, raw FROM out_file"
            " WHERE there = 0 AND due_ms <= ? ORDER BY due_ms, name",
            (now_ms,),
        )
        names = ("name", "kind", "day", "sequence", "count", "amount", "due_ms", "raw")
        return [OutFile(**dict(zip(names, row, strict=True))) for row in rows]

    def lines_of(self, name: str, *, after: int, limit: int) -> list[OutLine]:
        """Read the next lines of a file."""
        rows = self._sql.execute(
            "SELECT line, number, business, kind, amount, state, code, text, reference, value_on, fee FROM out_line"
            " WHERE file = ? AND line > ? ORDER BY line LIMIT ?",
            (name, after, limit),
        )
        return [OutLine(**dict(zip(OutLine.__slots__, row, strict=True))) for row in rows]

    def file_is_there(self, name: str) -> None:
        """Note that a file has appeared under its name."""
        self._sql.execute("UPDATE out_file SET there = 1 WHERE name = ?", (name,))

    def _finish_file(self, name: str) -> None:
        self._sql.execute("UPDATE payment_file SET state = 'answered' WHERE name = ?", (name,))

    def _mark_listed(self, name: str) -> None:
        self._sql.execute(
            "UPDATE instruction SET listed = ? WHERE number IN (SELECT number FROM out_line WHERE file = ?)",
            (name, name),
        )


class Store:
    """Runs transactions one after the other, in one thread, so that nobody's disk wait blocks the listeners."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="books")
        self._connection: sqlite3.Connection | None = None

    async def open(self) -> None:
        """Open the file, making the tables that are not there yet."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._open)

    async def close(self) -> None:
        """Close the file after what is under way."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
        self._thread.shutdown()

    async def transact(self, work: Callable[[Book], Result]) -> Result:
        """Run `work` in a transaction of its own; when this returns, what it did is on disk."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._transact, work)

    def _open(self) -> None:
        self._connection = sqlite3.connect(self._path, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.executescript(_TABLES)

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def _transact(self, work: Callable[[Book], Result]) -> Result:
        if self._connection is None:
            raise RuntimeError("the store is not open")
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            result = work(Book(self._connection))
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")
        return result


def _entry(row: Sequence[Any]) -> Entry:
    place, number, kind, original, amount, unit, state, code, text, approval, value_on, trigger, due_ms, listed = row
    return Entry(
        place=place,
        number=number,
        kind=Kind(kind),
        original=original,
        amount=amount,
        unit=unit,
        state=State(state),
        code=code,
        text=text,
        approval=approval,
        value_on=value_on,
        trigger=trigger,
        due_ms=due_ms,
        listed=listed,
    )
