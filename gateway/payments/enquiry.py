"""What there is to show for where an operation stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


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
