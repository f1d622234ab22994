"""A user's own things: log in and out, sessions, password, authenticator, menu (rows A45, A54, P63)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from msgspec import Meta

from gateway.access import Caller, Open
from gateway.access.menus import MenuBranch
from gateway.access.users.sessions import OpenedSession
from gateway.api.bodies import Shown, Strict, Time
from gateway.api.decoding import JsonBody
from gateway.api.route import Call, Given, Nothing, Route
from gateway.api.shown import PARTY, SESSION, USER
from gateway.journal.model import Refused
from gateway.kernel.ids import show
from gateway.kernel.reasons import Reason

Password = Annotated[str, Meta(min_length=1, max_length=128)]
Code = Annotated[str, Meta(max_length=32, description="Six digits of the authenticator, or a recovery code")]


class LoginRequest(Strict, frozen=True, kw_only=True):
    """Log in; `totp` where the user has an authenticator."""

    login: Annotated[str, Meta(min_length=1, max_length=128)]
    password: Password
    totp: Code = ""


class MenuShown(Shown, frozen=True, kw_only=True, omit_defaults=True):
    """An entry of the menu, with those under it."""

    code: str
    title_zh: str
    title_en: str
    under: tuple[MenuShown, ...] = ()


class MenusShown(Shown, frozen=True, kw_only=True):
    """The menu, as the caller's permissions open it."""

    menus: tuple[MenuShown, ...]


class CallerShown(Shown, frozen=True, kw_only=True, omit_defaults=True):
    """Who calls, what they may do, and what they must do before (`change_password`, `enrol_totp`)."""

    user: str
    login: str
    kind: str
    party: str
    session: str
    permissions: list[str]
    must: tuple[str, ...] = ()


class LoggedIn(Shown, frozen=True, kw_only=True, omit_defaults=True):
    """A new session. The token is shown this once: send it as `Authorization: Bearer`."""

    token: str
    expires_at: Time
    user: CallerShown
    permissions: list[str]
    menus: tuple[MenuShown, ...]
    must_change: bool


class SessionShown(Shown, frozen=True, kw_only=True, omit_defaults=True):
    """An open session of one's own."""

    id: str
    source: str
    opened_at: Time
    seen_at: Time
    expires_at: Time
    is_this: bool = False


class SessionsShown(Shown, frozen=True, kw_only=True):
    """One's own open sessions, newest first."""

    sessions: list[SessionShown]


class Ended(Shown, frozen=True, kw_only=True):
    """A session that has ended."""

    id: str


class PasswordChange(Strict, frozen=True, kw_only=True):
    """Change one's own password; every other session ends at once."""

    password: Password
    new_password: Password


class PasswordAsked(Strict, frozen=True, kw_only=True):
    """One's own password, before something grave."""

    password: Password


class AuthenticatorCode(Strict, frozen=True, kw_only=True):
    """A first code of a proposed authenticator."""

    code: Code


class AuthenticatorShown(Shown, frozen=True, kw_only=True):
    """A secret for an authenticator (RFC 6238), in base32 and as an address for a QR code."""

    secret: str
    address: str


class RecoveryCodes(Shown, frozen=True, kw_only=True):
    """Each is good once in place of a code. Shown this once: a repeat of the request gets none."""

    recovery_codes: list[str]


class Done(Shown, frozen=True, kw_only=True):
    """It is done."""

    done: bool = True


async def log_in(call: Call[LoginRequest, Nothing]) -> Given | Refused:
    """Open a session."""
    access, asked = call.desks.access, call.body
    opened = await access.logins.log_in(login=asked.login, password=asked.password, code=asked.totp, source=call.source)
    return opened if isinstance(opened, Refused) else await _logged_in(call, opened)


async def read_session(call: Call[Nothing, Nothing]) -> Given:
    """Show who calls."""
    return Given(_shown(call.caller))


async def list_sessions(call: Call[Nothing, Nothing]) -> Given:
    """Show one's own open sessions."""
    found = await call.desks.access.sessions.of(_known(call.caller.user))
    shown = [
        SessionShown(
            id=show(SESSION, one.id),
            source=one.source,
            opened_at=one.opened_at,
            seen_at=one.seen_at,
            expires_at=one.expires_at,
            is_this=one.id == call.caller.session,
        )
        for one in found
    ]
    return Given(SessionsShown(sessions=shown))


async def end_session(call: Call[Nothing, Nothing]) -> Given | Refused:
    """Log out, here or elsewhere."""
    id_ = call.ids["session"]
    ended = await call.desks.access.sessions.end(_known(call.caller.user), id_)
    return Given(Ended(id=show(SESSION, id_))) if ended else Refused(Reason.NOT_FOUND, "no such session of yours")


async def change_password(call: Call[PasswordChange, Nothing]) -> Given | Refused:
    """Change one's own password."""
    asked = call.body
    written = await call.desks.access.passwords.change(call.order, old=asked.password, new=asked.new_password)
    return written if isinstance(written, Refused) else Given(Done(), written.replayed)


async def propose_authenticator(call: Call[PasswordAsked, Nothing]) -> Given | Refused:
    """Make a secret for an authenticator."""
    access = call.desks.access
    refusal = await access.passwords.confirm(call.order, call.body.password)
    proposed = refusal or await access.codes.propose(call.order, _known(call.caller.user))
    if isinstance(proposed, Refused):
        return proposed
    return Given(AuthenticatorShown(secret=proposed.secret, address=proposed.address))


async def confirm_authenticator(call: Call[AuthenticatorCode, Nothing]) -> Given | Refused:
    """Switch one-time codes on."""
    made = await call.desks.access.codes.confirm(call.order, _known(call.caller.user), call.body.code)
    return made if isinstance(made, Refused) else Given(RecoveryCodes(recovery_codes=made), replayed=not made)


async def remove_authenticator(call: Call[PasswordAsked, Nothing]) -> Given | Refused:
    """Switch one-time codes off."""
    access = call.desks.access
    refusal = await access.passwords.confirm(call.order, call.body.password)
    written = refusal or await access.codes.drop(
        call.order, _known(call.caller.user), why="own authenticator taken away"
    )
    return written if isinstance(written, Refused) else Given(Done(), written.replayed)


async def list_menus(call: Call[Nothing, Nothing]) -> Given:
    """Show the menu."""
    return Given(MenusShown(menus=_menus(await call.desks.access.menus.of(call.caller))))


async def _logged_in(call: Call[LoginRequest, Nothing], opened: OpenedSession) -> Given | Refused:
    caller = await call.desks.access.sessions.find(opened.token)
    if caller is None:
        return Refused(Reason.LOGIN_REFUSED, "the user was locked or changed meanwhile")
    shown = _shown(caller)
    return Given(
        LoggedIn(
            token=opened.token,
            expires_at=opened.expires_at,
            user=shown,
            permissions=shown.permissions,
            menus=_menus(await call.desks.access.menus.of(caller)),
            must_change="change_password" in caller.must,
        )
    )


def _known(id_: UUID | None) -> UUID:
    if id_ is None:
        message = "a route for sessions was asked without one"
        raise LookupError(message)
    return id_


def _shown(caller: Caller) -> CallerShown:
    return CallerShown(
        user=show(USER, _known(caller.user)),
        login=caller.name,
        kind=caller.kind,
        party=show(PARTY, caller.party),
        session=show(SESSION, _known(caller.session)),
        permissions=sorted(caller.permissions),
        must=caller.must,
    )


def _menus(tree: Sequence[MenuBranch]) -> tuple[MenuShown, ...]:
    return tuple(
        MenuShown(
            code=branch.entry.code,
            title_zh=branch.entry.title_zh,
            title_en=branch.entry.title_en,
            under=_menus(branch.under),
        )
        for branch in tree
    )


_PASSWORD = JsonBody(PasswordAsked, secrets=frozenset({"password"}))

ROUTES = (
    Route(
        method="POST",
        path="/v1/sessions",
        operation="logIn",
        tag="Sessions",
        summary="Log in: a token for Authorization: Bearer",
        permission=Open.PUBLIC,
        handle=log_in,
        decoder=JsonBody(LoginRequest, secrets=frozenset({"password", "totp"})),
        answer=LoggedIn,
        refusals=(Reason.LOGIN_REFUSED, Reason.TOO_MANY_REQUESTS),
        example={"login": "li.na", "password": "example-password"},
    ),
    Route(
        method="GET",
        path="/v1/session",
        operation="readSession",
        tag="Sessions",
        summary="Who calls, with the permissions of now",
        permission=Open.SIGNED_IN,
        handle=read_session,
        answer=CallerShown,
    ),
    Route(
        method="GET",
        path="/v1/sessions",
        operation="listSessions",
        tag="Sessions",
        summary="One's own open sessions",
        permission=Open.SIGNED_IN,
        handle=list_sessions,
        answer=SessionsShown,
    ),
    Route(
        method="POST",
        path="/v1/sessions/{session}/end",
        operation="endSession",
        tag="Sessions",
        summary="Log out: end a session of one's own",
        permission=Open.SIGNED_IN,
        handle=end_session,
        decoder=JsonBody(Nothing),
        answer=Ended,
        ids={"session": (SESSION,)},
        refusals=(Reason.NOT_FOUND,),
        example={},
    ),
    Route(
        method="POST",
        path="/v1/password",
        operation="changePassword",
        tag="Sessions",
        summary="Change one's own password; every other session ends at once",
        permission=Open.SIGNED_IN,
        handle=change_password,
        decoder=JsonBody(PasswordChange, secrets=frozenset({"password", "new_password"})),
        answer=Done,
        refusals=(Reason.BAD_PASSWORD, Reason.NOT_FOUND, Reason.MOVED),
        example={"password": "example-password", "new_password": "another-example"},
    ),
    Route(
        method="POST",
        path="/v1/authenticator",
        operation="proposeAuthenticator",
        tag="Sessions",
        summary="A secret for an authenticator; it counts once a code of it was given back",
        permission=Open.SIGNED_IN,
        handle=propose_authenticator,
        decoder=_PASSWORD,
        answer=AuthenticatorShown,
        refusals=(Reason.BAD_PASSWORD, Reason.WRONG_STATE, Reason.MOVED),
        example={"password": "example-password"},
    ),
    Route(
        method="POST",
        path="/v1/authenticator/confirm",
        operation="confirmAuthenticator",
        tag="Sessions",
        summary="Switch one-time codes on by a first code; gives the recovery codes",
        permission=Open.SIGNED_IN,
        handle=confirm_authenticator,
        decoder=JsonBody(AuthenticatorCode, secrets=frozenset({"code"})),
        answer=RecoveryCodes,
        refusals=(Reason.BAD_PASSWORD, Reason.WRONG_STATE, Reason.MOVED),
        example={"code": "123456"},
    ),
    Route(
        method="POST",
        path="/v1/authenticator/remove",
        operation="removeAuthenticator",
        tag="Sessions",
        summary="Switch one-time codes off",
        permission=Open.SIGNED_IN,
        handle=remove_authenticator,
        decoder=_PASSWORD,
        answer=Done,
        refusals=(Reason.BAD_PASSWORD, Reason.WRONG_STATE, Reason.MOVED),
        example={"password": "example-password"},
    ),
    Route(
        method="GET",
        path="/v1/menus",
        operation="listMenus",
        tag="Sessions",
        summary="The menu, as one's permissions open it",
        permission=Open.SIGNED_IN,
        handle=list_menus,
        answer=MenusShown,
    ),
)
