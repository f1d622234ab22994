"""What a party has: balances and bank cards (rows A51, A52, A61)."""

from __future__ import annotations

from uuid import UUID

from gateway.access import Permission
from gateway.api.bodies import AccountsShown, BankCardShown, BankCardsShown, PartyQuery
from gateway.api.decoding import read_id
from gateway.api.route import Call, Given, Nothing, Route
from gateway.api.shown import BANK_CARD, PARTIES, PARTY, show_balances
from gateway.journal.model import Refused
from gateway.kernel.ids import show
from gateway.kernel.reasons import Reason


async def read_accounts(call: Call[Nothing, PartyQuery]) -> Given | Refused:
    """Show a party's balances."""
    party = _party(call)
    found = await call.desks.books.balances(call.caller.sees, party=party)
    if found is None:
        return Refused(Reason.NOT_FOUND, "no such party")
    return Given(AccountsShown(party=show(PARTY, party), balances=[show_balances(unit) for unit in found]))


async def list_bank_cards(call: Call[Nothing, PartyQuery]) -> Given | Refused:
    """Show the bank cards bound to a party."""
    party = _party(call)
    found = await call.desks.books.bank_cards(call.caller.sees, party=party)
    if found is None:
        return Refused(Reason.NOT_FOUND, "no such party")
    cards = [
        BankCardShown(id=show(BANK_CARD, card.id), number=card.number, mask=card.mask, bank=card.bank) for card in found
    ]
    return Given(BankCardsShown(party=show(PARTY, party), bank_cards=cards))


def _party(call: Call[Nothing, PartyQuery]) -> UUID:
    asked = call.query.party
    return call.caller.party if asked is None else read_id(asked, *PARTIES)


ROUTES = (
    Route(
        method="GET",
        path="/v1/accounts",
        operation="readAccounts",
        tag="Accounts",
        summary="A party's balances: available, frozen, deposit, advance, and what can be withdrawn",
        permission=Permission.ACCOUNTS_READ,
        handle=read_accounts,
        query=PartyQuery,
        answer=AccountsShown,
        refusals=(Reason.NOT_FOUND,),
    ),
    Route(
        method="GET",
        path="/v1/bank-cards",
        operation="listBankCards",
        tag="Accounts",
        summary="The bank cards bound to a party, masked",
        permission=Permission.ACCOUNTS_READ,
        handle=list_bank_cards,
        query=PartyQuery,
        answer=BankCardsShown,
        refusals=(Reason.NOT_FOUND,),
    ),
)
