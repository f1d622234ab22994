"""What goes over the wire: bodies and queries as types; the published schemas are made of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from gateway.kernel.money import Money
from gateway.kernel.reasons import Reason

Time = Annotated[datetime, Meta(tz=True)]
Id = Annotated[str, Meta(description="An id: its kind, an underscore, 26 letters and digits", max_length=64)]
Name = Annotated[str, Meta(min_length=1, max_length=200)]


class Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a caller sends: a field that is not known is refused."""


class Shown(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a caller is shown: a field that has nothing to say is left out."""


class Amount(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An amount of money: a count of minor units (fen) of a unit (ISO 4217, or a points currency)."""

    minor: Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
    unit: Annotated[str, Meta(pattern="^[A-Z0-9]{2,8}$")]


def amount(money: Money) -> Amount:
    """Show money."""
    return Amount(minor=money.minor, unit=money.unit)


def some_amount(money: Money | None) -> Amount | None:
    """Show money, where there is any."""
    return None if money is None else amount(money)


class WithdrawalRequest(Strict, frozen=True, kw_only=True):
    """Ask for a withdrawal of `amount` to a bank card bound to the party; the fee comes on top."""

    party: Id
    amount: Amount
    bank_card: Id


class WithdrawalConfirmation(Strict, frozen=True, kw_only=True):
    """Confirm a withdrawal that was checked."""

    password: Annotated[str, Meta(min_length=1, max_length=128, description="The party's withdrawal password")]


class StepShown(Shown, frozen=True, kw_only=True, omit_defaults=True):
    """One line of a record's history."""

    at: Time
    what: str
    who: str
    why: str
    data: Mapping[str, Any] = {}


class WithdrawalShown(Shown, frozen=True, kw_only=True, omit_defaults=True):
    """A withdrawal as it stands; `withdrawable` is what its party can still withdraw, fees included."""

    id: str
    state: str
    party: str
    amount: Amount
    fee: Amount
    withdrawable: Amount
    requested_at: Time
    bank_card: str | None = None
    reason: Reason | None = None
    code: str = ""
    reason_text: str = ""
    value_on: date | None = None
    history: list[StepShown] = []


class PartyQuery(Strict, frozen=True, kw_only=True):
    """Whose; the caller's own party where it is left out."""

    party: Id | None = None


class UnitBalancesShown(Shown, frozen=True, kw_only=True, omit_defaults=True):
    """A party's money in one unit; `advance` is what it owes."""

    available: Amount
    frozen: Amount
    deposit: Amount
    advance: Amount
    withdrawable: Amount


class AccountsShown(Shown, frozen=True, kw_only=True, omit_defaults=True):
    """A party's balances, unit by unit."""

    party: str
    balances: list[UnitBalancesShown]


class BankCardShown(Shown, frozen=True, kw_only=True, omit_defaults=True):
    """A bank card that a party can be paid to; `number` is how its terminals name it."""

    id: str
    number: int
    mask: str
    bank: str


class BankCardsShown(Shown, frozen=True, kw_only=True, omit_defaults=True):
    """A party's bound bank cards."""

    party: str
    bank_cards: list[BankCardShown]


class PaymentShown(Shown, frozen=True, kw_only=True, omit_defaults=True):
    """A payment as it stands. `refundable` is what is left of it; `evidence` is all that is known of its way."""

    id: str
    kind: str
    state: str
    terminal: str
    merchant: str
    batch: str
    trace: str
    amount: Amount
    occurred_at: Time
    refundable: Amount | None = None
    fee: Amount | None = None
    reason: Reason | None = None
    reason_text: str = ""
    approval_code: str = ""
    rrn: str = ""
    card: str = ""
    settled_on: date | None = None
    original: str | None = None
    evidence: list[StepShown] = []


class ChannelShown(Shown, frozen=True, kw_only=True, omit_defaults=True):
    """A bank channel."""

    id: str
    code: str
    kind: str
    state: str


class ChannelsShown(Shown, frozen=True, kw_only=True, omit_defaults=True):
    """All channels."""

    channels: list[ChannelShown]


class Upload(msgspec.Struct, frozen=True, kw_only=True):
    """A file that was carried by hand, with what came beside it."""

    content: bytes
    channel: str | None = None
    name: str | None = None


class UploadQuery(Strict, frozen=True, kw_only=True):
    """Whose file it is, and its name as the bank gave it, where the file comes as raw bytes."""

    channel: Id | None = None
    name: Name | None = None


class FileShown(Shown, frozen=True, kw_only=True, omit_defaults=True):
    """A file to or from a bank; `line` and `offset` (a byte) say where a quarantined one is wrong."""

    id: str
    direction: str
    channel: str
    kind: str
    name: str
    day: date
    sequence: int
    state: str
    count: int
    made_at: Time
    amount: Amount | None = None
    reason: str = ""
    line: int | None = None
    offset: int | None = None


class FilesShown(Shown, frozen=True, kw_only=True, omit_defaults=True):
    """Files; `next` is the cursor of what follows."""

    files: list[FileShown]
    next: str | None = None
    total: int | None = None


class ListQuery(Strict, frozen=True, kw_only=True):
    """Which part of a list: `cursor` is the `next` of the part before."""

    limit: Annotated[int, Meta(ge=1, le=500)] = 50
    cursor: Id | None = None
    total: bool = False


class FilesQuery(ListQuery, frozen=True, kw_only=True):
    """Which files; filters combine."""

    channel: Id | None = None
    direction: Annotated[str, Meta(pattern="^(in|out)$")] | None = None
    state: Name | None = None
    day: date | None = None


class BatchesQuery(ListQuery, frozen=True, kw_only=True):
    """Which batches; filters combine."""

    channel: Id | None = None
    business: Name | None = None
    state: Name | None = None
    day: date | None = None


class BatchShown(Shown, frozen=True, kw_only=True, omit_defaults=True):
    """One return file and business, and how it met our books; the counts are of lines and of instructions."""

    id: str
    file: str
    channel: str
    business: str
    day: date
    state: str
    file_count: int
    file_amount: Amount
    own_count: int
    own_amount: Amount
    matched: int
    different: int
    missing: int
    unknown: int
    duplicate: int


class BatchesShown(Shown, frozen=True, kw_only=True, omit_defaults=True):
    """Batches; `next` is the cursor of what follows."""

    batches: list[BatchShown]
    next: str | None = None
    total: int | None = None


class DifferenceShown(Shown, frozen=True, kw_only=True, omit_defaults=True):
    """What did not agree between a bank's line and our books."""

    id: str
    batch: str
    kind: str
    number: str
    state: str
    opened_at: Time
    own_amount: Amount | None = None
    file_amount: Amount | None = None
    own_state: str = ""
    file_state: str = ""
    how: str = ""
    resolved_at: Time | None = None
    resolved_by: str = ""


class DifferencesShown(Shown, frozen=True, kw_only=True, omit_defaults=True):
    """A batch's differences; `next` is the cursor of what follows."""

    differences: list[DifferenceShown]
    next: str | None = None
    total: int | None = None


class Resolution(Strict, frozen=True, kw_only=True):
    """How a difference is resolved, and why, for those who read its history."""

    how: Annotated[str, Meta(pattern="^[a-z][a-z_]{1,40}$")]
    note: Annotated[str, Meta(max_length=1000)] = ""


class DayToClose(Strict, frozen=True, kw_only=True):
    """The open book day, named so that no other is closed by mistake."""

    day: date


class OpenDay(Shown, frozen=True, kw_only=True, omit_defaults=True):
    """The book day that is open now."""

    open_day: date


class EventsQuery(Strict, frozen=True, kw_only=True):
    """From where: `cursor` is the `next` of the part before; the beginning where it is left out."""

    limit: Annotated[int, Meta(ge=1, le=1000)] = 100
    cursor: Annotated[str, Meta(pattern=r"^\d{1,18}\.\d{1,9}\.\d{1,9}$")] | None = None


class EventShown(Shown, frozen=True, kw_only=True, omit_defaults=True):
    """One change of one record; `sequence` orders the events of one subject."""

    cursor: str
    kind: str
    subject: str
    who: str
    why: str
    occurred_at: Time
    recorded_at: Time
    sequence: int | None = None
    state: str | None = None
    data: Mapping[str, Any] = {}


class EventsShown(Shown, frozen=True, kw_only=True, omit_defaults=True):
    """Events in the order of the book; `next` goes on after them, also when there are none yet."""

    events: list[EventShown]
    next: str | None = None


class AnswerKeyShown(Shown, frozen=True, kw_only=True, omit_defaults=True):
    """A key that answers are signed with; the first of the list signs, the others did before."""

    keyid: str
    alg: str
    public_key: Annotated[str, Meta(description="SubjectPublicKeyInfo in PEM")]


class AnswerKeysShown(Shown, frozen=True, kw_only=True, omit_defaults=True):
    """The keys of our answers."""

    keys: list[AnswerKeyShown]
