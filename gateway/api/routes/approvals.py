"""Four eyes: proposals, decisions, delegations."""

from __future__ import annotations

from gateway.access import Permission
from gateway.access.approvals import NewDelegation, ProposalState
from gateway.api.approval_bodies import (
    DELEGATION,
    PROPOSAL,
    Approval,
    DelegationRequest,
    DelegationShown,
    DelegationsShown,
    ProposalKindsShown,
    ProposalShown,
    ProposalsQuery,
    ProposalsShown,
    Reasoned,
    show_delegation,
    show_kind,
    show_proposal,
)
from gateway.api.approval_port import ProposalFilter
from gateway.api.decoding import JsonBody, read_id
from gateway.api.ports import Page
from gateway.api.route import Call, Given, Nothing, Route
from gateway.journal.model import Refused
from gateway.kernel.ids import show
from gateway.kernel.reasons import Reason

_SUBJECTS = ("mch", "prm", "rec")


async def list_kinds(call: Call[Nothing, Nothing]) -> Given:
    """Show what can be proposed."""
    return Given(ProposalKindsShown(kinds=[show_kind(kind) for kind in call.desks.approvals.kinds()]))


async def list_proposals(call: Call[Nothing, ProposalsQuery]) -> Given:
    """Show proposals."""
    query = call.query
    which = ProposalFilter(
        state=None if query.state is None else ProposalState(query.state),
        subject=None if query.subject is None else read_id(query.subject, *_SUBJECTS),
        mine=query.mine,
    )
    after = None if query.cursor is None else read_id(query.cursor, PROPOSAL)
    found = await call.desks.approvals.list(call.caller, Page(limit=query.limit, after=after), which)
    following = show(PROPOSAL, found.items[-1].id) if found.more else None
    return Given(ProposalsShown(proposals=[show_proposal(one) for one in found.items], next=following))


async def read_proposal(call: Call[Nothing, Nothing]) -> Given | Refused:
    """Show a proposal with its history."""
    found = await call.desks.approvals.find(call.caller.sees, call.ids["proposal"])
    return Refused(Reason.NOT_FOUND, "no such proposal") if found is None else Given(show_proposal(*found))


async def approve(call: Call[Approval, Nothing]) -> Given | Refused:
    """Approve a proposal."""
    asked = call.body
    taken = await call.desks.approvals.approve(call.order, call.ids["proposal"], digest=asked.digest, why=asked.why)
    return taken if isinstance(taken, Refused) else Given(show_proposal(taken.value), taken.replayed)


async def refuse(call: Call[Reasoned, Nothing]) -> Given | Refused:
    """Refuse a proposal."""
    taken = await call.desks.approvals.refuse(call.order, call.ids["proposal"], why=call.body.why)
    return taken if isinstance(taken, Refused) else Given(show_proposal(taken.value), taken.replayed)


async def withdraw(call: Call[Reasoned, Nothing]) -> Given | Refused:
    """Take one's own proposal back."""
    taken = await call.desks.approvals.withdraw(call.order, call.ids["proposal"], why=call.body.why)
    return taken if isinstance(taken, Refused) else Given(show_proposal(taken.value), taken.replayed)


async def list_delegations(call: Call[Nothing, Nothing]) -> Given:
    """Show what the caller gave and was given."""
    found = await call.desks.approvals.delegations(call.caller)
    return Given(DelegationsShown(delegations=[show_delegation(one) for one in found]))


async def delegate(call: Call[DelegationRequest, Nothing]) -> Given | Refused:
    """Let somebody decide in the caller's place for a time."""
    asked = call.body
    new = NewDelegation(taker=asked.taker, kinds=frozenset(asked.kinds), from_at=asked.from_at, until_at=asked.until_at)
    taken = await call.desks.approvals.delegate(call.order, new, why=asked.why)
    return taken if isinstance(taken, Refused) else Given(show_delegation(taken.value), taken.replayed)


async def revoke(call: Call[Reasoned, Nothing]) -> Given | Refused:
    """Take a delegation back."""
    taken = await call.desks.approvals.revoke(call.order, call.ids["delegation"], why=call.body.why)
    return taken if isinstance(taken, Refused) else Given(show_delegation(taken.value), taken.replayed)


_DIGEST = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0"
_WHY = {"why": "checked against the signed form"}
_TAG = "Approvals"

ROUTES = (
    Route(
        method="GET",
        path="/v1/approval-kinds",
        operation="listApprovalKinds",
        tag=_TAG,
        summary="What needs a second person, and the permission to decide it",
        permission=Permission.APPROVALS_READ,
        handle=list_kinds,
        answer=ProposalKindsShown,
    ),
    Route(
        method="GET",
        path="/v1/approvals",
        operation="listProposals",
        tag=_TAG,
        summary="Proposals, newest first; with mine=true those the caller may decide now",
        permission=Permission.APPROVALS_READ,
        handle=list_proposals,
        query=ProposalsQuery,
        answer=ProposalsShown,
    ),
    Route(
        method="GET",
        path="/v1/approvals/{proposal}",
        operation="readProposal",
        tag=_TAG,
        summary="A proposal: before, after, digest and history",
        permission=Permission.APPROVALS_READ,
        handle=read_proposal,
        answer=ProposalShown,
        ids={"proposal": (PROPOSAL,)},
        refusals=(Reason.NOT_FOUND,),
    ),
    Route(
        method="POST",
        path="/v1/approvals/{proposal}/approve",
        operation="approveProposal",
        tag=_TAG,
        summary="Approve exactly what has this digest; it takes effect in the same commit",
        permission=Permission.APPROVALS_DECIDE,
        handle=approve,
        decoder=JsonBody(Approval),
        answer=ProposalShown,
        ids={"proposal": (PROPOSAL,)},
        refusals=(Reason.NOT_FOUND, Reason.WRONG_STATE, Reason.NOT_PERMITTED),
        example={"digest": _DIGEST},
    ),
    Route(
        method="POST",
        path="/v1/approvals/{proposal}/refuse",
        operation="refuseProposal",
        tag=_TAG,
        summary="Refuse a proposal, with a reason",
        permission=Permission.APPROVALS_DECIDE,
        handle=refuse,
        decoder=JsonBody(Reasoned),
        answer=ProposalShown,
        ids={"proposal": (PROPOSAL,)},
        refusals=(Reason.NOT_FOUND, Reason.WRONG_STATE, Reason.NOT_PERMITTED),
        example=_WHY,
    ),
    Route(
        method="POST",
        path="/v1/approvals/{proposal}/withdraw",
        operation="withdrawProposal",
        tag=_TAG,
        summary="Take one's own proposal back",
        permission=Permission.APPROVALS_READ,
        handle=withdraw,
        decoder=JsonBody(Reasoned),
        answer=ProposalShown,
        ids={"proposal": (PROPOSAL,)},
        refusals=(Reason.NOT_FOUND, Reason.WRONG_STATE, Reason.NOT_PERMITTED),
        example=_WHY,
    ),
    Route(
        method="GET",
        path="/v1/delegations",
        operation="listDelegations",
        tag=_TAG,
        summary="Delegations that the caller gave and was given",
        permission=Permission.APPROVALS_READ,
        handle=list_delegations,
        answer=DelegationsShown,
    ),
    Route(
        method="POST",
        path="/v1/delegations",
        operation="delegateDecisions",
        tag=_TAG,
        summary="Let somebody decide in the caller's place for a time",
        permission=Permission.APPROVALS_DECIDE,
        handle=delegate,
        decoder=JsonBody(DelegationRequest),
        answer=DelegationShown,
        refusals=(Reason.NOT_FOUND, Reason.NOT_PERMITTED),
        example={
            "taker": "user:zhang",
            "kinds": ["merchant.open"],
            "from_at": "2026-11-22T00:00:00Z",
            "until_at": "2026-11-29T00:00:00Z",
            "why": "on leave for a week",
        },
    ),
    Route(
        method="POST",
        path="/v1/delegations/{delegation}/revoke",
        operation="revokeDelegation",
        tag=_TAG,
        summary="Take a delegation back at once",
        permission=Permission.APPROVALS_DECIDE,
        handle=revoke,
        decoder=JsonBody(Reasoned),
        answer=DelegationShown,
        ids={"delegation": (DELEGATION,)},
        refusals=(Reason.NOT_FOUND, Reason.WRONG_STATE, Reason.NOT_PERMITTED),
        example=_WHY,
    ),
)
