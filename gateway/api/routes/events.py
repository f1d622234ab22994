"""The event feed: everything that happened, in the order of the book."""

from __future__ import annotations

from gateway.access import Permission
from gateway.api.bodies import EventsQuery, EventsShown
from gateway.api.route import Call, Given, Nothing, Route
from gateway.api.shown import read_place, show_event, show_place


async def list_events(call: Call[Nothing, EventsQuery]) -> Given:
    """Show events beyond a cursor."""
    query = call.query
    after = None if query.cursor is None else read_place(query.cursor)
    found = await call.desks.events.read(call.caller.sees, after=after, limit=query.limit)
    following = show_place(found[-1].at) if found else query.cursor
    return Given(EventsShown(events=[show_event(event) for event in found], next=following))


ROUTES = (
    Route(
        method="GET",
        path="/v1/events",
        operation="listEvents",
        tag="Events",
        summary="Events beyond a cursor, oldest first",
        permission=Permission.EVENTS_READ,
        handle=list_events,
        query=EventsQuery,
        answer=EventsShown,
    ),
)
