"""What batch tasks ask of the journal."""

from __future__ import annotations

from typing import Protocol

from gateway.journal.model import Change, Receipt


class Post(Protocol):
    """Takes changes and tells their fate; the journal."""

    async def post(self, change: Change) -> Receipt:
        """Write `change` whole and return once it is durable, or tell why nothing of it was written."""
        ...
