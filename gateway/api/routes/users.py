"""Users: added, edited, locked, closed, given rights (rows P5, P6, P16, P36, P69, P70, A10, A45, L20, L21)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta

from gateway.access import Permission
from gateway.access.users.credentials import Reset
from gateway.access.users.desk import NewUser, Rights
from gateway.access.users.model import User, UserFilter, UserParameters
from gateway.access.writing import Written
from gateway.api.bodies import Id, Shown, Strict, Time
from gateway.api.decoding import JsonBody, read_id
from gateway.api.route import Call, Given, Nothing, Route
from gateway.api.shown import PARTIES, PARTY, USER
from gateway.journal.model import Refused
from gateway.kernel.ids import show
from gateway.kernel.reasons import Reason

Login = Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9._@-]{1,63}$")]
Text = Annotated[str, Meta(min_length=1, max_length=100)]
Phone = Annotated[str, Meta(max_length=32, pattern="^[0-9+ ()-]*$")]
Codes = Annotated[tuple[Annotated[str, Meta(max_length=64)], ...], Meta(max_length=500)]
Password = Annotated[str, Meta(min_length=1, max_length=128)]


class UserRights(Strict, frozen=True, kw_only=True):
    """A user's roles, specially granted and specially denied permissions; a denial beats both."""

    roles: Codes = ()
    grants: Codes = ()
    denials: Codes = ()


class UserToAdd(Strict, frozen=True, kw_only=True):
    """A user of a party. Without `password` a one-time one is made; either is changed at the first log-in."""

    login: Login
    party: Id
    name: Text
    phone: Phone = ""
    rights: UserRights = UserRights()
    parameters: UserParameters = UserParameters()
    password: Password | None = None


class UserFacts(Strict, frozen=True, kw_only=True):
    """What of a user may be edited; `parameters` hold for this user in place of the settings of all."""

    name: Text
    phone: Phone = ""
    parameters: UserParameters = UserParameters()


class PasswordReset(Strict, frozen=True, kw_only=True):
    """A one-time password; without one it is made."""

    password: Password | None = None


class UsersQuery(Strict, frozen=True, kw_only=True):
    """Which users; filters combine."""

    limit: Annotated[int, Meta(ge=1, le=100)] = 50
    cursor: Id | None = None
    party: Id | None = None
    state: Literal["active", "locked", "closed"] | None = None
    role: str | None = None
    login: str | None = None


class UserShown(Shown, frozen=True, kw_only=True, omit_defaults=True):
    """A user; `permissions` is what roles and grants give now, less what is denied."""

    id: str
    login: str
    party: str
    kind: str
    name: str
    state: str
    roles: list[str]
    grants: list[str]
    denials: list[str]
    permissions: list[str]
    created_at: Time
    phone: str = ""
    parameters: UserParameters = UserParameters()
    must_change: bool = False
    has_authenticator: bool = False
    locked_until: Time | None = None


class UserAdded(Shown, frozen=True, kw_only=True, omit_defaults=True):
    """A user and their one-time password, which is shown this once: a repeat of the request does not get it."""

    user: UserShown
    one_time_password: str = ""


class UsersShown(Shown, frozen=True, kw_only=True, omit_defaults=True):
    """A part of a list of users."""

    users: list[UserShown]
    next: str | None = None


async def list_users(call: Call[Nothing, UsersQuery]) -> Given:
    """Show users."""
    query = call.query
    which = UserFilter(
        limit=query.limit + 1,
        after=None if query.cursor is None else read_id(query.cursor, USER),
        party=None if query.party is None else read_id(query.party, *PARTIES),
        state=query.state,
        role=query.role,
        login=query.login,
    )
    found = await call.desks.access.users.list(call.caller.sees, which)
    shown = [await show_user(call, user) for user in found[: query.limit]]
    return Given(UsersShown(users=shown, next=shown[-1].id if len(found) > query.limit else None))


async def read_user(call: Call[Nothing, Nothing]) -> Given | Refused:
    """Show a user."""
    found = await call.desks.access.users.find(call.caller.sees, call.ids["user"])
    return Refused(Reason.NOT_FOUND, "no such user") if found is None else Given(await show_user(call, found))


async def add_user(call: Call[UserToAdd, Nothing]) -> Given | Refused:
    """Add a user."""
    asked = call.body
    new = NewUser(
        login=asked.login,
        party=read_id(asked.party, *PARTIES),
        name=asked.name,
        phone=asked.phone,
        rights=_rights(asked.rights),
        parameters=asked.parameters,
        password=asked.password,
    )
    return await _given(call, await call.desks.access.users.add(call.order, new))


async def edit_user(call: Call[UserFacts, Nothing]) -> Given | Refused:
    """Change a user's name, phone number and parameters."""
    asked = call.body
    written = await call.desks.access.users.edit(
        call.order, call.ids["user"], name=asked.name, phone=asked.phone, parameters=asked.parameters
    )
    return await _written(call, written)


async def set_rights(call: Call[UserRights, Nothing]) -> Given | Refused:
    """Set a user's roles, grants and denials."""
    return await _written(call, await call.desks.access.users.give(call.order, call.ids["user"], _rights(call.body)))


async def lock_user(call: Call[Nothing, Nothing]) -> Given | Refused:
    """Keep a user out."""
    return await _written(call, await call.desks.access.users.lock(call.order, call.ids["user"]))


async def unlock_user(call: Call[Nothing, Nothing]) -> Given | Refused:
    """Let a user in again."""
    return await _written(call, await call.desks.access.users.unlock(call.order, call.ids["user"]))


async def close_user(call: Call[Nothing, Nothing]) -> Given | Refused:
    """Close a user for good."""
    return await _written(call, await call.desks.access.users.close(call.order, call.ids["user"]))


async def reset_password(call: Call[PasswordReset, Nothing]) -> Given | Refused:
    """Replace a user's password by a one-time one."""
    user = call.ids["user"]
    return await _given(call, await call.desks.access.users.reset_password(call.order, user, given=call.body.password))


async def reset_authenticator(call: Call[Nothing, Nothing]) -> Given | Refused:
    """Take a user's authenticator away."""
    return await _written(call, await call.desks.access.users.reset_codes(call.order, call.ids["user"]))


async def show_user(call: Call[Any, Any], user: User) -> UserShown:
    """Show a user, name and phone number in clear."""
    name, phone = await call.desks.access.users.person(user)
    return UserShown(
        id=show(USER, user.id),
        login=user.login,
        party=show(PARTY, user.party_id),
        kind=user.kind,
        name=name,
        phone=phone,
        state=user.state,
        roles=sorted(user.roles),
        grants=sorted(user.grants),
        denials=sorted(user.denials),
        permissions=sorted(user.permissions),
        created_at=user.created_at,
        parameters=user.parameters,
        must_change=user.must_change,
        has_authenticator=user.has_totp,
        locked_until=user.locked_until,
    )


async def _written(call: Call[Any, Any], written: Written | Refused) -> Given | Refused:
    if isinstance(written, Refused):
        return written
    found = await call.desks.access.users.find(call.caller.sees, written.subject)
    return _GONE if found is None else Given(await show_user(call, found), written.replayed)


async def _given(call: Call[Any, Any], reset: Reset | Refused) -> Given | Refused:
    if isinstance(reset, Refused):
        return reset
    found = await call.desks.access.users.find(call.caller.sees, reset.user)
    if found is None:
        return _GONE
    shown = UserAdded(user=await show_user(call, found), one_time_password=reset.one_time_password or "")
    return Given(shown, reset.replayed)


def _rights(asked: UserRights) -> Rights:
    return Rights(roles=frozenset(asked.roles), grants=frozenset(asked.grants), denials=frozenset(asked.denials))


_GONE = Refused(Reason.NOT_FOUND, "no such user")
_OF_USER = {"user": (USER,)}
_ALTERING = (Reason.NOT_FOUND, Reason.WRONG_STATE, Reason.MOVED)

ROUTES = (
    Route(
        method="GET",
        path="/v1/users",
        operation="listUsers",
        tag="Users",
        summary="Users of the parties one sees",
        permission=Permission.USERS_READ,
        handle=list_users,
        query=UsersQuery,
        answer=UsersShown,
    ),
    Route(
        method="GET",
        path="/v1/users/{user}",
        operation="readUser",
        tag="Users",
        summary="A user with their rights",
        permission=Permission.USERS_READ,
        handle=read_user,
        answer=UserShown,
        ids=_OF_USER,
        refusals=(Reason.NOT_FOUND,),
    ),
    Route(
        method="POST",
        path="/v1/users",
        operation="addUser",
        tag="Users",
        summary="Add a user of a party; nobody gives rights they do not have",
        permission=Permission.USERS_WRITE,
        handle=add_user,
        decoder=JsonBody(UserToAdd, secrets=frozenset({"password"})),
        answer=UserAdded,
        refusals=(Reason.NOT_FOUND, Reason.TAKEN, Reason.BAD_PASSWORD),
        example={
            "login": "li.na",
            "party": "mch_01kanbz1s0e008000000000001",
            "name": "李娜",
            "rights": {"roles": ["merchant_operator"]},
        },
    ),
    Route(
        method="POST",
        path="/v1/users/{user}",
        operation="editUser",
        tag="Users",
        summary="Change a user's name, phone number and special parameters",
        permission=Permission.USERS_WRITE,
        handle=edit_user,
        decoder=JsonBody(UserFacts),
        answer=UserShown,
        ids=_OF_USER,
        refusals=_ALTERING,
        example={"name": "李娜", "phone": "+86 512 5555 0100", "parameters": {"session_idle_s": 600}},
    ),
    Route(
        method="POST",
        path="/v1/users/{user}/rights",
        operation="setUserRights",
        tag="Users",
        summary="Set a user's roles, grants and denials; it counts for their next request",
        permission=Permission.USERS_WRITE,
        handle=set_rights,
        decoder=JsonBody(UserRights),
        answer=UserShown,
        ids=_OF_USER,
        refusals=_ALTERING,
        example={"roles": ["merchant_operator"], "denials": ["withdrawals:write"]},
    ),
    Route(
        method="POST",
        path="/v1/users/{user}/lock",
        operation="lockUser",
        tag="Users",
        summary="Keep a user out, open sessions included",
        permission=Permission.USERS_WRITE,
        handle=lock_user,
        decoder=JsonBody(Nothing),
        answer=UserShown,
        ids=_OF_USER,
        refusals=_ALTERING,
        example={},
    ),
    Route(
        method="POST",
        path="/v1/users/{user}/unlock",
        operation="unlockUser",
        tag="Users",
        summary="Let a user in again, also after too many wrong tries",
        permission=Permission.USERS_WRITE,
        handle=unlock_user,
        decoder=JsonBody(Nothing),
        answer=UserShown,
        ids=_OF_USER,
        refusals=_ALTERING,
        example={},
    ),
    Route(
        method="POST",
        path="/v1/users/{user}/close",
        operation="closeUser",
        tag="Users",
        summary="Close a user for good",
        permission=Permission.USERS_WRITE,
        handle=close_user,
        decoder=JsonBody(Nothing),
        answer=UserShown,
        ids=_OF_USER,
        refusals=_ALTERING,
        example={},
    ),
    Route(
        method="POST",
        path="/v1/users/{user}/password",
        operation="resetPassword",
        tag="Users",
        summary="Replace a user's password by a one-time one; the old one and its sessions end at once",
        permission=Permission.USERS_WRITE,
        handle=reset_password,
        decoder=JsonBody(PasswordReset, secrets=frozenset({"password"})),
        answer=UserAdded,
        ids=_OF_USER,
        refusals=(*_ALTERING, Reason.BAD_PASSWORD),
        example={},
    ),
    Route(
        method="POST",
        path="/v1/users/{user}/authenticator/remove",
        operation="resetAuthenticator",
        tag="Users",
        summary="Take a user's lost authenticator away",
        permission=Permission.USERS_WRITE,
        handle=reset_authenticator,
        decoder=JsonBody(Nothing),
        answer=UserShown,
        ids=_OF_USER,
        refusals=_ALTERING,
        example={},
    ),
)
