"""Records as callers see them: ids with their kind, amounts with their unit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeVar
from uuid import UUID

from gateway.api.bodies import (
    Amount,
    BatchShown,
    ChannelShown,
    DifferenceShown,
    EventShown,
    FileShown,
    ListQuery,
    PaymentShown,
    StepShown,
    UnitBalancesShown,
    WithdrawalShown,
    amount,
    some_amount,
)
from gateway.api.decoding import read_id
from gateway.api.ports import (
    Batch,
    Channel,
    Difference,
    Event,
    File,
    Listing,
    Page,
    Payment,
    Place,
    Step,
    UnitBalances,
    Withdrawal,
)
from gateway.kernel.ids import show

Record = TypeVar("Record", File, Batch, Difference)

# prefixes of ids by what they name; a party may also be sent under the prefix of its record
PARTY, PARTIES = "pty", ("pty", "mch", "agt", "shp", "mbr")
BANK_CARD, WITHDRAWAL, PAYMENT, CHANNEL = "crd", "wd", "pay", "chn"
FILE, BATCH, DIFFERENCE = "fil", "bat", "dif"
USER, SESSION, ROLE, ITEM, MENU, RULE, API_KEY = "usr", "ses", "rol", "prm", "mnu", "rul", "key"
EDIT, LOGIN, RECORD = "edt", "lgn", "rec"

_SUBJECTS: Final = {
    "operation": PAYMENT,
    "payout": WITHDRAWAL,
    "channel": CHANNEL,
    "instruction": "ins",
    "file": FILE,
    "settle_bank_return_batch": BATCH,
    "difference": DIFFERENCE,
    "terminal": "trm",
    "merchant": "mch",
    "party": PARTY,
}


def page_of(query: ListQuery, kind: str) -> Page:
    """Read which part of a list is asked for."""
    after = None if query.cursor is None else read_id(query.cursor, kind)
    return Page(limit=query.limit, after=after, with_total=query.total)


def cursor_of(listing: Listing[Record], kind: str) -> str | None:
    """Show the cursor of what follows a part of a list."""
    return show(kind, listing.items[-1].id) if listing.more and listing.items else None


def show_steps(steps: Sequence[Step]) -> list[StepShown]:
    """Show a record's history."""
    return [StepShown(at=step.at, what=step.what, who=step.who, why=step.why, data=step.data) for step in steps]


def show_withdrawal(record: Withdrawal) -> WithdrawalShown:
    """Show a withdrawal."""
    return WithdrawalShown(
        id=show(WITHDRAWAL, record.id),
        state=record.state,
        party=show(PARTY, record.party),
        amount=amount(record.amount),
        fee=amount(record.fee),
        withdrawable=amount(record.withdrawable),
        requested_at=record.requested_at,
        bank_card=_some(BANK_CARD, record.bank_card),
        reason=record.reason,
        code=record.code,
        reason_text=record.reason_text,
        value_on=record.value_on,
        history=show_steps(record.history),
    )


def show_balances(record: UnitBalances) -> UnitBalancesShown:
    """Show balances in one unit."""
    return UnitBalancesShown(
        available=Amount(minor=record.available_minor, unit=record.unit),
        frozen=Amount(minor=record.frozen_minor, unit=record.unit),
        deposit=Amount(minor=record.deposit_minor, unit=record.unit),
        advance=Amount(minor=record.advance_minor, unit=record.unit),
        withdrawable=Amount(minor=record.withdrawable_minor, unit=record.unit),
    )


def show_payment(record: Payment) -> PaymentShown:
    """Show a payment."""
    return PaymentShown(
        id=show(PAYMENT, record.id),
        kind=record.kind,
        state=record.state,
        terminal=record.terminal,
        merchant=record.merchant,
        batch=record.batch,
        trace=record.trace,
        amount=amount(record.amount),
        occurred_at=record.occurred_at,
        refundable=some_amount(record.rest),
        fee=some_amount(record.fee),
        reason=record.reason,
        reason_text=record.text,
        approval_code=record.approval_code,
        rrn=record.rrn,
        card=record.card,
        settled_on=record.settled_on,
        original=_some(PAYMENT, record.original),
        evidence=show_steps(record.evidence),
    )


def show_channel(record: Channel) -> ChannelShown:
    """Show a channel."""
    return ChannelShown(id=show(CHANNEL, record.id), code=record.code, kind=record.kind, state=record.state)


def show_file(record: File) -> FileShown:
    """Show a file."""
    return FileShown(
        id=show(FILE, record.id),
        direction=record.direction,
        channel=show(CHANNEL, record.channel),
        kind=record.kind,
        name=record.name,
        day=record.day,
        sequence=record.sequence,
        state=record.state,
        count=record.count,
        made_at=record.made_at,
        amount=some_amount(record.amount),
        reason=record.reason,
        line=record.line,
        offset=record.offset,
    )


def show_batch(record: Batch) -> BatchShown:
    """Show a batch."""
    return BatchShown(
        id=show(BATCH, record.id),
        file=show(FILE, record.file),
        channel=show(CHANNEL, record.channel),
        business=record.business,
        day=record.day,
        state=record.state,
        file_count=record.file_count,
        file_amount=amount(record.file_amount),
        own_count=record.own_count,
        own_amount=amount(record.own_amount),
        matched=record.matched,
        different=record.different,
        missing=record.missing,
        unknown=record.unknown,
        duplicate=record.duplicate,
    )


def show_difference(record: Difference) -> DifferenceShown:
    """Show a difference."""
    return DifferenceShown(
        id=show(DIFFERENCE, record.id),
        batch=show(BATCH, record.batch),
        kind=record.kind,
        number=record.number,
        state=record.state,
        opened_at=record.opened_at,
        own_amount=some_amount(record.own_amount),
        file_amount=some_amount(record.file_amount),
        own_state=record.own_state,
        file_state=record.file_state,
        how=record.how,
        resolved_at=record.resolved_at,
        resolved_by=record.resolved_by,
    )


def show_event(record: Event) -> EventShown:
    """Show an event."""
    return EventShown(
        cursor=show_place(record.at),
        kind=f"{record.table}.{record.state}" if record.state else record.table,
        subject=show(_SUBJECTS.get(record.table.partition(".")[0], "rec"), record.subject),
        who=record.who,
        why=record.why,
        occurred_at=record.occurred_at,
        recorded_at=record.recorded_at,
        sequence=record.version,
        state=record.state,
        data=record.data,
    )


def show_place(place: Place) -> str:
    """Show where an event stands."""
    return f"{place.seq}.{place.place}.{place.line}"


def read_place(cursor: str) -> Place:
    """Read where an event stands; the cursor's form has been checked."""
    seq, place, line = (int(part) for part in cursor.split("."))
    return Place(seq, place, line)


def _some(kind: str, value: UUID | None) -> str | None:
    return None if value is None else show(kind, value)
