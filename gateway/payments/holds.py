"""A card's pre-authorisation: what its completion or void, their approval and their undoing do to it.

It posts nothing in our books; its rest stands on its record (design section 1, idea 4). A completion takes the whole of
it, whatever its amount; undone or voided, it leaves the hold standing again.
"""

from __future__ import annotations

from collections.abc import Mapping

from gateway.journal.model import Move
from gateway.payments.counter import taken_from
from gateway.payments.decision import TABLE
from gateway.payments.model import OperationState
from gateway.payments.operation import GIVES_BACK, Operation, OperationKind
from gateway.payments.states import OperationEvent, advance

_TAKES_A_HOLD = {
    OperationKind.COMPLETION: OperationEvent.COMPLETE,
    OperationKind.PREAUTHORISATION_VOID: OperationEvent.RELEASE,
}


def freed(original: Operation, to: Mapping[str, object]) -> Move:
    """Move what an operation stands on, and end its being that one's open counter-operation."""
    return Move(TABLE, original.id, original.version, {**to, "counter_id": None})


def approved(operation: Operation, original: Operation | None, hold: Operation | None) -> tuple[Move, ...]:
    """What an approval does to the records under it; `hold` is the one under the completion that is voided."""
    if original is None:
        return ()
    if operation.kind in GIVES_BACK:
        moves = (freed(original, taken_from(original, operation, 1)),)
        return (*moves, _moved(hold, OperationEvent.REOPEN)) if hold is not None else moves
    event = _TAKES_A_HOLD[operation.kind]
    return (freed(original, _to(original, event)),)


def undone(operation: Operation, parent: Operation | None, hold: Operation | None) -> tuple[Move, ...]:
    """What undoing an approved operation does to the records under it.

    What it stood on stands again, but nothing else may be done to it until the bank has undone the operation.
    """
    if parent is None:
        return ()
    is_back = operation.kind in GIVES_BACK
    again = taken_from(parent, operation, -1) if is_back else _to(parent, OperationEvent.REOPEN)
    moves = (Move(TABLE, parent.id, parent.version, {**again, "counter_id": operation.id}),)
    return (*moves, _moved(hold, OperationEvent.COMPLETE)) if hold is not None else moves


def can_be_undone(operation: Operation, parent: Operation | None, hold: Operation | None) -> bool:
    """Tell whether an approved operation may still be reversed; `parent` is what it stands on, `hold` under that."""
    match operation.kind:
        case OperationKind.PURCHASE | OperationKind.COMPLETION:
            return not operation.voided and operation.reversed_minor == 0 and operation.counter_id is None
        case OperationKind.PREAUTHORISATION:
            return is_free(operation)
        case OperationKind.PREAUTHORISATION_VOID:
            return parent is not None and _is(parent, OperationState.RELEASED)
        case OperationKind.VOID:
            return parent is not None and _is(parent, OperationState.APPROVED)
        case OperationKind.COMPLETION_VOID:
            is_voided = parent is not None and _is(parent, OperationState.APPROVED)
            return is_voided and hold is not None and is_free(hold)
        case OperationKind.REFUND | OperationKind.REVERSAL:
            return False


def is_free(hold: Operation) -> bool:
    """Tell whether a hold stands and nothing is being done to it."""
    return _is(hold, OperationState.HELD)


def _is(operation: Operation, state: OperationState) -> bool:
    return operation.state is state and operation.counter_id is None


def _moved(hold: Operation, event: OperationEvent) -> Move:
    return Move(TABLE, hold.id, hold.version, _to(hold, event))


def _to(hold: Operation, event: OperationEvent) -> dict[str, object]:
    rest = hold.amount_minor if event is OperationEvent.REOPEN else 0
    return {"state": advance(hold.state, event), "rest_minor": rest}
