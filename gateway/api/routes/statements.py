"""What a party had, and what moved on its accounts (rows A61-A63)."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from gateway.access import Permission
from gateway.api.account_bodies import (
    PastQuery,
    PastShown,
    StatementQuery,
    StatementShown,
    show_accounts,
    show_lines,
)
from gateway.api.account_port import Lines
from gateway.api.bodies import PartyQuery
from gateway.api.decoding import read_id
from gateway.api.route import Call, Given, Nothing, Route
from gateway.api.shown import PARTIES, PARTY
from gateway.journal.model import Refused
from gateway.kernel.ids import show
from gateway.kernel.reasons import Reason
from gateway.ledger.model import Account

_ONE_OF_THEM: Final = Refused(Reason.FORMAT, "say either at or day")


async def read_past(call: Call[Nothing, PastQuery]) -> Given | Refused:
    """Show a party's accounts as they stood."""
    at, day, party = call.query.at, call.query.day, _party(call.query, call.caller.party)
    if (at is None) == (day is None):
        return _ONE_OF_THEM
    desk, sees = call.desks.statements, call.caller.sees
    if at is not None:
        found = await desk.balances_at(sees, party=party, instant=at)
    elif day is not None:
        found = await desk.balances_on(sees, party=party, day=day)
    if isinstance(found, Refused):
        return found
    return Given(PastShown(party=show(PARTY, party), at=at, day=day, accounts=show_accounts(found)))


async def read_statement(call: Call[Nothing, StatementQuery]) -> Given | Refused:
    """Show lines of one account."""
    query, party = call.query, _party(call.query, call.caller.party)
    which = Lines(limit=query.limit + 1, after=query.cursor, first=query.first, last=query.last)
    account = Account(party, query.unit, query.purpose, query.item)
    found = await call.desks.statements.lines(call.caller.sees, account=account, which=which)
    if isinstance(found, Refused):
        return found
    lines = show_lines(found[: query.limit])
    return Given(
        StatementShown(
            party=show(PARTY, party),
            purpose=query.purpose,
            item=query.item,
            lines=lines,
            next=lines[-1].number if len(found) > query.limit else None,
        )
    )


def _party(query: PartyQuery, own: UUID) -> UUID:
    return own if query.party is None else read_id(query.party, *PARTIES)


ROUTES = (
    Route(
        method="GET",
        path="/v1/accounts/past",
        operation="readPastAccounts",
        tag="Accounts",
        summary="A party's accounts as they stood at an instant, or at the end of a book day",
        permission=Permission.ACCOUNTS_READ,
        handle=read_past,
        query=PastQuery,
        answer=PastShown,
        refusals=(Reason.NOT_FOUND,),
    ),
    Route(
        method="GET",
        path="/v1/accounts/statement",
        operation="readStatement",
        tag="Accounts",
        summary="What moved on one account, with the running balance, by book days",
        permission=Permission.ACCOUNTS_READ,
        handle=read_statement,
        query=StatementQuery,
        answer=StatementShown,
        refusals=(Reason.NOT_FOUND,),
    ),
)
