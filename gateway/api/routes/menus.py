"""The menu's entries, as an operator edits them (row P63); everybody's own menu is among the sessions."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from gateway.access import Permission
from gateway.access.menus import MenuFacts
from gateway.access.model import MenuEntry
from gateway.access.writing import Written
from gateway.api.bodies import Id, Shown, Strict
from gateway.api.decoding import JsonBody, read_id
from gateway.api.route import Call, Given, Nothing, Route
from gateway.api.routes.roles import Code, RecordDeleted, Title
from gateway.api.shown import MENU
from gateway.journal.model import Refused
from gateway.kernel.ids import show
from gateway.kernel.reasons import Reason


class MenuEntryFacts(Strict, frozen=True, kw_only=True):
    """What is said of an entry: under which it stands, at which place, and whose permission it needs to be seen."""

    title_zh: Title
    title_en: Title
    parent: Id | None = None
    position: Annotated[int, Meta(ge=0, le=10_000)] = 0
    permission: Code | None = None


class MenuEntryToAdd(MenuEntryFacts, frozen=True, kw_only=True):
    """An entry of the menu."""

    code: Code


class MenuEntryShown(Shown, frozen=True, kw_only=True, omit_defaults=True):
    """An entry of the menu."""

    id: str
    code: str
    position: int
    title_zh: str
    title_en: str
    parent: str | None = None
    permission: str | None = None


class MenuEntriesShown(Shown, frozen=True, kw_only=True):
    """All entries, in the order they are shown."""

    entries: list[MenuEntryShown]


async def list_entries(call: Call[Nothing, Nothing]) -> Given:
    """Show all entries."""
    return Given(MenuEntriesShown(entries=[_entry(entry) for entry in await call.desks.access.menus.list()]))


async def add_entry(call: Call[MenuEntryToAdd, Nothing]) -> Given | Refused:
    """Add an entry."""
    code, facts = call.body.code, _facts(call.body)
    return await _written(call, await call.desks.access.menus.add(call.order, code=code, facts=facts))


async def edit_entry(call: Call[MenuEntryFacts, Nothing]) -> Given | Refused:
    """Change an entry."""
    return await _written(call, await call.desks.access.menus.edit(call.order, call.ids["entry"], _facts(call.body)))


async def delete_entry(call: Call[Nothing, Nothing]) -> Given | Refused:
    """Delete an entry that has none under it."""
    written = await call.desks.access.menus.delete(call.order, call.ids["entry"])
    if isinstance(written, Refused):
        return written
    return Given(RecordDeleted(id=show(MENU, written.subject)), written.replayed)


async def _written(call: Call[Any, Any], written: Written | Refused) -> Given | Refused:
    if isinstance(written, Refused):
        return written
    found = next((entry for entry in await call.desks.access.menus.list() if entry.id == written.subject), None)
    return Refused(Reason.NOT_FOUND, "no such entry") if found is None else Given(_entry(found), written.replayed)


def _facts(asked: MenuEntryFacts) -> MenuFacts:
    return MenuFacts(
        parent=None if asked.parent is None else read_id(asked.parent, MENU),
        position=asked.position,
        title_zh=asked.title_zh,
        title_en=asked.title_en,
        permission=asked.permission,
    )


def _entry(entry: MenuEntry) -> MenuEntryShown:
    return MenuEntryShown(
        id=show(MENU, entry.id),
        code=entry.code,
        position=entry.position,
        title_zh=entry.title_zh,
        title_en=entry.title_en,
        parent=None if entry.parent_id is None else show(MENU, entry.parent_id),
        permission=entry.permission,
    )


_OF_ENTRY = {"entry": (MENU,)}

ROUTES = (
    Route(
        method="GET",
        path="/v1/menu-entries",
        operation="listMenuEntries",
        tag="Menus",
        summary="All entries of the menu",
        permission=Permission.MENUS_WRITE,
        handle=list_entries,
        answer=MenuEntriesShown,
    ),
    Route(
        method="POST",
        path="/v1/menu-entries",
        operation="addMenuEntry",
        tag="Menus",
        summary="Add an entry",
        permission=Permission.MENUS_WRITE,
        handle=add_entry,
        decoder=JsonBody(MenuEntryToAdd),
        answer=MenuEntryShown,
        refusals=(Reason.TAKEN,),
        example={"code": "help", "title_zh": "帮助", "title_en": "Help", "position": 9},
    ),
    Route(
        method="POST",
        path="/v1/menu-entries/{entry}",
        operation="editMenuEntry",
        tag="Menus",
        summary="Change an entry",
        permission=Permission.MENUS_WRITE,
        handle=edit_entry,
        decoder=JsonBody(MenuEntryFacts),
        answer=MenuEntryShown,
        ids=_OF_ENTRY,
        refusals=(Reason.NOT_FOUND, Reason.MOVED),
        example={"title_zh": "帮助", "title_en": "Help", "position": 9, "permission": "events:read"},
    ),
    Route(
        method="POST",
        path="/v1/menu-entries/{entry}/delete",
        operation="deleteMenuEntry",
        tag="Menus",
        summary="Delete an entry that has none under it",
        permission=Permission.MENUS_WRITE,
        handle=delete_entry,
        decoder=JsonBody(Nothing),
        answer=RecordDeleted,
        ids=_OF_ENTRY,
        refusals=(Reason.NOT_FOUND, Reason.IN_USE, Reason.MOVED),
        example={},
    ),
)
