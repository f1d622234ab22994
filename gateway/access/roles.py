"""Roles as data: listed, added, edited, deleted, and what they permit (rows P15, P17, P66-P68)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Final
from uuid import UUID

from gateway.access import store
from gateway.access.authority import PLATFORM_SCOPE, refusal_beyond, refusal_outside_platform
from gateway.access.model import Role
from gateway.access.order import Order
from gateway.access.writing import Decision, Pen, Written
from gateway.journal.model import Refused
from gateway.kernel.ids import Ids
from gateway.kernel.postgres.edit import Add, Alter, Line, Remove
from gateway.kernel.postgres.pool import Database
from gateway.kernel.reasons import Reason
from gateway.parties import Scope

_CODE: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")
_NOWHERE: Final = Refused(Reason.NOT_FOUND, "no such role")


class Roles:
    """The roles. What a role permits counts for the next request of each of its holders."""

    def __init__(self, *, pool: Database, ids: Ids) -> None:
        self._pool = pool
        self._ids = ids
        self._pen = Pen(pool=pool, ids=ids)

    async def list(self, sees: Scope) -> Sequence[Role]:
        """List all, by code; of their holders those are counted that a caller sees."""
        return await store.roles(self._pool, sees)

    async def find(self, sees: Scope, id_: UUID) -> Role | None:
        """Read one with its permission list."""
        return await store.role(self._pool, sees, id_)

    async def add(
        self, order: Order, *, code: str, title_zh: str, title_en: str, permissions: AbstractSet[str]
    ) -> Written | Refused:
        """Add a role that permits these items."""

        async def decide() -> Decision:
            if not _CODE.fullmatch(code):
                return Refused(Reason.FORMAT, "a role's code has a-z, 0-9 and _, 64 at most, and begins with a letter")
            known = known_items(await self._items(), permissions)
            if isinstance(known, Refused):
                return known
            id_ = self._ids.new()
            row = role_row(id_, code=code, title_zh=title_zh, title_en=title_en, at=order.at)
            lines = (Add(store.ROLE, row), *links(self._ids, id_, known.values()))
            return _refusal(order, permissions) or lines

        return await self._pen.write(order, f"role {code} added", decide)

    async def edit(self, order: Order, id_: UUID, *, title_zh: str, title_en: str) -> Written | Refused:
        """Change a role's titles."""

        async def decide() -> Decision:
            found = await self.find(PLATFORM_SCOPE, id_)
            if found is None:
                return _NOWHERE
            to = {"title_zh": title_zh, "title_en": title_en}
            return _refusal(order, found.permissions) or (Alter(store.ROLE, id_, found.version, to),)

        return await self._pen.write(order, "role edited", decide)

    async def permit(self, order: Order, id_: UUID, permissions: AbstractSet[str]) -> Written | Refused:
        """Make these items what a role permits, no more and no less."""

        async def decide() -> Decision:
            found, known = await self.find(PLATFORM_SCOPE, id_), known_items(await self._items(), permissions)
            if found is None:
                return _NOWHERE
            if isinstance(known, Refused):
                return known
            if found.holds_all:
                return Refused(Reason.WRONG_STATE, "this role holds every item, also those to come")
            refusal = _refusal(order, found.permissions | permissions)
            return refusal or await self._exchange(found, known)

        return await self._pen.write(order, "permissions of a role set", decide)

    async def delete(self, order: Order, id_: UUID) -> Written | Refused:
        """Delete a role that nobody has."""

        async def decide() -> Decision:
            found = await self.find(PLATFORM_SCOPE, id_)
            if found is None:
                return _NOWHERE
            if found.holders:
                return Refused(Reason.IN_USE, f"{found.holders} users have the role {found.code}")
            head, *ties = await self._exchange(found, {})
            # the head raises the version, which proves that nobody edits the role meanwhile
            return _refusal(order, found.permissions) or (head, *ties, Remove(store.ROLE, id_, found.version + 1))

        return await self._pen.write(order, "role deleted", decide)

    async def _items(self) -> Mapping[str, UUID]:
        return {item.code: item.id for item in await store.items(self._pool)}

    async def _exchange(self, found: Role, wanted: Mapping[str, UUID]) -> Sequence[Line]:
        tied = await store.role_links(self._pool, found.id)
        gone = [Remove(store.ROLE_PERMISSION, *tied[code]) for code in sorted(tied.keys() - wanted.keys())]
        new = [wanted[code] for code in sorted(wanted.keys() - tied.keys())]
        head = Alter(store.ROLE, found.id, found.version, {"code": found.code})
        return (head, *gone, *links(self._ids, found.id, new))


def known_items(items: Mapping[str, UUID], codes: AbstractSet[str]) -> dict[str, UUID] | Refused:
    """Return the ids of permission items by code; refuses codes that are none."""
    strangers = sorted(codes - items.keys())
    if strangers:
        return Refused(Reason.FORMAT, f"no such permission items: {', '.join(strangers)}")
    return {code: items[code] for code in codes}


def role_row(
    id_: UUID, *, code: str, title_zh: str, title_en: str, at: datetime, holds_all: bool = False
) -> dict[str, object]:
    """Return a role's record."""
    titles = {"title_zh": title_zh, "title_en": title_en}
    return {"id": id_, "code": code, **titles, "holds_all": holds_all, "created_at": at}


def links(ids: Ids, role: UUID, items: Iterable[UUID]) -> tuple[Add, ...]:
    """Return the records that tie a role to its permission items."""
    rows = ({"id": ids.new(), "role_id": role, "permission_id": item} for item in items)
    return tuple(Add(store.ROLE_PERMISSION, row) for row in rows)


def _refusal(order: Order, codes: AbstractSet[str]) -> Refused | None:
    return refusal_outside_platform(order.caller) or refusal_beyond(order.caller, codes)
