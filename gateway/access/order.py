"""A command of a caller, on its way to the edit shell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from gateway.access.model import Caller
from gateway.kernel.postgres.edit import Edit, Line, Nonce


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A command as it came in: who sent it, when, and what makes it known when it comes again.

    `key` is its key in the edit shell; `said` is what a repeat must have in common with it, in keyed digests only.
    `nonce` is the signature's; a session has none.
    """

    caller: Caller
    at: datetime
    key: str
    said: Mapping[str, object]
    nonce: Nonce | None = None

    @property
    def who(self) -> str:
        """How histories name the caller."""
        return self.caller.who

    def edit(self, id_: UUID, why: str, *lines: Line) -> Edit:
        """Return the edit that carries this command out."""
        return Edit(
            id=id_,
            key=self.key,
            who=self.who,
            why=why,
            at=self.at,
            said=self.said,
            lines=lines,
            nonce=self.nonce,
        )
