"""What a batch is decided on: the books as far as they are known, changed in place by what is decided, with a way back.

Everything that was asked for and is not in the books is known as absent (an account: unopened), so a lookup of
something that was never asked for is noticed instead of taken for absent.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime
from typing import Any, Generic, NamedTuple, TypeVar
from uuid import UUID

from gateway.ledger.model import Account

Name = tuple[str, str]
Record = tuple[str, UUID]
K = TypeVar("K")
V = TypeVar("V")
# What stood in which pages under which name before; None where nothing was known of it.
Undo = tuple["Known[Any, Any]", Any, Any]


class NotReadError(LookupError):
    """The decision turned to things that are not known, or not surely: they are read and the batch decided again."""

    def __init__(self, *names: object) -> None:
        super().__init__(f"not read: {', '.join(map(str, names))}")
        self.names = names


class Head(NamedTuple):
    """A book's head: the last batch, its hash, the open day, and the latest instant recorded."""

    seq: int
    hash: bytes
    open_day: date
    recorded_at: datetime


class Standing(NamedTuple):
    """An account as it stands: `id` None = not opened yet; `version` counts its entries."""

    id: UUID | None
    version: int
    balance_minor: int


class Held(NamedTuple):
    """A hold as it stands; `account` is the available one it was taken from."""

    account: Account
    account_id: UUID
    frozen_account_id: UUID
    rest_minor: int
    state: str
    version: int


class Used(NamedTuple):
    """An idempotency key that has been used."""

    digest: bytes
    digest_version: int
    subject: UUID
    expires_at: datetime


class Versioned(NamedTuple):
    """A record's version and, where its table has a history, its state."""

    version: int
    state: str | None


UNOPENED = Standing(None, 0, 0)
NO_RECORD = Versioned(0, None)


class Known(dict[K, V], Generic[K, V]):
    """What is known of one kind of thing; `older` is the generation before, dropped at the next turn."""

    __slots__ = ("older",)

    def __init__(self, older: Known[K, V] | None = None) -> None:
        super().__init__()
        self.older = older
        if older is not None:
            older.older = None

    def __missing__(self, name: K) -> V:
        """Look in the older generation. Raises NotReadError."""
        found = self.older.get(name) if self.older is not None else None
        if found is None:
            raise NotReadError(name)
        self[name] = found
        return found

    def seen(self, name: K) -> V | None:
        """Return what is known, None where nothing is."""
        found = self.get(name)
        return found if found is not None or self.older is None else self.older.get(name)

    def drop(self, name: object) -> None:
        """Know nothing of `name` any more."""
        for pages in (self, self.older):
            if pages is not None and name in pages:
                del pages[name]  # type: ignore[arg-type]

    def turned(self, most: int) -> Known[K, V]:
        """Return the pages to go on with: where these are half full they become the older ones."""
        return Known(self) if len(self) > most // 2 else self


class State:
    """The books as far as they are known, as they stand at `head`.

    What is decided is noted here at once; `undo` leads back. `fresh` names what was read for the batch at hand, so that
    it may be refused on; anything else that is known may only be confirmed, and the fence proves it. Where `careful`,
    a key that is not known is read for; else it is taken for free and the database refuses the batch if it is not.
    """

    __slots__ = (
        "accounts",
        "careful",
        "counters",
        "fresh",
        "generations",
        "head",
        "holds",
        "keys",
        "open",
        "records",
        "undo",
    )

    def __init__(self, head: Head, *, careful: bool = True) -> None:
        self.head, self.careful = head, careful
        self.accounts: Known[Account, Standing] = Known()
        self.holds: Known[UUID, Held] = Known()
        self.keys: Known[Name, Used] = Known()
        self.records: Known[Record, Versioned] = Known()
        self.counters: Known[Name, int] = Known()
        self.generations: Known[str, int] = Known()
        self.fresh: set[object] = set()
        self.undo: list[Undo] = []
        self.open: list[list[Undo]] = []

    def note(self, pages: Known[K, V], name: K, value: V) -> None:
        """Note what a decision made of something."""
        self.undo.append((pages, name, pages.get(name)))
        pages[name] = value

    def back_to(self, mark: int) -> None:
        """Take back what was noted since the undo list had `mark` lines."""
        undo = self.undo
        take_back(undo[mark:])
        del undo[mark:]

    def key(self, name: Name, now: datetime) -> Used | None:
        """Return how a key was used, None where it is free or is left to the database to find used."""
        used = self.keys.seen(name)
        if used is not None and (used.expires_at > now or name in self.fresh):
            return used
        if self.careful and name not in self.fresh:
            raise NotReadError(name)
        return None

    def hold(self, hold: UUID) -> Held | None:
        """Return a hold, None where there is none."""
        found = self.holds.seen(hold)
        if found is None and hold not in self.fresh:
            raise NotReadError(hold)
        return found

    def may_refuse(self, record: Record) -> bool:
        """Tell whether what is known of a record is sure: read for this batch, or noted by one not yet settled."""
        if record in self.fresh:
            return True
        return any(pages is self.records and name == record for pages, name, _ in self._unsettled())

    def turn(self, most: int) -> bool:
        """Let go of what was not met for long; `most` things of each kind are kept about. True where pages turned."""
        before = self._pages()
        self.accounts, self.holds = self.accounts.turned(most), self.holds.turned(most)
        self.keys, self.records = self.keys.turned(most), self.records.turned(most)
        self.counters, self.generations = self.counters.turned(most), self.generations.turned(most)
        return any(was is not now for was, now in zip(before, self._pages(), strict=True))

    def learn(self, found: State) -> None:
        """Take over what `found` was read to be, except what was noted since and is not settled."""
        unsettled = {(id(pages), name) for pages, name, _ in self._unsettled()}
        for mine, theirs in zip(self._pages(), found._pages(), strict=True):
            for name, value in theirs.items():
                if (id(mine), name) not in unsettled:
                    mine[name] = value
        for name in found.fresh:
            # A key that was looked for and is not there any more has been forgotten by the books.
            if name not in found.keys and (id(self.keys), name) not in unsettled:
                self.keys.drop(name)
        self.fresh |= found.fresh

    def _pages(self) -> tuple[Known[Any, Any], ...]:
        return self.accounts, self.holds, self.keys, self.records, self.counters, self.generations

    def _unsettled(self) -> Iterator[Undo]:
        for lines in (self.undo, *self.open):
            yield from lines


def take_back(lines: Iterable[Undo]) -> None:
    """Undo what the lines tell of, the last first."""
    for pages, name, was in reversed(list(lines)):
        if was is None:
            del pages[name]
        else:
            pages[name] = was
