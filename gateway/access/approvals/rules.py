"""Who may decide a proposal: pure rules over what is known of those who take part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.access.approvals.content import digest_of
from gateway.access.approvals.kinds import Kind
from gateway.access.approvals.model import Delegation, Proposal, ProposalState
from gateway.access.approvals.ports import Rights
from gateway.journal.model import Refused
from gateway.kernel.reasons import Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Lent:
    """A delegation, with what its giver may do now and the persons behind the giver."""

    delegation: Delegation
    rights: Rights
    persons: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decider:
    """Who decides: their name, the persons behind it, their own rights, and what others lend them."""

    who: str
    persons: frozenset[str]
    rights: Rights
    delegated: Sequence[Lent] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposer:
    """Who proposed, and the persons behind the name, as far as they are known."""

    who: str
    persons: frozenset[str]


def leave(
    proposal: Proposal, kind: Kind, party_path: str, *, decider: Decider, proposer: Proposer, at: datetime
) -> str | Refused:
    """Return for whom the decider decides ("" = by their own right), or why they may not."""
    if decider.who == proposer.who or decider.persons & proposer.persons:
        return Refused(Reason.NOT_PERMITTED, "who proposed it does not decide it", proposal.id)
    if not decider.rights.sees.covers(party_path):
        return Refused(Reason.NOT_FOUND, "no such proposal", proposal.id)
    if kind.permission in decider.rights.permissions:
        return ""
    for lent in decider.delegated:
        if _lends(lent, kind, party_path, proposer, at):
            return lent.delegation.giver
    return Refused(Reason.NOT_PERMITTED, f"deciding this needs the permission {kind.permission}", proposal.id)


def _lends(lent: Lent, kind: Kind, party_path: str, proposer: Proposer, at: datetime) -> bool:
    # a giver lends only what they have themselves, so there are no chains; a proposer's own right decides nothing
    return (
        lent.delegation.holds_at(at)
        and kind.code in lent.delegation.kinds
        and kind.permission in lent.rights.permissions
        and lent.rights.sees.covers(party_path)
        and lent.delegation.giver != proposer.who
        and not lent.persons & proposer.persons
    )


def open_at(proposal: Proposal, at: datetime) -> Refused | None:
    """Return why a proposal cannot be decided any more, None where it can."""
    if proposal.state is not ProposalState.PROPOSED:
        return Refused(Reason.WRONG_STATE, f"the proposal is {proposal.state}", proposal.id)
    if at >= proposal.expires_at:
        return Refused(Reason.WRONG_STATE, "the proposal has expired", proposal.id)
    return None


def same_as_proposed(proposal: Proposal, digest: str) -> Refused | None:
    """Return why what would be approved is not what was proposed, None where it is."""
    if digest != proposal.digest:
        return Refused(Reason.WRONG_STATE, "this is not the digest of what was proposed", proposal.id)
    if stored_digest(proposal) != proposal.digest:
        return Refused(Reason.FAULT, "the stored proposal is not what was proposed", proposal.id)
    return None


def stored_digest(proposal: Proposal) -> str:
    """Work out the digest of what is stored."""
    return digest_of(
        kind=proposal.kind,
        subject=proposal.subject,
        subject_version=proposal.subject_version,
        party=proposal.party_id,
        content=proposal.content,
        shown=[proposal.before, proposal.after, proposal.amount_minor, proposal.unit],
    )
