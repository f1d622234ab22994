"""What a batch is decided on: the books as one snapshot shows them, and layers of what has been decided since.

Everything that was asked for and is not in the books stands as None (an account: unopened), so a lookup of something
that was never asked for is noticed instead of taken for absent.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from gateway.ledger.model import Account

Name = tuple[str, str]
Record = tuple[str, UUID]


class NotReadError(LookupError):
    """The decision turned to an account that was not read; it is read as well and the batch decided again."""

    def __init__(self, account: Account) -> None:
        super().__init__(f"not read: {account}")
        self.account = account


@dataclass(frozen=True, slots=True)
class Head:
    """A book's head: the last batch, its hash, the open day, and the latest instant recorded."""

    seq: int
    hash: bytes
    open_day: date
    recorded_at: datetime


# The next four are made for every entry and every key of every batch: named tuples, which cost half as much to make.
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


class Versioned(NamedTuple):
    """A record's version and, where its table has a history, its state."""

    version: int
    state: str | None


UNOPENED = Standing(None, 0, 0)


@dataclass(slots=True)
class State:
    """The books as far as a batch needs them, at `head`."""

    head: Head
    accounts: dict[Account, Standing] = field(default_factory=dict)
    holds: dict[UUID, Held | None] = field(default_factory=dict)
    keys: dict[Name, Used | None] = field(default_factory=dict)
    records: dict[Record, Versioned | None] = field(default_factory=dict)
    counters: dict[Name, int] = field(default_factory=dict)
    generations: dict[str, int] = field(default_factory=dict)

    def account(self, account: Account) -> Standing:
        """Return how `account` stands."""
        found = self.accounts.get(account)
        if found is None:
            raise NotReadError(account)
        return found

    def hold(self, hold: UUID) -> Held | None:
        """Return a hold, None where there is none."""
        return self.holds[hold]

    def known_hold(self, hold: UUID) -> bool:
        """Tell whether the hold was seen; a new one's id is not read for, the table itself keeps it unique."""
        return self.holds.get(hold) is not None

    def key(self, name: Name) -> Used | None:
        """Return a used key, None where it is free."""
        return self.keys[name]

    def record(self, record: Record) -> Versioned | None:
        """Return a record's version, None where there is no such record."""
        return self.records[record]

    def known_record(self, record: Record) -> bool:
        """Tell whether the record was seen; as `known_hold`."""
        return self.records.get(record) is not None

    def counter(self, name: Name) -> int:
        """Return a counter's value; one that was never moved stands at 0."""
        return self.counters[name]

    def generation(self, name: str) -> int:
        """Return a generation's number; one that nobody raised stands at 0."""
        return self.generations[name]

    def overlay(self, layer: Layer) -> None:
        """Take over what `layer` decided; a second time changes nothing."""
        self.accounts.update(layer.accounts)
        self.holds.update(layer.holds)
        self.keys.update(layer.keys)
        self.records.update(layer.records)
        self.counters.update(layer.counters)


@dataclass(slots=True)
class Layer:
    """What has been decided over `below`: a whole batch over the state, or one change over its batch."""

    below: State | Layer
    accounts: dict[Account, Standing] = field(default_factory=dict)
    holds: dict[UUID, Held] = field(default_factory=dict)
    keys: dict[Name, Used] = field(default_factory=dict)
    records: dict[Record, Versioned] = field(default_factory=dict)
    counters: dict[Name, int] = field(default_factory=dict)

    def account(self, account: Account) -> Standing:
        """Return how `account` stands after what this layer decided."""
        return self.accounts.get(account) or self.below.account(account)

    def hold(self, hold: UUID) -> Held | None:
        """Return a hold, None where there is none."""
        return self.holds.get(hold) or self.below.hold(hold)

    def known_hold(self, hold: UUID) -> bool:
        """Tell whether the hold was seen."""
        return hold in self.holds or self.below.known_hold(hold)

    def key(self, name: Name) -> Used | None:
        """Return a used key, None where it is free."""
        return self.keys.get(name) or self.below.key(name)

    def record(self, record: Record) -> Versioned | None:
        """Return a record's version, None where there is no such record."""
        return self.records.get(record) or self.below.record(record)

    def known_record(self, record: Record) -> bool:
        """Tell whether the record was seen."""
        return record in self.records or self.below.known_record(record)

    def counter(self, name: Name) -> int:
        """Return a counter's value."""
        found = self.counters.get(name)
        return self.below.counter(name) if found is None else found

    def generation(self, name: str) -> int:
        """Return a generation's number."""
        return self.below.generation(name)

    def sink(self, layer: Layer) -> None:
        """Take over what an accepted change decided."""
        self.accounts.update(layer.accounts)
        self.holds.update(layer.holds)
        self.keys.update(layer.keys)
        self.records.update(layer.records)
        self.counters.update(layer.counters)
