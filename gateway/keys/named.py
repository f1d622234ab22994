"""A key that is known by a name."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from gateway.keys.port import KeyBlock


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedKey:
    """One key of a name; `number` counts up with every replacement."""

    name: str
    number: int
    block: KeyBlock
    created_at: datetime
    created_by: str
