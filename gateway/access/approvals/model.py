"""Proposals and delegations as records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID


class ProposalState(StrEnum):
    """Where a proposal stands; all but the first are final."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    REFUSED = "refused"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What was proposed, by whom and why, and what became of it.

    `content` is exactly what is done once it is approved, `digest` its SHA-256 with kind, subject and version (hex).
    `before` and `after` show it to people. `subject_version` is the version of the record it was decided on; 0 where
    the record is new. `decided_for` is who delegated the decision, empty where it was the decider's own right.
    """

    id: UUID
    kind: str
    subject: UUID
    subject_version: int
    party_id: UUID
    content: Mapping[str, Any] = field(repr=False)
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    digest: str
    amount_minor: int | None
    unit: str
    state: ProposalState
    proposed_by: str
    why: str
    proposed_at: datetime
    expires_at: datetime
    decided_by: str = ""
    decided_for: str = ""
    decided_why: str = ""
    decided_at: datetime | None = None
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """Who approved, when, and the id of the change or edit that does it."""

    id: UUID
    who: str
    why: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Delegation:
    """`taker` may decide for `giver` the proposals of `kinds`, from and until a time; `party_id` is the giver's."""

    id: UUID
    party_id: UUID
    giver: str
    taker: str
    kinds: frozenset[str]
    from_at: datetime
    until_at: datetime
    revoked_at: datetime | None
    created_at: datetime
    version: int

    def holds_at(self, instant: datetime) -> bool:
        """Tell whether it is in force."""
        return self.revoked_at is None and self.from_at <= instant < self.until_at
