"""Book days; operators only."""

from __future__ import annotations

from gateway.access import Permission
from gateway.api.bodies import DayToClose, OpenDay
from gateway.api.decoding import JsonBody
from gateway.api.route import Call, Given, Nothing, Route
from gateway.journal.model import Refused
from gateway.kernel.reasons import Reason


async def close_day(call: Call[DayToClose, Nothing]) -> Given | Refused:
    """Close the open book day."""
    taken = await call.desks.books.close_day(call.order, day=call.body.day)
    return taken if isinstance(taken, Refused) else Given(OpenDay(open_day=taken.value), taken.replayed)


ROUTES = (
    Route(
        method="POST",
        path="/v1/days/close",
        operation="closeDay",
        tag="Days",
        summary="Close the open book day; what comes later is booked in the next one",
        permission=Permission.DAYS_WRITE,
        handle=close_day,
        decoder=JsonBody(DayToClose),
        answer=OpenDay,
        refusals=(Reason.WRONG_STATE,),
        example={"day": "2026-11-22"},
    ),
)
