"""Messages of terminals that were refused at the door."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from gateway.access import Permission
from gateway.api.bodies import Shown, Strict, Time
from gateway.api.refused_port import RefusedRecord
from gateway.api.route import Call, Given, Nothing, Route
from gateway.kernel.ids import show

_REFUSED = "rfm"


class RefusedQuery(Strict, frozen=True, kw_only=True):
    """Which refused messages; filters combine. `code` is field 39 of the answer."""

    limit: Annotated[int, Meta(ge=1, le=500)] = 50
    terminal: Annotated[str, Meta(max_length=8)] = ""
    code: Annotated[str, Meta(pattern="^([0-9A-Z]{2})?$")] = ""
    since: Time | None = None


class RefusedMessageShown(Shown, frozen=True, kw_only=True):
    """Messages refused alike: why, how often, and the shape of the newest, of which no value is kept.

    `code` is field 39 of the answer, empty where none was sent; `terminal` is empty where no registered one was named;
    `offset` counts from the message type. `shape` has a letter for each of the first 64 bytes: n digit, a letter,
    _ space, 0 zero, # other.
    """

    id: str
    last_at: Time
    first_at: Time
    count: int
    dialect: str
    source: str
    terminal: str
    mti: str
    code: str
    field: int
    why: str
    offset: int
    size: int
    shape: str


class RefusedMessagesShown(Shown, frozen=True, kw_only=True):
    """Refused messages, the newest first."""

    refused: list[RefusedMessageShown]


async def list_refused(call: Call[Nothing, RefusedQuery]) -> Given:
    """Show refused messages."""
    query = call.query
    found = await call.desks.refused.list(
        call.caller.sees, terminal=query.terminal, code=query.code, since=query.since, limit=query.limit
    )
    return Given(RefusedMessagesShown(refused=[_shown(each) for each in found]))


def _shown(record: RefusedRecord) -> RefusedMessageShown:
    return RefusedMessageShown(
        id=show(_REFUSED, record.id),
        last_at=record.last_at,
        first_at=record.first_at,
        count=record.count,
        dialect=record.dialect,
        source=record.source,
        terminal=record.terminal,
        mti=record.mti,
        code=record.code,
        field=record.field,
        why=record.why,
        offset=record.offset,
        size=record.size,
        shape=record.shape,
    )


ROUTES = (
    Route(
        method="GET",
        path="/v1/terminals/refused",
        operation="listRefusedMessages",
        tag="Terminals",
        summary="Messages of terminals that were refused, counted by what was wrong, the newest first",
        permission=Permission.REFUSED_READ,
        handle=list_refused,
        query=RefusedQuery,
        answer=RefusedMessagesShown,
    ),
)
