"""Merchants, their files and their terminals as records (rows L22-L23, P4, X4; `docs/terminal-protocol.md` 4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID


class MerchantState(StrEnum):
    """Where a merchant stands; only an open one is paid."""

    DRAFT = "draft"
    REVIEW = "review"
    OPEN = "open"
    SUSPENDED = "suspended"
    CLOSED = "closed"


class TerminalState(StrEnum):
    """Whether a terminal is served."""

    ACTIVE = "active"
    LOCKED = "locked"


class BatchState(StrEnum):
    """Whether a terminal's batch takes transactions; after a settled one the next sign-in opens the next."""

    OPEN = "open"
    CLOSED = "closed"
    SETTLED = "settled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Merchant:
    """A merchant; `id` is its party's.

    `number` is the 15 characters of field 42. `ripening` says when money may be withdrawn: `at_once`, `batch_settled`,
    `channel_paid` or `after_days:n`.
    """

    id: UUID
    number: str
    state: MerchantState
    ripening: str
    settings: Mapping[str, object]
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Terminal:
    """A terminal with its session: keys as key blocks (TR-31 text) or None, batch, and what was last heard.

    `number` is the 8 characters of field 41. The newest keys, those offered before them and never used, and the
    previous ones, which the terminal works with, are good until its first message under newer ones.
    """

    id: UUID
    number: str
    merchant_id: UUID
    dialect: str
    state: TerminalState
    family: str
    serial: str
    model: str
    shop_id: UUID | None
    tmk: str | None = field(repr=False)
    mac_key: str | None = field(repr=False)
    pin_key: str | None = field(repr=False)
    previous_mac_key: str | None = field(repr=False)
    previous_pin_key: str | None = field(repr=False)
    offered_mac_key: str | None = field(repr=False)
    offered_pin_key: str | None = field(repr=False)
    batch_no: str
    batch_state: BatchState
    signed_in_at: datetime | None
    last_seen: datetime | None
    wrong_macs: int
    settings: Mapping[str, object]
    version: int


class MerchantKind(StrEnum):
    """What a merchant is by law; it decides which documents are needed."""

    ENTERPRISE = "enterprise"
    SOLE_TRADER = "sole_trader"
    MICRO = "micro"


class DocumentKind(StrEnum):
    """What a document is."""

    BUSINESS_LICENCE = "business_licence"
    IDENTITY_CARD = "identity_card"
    ACCOUNT_PERMIT = "account_permit"
    PREMISES_PROOF = "premises_proof"
    AGREEMENT = "agreement"


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What is known of a merchant beside what is paid by; `contact_sealed` and `phone_sealed` open under CONTACT."""

    id: UUID
    kind: MerchantKind
    mcc: str
    address: str
    contact_sealed: bytes | None = field(repr=False)
    phone_sealed: bytes | None = field(repr=False)
    phone_mask: str
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A document that was handed in: its number sealed (DOCUMENT), its file known by SHA-256 (hex)."""

    id: UUID
    merchant_id: UUID
    kind: DocumentKind
    number_mask: str
    file_digest: str
    valid_until: date | None
    is_held: bool
    added_at: datetime
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """A shop under a merchant; `id` is its party's."""

    id: UUID
    merchant_id: UUID
    code: str
    name: str
    address: str
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A merchant in a list: the record with its party's code, name and path."""

    merchant: Merchant
    code: str
    name: str
    path: str
    party_version: int
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """Everything that is kept of one merchant."""

    standing: Standing
    profile: Profile | None
    documents: tuple[Document, ...]
    shops: tuple[Shop, ...]
    terminals: tuple[Terminal, ...]

    @property
    def merchant(self) -> Merchant:
        """The merchant itself."""
        return self.standing.merchant


CONTACT_PURPOSE = "merchant.contact"
DOCUMENT_PURPOSE = "merchant.document"
