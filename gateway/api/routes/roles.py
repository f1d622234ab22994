"""Roles and permission items (rows P15-P17, P62, P64, P66-P68)."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from gateway.access import Permission
from gateway.access.items import ItemFacts
from gateway.access.model import Item, Role
from gateway.access.writing import Written
from gateway.api.bodies import Shown, Strict
from gateway.api.decoding import JsonBody
from gateway.api.route import Call, Given, Nothing, Route
from gateway.api.shown import ITEM, ROLE
from gateway.journal.model import Refused
from gateway.kernel.ids import show
from gateway.kernel.reasons import Reason

Code = Annotated[str, Meta(min_length=1, max_length=64)]
Title = Annotated[str, Meta(min_length=1, max_length=100)]
Codes = Annotated[tuple[Code, ...], Meta(max_length=500)]


class RoleToAdd(Strict, frozen=True, kw_only=True):
    """A role and what it permits."""

    code: Code
    title_zh: Title
    title_en: Title
    permissions: Codes = ()


class RoleTitles(Strict, frozen=True, kw_only=True):
    """How a role is called."""

    title_zh: Title
    title_en: Title


class RolePermissions(Strict, frozen=True, kw_only=True):
    """What a role permits, no more and no less."""

    permissions: Codes


class RoleShown(Shown, frozen=True, kw_only=True, omit_defaults=True):
    """A role with its permission list; `holders` is how many users have it."""

    id: str
    code: str
    title_zh: str
    title_en: str
    permissions: list[str]
    holders: int
    holds_all: bool = False


class RolesShown(Shown, frozen=True, kw_only=True):
    """All roles, by code."""

    roles: list[RoleShown]


class PermissionToAdd(Strict, frozen=True, kw_only=True):
    """A permission item of the operator's own."""

    code: Code
    title_zh: Title
    title_en: Title
    for_operators: bool = False


class PermissionFacts(Strict, frozen=True, kw_only=True):
    """What of a permission item may be edited."""

    title_zh: Title
    title_en: Title
    for_operators: bool = False


class PermissionShown(Shown, frozen=True, kw_only=True, omit_defaults=True):
    """A permission item. One of the system's is asked for by an endpoint and cannot be deleted."""

    id: str
    code: str
    title_zh: str
    title_en: str
    for_operators: bool = False
    is_system: bool = False


class PermissionsShown(Shown, frozen=True, kw_only=True):
    """All permission items, by code."""

    permissions: list[PermissionShown]


class RecordDeleted(Shown, frozen=True, kw_only=True):
    """A record that is gone."""

    id: str


async def list_roles(call: Call[Nothing, Nothing]) -> Given:
    """Show the roles."""
    return Given(RolesShown(roles=[_role(role) for role in await call.desks.access.roles.list(call.caller.sees)]))


async def read_role(call: Call[Nothing, Nothing]) -> Given | Refused:
    """Show a role with its permission list."""
    found = await call.desks.access.roles.find(call.caller.sees, call.ids["role"])
    return Refused(Reason.NOT_FOUND, "no such role") if found is None else Given(_role(found))


async def add_role(call: Call[RoleToAdd, Nothing]) -> Given | Refused:
    """Add a role."""
    asked = call.body
    written = await call.desks.access.roles.add(
        call.order,
        code=asked.code,
        title_zh=asked.title_zh,
        title_en=asked.title_en,
        permissions=frozenset(asked.permissions),
    )
    return await _role_written(call, written)


async def edit_role(call: Call[RoleTitles, Nothing]) -> Given | Refused:
    """Change a role's titles."""
    asked, role = call.body, call.ids["role"]
    written = await call.desks.access.roles.edit(call.order, role, title_zh=asked.title_zh, title_en=asked.title_en)
    return await _role_written(call, written)


async def set_role_permissions(call: Call[RolePermissions, Nothing]) -> Given | Refused:
    """Set what a role permits."""
    wanted = frozenset(call.body.permissions)
    return await _role_written(call, await call.desks.access.roles.permit(call.order, call.ids["role"], wanted))


async def delete_role(call: Call[Nothing, Nothing]) -> Given | Refused:
    """Delete a role that nobody has."""
    written = await call.desks.access.roles.delete(call.order, call.ids["role"])
    if isinstance(written, Refused):
        return written
    return Given(RecordDeleted(id=show(ROLE, written.subject)), written.replayed)


async def list_permissions(call: Call[Nothing, Nothing]) -> Given:
    """Show the permission items."""
    return Given(PermissionsShown(permissions=[_item(item) for item in await call.desks.access.items.list()]))


async def add_permission(call: Call[PermissionToAdd, Nothing]) -> Given | Refused:
    """Add a permission item."""
    asked = call.body
    facts = ItemFacts(title_zh=asked.title_zh, title_en=asked.title_en, for_operators=asked.for_operators)
    return await _item_written(call, await call.desks.access.items.add(call.order, code=asked.code, facts=facts))


async def edit_permission(call: Call[PermissionFacts, Nothing]) -> Given | Refused:
    """Change what is said of a permission item."""
    asked = call.body
    facts = ItemFacts(title_zh=asked.title_zh, title_en=asked.title_en, for_operators=asked.for_operators)
    return await _item_written(call, await call.desks.access.items.edit(call.order, call.ids["permission"], facts))


async def delete_permission(call: Call[Nothing, Nothing]) -> Given | Refused:
    """Delete a permission item that nothing uses."""
    written = await call.desks.access.items.delete(call.order, call.ids["permission"])
    if isinstance(written, Refused):
        return written
    return Given(RecordDeleted(id=show(ITEM, written.subject)), written.replayed)


async def _role_written(call: Call[Any, Any], written: Written | Refused) -> Given | Refused:
    if isinstance(written, Refused):
        return written
    found = await call.desks.access.roles.find(call.caller.sees, written.subject)
    return Refused(Reason.NOT_FOUND, "no such role") if found is None else Given(_role(found), written.replayed)


async def _item_written(call: Call[Any, Any], written: Written | Refused) -> Given | Refused:
    if isinstance(written, Refused):
        return written
    found = await call.desks.access.items.find(written.subject)
    return Refused(Reason.NOT_FOUND, "no such item") if found is None else Given(_item(found), written.replayed)


def _role(role: Role) -> RoleShown:
    return RoleShown(
        id=show(ROLE, role.id),
        code=role.code,
        title_zh=role.title_zh,
        title_en=role.title_en,
        permissions=sorted(role.permissions),
        holders=role.holders,
        holds_all=role.holds_all,
    )


def _item(item: Item) -> PermissionShown:
    return PermissionShown(
        id=show(ITEM, item.id),
        code=item.code,
        title_zh=item.title_zh,
        title_en=item.title_en,
        for_operators=item.for_operators,
        is_system=item.is_system,
    )


_OF_ROLE, _OF_ITEM = {"role": (ROLE,)}, {"permission": (ITEM,)}
_ALTERING = (Reason.NOT_FOUND, Reason.WRONG_STATE, Reason.MOVED)

ROUTES = (
    Route(
        method="GET",
        path="/v1/roles",
        operation="listRoles",
        tag="Roles",
        summary="The roles, with their permission lists",
        permission=Permission.ROLES_READ,
        handle=list_roles,
        answer=RolesShown,
    ),
    Route(
        method="GET",
        path="/v1/roles/{role}",
        operation="readRole",
        tag="Roles",
        summary="A role with its permission list: what a holder of the role alone can do",
        permission=Permission.ROLES_READ,
        handle=read_role,
        answer=RoleShown,
        ids=_OF_ROLE,
        refusals=(Reason.NOT_FOUND,),
    ),
    Route(
        method="POST",
        path="/v1/roles",
        operation="addRole",
        tag="Roles",
        summary="Add a role",
        permission=Permission.ROLES_WRITE,
        handle=add_role,
        decoder=JsonBody(RoleToAdd),
        answer=RoleShown,
        refusals=(Reason.TAKEN,),
        example={"code": "night_desk", "title_zh": "夜班", "title_en": "Night desk", "permissions": ["payments:read"]},
    ),
    Route(
        method="POST",
        path="/v1/roles/{role}",
        operation="editRole",
        tag="Roles",
        summary="Change a role's titles",
        permission=Permission.ROLES_WRITE,
        handle=edit_role,
        decoder=JsonBody(RoleTitles),
        answer=RoleShown,
        ids=_OF_ROLE,
        refusals=_ALTERING,
        example={"title_zh": "夜班", "title_en": "Night desk"},
    ),
    Route(
        method="POST",
        path="/v1/roles/{role}/permissions",
        operation="setRolePermissions",
        tag="Roles",
        summary="Set what a role permits; it counts for the next request of each holder",
        permission=Permission.ROLES_WRITE,
        handle=set_role_permissions,
        decoder=JsonBody(RolePermissions),
        answer=RoleShown,
        ids=_OF_ROLE,
        refusals=_ALTERING,
        example={"permissions": ["payments:read", "files:read"]},
    ),
    Route(
        method="POST",
        path="/v1/roles/{role}/delete",
        operation="deleteRole",
        tag="Roles",
        summary="Delete a role that nobody has",
        permission=Permission.ROLES_WRITE,
        handle=delete_role,
        decoder=JsonBody(Nothing),
        answer=RecordDeleted,
        ids=_OF_ROLE,
        refusals=(*_ALTERING, Reason.IN_USE),
        example={},
    ),
    Route(
        method="GET",
        path="/v1/permissions",
        operation="listPermissions",
        tag="Roles",
        summary="The permission items",
        permission=Permission.ROLES_READ,
        handle=list_permissions,
        answer=PermissionsShown,
    ),
    Route(
        method="POST",
        path="/v1/permissions",
        operation="addPermission",
        tag="Roles",
        summary="Add a permission item of one's own, for menus and outside systems",
        permission=Permission.PERMISSIONS_WRITE,
        handle=add_permission,
        decoder=JsonBody(PermissionToAdd),
        answer=PermissionShown,
        refusals=(Reason.TAKEN,),
        example={"code": "intranet:read", "title_zh": "内网", "title_en": "Intranet"},
    ),
    Route(
        method="POST",
        path="/v1/permissions/{permission}",
        operation="editPermission",
        tag="Roles",
        summary="Change a permission item's titles",
        permission=Permission.PERMISSIONS_WRITE,
        handle=edit_permission,
        decoder=JsonBody(PermissionFacts),
        answer=PermissionShown,
        ids=_OF_ITEM,
        refusals=_ALTERING,
        example={"title_zh": "内网", "title_en": "Intranet"},
    ),
    Route(
        method="POST",
        path="/v1/permissions/{permission}/delete",
        operation="deletePermission",
        tag="Roles",
        summary="Delete a permission item that nothing uses and the system does not need",
        permission=Permission.PERMISSIONS_WRITE,
        handle=delete_permission,
        decoder=JsonBody(Nothing),
        answer=RecordDeleted,
        ids=_OF_ITEM,
        refusals=(*_ALTERING, Reason.IN_USE),
        example={},
    ),
)
