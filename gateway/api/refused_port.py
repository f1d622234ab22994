"""What the door asks about messages of terminals that were refused."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from gateway.parties import Scope


class RefusedRecord(Protocol):
    """Messages refused alike, as they are kept."""

    @property
    def id(self) -> UUID: ...  # noqa: D102 - the class of what is shown says what each is

    @property
    def dialect(self) -> str: ...  # noqa: D102

    @property
    def source(self) -> str: ...  # noqa: D102

    @property
    def terminal(self) -> str: ...  # noqa: D102

    @property
    def mti(self) -> str: ...  # noqa: D102

    @property
    def code(self) -> str: ...  # noqa: D102

    @property
    def field(self) -> int: ...  # noqa: D102

    @property
    def why(self) -> str: ...  # noqa: D102

    @property
    def offset(self) -> int: ...  # noqa: D102

    @property
    def size(self) -> int: ...  # noqa: D102

    @property
    def shape(self) -> str: ...  # noqa: D102

    @property
    def count(self) -> int: ...  # noqa: D102

    @property
    def first_at(self) -> datetime: ...  # noqa: D102

    @property
    def last_at(self) -> datetime: ...  # noqa: D102


class RefusedDesk(Protocol):
    """Messages that the terminal door refused."""

    async def list(
        self, sees: Scope, *, terminal: str, code: str, since: datetime | None, limit: int
    ) -> Sequence[RefusedRecord]:
        """List them, the newest first, of terminals that the caller sees; empty filters fit all."""
        ...
