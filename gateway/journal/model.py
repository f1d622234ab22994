"""What goes in through the one door for money and state, and what comes back.

A `Change` is decided by a pure function and posted once; it is taken whole or refused whole, and a refused one harms
none of its neighbours in the batch. Nothing else in the house writes money or moves a state.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Protocol
from uuid import UUID

from gateway.kernel.reasons import Reason
from gateway.ledger.model import Posting


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """An idempotency key: the same `name` in `scope` gives the first answer again, with other content it is refused.

    `digest` is a keyed digest of the request's content (never of PIN, track or CVV), made with key `digest_version`.
    `subject` is the record the first answer is read from. `refusal` is the reason given when the content differs.
    """

    scope: str
    name: str
    digest: bytes
    digest_version: int
    subject: UUID
    expires_at: datetime
    refusal: Reason = Reason.REFERENCE_REUSED


@dataclass(frozen=True, slots=True)
class Insert:
    """A new record of a registered table; `row` holds its columns, `id` among them; `version` starts at 1."""

    table: str
    row: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Move:
    """A compare-and-set on one record: where its version is still `version`, set `to` and raise the version by one.

    A record that has moved since gives `Refused(Reason.MOVED)`: read again, decide again.
    """

    table: str
    id: UUID
    version: int
    to: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Put:
    """An unconditional write by a named statement that a room registered (`timer.set`, `timer.done`)."""

    statement: str
    row: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Count:
    """Move a limit counter: refused with LIMIT_EXCEEDED where it would pass `most`, or with `refusal` below `least`."""

    scope: str
    name: str
    by: int
    most: int | None = None
    least: int | None = None
    refusal: Reason = Reason.LIMIT_EXCEEDED


@dataclass(frozen=True, slots=True)
class Event:
    """A line for the event feed beside those that inserts and moves write by themselves."""

    kind: str
    subject: UUID
    data: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CloseDay:
    """Move the book's open day from `day` to the next one; the only content of its change."""

    day: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One decision, whole.

    `who` and `why` go to every record's history ("terminal:10000001", "purchase approved by the bank").
    `fact` marks work that records what has happened in the world: it is never answered busy.
    `expects` are the generations of cached facts it was decided on: (name, number); one that has moved gives MOVED.
    `not_after` is the last instant at which it may be decided; after that it gives MOVED.
    """

    id: UUID
    who: str
    why: str
    occurred_at: datetime
    keys: tuple[Key, ...] = ()
    records: tuple[Insert | Move | Put, ...] = ()
    postings: tuple[Posting, ...] = ()
    counts: tuple[Count, ...] = ()
    events: tuple[Event, ...] = ()
    expects: tuple[tuple[str, int], ...] = ()
    not_after: datetime | None = None
    close_day: CloseDay | None = None
    fact: bool = False
    book: str = "main"


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """The change is durable: batch `seq` of its book, at `place` inside it."""

    change: UUID
    seq: int
    place: int
    recorded_at: datetime
    booked_on: date


@dataclass(frozen=True, slots=True)
class Replayed:
    """The key was used before with the same content; the first answer is read from `subject`. Nothing was written."""

    key: str
    subject: UUID


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing of the change was written. `subject` is the record or account it failed on, where there is one."""

    reason: Reason
    detail: str
    subject: UUID | None = None


Receipt = Done | Replayed | Refused


class Post(Protocol):
    """The journal as rooms know it that post a change at a time."""

    async def post(self, change: Change) -> Receipt:
        """Make `change` durable whole, or tell why nothing of it was written."""
        ...


class PostSets(Post, Protocol):
    """The journal as rooms know it that post whole sets too."""

    async def post_set(self, changes: Iterable[Change]) -> list[Receipt]:
        """Make each change of a set durable, behind what is posted alone; the receipts come in order."""
        ...


class InDoubtError(Exception):
    """The commit's fate is not known yet and the caller's patience ended: the outcome is unknown, never failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table that a room hands to the journal to write: declared in the room's `store.py`.

    `columns` maps column to PostgreSQL type and has `id uuid` and, where the table has moves, `version integer`.
    `history` names the state column whose every change becomes a line of the event feed; None = no history.
    `stamped` tables also have `seq bigint` and `place integer`, which the journal fills.
    `puts` are named statements; each reads its rows from the relation `r` and must join `fence`; of two puts in one
    batch with the same values in the `put_key` columns the later one stands.
    `noted` names columns whose new value goes into the event line's data (never personal, never secret).
    """

    name: str
    columns: Mapping[str, str]
    history: str | None = "state"
    stamped: bool = False
    puts: Mapping[str, str] = field(default_factory=dict)
    put_key: tuple[str, ...] = ("id",)
    noted: tuple[str, ...] = ()
