"""What approvals need of their neighbours: who asks, what others may do, and the journal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from gateway.access.model import Caller
from gateway.journal.model import Key
from gateway.kernel.postgres.edit import Edit, Line
from gateway.parties import Scope


class Command(Protocol):
    """A command of a caller, good for either shell: an edit under its key, a change under its keys."""

    @property
    def caller(self) -> Caller: ...  # noqa: D102 - the class says what each is

    @property
    def at(self) -> datetime: ...  # noqa: D102

    @property
    def key(self) -> str: ...  # noqa: D102

    @property
    def said(self) -> Mapping[str, object]: ...  # noqa: D102

    @property
    def keys(self) -> Callable[[UUID], tuple[Key, ...]]: ...  # noqa: D102

    def edit(self, id_: UUID, why: str, *lines: Line) -> Edit:
        """Return the edit that carries the command out."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """What somebody may do and see now, and which person they are, as far as that is known."""

    permissions: frozenset[str]
    sees: Scope
    person: str


class RightsOf(Protocol):
    """Looks up somebody by the name that histories give them (`user:…`, `api:…`)."""

    async def rights(self, who: str) -> Rights | None:
        """Return their rights as they stand now, None where they are unknown or may do nothing any more."""
        ...

    async def persons(self, who: str) -> frozenset[str]:
        """Return the persons that may stand behind the name, also where it may do nothing any more."""
        ...
