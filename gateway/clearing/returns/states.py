"""The batch machine as a table; `docs/states.md` is drawn from it."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.clearing.returns.model import BatchEvent as Event
from gateway.clearing.returns.model import BatchState as State

BATCHES: Mapping[State, Mapping[Event, State]] = {
    State.IMPORTING: {Event.IMPORT: State.IMPORTED},
    State.IMPORTED: {Event.START: State.MATCHING},
    State.MATCHING: {Event.BALANCE: State.BALANCED, Event.DIFFER: State.NOT_BALANCED},
    State.NOT_BALANCED: {Event.CLOSE: State.CLOSED},
    State.BALANCED: {Event.CLOSE: State.CLOSED},
    State.CLOSED: {},
}


class NotAllowedError(Exception):
    """The table has no such cell."""


def advance(state: State, event: Event) -> State:
    """Return the state after `event`. Raises NotAllowedError where the table has no such cell."""
    try:
        return BATCHES[state][event]
    except KeyError:
        message = f"a batch that is {state} cannot {event}"
        raise NotAllowedError(message) from None
