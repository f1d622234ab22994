"""From a terminal's message to the uniform acquiring record of all doors."""

from __future__ import annotations

from datetime import date

from channels.iso8583 import CodecError, Message, OriginalData, TypeBatchCode
from gateway.kernel.clock import SHANGHAI
from gateway.kernel.money import CURRENCIES, Money
from gateway.kernel.reasons import Reason
from gateway.keys import mask
from gateway.payments.model import (
    AcquiringRecord,
    CardData,
    Item,
    Original,
    Reference,
    Settling,
    Source,
    Transaction,
)
from gateway.terminals.card import card
from gateway.terminals.dates import original_day
from gateway.terminals.ports import Merchant, Terminal
from gateway.terminals.request import InadmissibleError, Request, lacking
from gateway.terminals.settling import read_count, read_items, read_totals
from gateway.terminals.transactions import Row

# Fields that a repeat must have in common with the first, beside the card number.
_CONTENT = (3, 4, 25, 48, 49, 58)
_CURRENCY = {numeric: letters for letters, (numeric, _) in CURRENCIES.items()}
_UNIT = "156"
_QR_CODE = "03"
_NONE = "000000"


def type_batch_code(request: Request) -> TypeBatchCode:
    """Read field 60. Raises InadmissibleError."""
    try:
        return TypeBatchCode.read(request.text(60))
    except CodecError:
        raise lacking(60) from None


def acquiring_record(
    *, request: Request, row: Row, code: TypeBatchCode, terminal: Terminal, merchant: Merchant
) -> AcquiringRecord:
    """Build the record of a request whose transaction is `row`. Raises InadmissibleError naming what is missing."""
    if row.transaction is None:
        raise InadmissibleError(Reason.NOT_SUPPORTED)
    for number in row.needs:
        request.text(number)
    message = request.message
    original = _original(request, row, code)
    settling = _settling(request, row, code)
    return AcquiringRecord(
        source=Source.TERMINAL,
        transaction=row.transaction,
        reference=Reference(
            terminal=terminal.number, batch=code.batch, trace=request.text(11), message_class=request.message_class
        ),
        merchant=merchant.number,
        amount=_amount(message),
        content=_content(message, code) if settling is None else _content_settling(message, code, settling),
        received_at=request.letter.received_at,
        answer_by=request.letter.answer_by,
        card=None if settling is not None else _card(message, row),
        entry_mode=message.text(22) or "",
        original=original,
        reversal_reason=request.text(39) if row.transaction is Transaction.REVERSAL else "",
        repeat=message.mti[3] == "1",
        settling=settling,
    )


def _settling(request: Request, row: Row, code: TypeBatchCode) -> Settling | None:
    match row.transaction:
        case Transaction.SETTLEMENT:
            return Settling(totals=read_totals(request.text(48)))
        case Transaction.UPLOAD if row.processing:
            return Settling(items=(_refund_item(request),))
        case Transaction.UPLOAD:
            return Settling(items=read_items(request.text(48)))
        case Transaction.UPLOAD_END:
            return Settling(count=read_count(request.text(48)), end_code=code.network or "")
        case _:
            return None


def _refund_item(request: Request) -> Item:
    """A refund is uploaded by itself, under its own trace number."""
    found = card(request.message)
    masked = "" if found is None else mask(found.pan)
    return Item(trace=request.text(11), amount_minor=int(request.text(4)), card_mask=masked, is_refund=True)


def _content_settling(message: Message, code: TypeBatchCode, said: Settling) -> tuple[tuple[str, str], ...]:
    """What a repeat has in common with the first; card numbers are in it as masks only."""
    items = [f"{each.trace}/{each.amount_minor}/{each.card_mask}/{each.is_foreign}" for each in said.items]
    totals = "" if said.totals is None else message.text(48) or ""
    plain = [("48", totals or ",".join(items) or str(said.count)), ("49", message.text(49) or "")]
    return (*plain, ("60.1", code.transaction), ("60.3", code.network or ""))


def _card(message: Message, row: Row) -> CardData | None:
    found = card(message)
    if found is None and row.card and not (message.text(22) or "").startswith(_QR_CODE):
        raise lacking(2)
    return found


def _amount(message: Message) -> Money | None:
    """Read the amount; a unit that nobody knows keeps its code, for the payments to refuse."""
    unit, minor = message.text(49) or _UNIT, message.text(4)
    return None if minor is None else Money(int(minor), _CURRENCY.get(unit, unit))


def _content(message: Message, code: TypeBatchCode) -> tuple[tuple[str, str], ...]:
    plain = [(str(number), message.text(number)) for number in _CONTENT]
    parts = [*plain, ("60.1", code.transaction), ("61", message.text(61))]
    return tuple((name, value) for name, value in parts if value is not None)


def _original(request: Request, row: Row, code: TypeBatchCode) -> Original | None:
    message = request.message
    if row.transaction is Transaction.REVERSAL:
        return Original(batch=code.batch, trace=request.text(11), approval_code=message.text(38))
    if not row.original:
        return None
    named = _named(request, row.original)
    unnumbered = named.batch == _NONE and named.trace == _NONE
    if unnumbered and row.transaction is not Transaction.REFUND:
        raise lacking(61)
    return Original(
        batch=None if unnumbered else named.batch,
        trace=None if unnumbered else named.trace,
        on=_day(request, named.day),
        rrn=message.text(37),
        approval_code=message.text(38),
    )


def _named(request: Request, least: int) -> OriginalData:
    value = request.text(61)
    if len(value) < least:
        raise lacking(61)
    try:
        return OriginalData.read(value)
    except CodecError:
        raise lacking(61) from None


def _day(request: Request, mmdd: str | None) -> date | None:
    if mmdd is None:
        return None
    day = original_day(mmdd, request.letter.received_at.astimezone(SHANGHAI).date())
    if day is None:
        raise lacking(61)
    return day
