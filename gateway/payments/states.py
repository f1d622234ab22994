"""The states of an operation as one table (design: state machines; row C51's habit: only listed moves).

`advance` has no clock and no books; a cell that is not in the table raises. `drawn` gives the diagram of the docs.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from gateway.payments.model import OperationState as S


class OperationEvent(StrEnum):
    """What can happen to an operation."""

    SEND = "send"
    APPROVE = "approve"
    DECLINE = "decline"
    GIVE_UP = "give up"
    LEAVE_OPEN = "leave open"
    REVERSE = "reverse"
    UNDO = "undo"
    HOLD = "hold"
    COMPLETE = "complete"
    RELEASE = "release"
    REOPEN = "reopen"
    EXPIRE = "expire"


E = OperationEvent

MOVES: Mapping[S, Mapping[OperationEvent, S]] = {
    S.CREATED: {E.SEND: S.SENT, E.APPROVE: S.APPROVED, E.DECLINE: S.DECLINED},
    S.SENT: {
        E.APPROVE: S.APPROVED,
        E.HOLD: S.HELD,
        E.DECLINE: S.DECLINED,
        E.GIVE_UP: S.REVERSING,
        E.LEAVE_OPEN: S.UNKNOWN,
    },
    S.UNKNOWN: {E.APPROVE: S.APPROVED, E.DECLINE: S.DECLINED},
    S.APPROVED: {E.REVERSE: S.REVERSING},
    # A late approval changes nothing: what was given up is undone, whatever the bank did with it.
    S.REVERSING: {E.APPROVE: S.REVERSING, E.DECLINE: S.DECLINED, E.UNDO: S.REVERSED},
    # A completion or void that is undone leaves its hold standing.
    S.HELD: {E.COMPLETE: S.COMPLETED, E.RELEASE: S.RELEASED, E.EXPIRE: S.EXPIRED, E.REVERSE: S.REVERSING},
    S.COMPLETED: {E.REOPEN: S.HELD},
    S.RELEASED: {E.REOPEN: S.HELD},
    S.EXPIRED: {},
    S.DECLINED: {},
    S.REVERSED: {},
}


class WrongMoveError(Exception):
    """An event met a state that has no such move: the decision was made on the wrong record."""

    def __init__(self, state: S, event: OperationEvent) -> None:
        super().__init__(f"an operation that is {state} cannot {event}")
        self.state = state
        self.event = event


def advance(state: S, event: OperationEvent) -> S:
    """Return the state that follows. Raises WrongMoveError where the table has no cell."""
    try:
        return MOVES[state][event]
    except KeyError:
        raise WrongMoveError(state, event) from None


def drawn() -> str:
    """Draw the table as a Mermaid state diagram."""
    lines = ["stateDiagram-v2", "    [*] --> created"]
    lines += [f"    {state} --> {after}: {event}" for state, row in MOVES.items() for event, after in row.items()]
    lines += [f"    {state} --> [*]" for state, row in MOVES.items() if not row]
    return "\n".join(lines)
