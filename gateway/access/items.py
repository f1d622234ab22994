"""Permission items as data: listed, added, edited, deleted (row P64)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from gateway.access import store
from gateway.access.authority import refusal_outside_platform
from gateway.access.model import Item
from gateway.access.order import Order
from gateway.access.writing import Decision, Pen, Written
from gateway.journal.model import Refused
from gateway.kernel.ids import Ids
from gateway.kernel.postgres.edit import Add, Alter, Remove
from gateway.kernel.postgres.pool import Database
from gateway.kernel.reasons import Reason

_CODE: Final = re.compile(r"[a-z][a-z0-9-]*:[a-z][a-z0-9-]*")
_NOWHERE: Final = Refused(Reason.NOT_FOUND, "no such permission item")


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemFacts:
    """What may be said of a permission item."""

    title_zh: str
    title_en: str
    for_operators: bool = False


class PermissionItems:
    """The permission items. Those of the system belong to the code: only their titles may be edited."""

    def __init__(self, *, pool: Database, ids: Ids) -> None:
        self._pool = pool
        self._ids = ids
        self._pen = Pen(pool=pool, ids=ids)

    async def list(self) -> Sequence[Item]:
        """List all, by code."""
        return await store.items(self._pool)

    async def find(self, id_: UUID) -> Item | None:
        """Read one."""
        return await store.item(self._pool, id_)

    async def add(self, order: Order, *, code: str, facts: ItemFacts) -> Written | Refused:
        """Add an item of the operator's own, for menus and for systems that ask `GET /v1/session`."""

        async def decide() -> Decision:
            if not _CODE.fullmatch(code):
                return Refused(Reason.FORMAT, "a code is two words of a-z, 0-9 and - with a colon between")
            row = {"id": self._ids.new(), "code": code, **_row(facts)}
            return refusal_outside_platform(order.caller) or (Add(store.ITEM, row),)

        return await self._pen.write(order, f"permission item {code} added", decide)

    async def edit(self, order: Order, id_: UUID, facts: ItemFacts) -> Written | Refused:
        """Change what is said of an item."""

        async def decide() -> Decision:
            found = await self.find(id_)
            if found is None:
                return _NOWHERE
            if found.is_system and facts.for_operators != found.for_operators:
                return Refused(Reason.NOT_PERMITTED, "whom an item of the system is for is fixed")
            return refusal_outside_platform(order.caller) or (Alter(store.ITEM, id_, found.version, _row(facts)),)

        return await self._pen.write(order, "permission item edited", decide)

    async def delete(self, order: Order, id_: UUID) -> Written | Refused:
        """Delete an item; the database keeps one that a role, user, key or menu uses, or comes to use meanwhile."""

        async def decide() -> Decision:
            found = await self.find(id_)
            if found is None:
                return _NOWHERE
            if found.is_system:
                return Refused(Reason.IN_USE, f"{found.code} belongs to the system: the code asks for it")
            return refusal_outside_platform(order.caller) or (Remove(store.ITEM, id_, found.version),)

        return await self._pen.write(order, "permission item deleted", decide)


def _row(facts: ItemFacts) -> dict[str, object]:
    return {"title_zh": facts.title_zh, "title_en": facts.title_en, "for_operators": facts.for_operators}
