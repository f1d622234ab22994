"""Checks an export without a database: its hashes, its sums, its signed closes; stops at the first thing that is wrong.

Source: `docs/verify.md`. Memory grows with the accounts and the open holds, not with the entries.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import IO, Any, cast
from uuid import UUID

import msgspec

from gateway.journal import chain, leaves
from gateway.journal.close import FORM as CLOSE_FORM
from gateway.journal.close import Close, SignedClose, Sums
from gateway.journal.export import FORM
from gateway.journal.leaves import DECODER, FOLLOWED_BY, Leaf
from gateway.ledger.rules import NO_OVERDRAFT

_LONGEST = 1 << 24
_CHECK = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaw:
    """The first thing that is wrong: in which batch, at which of its lines; line 0 opens the batch.

    `entry` is the batch's first entry that is not sure any more: all before it are as they were written. It is None
    where the batch's lines can be read and are not what was hashed. `batch` is 0 before the first batch, None behind
    the last one.
    """

    book: str
    batch: int | None
    line: int
    entry: int | None
    file_line: int
    detail: str

    def __str__(self) -> str:
        """Say it in words."""
        if self.batch is None:
            where = "behind the last batch"
        elif not self.batch:
            where = "before the first batch"
        else:
            where = f"{self.book} batch {self.batch}, line {self.line}".lstrip()
        entry = "" if self.entry is None else f", entry {self.entry}"
        return f"{where}{entry}: {self.detail} (line {self.file_line} of the file)"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportProof:
    """What was gone over; `flaw` is the first thing that is wrong, `unknown` what is known elsewhere and not in it."""

    batches: int
    transfers: int
    entries: int
    closes: int
    trial_balance: Mapping[str, int]
    signed_by: tuple[bytes, ...]
    flaw: Flaw | None
    missing: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Tell whether everything holds."""
        return self.flaw is None and not self.missing


class _WrongError(Exception):
    """Something in the line at hand does not hold."""


@dataclass(slots=True)
class _Account:
    unit: str
    purpose: str
    version: int = 0
    balance: int = 0
    held: int = 0


@dataclass(slots=True)
class _Held:
    version: int
    rest: int
    frozen: _Account | None


@contextmanager
def open_to_read(path: Path) -> Iterator[IO[bytes]]:
    """Open an export to read; one that ends in .gz is unpacked on the way."""
    with path.open("rb") as file:
        if path.suffix == ".gz":
            with gzip.open(file, "rb") as packed:
                yield cast("IO[bytes]", packed)
        else:
            yield file


def check_export(
    file: IO[bytes], *, trusted: Sequence[bytes] | None = None, known: Sequence[Close] = ()
) -> ExportProof:
    """Check an export from its first line to its last, or to the first that is wrong.

    `trusted` are the public keys whose closes are accepted (None: whichever the export names); `known` are closes from
    elsewhere that the export must contain: without one, batches cut off its end together with their closes are not
    missed.
    """
    reader = _Reader(None if trusted is None else frozenset(trusted), known)
    flaw: Flaw | None = None
    try:
        for raw in _lines(file):
            reader.take(raw)
        reader.finish()
    except (_WrongError, OSError, EOFError, zlib.error) as error:
        flaw = reader.flaw(str(error) or type(error).__name__)
    return reader.proof(flaw)


def _lines(file: IO[bytes]) -> Iterator[bytes]:
    while raw := file.readline(_LONGEST):
        yield raw


class _Reader:
    """Takes one line after another."""

    def __init__(self, trusted: frozenset[bytes] | None, known: Sequence[Close]) -> None:
        self._trusted = trusted
        self._known = {(close.book, close.seq): close for close in known}
        self._check = 0
        self._file_line = 0
        self._after: type = type(None)
        self._now: type = type(None)
        self._book, self._batches, self._closes = _Book(), 0, 0
        self._ended: dict[str, int] = {}
        self._totals: dict[str, int] = {}
        self._counted = [0, 0]
        self._close: tuple[Close, bytes] | None = None
        self._signed_by: dict[bytes, None] = {}

    def take(self, raw: bytes) -> None:
        """Check one line. Raises _WrongError."""
        self._file_line += 1
        self._now = type(None)
        line = self._checked(raw)
        try:
            leaf: Leaf = DECODER.decode(line)
        except msgspec.MsgspecError as error:
            raise _WrongError(f"cannot be read: {error}") from None
        self._now = type(leaf)
        allowed = FOLLOWED_BY.get(self._after, (leaves.Title,))
        if self._now not in allowed:
            raise _WrongError(f"{self._now.__name__.lower()} where {_or(allowed)} should be")
        try:
            self._dispatch(leaf, line)
        except (TypeError, ValueError, ArithmeticError) as error:
            raise _WrongError(f"cannot be reckoned with: {error}") from None
        self._after = self._now

    def finish(self) -> None:
        """Notice a file that ends too soon. Raises _WrongError."""
        if self._after is not leaves.End:
            self._file_line += 1
            raise _WrongError("the file is cut off here")

    def flaw(self, detail: str) -> Flaw:
        """Say where the reader stands."""
        book = self._book
        batch: int | None = book.seq if book.is_open else book.seq + 1
        if self._after is type(None):
            batch = 0
        elif self._after in (leaves.Head, leaves.End):
            batch = None
        return Flaw(
            book=book.name,
            batch=batch,
            line=book.line if book.is_open else 0,
            entry=book.entry + 1 if book.is_open and self._now is not leaves.Hash else None,
            file_line=self._file_line,
            detail=detail,
        )

    def proof(self, flaw: Flaw | None) -> ExportProof:
        """Say what was gone over."""
        missing = []
        if flaw is None:
            for close in self._known.values():
                at = self._ended.get(close.book, 0)
                missing.append(f"{close.book} ends at batch {at}, a known close of {close.day} is at batch {close.seq}")
        transfers, entries = self._counted
        return ExportProof(
            batches=self._batches,
            transfers=transfers,
            entries=entries,
            closes=self._closes,
            trial_balance=self._totals,
            signed_by=tuple(self._signed_by),
            flaw=flaw,
            missing=tuple(missing),
        )

    def _checked(self, raw: bytes) -> bytes:
        line = raw[_CHECK:]
        if raw[:_CHECK] != b"%08x " % zlib.crc32(line, self._check) or not raw.endswith(b"\n"):
            raise _WrongError("was changed, or does not follow the line before it")
        self._check = int(raw[: _CHECK - 1], 16)
        return line

    def _dispatch(self, leaf: Leaf, line: bytes) -> None:
        match leaf:
            case leaves.Title() | leaves.End():
                self._check_frame(leaf)
            case leaves.Batch():
                if self._after in (leaves.Title, leaves.Head):
                    self._begin_book(leaf.book)
                self._book.open_batch(leaf)
                self._book.hashed(line)
            case leaves.Hash():
                self._book.end_batch(leaf, self._known.pop((self._book.name, self._book.seq), None))
                self._batches += 1
            case Close():
                self._book.check_close(leaf)
                self._close = leaf, line
            case leaves.Signature():
                self._check_signature(leaf)
            case leaves.Head():
                self._end_book(leaf)
            case _:
                self._book.take(leaf)
                self._book.hashed(line)

    def _check_frame(self, leaf: leaves.Title | leaves.End) -> None:
        if isinstance(leaf, leaves.Title):
            _demand(leaf.form == FORM, f"is an export of form {leaf.form}; this release reads {FORM}")
        else:
            before = self._file_line - 1
            _demand(leaf.lines == before, f"{leaf.lines} lines were written, {before} are here")

    def _begin_book(self, name: str) -> None:
        if name in self._ended:
            raise _WrongError(f"book {name} comes a second time")
        self._book = _Book(name)

    def _check_signature(self, leaf: leaves.Signature) -> None:
        if self._close is None:
            raise _WrongError("signs nothing")
        (_, line), self._close = self._close, None
        signed = SignedClose(line=line, signature=_octets(leaf.signature), public_key=_octets(leaf.public_key))
        wrong = signed.wrong_signature(self._trusted)
        if wrong:
            raise _WrongError(f"the close {wrong}")
        self._signed_by[signed.public_key] = None
        self._closes += 1

    def _end_book(self, head: leaves.Head) -> None:
        if self._after in (leaves.Title, leaves.Head):
            self._begin_book(head.book)
        book = self._book
        if (head.book, head.seq, head.hash) != (book.name, book.seq, book.hash.hex()):
            raise _WrongError(f"the head says {head.book} batch {head.seq}, the chain ends at {book.name} {book.seq}")
        if book.day is not None and head.open_day != book.day:
            raise _WrongError(f"the head is open on {head.open_day}, by its batches on {book.day}")
        for (unit, _), total in book.sums.totals.items():
            self._totals[unit] = self._totals.get(unit, 0) + total
        self._counted[0] += book.sums.transfers
        self._counted[1] += book.sums.entries
        self._ended[book.name] = book.seq


@dataclass(slots=True)
class _Book:
    """A book as far as it has been read."""

    name: str = ""
    seq: int = 0
    hash: bytes = chain.GENESIS
    day: date | None = None
    recorded_at: datetime | None = None
    is_open: bool = False
    line: int = 0
    entry: int = 0
    place: int = 0
    within: int = 0
    changes: int = 0
    closed: date | None = None
    sums: Sums = field(default_factory=Sums)
    _hashing: Any = None
    _accounts: dict[UUID, _Account] = field(default_factory=dict)
    _holds: dict[UUID, _Held] = field(default_factory=dict)
    _awaited: dict[UUID, _Held] = field(default_factory=dict)
    _touched: list[_Account] = field(default_factory=list)
    _transfer: UUID | None = None
    _units: dict[str, int] = field(default_factory=dict)

    def hashed(self, line: bytes) -> None:
        """Take a line into the batch's hash."""
        self._hashing.update(line)
        self.line += 1

    def open_batch(self, batch: leaves.Batch) -> None:
        """Begin a batch. Raises _WrongError."""
        _demand(batch.form == chain.FORM, f"is of form {batch.form}; this release reads {chain.FORM}")
        _demand((batch.book, batch.seq) == (self.name, self.seq + 1), f"is {batch.book} batch {batch.seq}")
        _demand(self.day in (None, batch.booked_on), f"is booked on {batch.booked_on}, the open day was {self.day}")
        earlier = self.recorded_at is not None and batch.recorded_at < self.recorded_at
        _demand(not earlier, "was recorded before the batch before it")
        self.seq, self.day, self.recorded_at, self.changes = (
            batch.seq,
            batch.booked_on,
            batch.recorded_at,
            batch.changes,
        )
        self.is_open, self.line, self.entry, self.place, self.closed = True, 0, 0, 0, None
        self._hashing = sha256(self.hash)

    def take(self, leaf: Leaf) -> None:
        """Take a line of the open batch. Raises _WrongError."""
        match leaf:
            case leaves.Opened():
                _demand(leaf.id not in self._accounts, "opens an account a second time")
                self._accounts[leaf.id] = _Account(leaf.unit, leaf.purpose)
                self.sums.accounts += 1
            case leaves.Change(place):
                self._end_change()
                _demand(place == self.place + 1, f"change {place} comes after {self.place}")
                self.place, self.within = place, 0
            case leaves.Event(line):
                _demand(line == self.within + 1, f"event {line} comes after {self.within}")
                self.within = line
                self.sums.events += 1
                self._take_event(leaf)
            case leaves.Transfer(line):
                self._end_transfer()
                _demand(line >= 1, "a transfer's line counts from 1")
                self._transfer = leaf.id
                self.sums.transfers += 1
            case leaves.Entry():
                self._take_entry(leaf)
                self.entry += 1

    def end_batch(self, leaf: leaves.Hash, known: Close | None) -> None:
        """End the batch, over which a close may be `known` from elsewhere. Raises _WrongError."""
        self._end_change()
        _demand(self.place == self.changes, f"has {self.place} changes, it says {self.changes}")
        self.hash = self._hashing.digest()
        _demand(leaf.hash == self.hash.hex(), "its lines are not what was hashed")
        if known is not None:
            _demand(leaf.hash == known.hash, f"is not the batch that the known close of {known.day} was signed over")
        self.is_open = False
        if self.closed is not None:
            _demand(self.closed == self.day, f"closes {self.closed} while {self.day} is open")
            self.day = self.closed + timedelta(days=1)

    def check_close(self, close: Close) -> None:
        """Compare a close with what was read. Raises _WrongError."""
        _demand(close.form == CLOSE_FORM, f"is a close of form {close.form}; this release reads {CLOSE_FORM}")
        is_here = (close.book, close.seq, close.hash) == (self.name, self.seq, self.hash.hex())
        _demand(is_here and close.day == self.closed, "the close is not that of this batch")
        differs = self.sums.differs_from(close)
        _demand(not differs, f"the close {differs}")

    def _take_event(self, event: leaves.Event) -> None:
        if event.kind == "day_closed":
            self.closed = _read(event.data, "day", lambda day: date.fromisoformat(str(day)))
        elif event.kind == "ledger_hold":
            self._take_hold(event, _read(event.data, "rest_minor", int))

    def _take_hold(self, event: leaves.Event, rest: int) -> None:
        _demand((event.state == "open") == (rest > 0), f"a hold is {event.state} with {rest} left")
        held = self._holds.get(event.subject)
        if held is None:
            _demand(event.version == 1, f"version {event.version} of a hold that is not open")
            held = self._holds[event.subject] = self._awaited[event.subject] = _Held(1, rest, None)
        else:
            _demand(event.version == held.version + 1 and rest < held.rest, "a hold is used up, version by version")
            self._hold_on(held, rest - held.rest)
            held.version, held.rest = held.version + 1, rest
        if event.state != "open":
            del self._holds[event.subject]

    def _hold_on(self, held: _Held, by: int) -> None:
        if held.frozen is not None:
            held.frozen.held += by
            self._touched.append(held.frozen)

    def _take_entry(self, entry: leaves.Entry) -> None:
        account = self._accounts.get(entry.account_id)
        if account is None:
            raise _WrongError(f"account {entry.account_id} was never opened")
        name = f"account {entry.account_id} version {entry.version}"
        _demand(entry.version == account.version + 1, f"{name} follows version {account.version}")
        balance = account.balance + entry.amount_minor
        _demand(entry.balance_minor == balance, f"{name} stands at {entry.balance_minor}, by its entries at {balance}")
        _demand(balance <= 0 or account.purpose not in NO_OVERDRAFT, f"{name} is overdrawn: {balance}")
        account.version, account.balance = entry.version, balance
        self._units[account.unit] = self._units.get(account.unit, 0) + entry.amount_minor
        self.sums.add(account.unit, account.purpose, entry.amount_minor)
        self.sums.entries += 1
        if account.purpose == "frozen":
            self._freeze(account)

    def _freeze(self, account: _Account) -> None:
        self._touched.append(account)
        held = self._awaited.pop(self._transfer, None) if self._transfer else None
        if held is not None:
            held.frozen = account
            account.held += held.rest

    def _end_transfer(self) -> None:
        for unit, total in self._units.items():
            _demand(not total, f"transfer {self._transfer} leaves {total} {unit} over")
        self._units.clear()

    def _end_change(self) -> None:
        self._end_transfer()
        self._transfer = None
        _demand(not self._awaited, "a hold was opened and nothing was frozen for it")
        for account in self._touched:
            _demand(-account.balance == account.held, f"{-account.balance} is frozen, holds have {account.held}")
        self._touched.clear()


def _demand(holds: bool, otherwise: str) -> None:  # noqa: FBT001 - the condition is what it is called with
    if not holds:
        raise _WrongError(otherwise)


def _read(data: dict[str, Any] | None, name: str, as_: Callable[[Any], Any]) -> Any:
    try:
        return as_((data or {})[name])
    except (KeyError, TypeError, ValueError):
        raise _WrongError(f"its data has no {name}") from None


def _octets(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise _WrongError("a signature and a key are hexadecimal") from None


def _or(types: tuple[type, ...]) -> str:
    return " or ".join(one.__name__.lower() for one in types) or "nothing more"
