"""Four eyes: one mechanism for whatever needs a second person (row X4; design section 3).

A proposal holds exactly what is to be done; a second person who may decide its kind and sees its party approves it by
its digest, and the approval and its effect are one commit. The proposer never decides, whatever rights were delegated;
a record that has moved since is refused. A room makes a thing approvable by registering a `Kind` with a pure effect.
"""

from gateway.access.approvals.approvals import Approvals, Draft, Submitted
from gateway.access.approvals.content import pack, unpack
from gateway.access.approvals.delegations import Delegations, NewDelegation
from gateway.access.approvals.kinds import Effect, Kind, Kinds, edit_kind
from gateway.access.approvals.model import Delegation, Proposal, ProposalState, Ruling
from gateway.access.approvals.ports import Command, Rights, RightsOf
from gateway.access.approvals.store import PROPOSAL

__all__ = [
    "PROPOSAL",
    "Approvals",
    "Command",
    "Delegation",
    "Delegations",
    "Draft",
    "Effect",
    "Kind",
    "Kinds",
    "NewDelegation",
    "Proposal",
    "ProposalState",
    "Rights",
    "RightsOf",
    "Ruling",
    "Submitted",
    "edit_kind",
    "pack",
    "unpack",
]
