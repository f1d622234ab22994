"""What a batch must know of the books before it can be decided."""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass, field
from uuid import UUID

from gateway.journal.model import Change, Move
from gateway.journal.state import Name
from gateway.ledger.model import Account, Posting, Release, Transfer
from gateway.ledger.rules import reaches


@dataclass(slots=True)
class Needs:
    """Names of everything to read, in one snapshot."""

    accounts: set[Account] = field(default_factory=set)
    holds: set[UUID] = field(default_factory=set)
    keys: set[Name] = field(default_factory=set)
    counters: set[Name] = field(default_factory=set)
    generations: set[str] = field(default_factory=set)
    records: dict[str, set[UUID]] = field(default_factory=dict)

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

    def without(self, known: Container[Account]) -> Needs:
        """Leave out accounts that are known already."""
        left = {account for account in self.accounts if account not in known}
        return Needs(left, self.holds, self.keys, self.counters, self.generations, self.records)

    def _add_posting(self, posting: Posting) -> None:
        self.accounts |= reaches(posting)
        if isinstance(posting, Transfer):
            self.holds.update(use.hold for use in posting.uses)
        elif isinstance(posting, Release):
            self.holds.add(posting.hold)
