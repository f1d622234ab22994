"""What the door asks about merchants (rows P4, P35, X4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from gateway.access.approvals import Proposal
from gateway.api.ports import Listing, Page, Step, Submission, Taken
from gateway.journal.model import Refused
from gateway.merchants import File, MerchantEvent, MerchantState, TerminalState
from gateway.merchants.model import Standing
from gateway.merchants.office import Amendment, NewDocument, NewMerchant, NewTerminal
from gateway.parties import BankCard, Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Everything that is kept of a merchant: its file, its bank cards, and what was done to it, by whom and why."""

    file: File
    cards: Sequence[BankCard]
    history: Sequence[Step]


@dataclass(frozen=True, slots=True, kw_only=True)
class Acted:
    """A merchant after a command; `proposal` where a second person has to approve it first."""

    kept: Kept
    proposal: Proposal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRate:
    """A rate that is proposed for a merchant: percent of the amount, bounded, in force from a time to come."""

    item: str
    percent: str
    minimum_minor: int | None
    maximum_minor: int | None
    effective_from: datetime


class MerchantDesk(Protocol):
    """Merchants, their files, shops and terminals."""

    async def list(
        self, sees: Scope, page: Page, *, state: MerchantState | None, number: str | None
    ) -> Listing[Standing]:
        """List merchants, newest first."""
        ...

    async def find(self, sees: Scope, merchant: UUID) -> Kept | None:
        """Read a merchant."""
        ...

    async def take_on(self, order: Submission, new: NewMerchant, *, why: str) -> Taken[Kept] | Refused:
        """Take a merchant on as a draft."""
        ...

    async def amend(
        self, order: Submission, merchant: UUID, amendment: Amendment, *, why: str
    ) -> Taken[Kept] | Refused:
        """Change its basic data."""
        ...

    async def add_document(
        self, order: Submission, merchant: UUID, new: NewDocument, *, why: str
    ) -> Taken[Kept] | Refused:
        """Add a document."""
        ...

    async def retire_document(
        self, order: Submission, merchant: UUID, document: UUID, *, why: str
    ) -> Taken[Kept] | Refused:
        """Take a document out of the file."""
        ...

    async def add_shop(
        self, order: Submission, merchant: UUID, *, code: str, name: str, address: str, why: str
    ) -> Taken[Kept] | Refused:
        """Open a shop."""
        ...

    async def add_terminal(
        self, order: Submission, merchant: UUID, new: NewTerminal, *, why: str
    ) -> Taken[Kept] | Refused:
        """Enter a terminal into the register."""
        ...

    async def set_terminal_state(
        self, order: Submission, merchant: UUID, terminal: UUID, state: TerminalState, *, why: str
    ) -> Taken[Kept] | Refused:
        """Lock a terminal or let it work again."""
        ...

    async def move(
        self, order: Submission, merchant: UUID, event: MerchantEvent, *, why: str
    ) -> Taken[Acted] | Refused:
        """Move a merchant, or propose the move where it needs a second person."""
        ...

    async def bind_card(
        self, order: Submission, merchant: UUID, *, account: str, name: str, bank: str, why: str
    ) -> Taken[Proposal] | Refused:
        """Propose a bank card."""
        ...

    async def unbind_card(
        self, order: Submission, merchant: UUID, card: UUID, *, why: str
    ) -> Taken[Proposal] | Refused:
        """Propose that a bank card be unbound."""
        ...

    async def rate(self, order: Submission, merchant: UUID, new: NewRate, *, why: str) -> Taken[Proposal] | Refused:
        """Propose a rate."""
        ...
