"""An enquiry by reference: where an operation stands, and what there is to show for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from gateway.payments.answers import standing_of
from gateway.payments.model import AcquiringAnswer
from gateway.payments.operation import Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One thing that happened to an operation: `what` names it, `who` and `why` as the history has them."""

    at: datetime
    what: str
    state: str
    who: str
    why: str
    seq: int
    data: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The answer to an enquiry over HTTP: the standing, the operation and its evidence in the order of the book."""

    answer: AcquiringAnswer
    operation: Operation | None
    evidence: tuple[Evidence, ...]


def found(operation: Operation | None, evidence: tuple[Evidence, ...]) -> Found:
    """Put the answer together."""
    return Found(answer=standing_of(operation), operation=operation, evidence=evidence)
