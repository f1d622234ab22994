"""Ceremonies as records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from gateway.keys.port import KeyCipher, KeyKind


class Purpose(StrEnum):
    """Whether parts come in or go out."""

    ENTRY = "entry"
    SLIPS = "slips"


class CeremonyState(StrEnum):
    """Where a ceremony stands; all but the first are final."""

    OPEN = "open"
    DONE = "done"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceremony:
    """One ceremony; `placed` of `parts` people have taken part, `block` and `key` are key blocks or empty."""

    id: UUID
    purpose: Purpose
    target: str
    kind: KeyKind
    cipher: KeyCipher
    parts: int
    placed: int
    block: str = field(repr=False)
    key: str = field(repr=False)
    state: CeremonyState
    why: str
    started_by: str
    started_at: datetime
    expires_at: datetime
    version: int

    def row(self) -> Mapping[str, object]:
        """Return it as a table's row."""
        named = {one.name: getattr(self, one.name) for one in fields(self) if one.name != "version"}
        return {name: value.value if isinstance(value, StrEnum) else value for name, value in named.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Who took part, in which place, and the check value of their part."""

    place: int
    person: str
    check_value: str
    placed_at: datetime
