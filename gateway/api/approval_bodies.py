"""Proposals and delegations over the wire."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

from msgspec import Meta

from gateway.access.approvals import Delegation, Kind, Proposal
from gateway.api.bodies import Amount, Id, ListQuery, Shown, StepShown, Strict, Time
from gateway.api.ports import Step
from gateway.api.shown import PARTY, show_steps
from gateway.kernel.ids import show

PROPOSAL: Final = "apr"
DELEGATION: Final = "dlg"
_SUBJECTS: Final = {"merchant": "mch", "parameter": "prm"}

Why = Annotated[str, Meta(min_length=1, max_length=500, description="Why, for those who read the history")]
Who = Annotated[str, Meta(pattern="^(user|api):[^\\s]{1,64}$", description="A user or an API key by name")]


class ProposalsQuery(ListQuery, frozen=True, kw_only=True):
    """Which proposals; `mine` are those that the caller may decide now."""

    state: Annotated[str, Meta(pattern="^(proposed|approved|refused|expired|withdrawn)$")] | None = None
    subject: Id | None = None
    mine: bool = False


class Approval(Strict, frozen=True, kw_only=True):
    """Approve exactly what has this digest."""

    digest: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    why: Annotated[str, Meta(max_length=500)] = ""


class Reasoned(Strict, frozen=True, kw_only=True):
    """A command that says why it is given."""

    why: Why


class ProposalShown(Shown, frozen=True, kw_only=True, omit_defaults=True):
    """A proposal: what would change, and what became of it. `digest` names exactly what is approved."""

    id: str
    kind: str
    state: str
    subject: str
    party: str
    digest: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    proposed_by: str
    why: str
    proposed_at: Time
    expires_at: Time
    amount: Amount | None = None
    decided_by: str = ""
    decided_for: str = ""
    decided_why: str = ""
    decided_at: Time | None = None
    history: tuple[StepShown, ...] = ()


class ProposalsShown(Shown, frozen=True, kw_only=True, omit_defaults=True):
    """Proposals; `next` is the cursor of what follows."""

    proposals: list[ProposalShown]
    next: str | None = None


class ProposalKindShown(Shown, frozen=True, kw_only=True, omit_defaults=True):
    """What can be proposed; `permission` is what its decider needs."""

    code: str
    permission: str
    title_zh: str
    title_en: str


class ProposalKindsShown(Shown, frozen=True, kw_only=True, omit_defaults=True):
    """Everything that can be proposed."""

    kinds: list[ProposalKindShown]


class DelegationRequest(Strict, frozen=True, kw_only=True):
    """Let somebody decide in the caller's place, from and until a time."""

    taker: Who
    kinds: Annotated[list[str], Meta(min_length=1, max_length=50)]
    from_at: Time
    until_at: Time
    why: Why


class DelegationShown(Shown, frozen=True, kw_only=True, omit_defaults=True):
    """A delegation."""

    id: str
    giver: str
    taker: str
    kinds: list[str]
    from_at: Time
    until_at: Time
    revoked_at: Time | None = None


class DelegationsShown(Shown, frozen=True, kw_only=True, omit_defaults=True):
    """What the caller gave and was given."""

    delegations: list[DelegationShown]


def show_proposal(record: Proposal, history: Sequence[Step] = ()) -> ProposalShown:
    """Show a proposal; its content may hold sealed bytes and is not shown."""
    worth = None if record.amount_minor is None else Amount(minor=record.amount_minor, unit=record.unit)
    return ProposalShown(
        id=show(PROPOSAL, record.id),
        kind=record.kind,
        state=record.state.value,
        subject=show(_SUBJECTS.get(record.kind.partition(".")[0], "rec"), record.subject),
        party=show(PARTY, record.party_id),
        digest=record.digest,
        before=record.before,
        after=record.after,
        proposed_by=record.proposed_by,
        why=record.why,
        proposed_at=record.proposed_at,
        expires_at=record.expires_at,
        amount=worth,
        decided_by=record.decided_by,
        decided_for=record.decided_for,
        decided_why=record.decided_why,
        decided_at=record.decided_at,
        history=tuple(show_steps(history)),
    )


def show_kind(kind: Kind) -> ProposalKindShown:
    """Show what can be proposed."""
    return ProposalKindShown(code=kind.code, permission=kind.permission, title_zh=kind.title_zh, title_en=kind.title_en)


def show_delegation(record: Delegation) -> DelegationShown:
    """Show a delegation."""
    return DelegationShown(
        id=show(DELEGATION, record.id),
        giver=record.giver,
        taker=record.taker,
        kinds=sorted(record.kinds),
        from_at=record.from_at,
        until_at=record.until_at,
        revoked_at=record.revoked_at,
    )
