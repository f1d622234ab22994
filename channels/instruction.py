"""Clearing instructions and their outcomes as plain records: what the house asks a bank for, and what came of it.

A decline is an answer; `Unknown` is a first-class result, never a failure and never a success.
Secrets (`pan`, `pin_block`) travel in memory only and are never shown by `repr`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum


class Ask(StrEnum):
    """What a bank is asked to do."""

    PAY = "pay"
    VOID = "void"
    REFUND = "refund"
    REVERSE = "reverse"
    PAYOUT = "payout"
    AUTHORISE = "authorise"
    RELEASE = "release"
    COMPLETE = "complete"
    BALANCE = "balance"


# What moves a payer's money: to us (a sale), and back. A hold and its release move none.
TAKES = frozenset({Ask.PAY, Ask.COMPLETE})
GIVES_BACK = frozenset({Ask.VOID, Ask.REFUND})


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A payer's card as it came in at the door; in memory only."""

    pan: str = field(repr=False)
    expiry: str | None = field(default=None, repr=False)
    sequence: str | None = None
    entry_mode: str = "021"
    pin_block: bytes | None = field(default=None, repr=False)
    icc: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Payee:
    """Who is paid by a payout: card or account number, name as the bank knows it, bank code."""

    account: str = field(repr=False)
    name: str = field(repr=False)
    bank: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """One instruction to one channel.

    `number` is ours, unique for ever, 20 digits; `original` is the number that a void, refund, release or reversal
    undoes, or that a completion completes.
    `business` tells files apart ("acquiring", "withdrawal"). `amount_minor` counts minor units of `unit`.
    """

    number: str
    ask: Ask
    business: str
    amount_minor: int
    unit: str
    occurred_at: datetime
    original: str | None = None
    card: Card | None = None
    payee: Payee | None = None
    merchant: str = ""
    terminal: str = ""
    purpose: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """One balance of an account: `account` and `kind` are ISO 8583 types of two digits, overdrawn is below nothing."""

    account: str
    kind: str
    unit: str
    amount_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Approved:
    """The bank did it. `amount_minor` where the bank said one; `value_on` is the bank's date."""

    bank_reference: str
    approval_code: str = ""
    value_on: date | None = None
    amount_minor: int | None = None
    fee_minor: int | None = None
    balances: tuple[Balance, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Declined:
    """The bank refused. `reason` is the name of a common reason (the channel's table), `code` the bank's own."""

    code: str
    reason: str
    text: str = ""
    bank_reference: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """Nobody can say yet: time-out, cut, bad signature, a code that is not in the table, or "in progress"."""

    why: str
    code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotSent:
    """Nothing left this house: the connection was refused, the circuit is open, the request could not be built."""

    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotFound:
    """Answer to a query only: the bank does not know the number (yet)."""

    why: str = ""


Outcome = Approved | Declined | Unknown | NotSent | NotFound


class LineState(StrEnum):
    """What a bank's file says of one instruction."""

    SUCCESS = "success"
    FAILED = "failed"
    RETURNED = "returned"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnLine:
    """One line of a bank's return file; `place` is its line number and `offset` its first byte, for error messages.

    `ask` is what the bank says it did, where the file tells: it gives the direction of a line that nobody here knows.
    """

    number: str
    amount_minor: int
    unit: str
    state: LineState
    business: str
    code: str = ""
    text: str = ""
    bank_reference: str = ""
    value_on: date | None = None
    fee_minor: int = 0
    place: int = 0
    offset: int = 0
    ask: Ask | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a channel can do; nothing here has a default that means success.

    `asks` real-time or batch; `reverse_bars_unknown`: a reversal of a number the bank has not seen bars that number;
    `dedupes_by_number`: sending the same number twice does it once, and the second answer repeats the first;
    `not_found_is_final_after_s`: seconds after which two "not found" answers apart mean it never happened.
    """

    asks: frozenset[Ask]
    communication: str
    queries: bool
    reverse_bars_unknown: bool
    dedupes_by_number: bool
    not_found_is_final_after_s: int
