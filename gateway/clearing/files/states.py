"""Both file machines as tables; `docs/states.md` is drawn from them."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.clearing.files.model import Direction
from gateway.clearing.files.model import FileEvent as Event
from gateway.clearing.files.model import FileState as State

OUTGOING: Mapping[State, Mapping[Event, State]] = {
    State.COLLECTING: {Event.GENERATE: State.GENERATED, Event.ABANDON: State.ABANDONED},
    State.GENERATED: {Event.ARCHIVE: State.ARCHIVED},
    State.ARCHIVED: {Event.BEGIN: State.UPLOADING},
    State.UPLOADING: {
        Event.ARRIVE: State.UPLOADED,
        Event.NOT_ARRIVE: State.ARCHIVED,
        Event.LOSE_SIGHT: State.UPLOAD_UNKNOWN,
        Event.ANSWER: State.ANSWERED,
    },
    State.UPLOAD_UNKNOWN: {
        Event.ARRIVE: State.UPLOADED,
        Event.NOT_ARRIVE: State.ARCHIVED,
        Event.ANSWER: State.ANSWERED,
    },
    State.UPLOADED: {Event.SUBMIT: State.SUBMITTED, Event.ANSWER: State.ANSWERED},
    State.SUBMITTED: {Event.ANSWER: State.ANSWERED},
    State.ANSWERED: {Event.CHECK: State.CHECKED},
    State.CHECKED: {},
    State.ABANDONED: {},
}

RETURNED: Mapping[State, Mapping[Event, State]] = {
    State.EXPECTED: {Event.FETCH: State.FETCHING},
    State.FETCHING: {
        Event.ARCHIVE: State.ARCHIVED,
        Event.QUARANTINE: State.QUARANTINED,
        Event.RECOGNISE_AGAIN: State.DUPLICATE,
    },
    State.ARCHIVED: {
        Event.PARSE: State.PARSED,
        Event.QUARANTINE: State.QUARANTINED,
        Event.SUPERSEDE: State.SUPERSEDED,
    },
    State.PARSED: {Event.IMPORT: State.IMPORTED},
    State.IMPORTED: {Event.FINISH: State.DONE},
    State.DONE: {},
    State.QUARANTINED: {Event.RELEASE: State.ARCHIVED, Event.SUPERSEDE: State.SUPERSEDED},
    State.DUPLICATE: {},
    State.SUPERSEDED: {},
}

MACHINES: Mapping[Direction, Mapping[State, Mapping[Event, State]]] = {
    Direction.OUT: OUTGOING,
    Direction.IN: RETURNED,
}


class NotAllowedError(Exception):
    """The table has no such cell."""


def advance(direction: Direction, state: State, event: Event) -> State:
    """Return the state after `event`. Raises NotAllowedError where the table has no such cell."""
    try:
        return MACHINES[direction][state][event]
    except KeyError:
        message = f"a file ({direction}) that is {state} cannot {event}"
        raise NotAllowedError(message) from None
