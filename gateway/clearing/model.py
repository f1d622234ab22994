"""Channels and clearing instructions as records; the instruction's states as a table (rows C2, C25-C31, C51, C53)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from channels.instruction import Ask


class InstructionState(StrEnum):
    """What became of an instruction."""

    CREATED = "created"
    ROUTED = "routed"
    SENT = "sent"
    SUCCESS = "success"
    FAILED = "failed"
    UNKNOWN = "unknown"
    CANCELLED = "cancelled"


class Communication(StrEnum):
    """Where its message is."""

    WAITING = "waiting"
    IN_FILE = "in_file"
    SENDING = "sending"
    SENT = "sent"
    ACKNOWLEDGED = "acknowledged"
    ANSWERED = "answered"
    NO_ANSWER = "no_answer"
    SEND_FAILED = "send_failed"


class InstructionEvent(StrEnum):
    """What can happen to an instruction."""

    ROUTE = "route"
    SEND = "send"
    SUCCEED = "succeed"
    FAIL = "fail"
    FALL_SILENT = "fall silent"
    CANCEL = "cancel"


S, E = InstructionState, InstructionEvent

MOVES: Mapping[InstructionState, Mapping[InstructionEvent, InstructionState]] = {
    S.CREATED: {E.ROUTE: S.ROUTED, E.CANCEL: S.CANCELLED},
    S.ROUTED: {E.SEND: S.SENT, E.FAIL: S.FAILED, E.CANCEL: S.CANCELLED},
    S.SENT: {E.SUCCEED: S.SUCCESS, E.FAIL: S.FAILED, E.FALL_SILENT: S.UNKNOWN, E.SEND: S.SENT, E.CANCEL: S.CANCELLED},
    S.UNKNOWN: {E.SUCCEED: S.SUCCESS, E.FAIL: S.FAILED, E.SEND: S.SENT, E.CANCEL: S.CANCELLED},
    # What was done and then undone at the bank stands in no file of the bank.
    S.SUCCESS: {E.CANCEL: S.CANCELLED},
    S.FAILED: {},
    S.CANCELLED: {},
}


class WrongInstructionMoveError(Exception):
    """An event met an instruction in a state that has no such move."""


def advance(state: InstructionState, event: InstructionEvent) -> InstructionState:
    """Return the state that follows. Raises WrongInstructionMoveError where the table has no cell."""
    try:
        return MOVES[state][event]
    except KeyError:
        raise WrongInstructionMoveError(f"an instruction that is {state} cannot {event}") from None


def drawn() -> str:
    """Draw the table as a Mermaid state diagram."""
    lines = ["stateDiagram-v2", "    [*] --> created"]
    lines += [f"    {state} --> {after}: {event}" for state, row in MOVES.items() for event, after in row.items()]
    lines += [f"    {state} --> [*]" for state, row in MOVES.items() if not row]
    return "\n".join(lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class InstructionRecord:
    """One instruction as it stands; `number` is ours, unique for ever; amounts in minor units of `unit`.

    `not_found_at` is when the bank first said that it does not know the number. `settled_minor` is the amount the bank
    said, where it said one.
    """

    id: UUID
    number: str
    channel_id: UUID
    ask: Ask
    business: str
    owner_kind: str
    owner_id: UUID
    amount_minor: int
    unit: str
    state: InstructionState
    communication: Communication
    created_at: datetime
    original_id: UUID | None = None
    original_number: str | None = None
    result: str = "unchecked"
    routing: str = ""
    purpose: str = ""
    merchant: str = ""
    terminal: str = ""
    payee_account: bytes | None = field(default=None, repr=False)
    payee_name: bytes | None = field(default=None, repr=False)
    payee_bank: str = ""
    bank_reference: str = ""
    approval_code: str = ""
    code: str = ""
    reason: str = ""
    value_on: date | None = None
    settled_minor: int | None = None
    tries: int = 0
    file_id: UUID | None = None
    not_found_at: datetime | None = None
    sent_at: datetime | None = None
    answered_at: datetime | None = None
    version: int = 1


_COLUMNS = tuple(each.name for each in fields(InstructionRecord) if each.name != "version")


def row_of(record: InstructionRecord) -> dict[str, object]:
    """Return the instruction as a row of its table, without the version: that is the journal's."""
    return {name: getattr(record, name) for name in _COLUMNS}


def from_row(row: Mapping[str, object]) -> InstructionRecord:
    """Read an instruction from a row of its table."""
    values = {name: row[name] for name in (*_COLUMNS, "version")}
    values["ask"] = Ask(str(row["ask"]))
    values["state"] = InstructionState(str(row["state"]))
    values["communication"] = Communication(str(row["communication"]))
    return InstructionRecord(**values)  # type: ignore[arg-type]  # a row's values have the types of their columns


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """A channel as it is registered; `id` is its party's.

    `kind` names the code that speaks its language, `type` and `communication` are those of rows C32-C47,
    `settlement_party` is the bank account its money comes to.
    """

    id: UUID
    code: str
    name: str
    kind: str
    type: str
    communication: str
    is_on: bool
    asks: frozenset[Ask]
    units: frozenset[str]
    params: Mapping[str, object] = field(repr=False)
    settlement_party: UUID
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """A merchant's leave to use a channel; a lower `priority` is taken first."""

    merchant: UUID
    channel: UUID
    is_open: bool
    priority: int


@dataclass(frozen=True, slots=True)
class Network:
    """All channels and openings of one generation."""

    generation: int
    channels: tuple[Channel, ...]
    openings: tuple[Opening, ...]
