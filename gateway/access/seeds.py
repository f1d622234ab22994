"""What access begins with: the code's permission items, and roles and menus of `config/seeds`, each sown once.

What an operator then deletes or edits stays so; a permission item that a later release brings is added at its start.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

import msgspec

from gateway.access import store
from gateway.access.model import Item
from gateway.access.permissions import Permission
from gateway.access.roles import known_items, links, role_row
from gateway.journal.model import Refused
from gateway.kernel.clock import Clock
from gateway.kernel.data import data_path
from gateway.kernel.ids import Ids
from gateway.kernel.postgres.edit import Add, Alter, Edit, EditRefused, Line, apply_edit
from gateway.kernel.postgres.pool import Database

WHO: Final = "system:seed"
_KEY: Final = "seed/access/"


class SeedError(Exception):
    """A seed cannot be sown; the text names it."""


class SeededRole(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A role of `config/seeds/roles.json`."""

    code: str
    title_zh: str
    title_en: str
    holds_all: bool = False
    permissions: frozenset[str] = frozenset()


class SeededEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A menu entry of `config/seeds/menus.json`."""

    code: str
    title_zh: str
    title_en: str
    permission: str | None = None
    under: tuple[SeededEntry, ...] = ()


class AccessSeeds:
    """Sows what was not sown before; several processes may do so at once."""

    def __init__(self, *, pool: Database, ids: Ids, clock: Clock) -> None:
        self._pool = pool
        self._ids = ids
        self._clock = clock

    async def sow(self) -> None:
        """Sow permission items, then roles, then the menu. Raises SeedError."""
        sown = await store.seeded(self._pool)
        standing = {item.code: item for item in await store.items(self._pool)}
        for item in Permission:
            if f"{_KEY}item/{item}" not in sown:
                await self._sow(f"item/{item}", [self._item(item, standing.get(item))])
        items = {item.code: item.id for item in await store.items(self._pool)}
        for role in read_roles():
            if f"{_KEY}role/{role.code}" not in sown:
                await self._sow(f"role/{role.code}", self._role(role, items))
        if f"{_KEY}menu" not in sown:
            await self._sow("menu", self._menu(read_menu(), items, None))

    def _item(self, item: Permission, standing: Item | None) -> Line:
        """Add an item, or take over one that an operator made under this code before the code asked for it."""
        row = _item_row(self._ids.new(), item)
        if standing is None:
            return Add(store.ITEM, row)
        to = {name: value for name, value in row.items() if name not in {"id", "code"}}
        return Alter(store.ITEM, standing.id, standing.version, to)

    def _role(self, role: SeededRole, items: Mapping[str, UUID]) -> Sequence[Line]:
        known = known_items(items, role.permissions)
        if isinstance(known, Refused):
            raise SeedError(f"role {role.code}: {known.detail}")
        id_ = self._ids.new()
        row = role_row(
            id_,
            code=role.code,
            title_zh=role.title_zh,
            title_en=role.title_en,
            at=self._clock.now(),
            holds_all=role.holds_all,
        )
        return [Add(store.ROLE, row), *links(self._ids, id_, known.values())]

    def _menu(self, entries: Sequence[SeededEntry], items: Mapping[str, UUID], under: UUID | None) -> Sequence[Line]:
        lines: list[Line] = []
        for position, entry in enumerate(entries):
            id_ = self._ids.new()
            row = {
                "id": id_,
                "code": entry.code,
                "parent_id": under,
                "position": position,
                "title_zh": entry.title_zh,
                "title_en": entry.title_en,
                "permission_id": None if entry.permission is None else items[entry.permission],
            }
            lines += [Add(store.MENU, row), *self._menu(entry.under, items, id_)]
        return lines

    async def _sow(self, name: str, lines: Sequence[Line]) -> None:
        edit = Edit(
            id=self._ids.new(),
            key=f"{_KEY}{name}",
            who=WHO,
            why="seed",
            at=self._clock.now(),
            # what was sown under this name stays, also where a later release would sow something else
            said={"seed": name},
            lines=tuple(lines),
        )
        result = await apply_edit(self._pool, edit)
        if isinstance(result, EditRefused):
            raise SeedError(f"{name}: {result.detail}")


def read_roles() -> Sequence[SeededRole]:
    """Read the seeded roles."""
    return msgspec.json.decode(_text("roles.json"), type=tuple[SeededRole, ...])


def read_menu() -> Sequence[SeededEntry]:
    """Read the seeded menu."""
    return msgspec.json.decode(_text("menus.json"), type=tuple[SeededEntry, ...])


def _text(name: str) -> str:
    return data_path(f"config/seeds/{name}").read_text(encoding="utf-8")


def _item_row(id_: UUID, item: Permission) -> dict[str, object]:
    titles = {"title_zh": item.title_zh, "title_en": item.title_en}
    return {"id": id_, "code": item.value, **titles, "for_operators": item.for_operators, "is_system": True}
