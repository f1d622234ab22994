"""The statement desk: accounts of the past, and what moved on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from uuid import UUID

from gateway.api.account_port import Lines
from gateway.journal import Refused
from gateway.kernel.postgres.pool import Database
from gateway.kernel.reasons import Reason
from gateway.ledger import store as ledger
from gateway.ledger.model import Account, Posted
from gateway.parties import Scope
from gateway.parties import store as parties


class StatementService:
    """Reads the books for the API door, within what the caller sees."""

    def __init__(self, *, pool: Database) -> None:
        self._pool = pool

    async def balances_at(self, sees: Scope, *, party: UUID, instant: datetime) -> Mapping[Account, int] | Refused:
        """Return what stood on a party's accounts at an instant."""
        if await parties.party_in(self._pool, sees, party) is None:
            return _unseen(party)
        try:
            return await ledger.balances_at(self._pool, party, instant)
        except ledger.ArchivedError as gone:
            return Refused(Reason.NOT_FOUND, str(gone), party)

    async def balances_on(self, sees: Scope, *, party: UUID, day: date) -> Mapping[Account, int] | Refused:
        """Return what stood on a party's accounts at the end of a book day."""
        if await parties.party_in(self._pool, sees, party) is None:
            return _unseen(party)
        try:
            return await ledger.balances_on(self._pool, party, day)
        except ledger.ArchivedError as gone:
            return Refused(Reason.NOT_FOUND, str(gone), party)

    async def lines(self, sees: Scope, *, account: Account, which: Lines) -> Sequence[Posted] | Refused:
        """Return lines of an account's statement."""
        if await parties.party_in(self._pool, sees, account.party) is None:
            return _unseen(account.party)
        return await ledger.statement(
            self._pool,
            account,
            after_version=which.after,
            limit=which.limit,
            booked_from=which.first,
            booked_to=which.last,
        )


def _unseen(party: UUID) -> Refused:
    return Refused(Reason.NOT_FOUND, "no such party", party)
