"""What the door asks about accounts as they stood, and about what moved on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol
from uuid import UUID

from gateway.journal.model import Refused
from gateway.ledger.model import Account, Posted
from gateway.parties import Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """Which lines of a statement: at most `limit` after line `after`, of book days `first` to `last`."""

    limit: int
    after: int = 0
    first: date | None = None
    last: date | None = None


class StatementDesk(Protocol):
    """Balances of the past and statements with the running balance (rows A61-A63)."""

    async def balances_at(self, sees: Scope, *, party: UUID, instant: datetime) -> Mapping[Account, int] | Refused:
        """Return what stood on a party's accounts at an instant, in minor units, debit positive."""
        ...

    async def balances_on(self, sees: Scope, *, party: UUID, day: date) -> Mapping[Account, int] | Refused:
        """Return what stood on a party's accounts at the end of a book day; of the open day: what stands now."""
        ...

    async def lines(self, sees: Scope, *, account: Account, which: Lines) -> Sequence[Posted] | Refused:
        """Return lines of an account's statement, oldest first."""
        ...
