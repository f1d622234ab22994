"""What this room needs of a command: who, when, and how it is known when it comes again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol
from uuid import UUID

from gateway.journal.model import Key
from gateway.kernel.postgres.edit import Edit, Line


class Command(Protocol):
    """A command, good for either shell: an edit under its key, a change under its keys."""

    @property
    def who(self) -> str: ...  # noqa: D102 - the class says what each is

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
