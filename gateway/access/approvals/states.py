"""The states of a proposal: one table; a missing cell is refused."""

from __future__ import annotations

from enum import StrEnum

from gateway.access.approvals.model import ProposalState


class ProposalEvent(StrEnum):
    """What may happen to a proposal."""

    APPROVE = "approve"
    REFUSE = "refuse"
    WITHDRAW = "withdraw"
    EXPIRE = "expire"


PROPOSAL_STATES: dict[ProposalState, dict[ProposalEvent, ProposalState]] = {
    ProposalState.PROPOSED: {
        ProposalEvent.APPROVE: ProposalState.APPROVED,
        ProposalEvent.REFUSE: ProposalState.REFUSED,
        ProposalEvent.WITHDRAW: ProposalState.WITHDRAWN,
        ProposalEvent.EXPIRE: ProposalState.EXPIRED,
    },
    ProposalState.APPROVED: {},
    ProposalState.REFUSED: {},
    ProposalState.EXPIRED: {},
    ProposalState.WITHDRAWN: {},
}


def advance(state: ProposalState, event: ProposalEvent) -> ProposalState | None:
    """Return the state after `event`, None where it may not happen."""
    return PROPOSAL_STATES[state].get(event)
