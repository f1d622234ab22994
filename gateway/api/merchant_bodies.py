"""Merchants over the wire."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Final

from msgspec import Meta

from gateway.api.approval_bodies import ProposalShown, Why, show_proposal
from gateway.api.bodies import BankCardShown, Id, ListQuery, Shown, StepShown, Strict, Time
from gateway.api.merchant_port import Acted, Kept
from gateway.api.shown import BANK_CARD, PARTY, show_steps
from gateway.kernel.ids import show
from gateway.merchants.model import Document, DocumentKind, MerchantKind, Shop, Standing, Terminal

MERCHANT: Final = "mch"
DOCUMENT: Final = "doc"
SHOP: Final = "shp"
TERMINAL: Final = "trm"

MerchantNumber = Annotated[str, Meta(pattern="^[0-9A-Za-z]{15}$", description="Field 42")]
TerminalNumber = Annotated[str, Meta(pattern="^[0-9A-Za-z]{8}$", description="Field 41")]
Title = Annotated[str, Meta(min_length=1, max_length=100)]
PartyCode = Annotated[str, Meta(pattern="^[A-Za-z0-9._-]{1,64}$")]
Category = Annotated[str, Meta(pattern="^[0-9]{4}$", description="Merchant category code, of the dictionary mcc")]
Address = Annotated[str, Meta(max_length=300)]
Contact = Annotated[str, Meta(min_length=1, max_length=100)]
Phone = Annotated[str, Meta(pattern="^[0-9+ -]{5,20}$")]
Ripening = Annotated[
    str,
    Meta(
        pattern="^(at_once|batch_settled|channel_paid|after_days:[1-9][0-9]{0,2})$",
        description="When money may be withdrawn",
    ),
]


class MerchantsQuery(ListQuery, frozen=True, kw_only=True):
    """Which merchants; filters combine."""

    state: Annotated[str, Meta(pattern="^(draft|review|open|suspended|closed)$")] | None = None
    number: MerchantNumber | None = None


class MerchantRequest(Strict, frozen=True, kw_only=True):
    """A merchant to take on, as a draft; `parent` is whom it stands under, the caller's own party where left out."""

    number: MerchantNumber
    name: Title
    kind: MerchantKind
    why: Why
    code: PartyCode | None = None
    parent: Id | None = None
    mcc: Category | None = None
    address: Address = ""
    contact: Contact | None = None
    phone: Phone | None = None
    ripening: Ripening = "batch_settled"


class MerchantChange(Strict, frozen=True, kw_only=True):
    """New basic data; what is left out stays."""

    why: Why
    name: Title | None = None
    kind: MerchantKind | None = None
    mcc: Category | None = None
    address: Address | None = None
    contact: Contact | None = None
    phone: Phone | None = None
    ripening: Ripening | None = None


class DocumentRequest(Strict, frozen=True, kw_only=True):
    """A document that was handed in: its number, and the SHA-256 of its scanned file in hexadecimal."""

    kind: DocumentKind
    number: Annotated[str, Meta(min_length=4, max_length=60)]
    file_digest: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    why: Why
    valid_until: date | None = None


class MerchantMove(Strict, frozen=True, kw_only=True):
    """How a merchant moves, and why; open, reopen and close are proposed to a second person."""

    move: Annotated[str, Meta(pattern="^(submit|return|open|suspend|reopen|close)$")]
    why: Why


class ShopRequest(Strict, frozen=True, kw_only=True):
    """A shop under the merchant."""

    code: PartyCode
    name: Title
    why: Why
    address: Address = ""


class TerminalRequest(Strict, frozen=True, kw_only=True):
    """A terminal for the register; its master key is loaded on the machine of the key store."""

    number: TerminalNumber
    serial: Annotated[str, Meta(min_length=1, max_length=64)]
    model: Annotated[str, Meta(min_length=1, max_length=64)]
    why: Why
    shop: Id | None = None
    family: Annotated[str, Meta(pattern="^[a-z0-9_-]{1,32}$")] = "pos"
    dialect: Annotated[str, Meta(pattern="^[a-z0-9-]{1,32}$")] = "cups"


class TerminalMove(Strict, frozen=True, kw_only=True):
    """Lock a terminal, or let it work again."""

    state: Annotated[str, Meta(pattern="^(active|locked)$")]
    why: Why


class CardRequest(Strict, frozen=True, kw_only=True):
    """A bank card or account that the merchant is to be paid to; a second person approves it."""

    account: Annotated[str, Meta(pattern="^[0-9A-Za-z]{6,34}$")]
    name: Contact
    bank: Annotated[str, Meta(min_length=1, max_length=64)]
    why: Why


class Unbinding(Strict, frozen=True, kw_only=True):
    """Why a bank card is to be unbound."""

    why: Why


class RateRequest(Strict, frozen=True, kw_only=True):
    """A rate for the merchant: percent of the amount, in force from a time to come; approved before, or never."""

    percent: Annotated[str, Meta(pattern="^[0-9]{1,2}(\\.[0-9]{1,6})?$")]
    effective_from: Time
    why: Why
    item: Annotated[str, Meta(pattern="^[a-z_]{1,40}$")] = "merchant_fee"
    minimum_minor: Annotated[int, Meta(ge=0, le=10**12)] | None = None
    maximum_minor: Annotated[int, Meta(ge=0, le=10**12)] | None = None


class DocumentShown(Shown, frozen=True, kw_only=True, omit_defaults=True):
    """A document of a merchant's file."""

    id: str
    kind: str
    number: str
    file_digest: str
    state: str
    added_at: Time
    valid_until: date | None = None


class ShopShown(Shown, frozen=True, kw_only=True, omit_defaults=True):
    """A shop."""

    id: str
    code: str
    name: str
    address: str = ""


class TerminalShown(Shown, frozen=True, kw_only=True, omit_defaults=True):
    """A terminal as it is registered; `has_key` tells whether its master key is loaded."""

    id: str
    number: str
    state: str
    dialect: str
    family: str
    serial: str
    model: str
    has_key: bool
    shop: str | None = None
    signed_in_at: Time | None = None
    last_seen: Time | None = None


class MerchantListed(Shown, frozen=True, kw_only=True, omit_defaults=True):
    """A merchant in a list."""

    id: str
    number: str
    code: str
    name: str
    state: str
    ripening: str
    created_at: Time


class MerchantsShown(Shown, frozen=True, kw_only=True, omit_defaults=True):
    """Merchants; `next` is the cursor of what follows."""

    merchants: list[MerchantListed]
    next: str | None = None


class MerchantShown(Shown, frozen=True, kw_only=True, omit_defaults=True):
    """A merchant with everything that is kept of it; `since` is when it came into its state."""

    id: str
    party: str
    number: str
    code: str
    name: str
    state: str
    since: Time
    ripening: str
    created_at: Time
    kind: str = ""
    mcc: str = ""
    address: str = ""
    phone: str = ""
    documents: tuple[DocumentShown, ...] = ()
    shops: tuple[ShopShown, ...] = ()
    terminals: tuple[TerminalShown, ...] = ()
    bank_cards: tuple[BankCardShown, ...] = ()
    history: tuple[StepShown, ...] = ()


class MerchantMoved(Shown, frozen=True, kw_only=True, omit_defaults=True):
    """A merchant after a move; `proposal` where a second person has to approve it first."""

    merchant: MerchantShown
    proposal: ProposalShown | None = None


def show_standing(record: Standing) -> MerchantListed:
    """Show a merchant in a list."""
    return MerchantListed(
        id=show(MERCHANT, record.merchant.id),
        number=record.merchant.number,
        code=record.code,
        name=record.name,
        state=record.merchant.state.value,
        ripening=record.merchant.ripening,
        created_at=record.created_at,
    )


def show_merchant(kept: Kept) -> MerchantShown:
    """Show a merchant."""
    file, profile = kept.file, kept.file.profile
    moves = [step.at for step in kept.history if step.what == file.merchant.state.value]
    return MerchantShown(
        id=show(MERCHANT, file.merchant.id),
        party=show(PARTY, file.merchant.id),
        number=file.merchant.number,
        code=file.standing.code,
        name=file.standing.name,
        state=file.merchant.state.value,
        since=moves[-1] if moves else file.standing.created_at,
        ripening=file.merchant.ripening,
        created_at=file.standing.created_at,
        kind="" if profile is None else profile.kind.value,
        mcc="" if profile is None else profile.mcc,
        address="" if profile is None else profile.address,
        phone="" if profile is None else profile.phone_mask,
        documents=tuple(_show_document(one) for one in file.documents),
        shops=tuple(_show_shop(one) for one in file.shops),
        terminals=tuple(_show_terminal(one) for one in file.terminals),
        bank_cards=tuple(
            BankCardShown(id=show(BANK_CARD, card.id), number=card.number, mask=card.mask, bank=card.bank)
            for card in kept.cards
        ),
        history=tuple(show_steps(kept.history)),
    )


def show_acted(acted: Acted) -> MerchantMoved:
    """Show what became of a move."""
    proposal = None if acted.proposal is None else show_proposal(acted.proposal)
    return MerchantMoved(merchant=show_merchant(acted.kept), proposal=proposal)


def _show_document(document: Document) -> DocumentShown:
    return DocumentShown(
        id=show(DOCUMENT, document.id),
        kind=document.kind.value,
        number=document.number_mask,
        file_digest=document.file_digest,
        state="held" if document.is_held else "retired",
        added_at=document.added_at,
        valid_until=document.valid_until,
    )


def _show_shop(shop: Shop) -> ShopShown:
    return ShopShown(id=show(SHOP, shop.id), code=shop.code, name=shop.name, address=shop.address)


def _show_terminal(terminal: Terminal) -> TerminalShown:
    return TerminalShown(
        id=show(TERMINAL, terminal.id),
        number=terminal.number,
        state=terminal.state.value,
        dialect=terminal.dialect,
        family=terminal.family,
        serial=terminal.serial,
        model=terminal.model,
        has_key=terminal.tmk is not None,
        shop=None if terminal.shop_id is None else show(SHOP, terminal.shop_id),
        signed_in_at=terminal.signed_in_at,
        last_seen=terminal.last_seen,
    )
