"""The approval desk: four eyes for the API door and the command."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from gateway.access import Caller
from gateway.access.approvals import (
    Approvals,
    Delegation,
    Delegations,
    Kind,
    NewDelegation,
    Proposal,
    ProposalState,
    Rights,
    Submitted,
)
from gateway.access.approvals import store as proposals
from gateway.api.approval_port import ProposalFilter
from gateway.api.ports import Listing, Page, Step, Submission, Taken
from gateway.app.desks.steps import steps
from gateway.journal import Refused, history
from gateway.kernel.postgres.pool import Database
from gateway.parties import Scope


class ApprovalService:
    """Proposals and delegations within what a caller sees."""

    def __init__(self, *, pool: Database, approvals: Approvals, delegations: Delegations) -> None:
        self._pool = pool
        self._approvals = approvals
        self._delegations = delegations

    def kinds(self) -> Sequence[Kind]:
        """List what can be proposed and who decides it."""
        return list(self._approvals.kinds)

    async def list(self, caller: Caller, page: Page, which: ProposalFilter) -> Listing[Proposal]:
        """List proposals, newest first."""
        kinds = await self._decided_by(caller) if which.mine else None
        found = await proposals.proposals_in(
            self._pool,
            caller.sees,
            state=ProposalState.PROPOSED if which.mine else which.state,
            kinds=kinds,
            not_by=caller.who if which.mine else None,
            subject=which.subject,
            after=page.after,
            limit=page.limit + 1,
        )
        return Listing(items=found[: page.limit], more=len(found) > page.limit)

    async def find(self, sees: Scope, proposal: UUID) -> tuple[Proposal, Sequence[Step]] | None:
        """Read a proposal with its history."""
        found = await self._approvals.find(sees, proposal)
        return None if found is None else (found, await self._history(found))

    async def approve(self, order: Submission, proposal: UUID, *, digest: str, why: str) -> Taken[Proposal] | Refused:
        """Approve what has this digest, and carry it out."""
        return _taken(await self._approvals.approve(order, proposal, digest=digest, why=why))

    async def refuse(self, order: Submission, proposal: UUID, *, why: str) -> Taken[Proposal] | Refused:
        """Refuse it, with a reason."""
        return _taken(await self._approvals.refuse(order, proposal, why=why))

    async def withdraw(self, order: Submission, proposal: UUID, *, why: str) -> Taken[Proposal] | Refused:
        """Take one's own proposal back."""
        return _taken(await self._approvals.withdraw(order, proposal, why=why))

    async def delegations(self, caller: Caller) -> Sequence[Delegation]:
        """List what the caller gave and was given."""
        return await self._delegations.of(caller.who)

    async def delegate(self, order: Submission, new: NewDelegation, *, why: str) -> Taken[Delegation] | Refused:
        """Let somebody else decide in the caller's place for a time."""
        given = await self._delegations.give(order, new, why=why)
        return given if isinstance(given, Refused) else Taken(given[0], replayed=given[1])

    async def revoke(self, order: Submission, delegation: UUID, *, why: str) -> Taken[Delegation] | Refused:
        """Take a delegation back."""
        taken = await self._delegations.revoke(order, delegation, why=why)
        return taken if isinstance(taken, Refused) else Taken(taken[0], replayed=taken[1])

    async def _decided_by(self, caller: Caller) -> frozenset[str]:
        rights = Rights(permissions=caller.permissions, sees=caller.sees, person=caller.who)
        return await self._approvals.mine_to_decide(who=caller.who, rights=rights)

    async def _history(self, proposal: Proposal) -> Sequence[Step]:
        lines = steps(await history(self._pool, proposal.id))
        if proposal.decided_at is None or any(line.what == proposal.state for line in lines):
            return lines
        # an approval that edits records stands in the trail of edits, not in the book
        decided = Step(at=proposal.decided_at, what=proposal.state, who=proposal.decided_by, why=proposal.decided_why)
        return [*lines, decided]


def _taken(submitted: Submitted | Refused) -> Taken[Proposal] | Refused:
    return submitted if isinstance(submitted, Refused) else Taken(submitted.proposal, replayed=submitted.replayed)
