"""The service: propose, approve, refuse, withdraw, expire; approval and effect in one commit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from gateway.access.approvals import rules, store
from gateway.access.approvals.content import digest_of
from gateway.access.approvals.kinds import EXPIRES_AFTER, LIMIT_UNIT, Kind, Kinds
from gateway.access.approvals.model import Proposal, ProposalState, Ruling
from gateway.access.approvals.ports import Command, Rights, RightsOf
from gateway.access.approvals.rules import Decider, Lent, Proposer
from gateway.access.approvals.states import ProposalEvent, advance
from gateway.journal.model import Change, Insert, Move, Post, Put, Receipt, Refused, Replayed
from gateway.kernel.clock import Clock
from gateway.kernel.configuration import Configuration
from gateway.kernel.ids import Ids
from gateway.kernel.postgres.edit import Alter, Edit, EditRefused, EditResult, Repeated, apply_edit, earlier_edit
from gateway.kernel.postgres.pool import Database
from gateway.kernel.reasons import Reason
from gateway.parties import Scope
from gateway.parties import store as parties

EXPIRE = "approval.expire"
_SYSTEM = "system:approvals"
_ONE_IS_ENOUGH = "the amount is within the limit for one person"


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What is to be proposed. `not_after` is a moment after which it would make no sense to approve it."""

    kind: str
    subject: UUID
    subject_version: int
    party: UUID
    content: Mapping[str, Any] = field(repr=False)
    before: Mapping[str, Any] = field(default_factory=dict)
    after: Mapping[str, Any] = field(default_factory=dict)
    why: str
    amount_minor: int | None = None
    unit: str = ""
    not_after: datetime | None = None


@dataclass(frozen=True, slots=True)
class Submitted:
    """A proposal as it stands after a command; `replayed` where this is a first answer again."""

    proposal: Proposal
    replayed: bool = False


class NotExpiredError(Exception):
    """A proposal whose time has passed could not be ended: its timer comes again."""


class Approvals:
    """Proposals, for every door. What a caller does not see is answered like what is not there."""

    def __init__(
        self,
        *,
        pool: Database,
        journal: Post,
        kinds: Kinds,
        rights: RightsOf,
        configuration: Configuration,
        ids: Ids,
        clock: Clock,
    ) -> None:
        self.kinds = kinds
        self._pool = pool
        self._journal = journal
        self._rights = rights
        self._configuration = configuration
        self._ids = ids
        self._clock = clock

    async def propose(self, order: Command, draft: Draft) -> Submitted | Refused:
        """Record a proposal; where its amount is within the limit for one person it takes effect at once.

        A repeat of the order gets the proposal as it stands now.
        """
        kind = self.kinds.find(draft.kind)
        if kind is None:
            return Refused(Reason.NOT_SUPPORTED, f"nothing of the kind {draft.kind} can be proposed")
        proposal = self._proposal(order, draft, kind)
        if proposal.expires_at <= proposal.proposed_at:
            return Refused(Reason.WRONG_STATE, "there is no time left to approve it in")
        receipt = await self._journal.post(self._proposed(order, proposal))
        if isinstance(receipt, Refused):
            return receipt
        found = await self._read(receipt.subject if isinstance(receipt, Replayed) else proposal.id)
        if found.state is ProposalState.PROPOSED and self._one_is_enough(kind, found):
            return await self._alone(order, kind, found, replayed=isinstance(receipt, Replayed))
        return Submitted(found, replayed=isinstance(receipt, Replayed))

    async def approve(self, order: Command, id_: UUID, *, digest: str, why: str = "") -> Submitted | Refused:
        """Approve what has this digest and carry it out, both or neither; of many at once exactly one does."""
        found = await self._decidable(order, id_)
        if isinstance(found, Refused):
            return found
        proposal, kind, decided_for = found
        refusal = rules.open_at(proposal, order.at) or rules.same_as_proposed(proposal, digest)
        ruling = Ruling(
            id=self._ids.new(),
            who=order.caller.who,
            why=f"{proposal.why} (proposed by {proposal.proposed_by}; approved)",
            at=order.at,
        )
        return await self._carry_out(order, kind, proposal, ruling, why=why, decided_for=decided_for, refusal=refusal)

    async def refuse(self, order: Command, id_: UUID, *, why: str) -> Submitted | Refused:
        """Refuse a proposal, with a reason."""
        found = await self._decidable(order, id_)
        if isinstance(found, Refused):
            return found
        proposal, _, decided_for = found
        return await self._end(order, proposal, ProposalEvent.REFUSE, why=why, decided_for=decided_for)

    async def withdraw(self, order: Command, id_: UUID, *, why: str = "") -> Submitted | Refused:
        """Take one's own proposal back."""
        proposal = await store.find(self._pool, order.caller.sees, id_)
        if proposal is None:
            return Refused(Reason.NOT_FOUND, "no such proposal", id_)
        if proposal.proposed_by != order.caller.who:
            return Refused(Reason.NOT_PERMITTED, "only who proposed it takes it back", id_)
        return await self._end(order, proposal, ProposalEvent.WITHDRAW, why=why or "taken back")

    async def expire(self, id_: UUID) -> None:
        """End a proposal whose time has passed; called by its timer. Raises NotExpiredError."""
        proposal = await store.find_for_timer(self._pool, id_)
        if proposal is None or proposal.state is not ProposalState.PROPOSED:
            return
        to = _decision(ProposalState.EXPIRED, by=_SYSTEM, why="its time passed", at=self._clock.now())
        change = Change(
            id=self._ids.new(),
            who=_SYSTEM,
            why="nobody decided in time",
            occurred_at=self._clock.now(),
            records=(Move(store.TABLE, id_, proposal.version, to),),
            fact=True,
        )
        receipt = await self._journal.post(change)
        if isinstance(receipt, Refused) and receipt.reason is not Reason.MOVED:
            raise NotExpiredError(receipt.detail)

    async def earlier_or(self, order: Command, refusal: Refused) -> Submitted | Refused:
        """Return the proposal that the same order made before, or the refusal where it made none.

        For orders that are refused once what they proposed has taken effect; a key that was never used stays unused.
        """
        unused = self._ids.new()
        if not order.keys(unused):
            return refusal
        change = Change(
            id=self._ids.new(),
            who=order.caller.who,
            why="looked up by key",
            occurred_at=order.at,
            keys=order.keys(unused),
            records=(Move(store.TABLE, unused, 1, {"state": ProposalState.PROPOSED.value}),),
        )
        receipt = await self._journal.post(change)
        if isinstance(receipt, Replayed):
            found = await store.find(self._pool, order.caller.sees, receipt.subject)
            return refusal if found is None else Submitted(found, replayed=True)
        misused = {key.refusal for key in change.keys}
        return receipt if isinstance(receipt, Refused) and receipt.reason in misused else refusal

    async def find(self, sees: Scope, id_: UUID) -> Proposal | None:
        """Read a proposal within what a caller sees."""
        return await store.find(self._pool, sees, id_)

    async def mine_to_decide(self, *, who: str, rights: Rights) -> frozenset[str]:
        """Return the kinds that somebody may decide now, delegated ones included."""
        own = self.kinds.decided_with(rights.permissions)
        lent: set[str] = set()
        for one in await self._delegated(who, self._clock.now()):
            lent |= one.delegation.kinds & self.kinds.decided_with(one.rights.permissions)
        return own | lent

    async def _decidable(self, order: Command, id_: UUID) -> tuple[Proposal, Kind, str] | Refused:
        """Find a proposal that the caller may decide, with its kind and for whom they decide."""
        caller = order.caller
        proposal = await store.find(self._pool, caller.sees, id_)
        kind = None if proposal is None else self.kinds.find(proposal.kind)
        if proposal is None or kind is None:
            return Refused(Reason.NOT_FOUND, "no such proposal", id_)
        party = await parties.party(self._pool, proposal.party_id)
        if party is None:
            return Refused(Reason.NOT_FOUND, "no such proposal", id_)
        allowed = rules.leave(
            proposal,
            kind,
            party.path,
            decider=await self._decider(order),
            proposer=await self._proposer(proposal),
            at=order.at,
        )
        return allowed if isinstance(allowed, Refused) else (proposal, kind, allowed)

    async def _decider(self, order: Command) -> Decider:
        caller = order.caller
        return Decider(
            who=caller.who,
            persons=await self._rights.persons(caller.who),
            rights=Rights(permissions=caller.permissions, sees=caller.sees, person=caller.who),
            delegated=await self._delegated(caller.who, order.at),
        )

    async def _proposer(self, proposal: Proposal) -> Proposer:
        who = proposal.proposed_by
        return Proposer(who=who, persons=await self._rights.persons(who))

    async def _delegated(self, who: str, at: datetime) -> list[Lent]:
        lent = []
        for delegation in await store.delegations_to(self._pool, who, at=at):
            rights = await self._rights.rights(delegation.giver)
            if rights is not None:
                persons = await self._rights.persons(delegation.giver)
                lent.append(Lent(delegation=delegation, rights=rights, persons=persons))
        return lent

    async def _carry_out(
        self,
        order: Command,
        kind: Kind,
        proposal: Proposal,
        ruling: Ruling,
        *,
        why: str,
        decided_for: str,
        refusal: Refused | None,
    ) -> Submitted | Refused:
        if refusal is not None and refusal.reason is Reason.FAULT:
            return refusal
        effect = kind.effect(proposal, ruling)
        to = _decision(ProposalState.APPROVED, by=ruling.who, why=why, at=ruling.at, decided_for=decided_for)
        if isinstance(effect, Edit):
            return await self._by_edit(order, proposal, effect, to, refusal)
        change = replace(
            effect,
            records=(*effect.records, *_moved(proposal, to)),
            keys=order.keys(proposal.id),
            not_after=min(effect.not_after or proposal.expires_at, proposal.expires_at),
        )
        return await self._by_change(proposal, change if refusal is None else _looked_up(change, proposal), refusal)

    async def _by_change(self, proposal: Proposal, change: Change, refusal: Refused | None) -> Submitted | Refused:
        receipt = await self._journal.post(change)
        if isinstance(receipt, Refused) and receipt.reason is Reason.MOVED:
            return refusal or await self._moved_meanwhile(proposal)
        return await self._answered(receipt, proposal.id)

    async def _by_edit(
        self, order: Command, proposal: Proposal, effect: Edit, to: Mapping[str, object], refusal: Refused | None
    ) -> Submitted | Refused:
        result: EditResult | None = await earlier_edit(self._pool, order.key, order.said)
        if result is None and refusal is not None:
            return refusal
        if result is None:
            decided = Alter(store.PROPOSAL_RECORD, proposal.id, proposal.version, to)
            result = await apply_edit(self._pool, order.edit(effect.id, effect.why, decided, *effect.lines))
        if isinstance(result, EditRefused) and result.reason in {Reason.MOVED, Reason.FORMAT}:
            return await self._moved_meanwhile(proposal)
        if isinstance(result, EditRefused):
            return Refused(result.reason, result.detail, result.subject)
        return Submitted(await self._read(proposal.id), replayed=isinstance(result, Repeated))

    async def _moved_meanwhile(self, proposal: Proposal) -> Refused:
        now = await self._read(proposal.id)
        if now.state is not ProposalState.PROPOSED:
            return Refused(Reason.WRONG_STATE, f"the proposal is {now.state}", proposal.id)
        return Refused(Reason.WRONG_STATE, "the record has changed since it was proposed: propose it anew", proposal.id)

    async def _end(
        self, order: Command, proposal: Proposal, event: ProposalEvent, *, why: str, decided_for: str = ""
    ) -> Submitted | Refused:
        refusal = rules.open_at(proposal, order.at)
        state = advance(proposal.state, event) or proposal.state
        to = _decision(state, by=order.caller.who, why=why, at=order.at, decided_for=decided_for)
        change = Change(
            id=self._ids.new(),
            who=order.caller.who,
            why=why,
            occurred_at=order.at,
            records=_moved(proposal, to),
            keys=order.keys(proposal.id),
        )
        return await self._by_change(proposal, change if refusal is None else _looked_up(change, proposal), refusal)

    async def _alone(self, order: Command, kind: Kind, proposal: Proposal, *, replayed: bool) -> Submitted | Refused:
        """One person is enough: the house itself approves, by the limit."""
        ruling = Ruling(id=self._ids.new(), who=order.caller.who, why=proposal.why, at=order.at)
        effect = kind.effect(proposal, ruling)
        to = _decision(ProposalState.APPROVED, by=_SYSTEM, why=_ONE_IS_ENOUGH, at=order.at)
        if isinstance(effect, Edit):
            decided = Alter(store.PROPOSAL_RECORD, proposal.id, proposal.version, to)
            edited = await apply_edit(self._pool, replace(effect, lines=(decided, *effect.lines)))
            if isinstance(edited, EditRefused):
                return Refused(edited.reason, edited.detail, edited.subject)
        else:
            receipt = await self._journal.post(replace(effect, records=(*effect.records, *_moved(proposal, to))))
            if isinstance(receipt, Refused):
                return receipt
        return Submitted(await self._read(proposal.id), replayed=replayed)

    def _one_is_enough(self, kind: Kind, proposal: Proposal) -> bool:
        if kind.limit is None or proposal.amount_minor is None:
            return False
        limit = self._configuration.value(kind.limit)
        return limit > 0 and proposal.unit == LIMIT_UNIT and abs(proposal.amount_minor) <= limit

    def _proposal(self, order: Command, draft: Draft, kind: Kind) -> Proposal:
        waits = timedelta(hours=self._configuration.value(EXPIRES_AFTER))
        ends = [order.at + min(waits, kind.longest or waits)]
        shown = [draft.before, draft.after, draft.amount_minor, draft.unit]
        return Proposal(
            id=self._ids.new(),
            kind=draft.kind,
            subject=draft.subject,
            subject_version=draft.subject_version,
            party_id=draft.party,
            content=draft.content,
            before=draft.before,
            after=draft.after,
            digest=digest_of(
                kind=draft.kind,
                subject=draft.subject,
                subject_version=draft.subject_version,
                party=draft.party,
                content=draft.content,
                shown=shown,
            ),
            amount_minor=draft.amount_minor,
            unit=draft.unit,
            state=ProposalState.PROPOSED,
            proposed_by=order.caller.who,
            why=draft.why,
            proposed_at=order.at,
            expires_at=min([*ends, draft.not_after] if draft.not_after is not None else ends),
        )

    def _proposed(self, order: Command, proposal: Proposal) -> Change:
        timer = {"kind": EXPIRE, "subject": proposal.id, "due_at": proposal.expires_at, "data": {}}
        return Change(
            id=self._ids.new(),
            who=order.caller.who,
            why=proposal.why,
            occurred_at=order.at,
            keys=order.keys(proposal.id),
            records=(Insert(store.TABLE, store.row_of(proposal)), Put("timer.set", timer)),
        )

    async def _answered(self, receipt: Receipt, id_: UUID) -> Submitted | Refused:
        if isinstance(receipt, Refused):
            return receipt
        return Submitted(await self._read(id_), replayed=isinstance(receipt, Replayed))

    async def _read(self, id_: UUID) -> Proposal:
        found = await store.find_for_timer(self._pool, id_)
        if found is None:
            raise LookupError(f"the proposal {id_} is not there after it was written")
        return found


def _decision(state: ProposalState, *, by: str, why: str, at: datetime, decided_for: str = "") -> dict[str, object]:
    return {
        "state": state.value,
        "decided_by": by,
        "decided_for": decided_for,
        "decided_why": why,
        "decided_at": at,
    }


def _moved(proposal: Proposal, to: Mapping[str, object]) -> tuple[Move | Put, ...]:
    done = Put("timer.done", {"kind": EXPIRE, "subject": proposal.id})
    return (Move(store.TABLE, proposal.id, proposal.version, to), done)


def _looked_up(change: Change, proposal: Proposal) -> Change:
    """A change that cannot be written and only shows whether its keys were used before: a repeat's first answer."""
    never = Move(store.TABLE, proposal.id, 0, {"state": proposal.state.value})
    return replace(change, records=(never,), postings=(), counts=(), events=(), expects=(), not_after=None)
