"""What the door asks of the house: desks without defaults, handed in by the composition root, and their records.

Every read takes `sees`, the subtree of parties that the caller may see: what lies outside is answered like what is not
there. Every command takes a `Submission`, whose `keys` go into the change that records it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Generic, NamedTuple, Protocol, TypeVar
from uuid import UUID

from gateway.access import Access, Order
from gateway.api.account_port import StatementDesk
from gateway.journal.model import Key, Refused
from gateway.kernel.money import Money
from gateway.kernel.reasons import Reason
from gateway.parties import BankCard, Scope

if TYPE_CHECKING:  # these desks speak in records of this module
    from gateway.api.acquiring_port import AcquiringDesk
    from gateway.api.approval_port import ApprovalDesk
    from gateway.api.configuration_port import ConfigurationDesk
    from gateway.api.merchant_port import MerchantDesk
    from gateway.api.refused_port import RefusedDesk
    from gateway.api.task_port import TaskDesk

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission(Order):
    """A command as it came in, for either shell: what edits records takes it as an `Order`, the journal its keys.

    `keys(subject)` gives the journal's keys of its Idempotency-Key and nonce, once the id of the record is known that a
    repeat is answered from.
    """

    keys: Callable[[UUID], tuple[Key, ...]]


@dataclass(frozen=True, slots=True)
class Taken(Generic[Value]):
    """A command was done; `replayed` where it had been done before and this is its first answer again."""

    value: Value
    replayed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Which part of a list: at most `limit` items beyond the record `after`, in the order of the list."""

    limit: int
    after: UUID | None = None
    with_total: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing(Generic[Value]):
    """A part of a list; `more` where something follows, `total` where the page asked for it."""

    items: Sequence[Value]
    more: bool
    total: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One line of a record's history."""

    at: datetime
    what: str
    who: str
    why: str
    data: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawal:
    """A withdrawal as it stands. `withdrawable` is what its party can still withdraw, fees included."""

    id: UUID
    party: UUID
    bank_card: UUID | None
    state: str
    amount: Money
    fee: Money
    withdrawable: Money
    requested_at: datetime
    reason: Reason | None = None
    code: str = ""
    reason_text: str = ""
    value_on: date | None = None
    history: Sequence[Step] = ()


class WithdrawalDesk(Protocol):
    """Withdrawals (rows A55-A60, P45-P46)."""

    async def request(
        self, order: Submission, *, party: UUID, amount: Money, bank_card: UUID
    ) -> Taken[Withdrawal] | Refused:
        """Check a withdrawal and record it; nothing is frozen before it is confirmed."""
        ...

    async def confirm(self, order: Submission, *, withdrawal: UUID, password: str) -> Taken[Withdrawal] | Refused:
        """Take the withdrawal password, freeze the money and make the instruction."""
        ...

    async def find(self, sees: Scope, *, withdrawal: UUID) -> Withdrawal | None:
        """Read a withdrawal with its history."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitBalances:
    """A party's money in one unit; all parts positive where they are the party's, `advance` where it owes."""

    unit: str
    available_minor: int
    frozen_minor: int
    deposit_minor: int
    advance_minor: int
    withdrawable_minor: int


class BookDesk(Protocol):
    """Accounts and book days (rows A51, A61-A63)."""

    async def balances(self, sees: Scope, *, party: UUID) -> Sequence[UnitBalances] | None:
        """Return a party's balances per unit; None where the caller does not see the party."""
        ...

    async def bank_cards(self, sees: Scope, *, party: UUID) -> Sequence[BankCard] | None:
        """Return the bank cards bound to a party; None where the caller does not see the party."""
        ...

    async def close_day(self, order: Submission, *, day: date) -> Taken[date] | Refused:
        """Close book day `day`, which must be the open one; returns the day that is open now."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """A payment as it stands. `card` is the mask; `rest` what is left to refund; `reason` tells why it was declined."""

    id: UUID
    kind: str
    state: str
    terminal: str
    merchant: str
    batch: str
    trace: str
    amount: Money
    occurred_at: datetime
    rest: Money | None = None
    fee: Money | None = None
    reason: Reason | None = None
    text: str = ""
    approval_code: str = ""
    rrn: str = ""
    card: str = ""
    settled_on: date | None = None
    original: UUID | None = None
    evidence: Sequence[Step] = ()


class PaymentDesk(Protocol):
    """Payments as they were acquired (rows L12, L86)."""

    async def find(self, sees: Scope, *, payment: UUID) -> Payment | None:
        """Read a payment."""
        ...

    async def by_reference(self, sees: Scope, *, terminal: str, batch: str, trace: str) -> Payment | None:
        """Read the payment that a terminal names by its own reference, with its evidence."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """A bank channel."""

    id: UUID
    code: str
    kind: str
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file to or from a bank. `line` and `offset` (a byte) say where a quarantined one is wrong."""

    id: UUID
    direction: str
    channel: UUID
    kind: str
    name: str
    day: date
    sequence: int
    state: str
    count: int
    amount: Money | None
    made_at: datetime
    reason: str = ""
    line: int | None = None
    offset: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One return file and business: how many lines of the bank met what of ours (rows C81-C91)."""

    id: UUID
    file: UUID
    channel: UUID
    business: str
    day: date
    state: str
    file_count: int
    file_amount: Money
    own_count: int
    own_amount: Money
    matched: int
    different: int
    missing: int
    unknown: int
    duplicate: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What did not agree between a bank's line and our books, and how it was resolved."""

    id: UUID
    batch: UUID
    kind: str
    number: str
    own_amount: Money | None
    file_amount: Money | None
    own_state: str
    file_state: str
    state: str
    how: str
    opened_at: datetime
    resolved_at: datetime | None = None
    resolved_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFilter:
    """Which files; every part that is given must hold."""

    channel: UUID | None = None
    direction: str | None = None
    state: str | None = None
    day: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchFilter:
    """Which batches; every part that is given must hold."""

    channel: UUID | None = None
    business: str | None = None
    state: str | None = None
    day: date | None = None


class FileDesk(Protocol):
    """Channels' files in both directions, and reconciliation (rows C58-C91); operators only."""

    async def channels(self) -> Sequence[Channel]:
        """List the channels."""
        ...

    async def cut_off(self, order: Submission, *, channel: UUID) -> Taken[Sequence[File]] | Refused:
        """Close what the channel collects; returns the payment files that were made and are on their way."""
        ...

    async def fetch(self, order: Submission, *, channel: UUID) -> Taken[Sequence[File]] | Refused:
        """Look into the bank's folder now; returns the files that were new."""
        ...

    async def accept(self, order: Submission, *, channel: UUID, name: str, content: bytes) -> Taken[File] | Refused:
        """Take a return file that was carried by hand."""
        ...

    async def files(self, page: Page, which: FileFilter) -> Listing[File]:
        """List files, newest first."""
        ...

    async def batches(self, page: Page, which: BatchFilter) -> Listing[Batch]:
        """List batches, newest first."""
        ...

    async def reconcile(self, order: Submission, *, batch: UUID) -> Taken[Batch] | Refused:
        """Start the reconciliation of an imported batch, or return where it stands."""
        ...

    async def differences(self, page: Page, *, batch: UUID) -> Listing[Difference] | None:
        """List a batch's differences; None where there is no such batch."""
        ...

    async def resolve(self, order: Submission, *, difference: UUID, how: str, note: str) -> Taken[Difference] | Refused:
        """Resolve an open difference."""
        ...


class Place(NamedTuple):
    """Where an event stands in the order of the book."""

    seq: int
    place: int
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One change of one record. `table` and `subject` name the record, `version` orders the events of one record."""

    at: Place
    table: str
    subject: UUID
    version: int | None
    state: str | None
    who: str
    why: str
    occurred_at: datetime
    recorded_at: datetime
    data: Mapping[str, object] = field(default_factory=dict)


class EventFeed(Protocol):
    """Everything that happened, in the order of the book."""

    async def read(self, sees: Scope, *, after: Place | None, limit: int) -> Sequence[Event]:
        """Return at most `limit` events beyond `after`; none are ever inserted before a place once read."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Desks:
    """Everybody that the door asks."""

    withdrawals: WithdrawalDesk
    books: BookDesk
    statements: StatementDesk
    payments: PaymentDesk
    files: FileDesk
    events: EventFeed
    access: Access
    tasks: TaskDesk
    approvals: ApprovalDesk
    configuration: ConfigurationDesk
    merchants: MerchantDesk
    acquiring: AcquiringDesk
    refused: RefusedDesk
