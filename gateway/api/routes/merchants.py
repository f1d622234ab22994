"""Merchants: taken on as drafts, reviewed, opened by two, suspended, closed; shops and terminals (P4, P35, X4)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from gateway.access import Permission
from gateway.access.approvals import Proposal
from gateway.api.approval_bodies import ProposalShown, show_proposal
from gateway.api.decoding import JsonBody, read_id
from gateway.api.merchant_bodies import (
    DOCUMENT,
    MERCHANT,
    SHOP,
    TERMINAL,
    CardRequest,
    DocumentRequest,
    MerchantChange,
    MerchantMove,
    MerchantMoved,
    MerchantRequest,
    MerchantShown,
    MerchantsQuery,
    MerchantsShown,
    RateRequest,
    ShopRequest,
    TerminalMove,
    TerminalRequest,
    Unbinding,
    show_acted,
    show_merchant,
    show_standing,
)
from gateway.api.merchant_port import Kept, NewRate
from gateway.api.ports import Page, Taken
from gateway.api.route import Call, Given, Nothing, Route
from gateway.api.shown import BANK_CARD, PARTIES
from gateway.journal.model import Refused
from gateway.kernel.ids import show
from gateway.kernel.reasons import Reason
from gateway.merchants import MerchantEvent, MerchantState, TerminalState
from gateway.merchants.office import Amendment, NewDocument, NewMerchant, NewTerminal

_NOWHERE = Refused(Reason.NOT_FOUND, "no such merchant")


async def list_merchants(call: Call[Nothing, MerchantsQuery]) -> Given:
    """Show merchants."""
    query = call.query
    state = None if query.state is None else MerchantState(query.state)
    after = None if query.cursor is None else read_id(query.cursor, MERCHANT)
    found = await call.desks.merchants.list(
        call.caller.sees, Page(limit=query.limit, after=after), state=state, number=query.number
    )
    following = show(MERCHANT, found.items[-1].merchant.id) if found.more else None
    return Given(MerchantsShown(merchants=[show_standing(one) for one in found.items], next=following))


async def read_merchant(call: Call[Nothing, Nothing]) -> Given | Refused:
    """Show a merchant with its file and its history."""
    found = await call.desks.merchants.find(call.caller.sees, _merchant(call))
    return _NOWHERE if found is None else Given(show_merchant(found))


async def take_on(call: Call[MerchantRequest, Nothing]) -> Given | Refused:
    """Take a merchant on as a draft."""
    asked = call.body
    new = NewMerchant(
        number=asked.number,
        code=asked.code or asked.number,
        name=asked.name,
        kind=asked.kind,
        parent=call.caller.party if asked.parent is None else read_id(asked.parent, *PARTIES),
        mcc=asked.mcc or "",
        address=asked.address,
        contact=asked.contact or "",
        phone=asked.phone or "",
        ripening=asked.ripening,
    )
    return _kept(await call.desks.merchants.take_on(call.order, new, why=asked.why))


async def amend(call: Call[MerchantChange, Nothing]) -> Given | Refused:
    """Change a merchant's basic data."""
    asked = call.body
    amendment = Amendment(
        name=asked.name,
        kind=asked.kind,
        mcc=asked.mcc,
        address=asked.address,
        contact=asked.contact,
        phone=asked.phone,
        ripening=asked.ripening,
    )
    return _kept(await call.desks.merchants.amend(call.order, _merchant(call), amendment, why=asked.why))


async def add_document(call: Call[DocumentRequest, Nothing]) -> Given | Refused:
    """Add a document to a merchant's file."""
    asked = call.body
    new = NewDocument(
        kind=asked.kind, number=asked.number, file_digest=asked.file_digest, valid_until=asked.valid_until
    )
    return _kept(await call.desks.merchants.add_document(call.order, _merchant(call), new, why=asked.why))


async def retire_document(call: Call[Unbinding, Nothing]) -> Given | Refused:
    """Take a document out of a merchant's file."""
    return _kept(
        await call.desks.merchants.retire_document(call.order, _merchant(call), call.ids["document"], why=call.body.why)
    )


async def move(call: Call[MerchantMove, Nothing]) -> Given | Refused:
    """Move a merchant, or propose it."""
    asked = call.body
    taken = await call.desks.merchants.move(call.order, _merchant(call), MerchantEvent(asked.move), why=asked.why)
    return taken if isinstance(taken, Refused) else Given(show_acted(taken.value), taken.replayed)


async def add_shop(call: Call[ShopRequest, Nothing]) -> Given | Refused:
    """Open a shop."""
    asked = call.body
    return _kept(
        await call.desks.merchants.add_shop(
            call.order, _merchant(call), code=asked.code, name=asked.name, address=asked.address, why=asked.why
        )
    )


async def add_terminal(call: Call[TerminalRequest, Nothing]) -> Given | Refused:
    """Enter a terminal into the register."""
    asked = call.body
    new = NewTerminal(
        number=asked.number,
        serial=asked.serial,
        model=asked.model,
        shop=None if asked.shop is None else read_id(asked.shop, SHOP),
        family=asked.family,
        dialect=asked.dialect,
    )
    return _kept(await call.desks.merchants.add_terminal(call.order, _merchant(call), new, why=asked.why))


async def move_terminal(call: Call[TerminalMove, Nothing]) -> Given | Refused:
    """Lock a terminal, or let it work again."""
    asked = call.body
    return _kept(
        await call.desks.merchants.set_terminal_state(
            call.order, _merchant(call), call.ids["terminal"], TerminalState(asked.state), why=asked.why
        )
    )


async def bind_card(call: Call[CardRequest, Nothing]) -> Given | Refused:
    """Propose a bank card."""
    asked = call.body
    return _proposed(
        await call.desks.merchants.bind_card(
            call.order, _merchant(call), account=asked.account, name=asked.name, bank=asked.bank, why=asked.why
        )
    )


async def unbind_card(call: Call[Unbinding, Nothing]) -> Given | Refused:
    """Propose that a bank card be unbound."""
    return _proposed(
        await call.desks.merchants.unbind_card(call.order, _merchant(call), call.ids["card"], why=call.body.why)
    )


async def propose_rate(call: Call[RateRequest, Nothing]) -> Given | Refused:
    """Propose a rate."""
    asked = call.body
    new = NewRate(
        item=asked.item,
        percent=asked.percent,
        minimum_minor=asked.minimum_minor,
        maximum_minor=asked.maximum_minor,
        effective_from=asked.effective_from,
    )
    return _proposed(await call.desks.merchants.rate(call.order, _merchant(call), new, why=asked.why))


def _merchant(call: Call[Any, Any]) -> UUID:
    return call.ids["merchant"]


def _kept(taken: Taken[Kept] | Refused) -> Given | Refused:
    return taken if isinstance(taken, Refused) else Given(show_merchant(taken.value), taken.replayed)


def _proposed(taken: Taken[Proposal] | Refused) -> Given | Refused:
    return taken if isinstance(taken, Refused) else Given(show_proposal(taken.value), taken.replayed)


_READ, _WRITE = Permission.MERCHANTS_READ, Permission.MERCHANTS_WRITE
_ID = {"merchant": (MERCHANT, "pty")}
_REFUSALS = (Reason.NOT_FOUND, Reason.WRONG_STATE)
_WHY = {"why": "as the signed form says"}
_FILE = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0"

ROUTES = (
    Route(
        method="GET",
        path="/v1/merchants",
        operation="listMerchants",
        tag="Merchants",
        summary="Merchants, newest first",
        permission=_READ,
        handle=list_merchants,
        query=MerchantsQuery,
        answer=MerchantsShown,
    ),
    Route(
        method="POST",
        path="/v1/merchants",
        operation="takeOnMerchant",
        tag="Merchants",
        summary="Take a merchant on as a draft",
        permission=_WRITE,
        handle=take_on,
        decoder=JsonBody(MerchantRequest),
        answer=MerchantShown,
        refusals=(Reason.NOT_FOUND, Reason.TAKEN),
        example={"number": "104110070110899", "name": "南山茶庄", "kind": "enterprise", "mcc": "5499", **_WHY},
    ),
    Route(
        method="GET",
        path="/v1/merchants/{merchant}",
        operation="readMerchant",
        tag="Merchants",
        summary="A merchant with its documents, shops, terminals, bank cards and history",
        permission=_READ,
        handle=read_merchant,
        answer=MerchantShown,
        ids=_ID,
        refusals=(Reason.NOT_FOUND,),
    ),
    Route(
        method="POST",
        path="/v1/merchants/{merchant}",
        operation="changeMerchant",
        tag="Merchants",
        summary="Change a merchant's basic data",
        permission=_WRITE,
        handle=amend,
        decoder=JsonBody(MerchantChange),
        answer=MerchantShown,
        ids=_ID,
        refusals=_REFUSALS,
        example={"address": "苏州市平江路 8 号", **_WHY},
    ),
    Route(
        method="POST",
        path="/v1/merchants/{merchant}/documents",
        operation="addDocument",
        tag="Merchants",
        summary="Add a document to a merchant's file; its number is kept enciphered",
        permission=_WRITE,
        handle=add_document,
        decoder=JsonBody(DocumentRequest, secrets=frozenset()),
        answer=MerchantShown,
        ids=_ID,
        refusals=_REFUSALS,
        example={"kind": "business_licence", "number": "91320500MA1XXXXX0K", "file_digest": _FILE, **_WHY},
    ),
    Route(
        method="POST",
        path="/v1/merchants/{merchant}/documents/{document}/retire",
        operation="retireDocument",
        tag="Merchants",
        summary="Take a document out of a merchant's file",
        permission=_WRITE,
        handle=retire_document,
        decoder=JsonBody(Unbinding),
        answer=MerchantShown,
        ids={**_ID, "document": (DOCUMENT,)},
        refusals=_REFUSALS,
        example=_WHY,
    ),
    Route(
        method="POST",
        path="/v1/merchants/{merchant}/moves",
        operation="moveMerchant",
        tag="Merchants",
        summary="Submit, return or suspend a merchant; propose to open, reopen or close it",
        permission=_WRITE,
        handle=move,
        decoder=JsonBody(MerchantMove),
        answer=MerchantMoved,
        ids=_ID,
        refusals=_REFUSALS,
        example={"move": "submit", **_WHY},
    ),
    Route(
        method="POST",
        path="/v1/merchants/{merchant}/shops",
        operation="addShop",
        tag="Merchants",
        summary="Open a shop under a merchant",
        permission=_WRITE,
        handle=add_shop,
        decoder=JsonBody(ShopRequest),
        answer=MerchantShown,
        ids=_ID,
        refusals=(*_REFUSALS, Reason.TAKEN),
        example={"code": "PJL-8", "name": "平江路店", **_WHY},
    ),
    Route(
        method="POST",
        path="/v1/merchants/{merchant}/terminals",
        operation="addTerminal",
        tag="Merchants",
        summary="Enter a terminal into the register of a merchant",
        permission=_WRITE,
        handle=add_terminal,
        decoder=JsonBody(TerminalRequest),
        answer=MerchantShown,
        ids=_ID,
        refusals=(*_REFUSALS, Reason.TAKEN),
        example={"number": "10009901", "serial": "SN10009901", "model": "P90", **_WHY},
    ),
    Route(
        method="POST",
        path="/v1/merchants/{merchant}/terminals/{terminal}/state",
        operation="moveTerminal",
        tag="Merchants",
        summary="Lock a terminal, or let it work again",
        permission=_WRITE,
        handle=move_terminal,
        decoder=JsonBody(TerminalMove),
        answer=MerchantShown,
        ids={**_ID, "terminal": (TERMINAL,)},
        refusals=_REFUSALS,
        example={"state": "locked", **_WHY},
    ),
    Route(
        method="POST",
        path="/v1/merchants/{merchant}/bank-cards",
        operation="proposeBankCard",
        tag="Merchants",
        summary="Propose a bank card or account that a merchant is paid to",
        permission=_WRITE,
        handle=bind_card,
        decoder=JsonBody(CardRequest),
        answer=ProposalShown,
        ids=_ID,
        refusals=(*_REFUSALS, Reason.TAKEN),
        example={"account": "6222020001234560", "name": "王小明", "bank": "ICBC", **_WHY},
    ),
    Route(
        method="POST",
        path="/v1/merchants/{merchant}/bank-cards/{card}/unbind",
        operation="proposeUnbinding",
        tag="Merchants",
        summary="Propose that a bank card be unbound",
        permission=_WRITE,
        handle=unbind_card,
        decoder=JsonBody(Unbinding),
        answer=ProposalShown,
        ids={**_ID, "card": (BANK_CARD,)},
        refusals=_REFUSALS,
        example=_WHY,
    ),
    Route(
        method="POST",
        path="/v1/merchants/{merchant}/rates",
        operation="proposeRate",
        tag="Merchants",
        summary="Propose a rate for a merchant, in force from a time to come",
        permission=_WRITE,
        handle=propose_rate,
        decoder=JsonBody(RateRequest),
        answer=ProposalShown,
        ids=_ID,
        refusals=_REFUSALS,
        example={"percent": "0.55", "effective_from": "2026-12-01T00:00:00Z", **_WHY},
    ),
)
