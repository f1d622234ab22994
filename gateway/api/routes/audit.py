"""The audit trail: record edits with before and after, and log-ins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from msgspec import Meta

from gateway.access import Permission
from gateway.access.model import LoginEvent, RecordEdit, TrailFilter
from gateway.api.bodies import Id, Shown, Strict, Time
from gateway.api.decoding import read_id
from gateway.api.route import Call, Given, Nothing, Route
from gateway.api.shown import EDIT, LOGIN, PARTY, RECORD, USER
from gateway.kernel.ids import read, show

Limit = Annotated[int, Meta(ge=1, le=200)]


class EditsQuery(Strict, frozen=True, kw_only=True):
    """Which edits; filters combine. `subject` is any id, whatever its kind."""

    limit: Limit = 50
    cursor: Annotated[str, Meta(pattern="^edt_[0-9a-hjkmnp-tv-z]{26}[.][0-9]{1,6}$")] | None = None
    who: Annotated[str, Meta(max_length=200)] = ""
    table: Annotated[str, Meta(max_length=64)] = ""
    subject: Id | None = None
    since: Time | None = None
    until: Time | None = None


class LoginsQuery(Strict, frozen=True, kw_only=True):
    """Which log-ins; filters combine."""

    limit: Limit = 50
    cursor: Id | None = None
    user: Id | None = None
    since: Time | None = None
    until: Time | None = None


class EditShown(Shown, frozen=True, kw_only=True, omit_defaults=True):
    """What an edit did to one record; `before` is missing where it was added, `after` where it was deleted."""

    cursor: str
    at: Time
    who: str
    why: str
    table: str
    subject: str
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None


class EditsShown(Shown, frozen=True, kw_only=True, omit_defaults=True):
    """Edits, newest first."""

    edits: list[EditShown]
    next: str | None = None


class LoginShown(Shown, frozen=True, kw_only=True, omit_defaults=True):
    """Somebody came to log in; `outcome` is done, or why not."""

    id: str
    at: Time
    source: str
    outcome: str
    login: str = ""
    user: str | None = None
    party: str | None = None


class LoginsShown(Shown, frozen=True, kw_only=True, omit_defaults=True):
    """Log-ins, newest first."""

    logins: list[LoginShown]
    next: str | None = None


async def list_edits(call: Call[Nothing, EditsQuery]) -> Given:
    """Show edits."""
    query = call.query
    edit, _, place = (query.cursor or "").partition(".")
    which = TrailFilter(
        limit=query.limit + 1,
        who=query.who,
        table=query.table,
        subject=None if query.subject is None else read_id(query.subject, query.subject.rpartition("_")[0]),
        since=query.since,
        until=query.until,
        before=read(EDIT, edit) if edit else None,
        before_place=int(place or 0),
    )
    found = await call.desks.access.audit.edits(call.caller.sees, which)
    shown = [_edit(line) for line in found[: query.limit]]
    return Given(EditsShown(edits=shown, next=shown[-1].cursor if len(found) > query.limit else None))


async def list_logins(call: Call[Nothing, LoginsQuery]) -> Given:
    """Show log-ins."""
    query = call.query
    which = TrailFilter(
        limit=query.limit + 1,
        subject=None if query.user is None else read_id(query.user, USER),
        since=query.since,
        until=query.until,
        before=None if query.cursor is None else read_id(query.cursor, LOGIN),
    )
    found = await call.desks.access.audit.logins(call.caller.sees, which)
    shown = [_login(event) for event in found[: query.limit]]
    return Given(LoginsShown(logins=shown, next=shown[-1].id if len(found) > query.limit else None))


def _edit(line: RecordEdit) -> EditShown:
    return EditShown(
        cursor=f"{show(EDIT, line.id)}.{line.place}",
        at=line.at,
        who=line.who,
        why=line.why,
        table=line.table,
        subject=show(RECORD, line.subject),
        before=line.before,
        after=line.after,
    )


def _login(event: LoginEvent) -> LoginShown:
    return LoginShown(
        id=show(LOGIN, event.id),
        at=event.at,
        source=event.source,
        outcome=event.outcome,
        login=event.login,
        user=None if event.user is None else show(USER, event.user),
        party=None if event.party is None else show(PARTY, event.party),
    )


ROUTES = (
    Route(
        method="GET",
        path="/v1/audit",
        operation="listEdits",
        tag="Audit",
        summary="Record edits, newest first: who, when, why, before and after",
        permission=Permission.AUDIT_READ,
        handle=list_edits,
        query=EditsQuery,
        answer=EditsShown,
    ),
    Route(
        method="GET",
        path="/v1/audit/logins",
        operation="listLogins",
        tag="Audit",
        summary="Log-ins, refused ones too, newest first",
        permission=Permission.AUDIT_READ,
        handle=list_logins,
        query=LoginsQuery,
        answer=LoginsShown,
    ),
)
