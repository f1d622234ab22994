"""Parties, bank cards and scopes as records (rows A1, A8-A14, A52, C2)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

# the root of the tree, made by the first migration
PLATFORM = UUID("00000000-0000-7000-8000-000000000001")


class Kind(StrEnum):
    """What a party is."""

    PLATFORM = "platform"
    INSTITUTION = "institution"
    AGENT = "agent"
    MERCHANT = "merchant"
    SHOP = "shop"
    MEMBER = "member"
    CHANNEL = "channel"
    BANK_ACCOUNT = "bank_account"


class PartyState(StrEnum):
    """Whether a party takes part."""

    OPEN = "open"
    SUSPENDED = "suspended"
    CLOSED = "closed"


# under whom a party of each kind may stand
PARENTS: dict[Kind, frozenset[Kind]] = {
    Kind.PLATFORM: frozenset(),
    Kind.INSTITUTION: frozenset({Kind.PLATFORM}),
    Kind.AGENT: frozenset({Kind.PLATFORM, Kind.INSTITUTION, Kind.AGENT}),
    Kind.MERCHANT: frozenset({Kind.PLATFORM, Kind.INSTITUTION, Kind.AGENT}),
    Kind.SHOP: frozenset({Kind.MERCHANT}),
    Kind.MEMBER: frozenset({Kind.PLATFORM, Kind.INSTITUTION, Kind.MERCHANT}),
    Kind.CHANNEL: frozenset({Kind.PLATFORM, Kind.INSTITUTION}),
    Kind.BANK_ACCOUNT: frozenset({Kind.PLATFORM, Kind.INSTITUTION}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """One node of the tree. `code` is unique within its kind; `path` holds the ids from the root down to itself."""

    id: UUID
    kind: Kind
    code: str
    name: str
    parent_id: UUID | None
    path: str
    state: PartyState
    created_at: datetime
    version: int

    @property
    def scope(self) -> Scope:
        """What this party may see: itself and everything under it."""
        return Scope(self.path)


@dataclass(frozen=True, slots=True)
class Scope:
    """A subtree of parties; every query of a scoped table at a door binds its `pattern` with LIKE.

    Made from a party, never from what a caller sends: the platform's own scope covers everybody.
    """

    path: str

    def __post_init__(self) -> None:
        """Refuse a path that would let LIKE see more than a subtree."""
        inside = self.path.strip("/").replace("/", "")
        if not self.path.startswith("/") or not self.path.endswith("/") or not inside or not inside.isalnum():
            message = "a scope is the path of a party: /<id>/…/<id>/"
            raise ValueError(message)

    @property
    def pattern(self) -> str:
        """For `party.path LIKE $n`."""
        return f"{self.path}%"

    def covers(self, path: str) -> bool:
        """Tell whether the party at `path` is in this subtree."""
        return path.startswith(self.path)


@dataclass(frozen=True, slots=True, kw_only=True)
class BankCard:
    """A bank card or account that a party is paid to; `number` (1-99) is how a terminal names it.

    `account_sealed` opens with the card vault, `name_sealed` with the key store under `NAME_PURPOSE`.
    """

    id: UUID
    party_id: UUID
    number: int
    account_sealed: bytes = field(repr=False)
    fingerprint: bytes = field(repr=False)
    fingerprint_version: int
    mask: str
    name_sealed: bytes = field(repr=False)
    bank: str
    bound: bool
    version: int


NAME_PURPOSE = "bank_card.name"
