"""What the door asks about proposals and delegations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from gateway.access import Caller
from gateway.access.approvals import Delegation, Kind, NewDelegation, Proposal, ProposalState
from gateway.api.ports import Listing, Page, Step, Submission, Taken
from gateway.journal.model import Refused
from gateway.parties import Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalFilter:
    """Which proposals; `mine` are those that the caller may decide now."""

    state: ProposalState | None = None
    subject: UUID | None = None
    mine: bool = False


class ApprovalDesk(Protocol):
    """Four eyes."""

    def kinds(self) -> Sequence[Kind]:
        """List what can be proposed and who decides it."""
        ...

    async def list(self, caller: Caller, page: Page, which: ProposalFilter) -> Listing[Proposal]:
        """List proposals within what the caller sees, newest first."""
        ...

    async def find(self, sees: Scope, proposal: UUID) -> tuple[Proposal, Sequence[Step]] | None:
        """Read a proposal with its history."""
        ...

    async def approve(self, order: Submission, proposal: UUID, *, digest: str, why: str) -> Taken[Proposal] | Refused:
        """Approve what has this digest, and carry it out."""
        ...

    async def refuse(self, order: Submission, proposal: UUID, *, why: str) -> Taken[Proposal] | Refused:
        """Refuse it, with a reason."""
        ...

    async def withdraw(self, order: Submission, proposal: UUID, *, why: str) -> Taken[Proposal] | Refused:
        """Take one's own proposal back."""
        ...

    async def delegations(self, caller: Caller) -> Sequence[Delegation]:
        """List what the caller gave and was given."""
        ...

    async def delegate(self, order: Submission, new: NewDelegation, *, why: str) -> Taken[Delegation] | Refused:
        """Let somebody else decide in the caller's place for a time."""
        ...

    async def revoke(self, order: Submission, delegation: UUID, *, why: str) -> Taken[Delegation] | Refused:
        """Take a delegation back."""
        ...
