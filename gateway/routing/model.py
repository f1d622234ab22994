"""Candidates, wishes and choices of routing as records."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from channels.instruction import Ask


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A channel as one merchant may use it; a lower `priority` is taken first."""

    channel: UUID
    code: str
    is_on: bool
    is_open: bool
    is_spared: bool
    asks: frozenset[Ask]
    units: frozenset[str]
    priority: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be carried."""

    ask: Ask
    unit: str


@dataclass(frozen=True, slots=True)
class Choice:
    """The channel chosen, and why in words."""

    channel: UUID
    why: str


@dataclass(frozen=True, slots=True)
class NoChannel:
    """No channel can take it; `why` names each one that was looked at."""

    why: str
