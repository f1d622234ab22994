"""Carrying out a command that edits records: once, whoever repeats it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from gateway.access.order import Order
from gateway.journal.model import Refused
from gateway.kernel.ids import Ids
from gateway.kernel.postgres.edit import (
    EditRefused,
    EditResult,
    Line,
    Repeated,
    apply_edit,
    earlier_edit,
    edited_subject,
)
from gateway.kernel.postgres.pool import Database

Decision = Sequence[Line] | Refused


@dataclass(frozen=True, slots=True)
class Written:
    """The command is durable; `subject` is the record its first line is about."""

    subject: UUID
    replayed: bool


class Pen:
    """Writes commands through the edit shell."""

    def __init__(self, *, pool: Database, ids: Ids) -> None:
        self._pool = pool
        self._ids = ids

    async def write(self, order: Order, why: str, decide: Callable[[], Awaitable[Decision]]) -> Written | Refused:
        """Carry out what `decide` says, unless the command was carried out before: then its first answer is found.

        `decide` reads and checks; its first line is about the record that the command is about.
        """
        result: EditResult | None = await earlier_edit(self._pool, order.key, order.said)
        if result is None:
            lines = await decide()
            if isinstance(lines, Refused):
                # the same command may have been carried out while this one was being decided
                result = await earlier_edit(self._pool, order.key, order.said)
                if result is None:
                    return lines
            else:
                result = await apply_edit(self._pool, order.edit(self._ids.new(), why, *lines))
        if isinstance(result, EditRefused):
            return Refused(result.reason, result.detail, result.subject)
        return Written(await edited_subject(self._pool, result.edit), isinstance(result, Repeated))
