"""A bank's final answer against its earlier final one: the channel's due follows the bank, the rest waits in suspense.

Nothing that stands is overwritten. The instruction bears the mark of it in `settled_minor`, the amount the bank said
last: more than nothing where it had failed with us, nothing where it had succeeded. The day's file takes it back when
it brings the bank's last word.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from channels.instruction import GIVES_BACK, TAKES, Approved, Ask, Declined
from gateway.clearing.change import INSTRUCTION
from gateway.clearing.model import InstructionRecord, InstructionState
from gateway.journal.model import Move
from gateway.ledger.model import Account, Leg, Purpose, Transfer
from gateway.payments.model import OperationState
from gateway.payments.payout.postings import legs, suspense

_FINAL = {OperationState.DECLINED: InstructionState.FAILED, OperationState.APPROVED: InstructionState.SUCCESS}
_UNSETTLED = ("unchecked", "missing_at_bank")
_DONE = ("success", "cancelled")


class Contradiction(NamedTuple):
    """What a contradicting answer writes: the mark on its instruction and the money."""

    mark: Move
    transfer: Transfer


def contradiction(
    operation: OperationState,
    instruction: InstructionRecord,
    outcome: Approved | Declined,
    *,
    transfer: UUID,
    at: datetime,
) -> Contradiction | None:
    """Return what an answer against the final one of `instruction` moves.

    None where nothing is to be moved: `operation` is not final, the answer was taken already, or a file has settled it.
    """
    was_taken = bool(late_minor(instruction)) or instruction.result not in _UNSETTLED
    is_moneyless = instruction.amount_minor == 0 or instruction.ask not in TAKES | GIVES_BACK
    if was_taken or is_moneyless or _FINAL.get(operation) is not instruction.state:
        return None
    said = instruction.amount_minor if isinstance(outcome, Approved) else 0
    held = instruction.amount_minor if instruction.state is InstructionState.SUCCESS else 0
    if said == held:
        return None
    moved = Transfer(
        id=transfer,
        kind="late_answer_differs",
        subject=instruction.id,
        legs=into_suspense(instruction.channel_id, instruction.unit, signed(instruction.ask, said - held)),
        occurred_at=at,
        value_on=outcome.value_on if isinstance(outcome, Approved) else None,
        note=instruction.number,
    )
    mark = Move(INSTRUCTION, instruction.id, instruction.version, {"settled_minor": said})
    return Contradiction(mark, moved)


def into_suspense(channel: UUID, unit: str, amount_minor: int) -> tuple[Leg, ...]:
    """Legs of `amount_minor` (debit positive) on `channel.due` against `suspense.diff`."""
    return legs((Account(channel, unit, Purpose.DUE), amount_minor), (suspense("diff", unit), -amount_minor))


def late_minor(instruction: InstructionRecord) -> int:
    """Return what an answer against an earlier one has put on `channel.due`, debit positive, and no file took back."""
    return late_of(
        ask=instruction.ask,
        state=instruction.state,
        result=instruction.result,
        amount_minor=instruction.amount_minor,
        settled_minor=instruction.settled_minor,
    )


def late_of(*, ask: Ask, state: str, result: str, amount_minor: int, settled_minor: int | None) -> int:
    """Read the mark from an instruction's columns: see `late_minor`."""
    if ask is Ask.PAYOUT or settled_minor is None or result not in _UNSETTLED:
        return 0
    if state == "failed":
        return signed(ask, settled_minor)
    return signed(ask, -amount_minor) if state in _DONE and settled_minor == 0 else 0


def signed(ask: Ask, amount_minor: int) -> int:
    """Return an amount as the bank moves it: it pays us for a sale, we pay for a void or refund."""
    return amount_minor if ask in TAKES else -amount_minor
