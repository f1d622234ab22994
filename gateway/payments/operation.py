"""An operation as it stands in the books: one sale, hold, void, refund or reversal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Any, cast
from uuid import UUID

from gateway.kernel.money import Money
from gateway.payments.model import OperationState, Reference


class OperationKind(StrEnum):
    """What the operation does."""

    PURCHASE = "purchase"
    VOID = "void"
    REFUND = "refund"
    REVERSAL = "reversal"
    PREAUTHORISATION = "preauthorisation"
    PREAUTHORISATION_VOID = "preauthorisation_void"
    COMPLETION = "completion"
    COMPLETION_VOID = "completion_void"


# What posts money: sales take it, the others give it back. Holds and their voids post nothing here.
SALES = frozenset({OperationKind.PURCHASE, OperationKind.COMPLETION})
GIVES_BACK = frozenset({OperationKind.VOID, OperationKind.COMPLETION_VOID, OperationKind.REFUND})


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeShare:
    """What one taker got of the fee, and what of it has gone back; `party` None is the platform."""

    item: str
    party: UUID | None
    amount_minor: int
    back_minor: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptCard:
    """A card as it is stored: enciphered, with keyed fingerprint and mask."""

    sealed: bytes = field(repr=False)
    fingerprint: bytes
    version: int
    mask: str
    expiry_sealed: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One record; amounts in minor units of `unit`.

    A sale has what is left of it (`rest_minor`), what went back (`reversed_minor`) and at most one open
    counter-operation; so has a hold, whose completion or void is one. A void or refund has the fee and cost that go
    back with it. `told` is the reason the first answer was given with, empty while there was none. `transfer_id` is set
    where money was posted.
    """

    id: UUID
    kind: OperationKind
    state: OperationState
    source: str
    terminal: str
    merchant_id: UUID
    merchant: str
    batch: str
    trace: str
    message_class: str
    rrn: str
    amount_minor: int
    unit: str
    occurred_at: datetime
    answer_by: datetime
    channel_id: UUID | None = None
    instruction_id: UUID | None = None
    instruction_number: str | None = None
    original_id: UUID | None = None
    counter_id: UUID | None = None
    rest_minor: int = 0
    reversed_minor: int = 0
    voided: bool = False
    fee_minor: int = 0
    fee_version: UUID | None = None
    fee_shares: tuple[FeeShare, ...] = ()
    cost_minor: int = 0
    cost_version: UUID | None = None
    cost_back_minor: int = 0
    unripe_minor: int = 0
    hold_id: UUID | None = None
    transfer_id: UUID | None = None
    card_sealed: bytes | None = field(default=None, repr=False)
    card_fingerprint: bytes | None = None
    card_version: int | None = None
    card_mask: str = ""
    expiry_sealed: bytes | None = field(default=None, repr=False)
    entry_mode: str = ""
    approval_code: str = ""
    bank_code: str = ""
    reason: str = ""
    text: str = ""
    told: str = ""
    settled_on: date | None = None
    reversal_reason: str = ""
    answered_at: datetime | None = None
    version: int = 1

    @property
    def amount(self) -> Money:
        """The operation's amount."""
        return Money(self.amount_minor, self.unit)

    @property
    def reference(self) -> Reference:
        """How the terminal names it."""
        return Reference(self.terminal, self.batch, self.trace, self.message_class)

    @property
    def net_minor(self) -> int:
        """What the merchant gets of a purchase, or gives at a void or refund: the amount less the fee in it."""
        return self.amount_minor - self.fee_minor

    @property
    def is_posted(self) -> bool:
        """Whether its money stands in the ledger."""
        return self.transfer_id is not None

    @property
    def is_open(self) -> bool:
        """Whether its first answer is still to come."""
        return not self.told and self.state in (OperationState.CREATED, OperationState.SENT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """An operation with what stands around it at one moment.

    `booked_on` is the day its money was booked, `open_day` the book's day now, `unripe_minor` what of the merchant's
    balance has not ripened yet.
    """

    operation: Operation
    booked_on: date | None
    open_day: date
    unripe_minor: int


_COLUMNS = tuple(each.name for each in fields(Operation) if each.name != "version")


def row_of(operation: Operation) -> dict[str, object]:
    """Return the operation as a row of its table, without the version: that is the journal's."""
    row = {name: getattr(operation, name) for name in _COLUMNS}
    return {**row, "fee_shares": shown(operation.fee_shares)}


def shown(shares: tuple[FeeShare, ...]) -> list[dict[str, str | int | None]]:
    """Write fee shares as JSON values."""
    return [
        {
            "item": share.item,
            "party": None if share.party is None else str(share.party),
            "amount_minor": share.amount_minor,
            "back_minor": share.back_minor,
        }
        for share in shares
    ]


def from_row(row: Mapping[str, Any]) -> Operation:
    """Read an operation from a row of its table."""
    values = {name: row[name] for name in (*_COLUMNS, "version")}
    values["kind"] = OperationKind(row["kind"])
    values["state"] = OperationState(row["state"])
    values["fee_shares"] = tuple(_share(each) for each in row["fee_shares"])
    return Operation(**values)


def moved(operation: Operation, to: Mapping[str, object]) -> Operation:
    """Return the operation as it stands after a move."""
    values = {**to, "version": operation.version + 1}
    if "fee_shares" in to:
        values["fee_shares"] = tuple(_share(each) for each in cast("Sequence[Mapping[str, Any]]", to["fee_shares"]))
    return replace(operation, **values)  # type: ignore[arg-type]  # a move's values have the types of their columns


def _share(shown_share: Mapping[str, Any]) -> FeeShare:
    party = shown_share["party"]
    return FeeShare(**{**shown_share, "party": None if party is None else UUID(party)})
