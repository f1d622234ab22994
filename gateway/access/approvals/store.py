"""The SQL of proposals and delegations, and their tables for the journal and for edits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from uuid import UUID

import asyncpg

from gateway.access.approvals.model import Delegation, Proposal, ProposalState
from gateway.journal.model import Table
from gateway.kernel.postgres.edit import Editable
from gateway.kernel.postgres.pool import Connection, Database
from gateway.parties import Scope

TABLE = "proposal"
_PROPOSAL = {
    "id": "uuid",
    "kind": "text",
    "subject": "uuid",
    "subject_version": "integer",
    "party_id": "uuid",
    "content": "jsonb",
    "before": "jsonb",
    "after": "jsonb",
    "digest": "text",
    "amount_minor": "bigint",
    "unit": "text",
    "state": "text",
    "proposed_by": "text",
    "why": "text",
    "proposed_at": "timestamptz",
    "expires_at": "timestamptz",
    "decided_by": "text",
    "decided_for": "text",
    "decided_why": "text",
    "decided_at": "timestamptz",
    "version": "integer",
}
_DELEGATION = {
    "id": "uuid",
    "party_id": "uuid",
    "giver": "text",
    "taker": "text",
    "kinds": "text[]",
    "from_at": "timestamptz",
    "until_at": "timestamptz",
    "revoked_at": "timestamptz",
    "created_at": "timestamptz",
    "version": "integer",
}

PROPOSAL = Table(name=TABLE, columns=_PROPOSAL, noted=("kind", "digest"))
PROPOSAL_RECORD = Editable(name=TABLE, columns=_PROPOSAL, hidden=frozenset({"content"}))
DELEGATION_RECORD = Editable(name="delegation", columns=_DELEGATION)

_IN_SCOPE = "SELECT r.* FROM proposal r JOIN party p ON p.id = r.party_id WHERE p.path LIKE $1"


async def find(pool: Database | Connection, scope: Scope, id_: UUID) -> Proposal | None:
    """Read a proposal about a party that the scope covers."""
    row = await pool.fetchrow(f"{_IN_SCOPE} AND r.id = $2", scope.pattern, id_)
    return None if row is None else _proposal(row)


async def find_for_timer(pool: Database | Connection, id_: UUID) -> Proposal | None:
    """Read a proposal for the house itself."""
    row = await pool.fetchrow("SELECT * FROM proposal WHERE id = $1", id_)
    return None if row is None else _proposal(row)


async def proposals_in(
    pool: Database | Connection,
    scope: Scope,
    *,
    state: ProposalState | None = None,
    kinds: Iterable[str] | None = None,
    not_by: str | None = None,
    subject: UUID | None = None,
    after: UUID | None = None,
    limit: int = 100,
) -> Sequence[Proposal]:
    """List proposals that the scope covers, newest first; every filter that is given must hold."""
    rows = await pool.fetch(
        f"{_IN_SCOPE} AND ($2::text IS NULL OR r.state = $2) AND ($3::text[] IS NULL OR r.kind = ANY ($3))"
        " AND ($4::text IS NULL OR r.proposed_by <> $4) AND ($5::uuid IS NULL OR r.subject = $5)"
        " AND ($6::uuid IS NULL OR r.id < $6) ORDER BY r.id DESC LIMIT $7",
        scope.pattern,
        state,
        None if kinds is None else list(kinds),
        not_by,
        subject,
        after,
        limit,
    )
    return [_proposal(row) for row in rows]


async def delegation(pool: Database | Connection, scope: Scope, id_: UUID) -> Delegation | None:
    """Read a delegation of a giver that the scope covers."""
    row = await pool.fetchrow(
        "SELECT d.* FROM delegation d JOIN party p ON p.id = d.party_id WHERE p.path LIKE $1 AND d.id = $2",
        *(scope.pattern, id_),
    )
    return None if row is None else _delegation(row)


async def delegations_to(pool: Database | Connection, taker: str, *, at: datetime) -> Sequence[Delegation]:
    """List the delegations to somebody that are in force."""
    rows = await pool.fetch(
        "SELECT * FROM delegation WHERE taker = $1 AND revoked_at IS NULL AND from_at <= $2 AND until_at > $2",
        *(taker, at),
    )
    return [_delegation(row) for row in rows]


async def delegations_of(pool: Database | Connection, who: str) -> list[Delegation]:
    """List what somebody gave and was given, newest first."""
    rows = await pool.fetch("SELECT * FROM delegation WHERE giver = $1 OR taker = $1 ORDER BY id DESC LIMIT 200", who)
    return [_delegation(row) for row in rows]


def row_of(proposal: Proposal) -> dict[str, object]:
    """Return a new proposal's row, as the journal takes it."""
    row = {**asdict(proposal), "state": proposal.state.value}
    del row["version"]
    return row


def _proposal(row: asyncpg.Record) -> Proposal:
    return Proposal(**{**dict(row), "state": ProposalState(row["state"])})


def _delegation(row: asyncpg.Record) -> Delegation:
    return Delegation(**{**dict(row), "kinds": frozenset(row["kinds"])})
