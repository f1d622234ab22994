"""The money-out machine as a table; `docs/states.md` is drawn from it."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.payments.payout.model import PayoutEvent as Event
from gateway.payments.payout.model import PayoutState as State

MONEY_OUT: Mapping[State, Mapping[Event, State]] = {
    State.REQUESTED: {Event.CHECK: State.CHECKED, Event.CANCEL: State.CANCELLED},
    State.CHECKED: {Event.CONFIRM: State.CONFIRMED, Event.CANCEL: State.CANCELLED},
    State.CONFIRMED: {Event.FREEZE: State.FROZEN, Event.CANCEL: State.CANCELLED},
    State.FROZEN: {Event.SEND: State.SENT, Event.FAIL: State.FAILED, Event.CANCEL: State.CANCELLED},
    State.SENT: {
        Event.SUCCEED: State.SUCCESS,
        Event.FAIL: State.FAILED,
        Event.DOUBT: State.UNKNOWN,
        Event.COME_BACK: State.RETURNED,
    },
    State.UNKNOWN: {Event.SUCCEED: State.SUCCESS, Event.FAIL: State.FAILED, Event.COME_BACK: State.RETURNED},
    State.SUCCESS: {Event.COME_BACK: State.RETURNED},
    State.FAILED: {Event.CANCEL: State.CANCELLED},
    State.RETURNED: {Event.CANCEL: State.CANCELLED},
    State.CANCELLED: {},
}

# How the rows' reports count a state (rows P48-P51); a cancelled record is not counted.
REPORTED: Mapping[State, str] = {
    State.REQUESTED: "to be submitted",
    State.CHECKED: "to be submitted",
    State.CONFIRMED: "to be submitted",
    State.FROZEN: "processing",
    State.SENT: "processing",
    State.UNKNOWN: "processing",
    State.SUCCESS: "success",
    State.FAILED: "failure",
    State.RETURNED: "failure",
}


class NotAllowedError(Exception):
    """The table has no such cell."""


def advance(state: State, event: Event) -> State:
    """Return the state after `event`. Raises NotAllowedError where the table has no such cell."""
    try:
        return MONEY_OUT[state][event]
    except KeyError:
        message = f"money out that is {state} cannot {event}"
        raise NotAllowedError(message) from None
