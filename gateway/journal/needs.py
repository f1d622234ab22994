"""What of the books must be read before a batch can be decided."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID

from gateway.journal.model import Change, Move
from gateway.journal.state import Name, State
from gateway.ledger.model import Account, Posting, Purpose, Release, Transfer
from gateway.ledger.rules import owed_by, reaches

_AVAILABLE = Purpose.AVAILABLE


@dataclass(slots=True)
class Needs:
    """Names of everything to read, in one snapshot."""

    accounts: set[Account] = field(default_factory=set)
    holds: set[UUID] = field(default_factory=set)
    keys: set[Name] = field(default_factory=set)
    counters: set[Name] = field(default_factory=set)
    generations: set[str] = field(default_factory=set)
    records: dict[str, set[UUID]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Tell whether there is anything to read."""
        return any((self.accounts, self.holds, self.keys, self.counters, self.generations, self.records))

    @classmethod
    def of(cls, changes: Iterable[Change]) -> Needs:
        """Gather what `changes` are decided on."""
        needs = cls()
        for change in changes:
            needs.keys.update((key.scope, key.name) for key in change.keys)
            needs.counters.update((count.scope, count.name) for count in change.counts)
            needs.generations.update(name for name, _ in change.expects)
            for record in change.records:
                if isinstance(record, Move):
                    needs.records.setdefault(record.table, set()).add(record.id)
            for posting in change.postings:
                needs._add_posting(posting)
        return needs

    @classmethod
    def beyond(cls, changes: Iterable[Change], state: State) -> Needs:
        """Gather what `changes` are decided on and `state` does not know; keys only where it is careful of them."""
        unknown = [change for change in changes if not _known(change, state)]
        return _less(cls.of(unknown), state) if unknown else cls()

    def add(self, *names: object) -> None:
        """Add what a decision turned to and found unknown, or wants to be sure of."""
        for name in names:
            self._add(name)

    def _add(self, name: object) -> None:
        match name:
            case Account():
                self.accounts.add(name)
            case (str(table), UUID() as id_):
                self.records.setdefault(table, set()).add(id_)
            case (str(scope), str(key)):
                self.keys.add((scope, key))
            case UUID():
                self.holds.add(name)
            case str():
                self.generations.add(name)

    def _add_posting(self, posting: Posting) -> None:
        self.accounts |= reaches(posting)
        if isinstance(posting, Transfer):
            self.holds.update(use.hold for use in posting.uses)
        elif isinstance(posting, Release):
            self.holds.add(posting.hold)


def _known(change: Change, state: State) -> bool:
    """Tell whether everything of the usual change is known; of anything else say no, and have it looked over."""
    if state.careful or change.counts or change.expects:
        return False
    records, accounts = state.records, state.accounts
    for record in change.records:
        if type(record) is Move and (record.table, record.id) not in records:
            return False
    for posting in change.postings:
        if type(posting) is not Transfer or posting.uses or not posting.wish:
            return False
        for leg in posting.legs:
            account = leg.account
            if account not in accounts:
                return False
            if leg.amount_minor < 0 and account.purpose is _AVAILABLE and owed_by(account) not in accounts:
                return False
    return True


def _less(needs: Needs, state: State) -> Needs:
    records = {
        table: left
        for table, ids in needs.records.items()
        if (left := {id_ for id_ in ids if state.records.seen((table, id_)) is None})
    }
    return Needs(
        {account for account in needs.accounts if state.accounts.seen(account) is None},
        {hold for hold in needs.holds if state.holds.seen(hold) is None},
        {name for name in needs.keys if state.keys.seen(name) is None} if state.careful else set(),
        {name for name in needs.counters if state.counters.seen(name) is None},
        {name for name in needs.generations if state.generations.seen(name) is None},
        records,
    )
