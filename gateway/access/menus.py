"""The menu as data: a tree of entries, of which everybody sees what their permissions open (row P63)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from gateway.access import store
from gateway.access.authority import refusal_outside_platform
from gateway.access.model import Caller, MenuEntry
from gateway.access.order import Order
from gateway.access.writing import Decision, Pen, Written
from gateway.journal.model import Refused
from gateway.kernel.ids import Ids
from gateway.kernel.postgres.edit import Add, Alter, Remove
from gateway.kernel.postgres.pool import Database
from gateway.kernel.reasons import Reason

_CODE: Final = re.compile(r"[a-z][a-z0-9_.-]{0,63}")
_NOWHERE: Final = Refused(Reason.NOT_FOUND, "no such menu entry")


@dataclass(frozen=True, slots=True, kw_only=True)
class MenuFacts:
    """What may be said of an entry: where it stands, how it is called, and who sees it."""

    parent: UUID | None
    position: int
    title_zh: str
    title_en: str
    permission: str | None


@dataclass(frozen=True, slots=True)
class MenuBranch:
    """An entry with what stands under it."""

    entry: MenuEntry
    under: tuple[MenuBranch, ...]


class Menus:
    """The menu entries."""

    def __init__(self, *, pool: Database, ids: Ids) -> None:
        self._pool = pool
        self._ids = ids
        self._pen = Pen(pool=pool, ids=ids)

    async def list(self) -> Sequence[MenuEntry]:
        """List all entries in their order."""
        return await store.menu(self._pool)

    async def of(self, caller: Caller) -> Sequence[MenuBranch]:
        """Return the tree that a caller sees."""
        return branches(await self.list(), caller.permissions)

    async def add(self, order: Order, *, code: str, facts: MenuFacts) -> Written | Refused:
        """Add an entry."""

        async def decide() -> Decision:
            if not _CODE.fullmatch(code):
                return Refused(Reason.FORMAT, "a menu code has a-z, 0-9, _ . and -, and begins with a letter")
            row = await self._row(order, facts)
            return row if isinstance(row, Refused) else (Add(store.MENU, {"id": self._ids.new(), "code": code, **row}),)

        return await self._pen.write(order, f"menu entry {code} added", decide)

    async def edit(self, order: Order, id_: UUID, facts: MenuFacts) -> Written | Refused:
        """Change an entry; it cannot come to stand under itself."""

        async def decide() -> Decision:
            entries = {entry.id: entry for entry in await self.list()}
            if id_ not in entries:
                return _NOWHERE
            if id_ in _upwards(entries, facts.parent):
                return Refused(Reason.FORMAT, "an entry does not stand under itself")
            row = await self._row(order, facts)
            return row if isinstance(row, Refused) else (Alter(store.MENU, id_, entries[id_].version, row),)

        return await self._pen.write(order, "menu entry edited", decide)

    async def delete(self, order: Order, id_: UUID) -> Written | Refused:
        """Delete an entry that has none under it."""

        async def decide() -> Decision:
            found = next((entry for entry in await self.list() if entry.id == id_), None)
            if found is None:
                return _NOWHERE
            return refusal_outside_platform(order.caller) or (Remove(store.MENU, id_, found.version),)

        return await self._pen.write(order, "menu entry deleted", decide)

    async def _row(self, order: Order, facts: MenuFacts) -> Mapping[str, object] | Refused:
        items = {item.code: item.id for item in await store.items(self._pool)}
        if facts.permission is not None and facts.permission not in items:
            return Refused(Reason.FORMAT, f"no such permission item: {facts.permission}")
        row = {
            "parent_id": facts.parent,
            "position": facts.position,
            "title_zh": facts.title_zh,
            "title_en": facts.title_en,
            "permission_id": None if facts.permission is None else items[facts.permission],
        }
        return refusal_outside_platform(order.caller) or row


def branches(
    entries: Sequence[MenuEntry], permissions: frozenset[str], under: UUID | None = None
) -> tuple[MenuBranch, ...]:
    """Return the tree that these permissions open; a heading shows only with something under it."""
    found = []
    for entry in entries:
        if entry.parent_id != under or (entry.permission is not None and entry.permission not in permissions):
            continue
        below = branches(entries, permissions, entry.id)
        is_heading = entry.permission is None and any(one.parent_id == entry.id for one in entries)
        if below or not is_heading:
            found.append(MenuBranch(entry, below))
    return tuple(found)


def _upwards(entries: Mapping[UUID, MenuEntry], start: UUID | None) -> Iterator[UUID]:
    passed: set[UUID] = set()
    # two edits at once may have hung entries under each other: they are mended by another edit, not walked for ever
    while start is not None and start not in passed:
        passed.add(start)
        yield start
        start = entries[start].parent_id if start in entries else None
