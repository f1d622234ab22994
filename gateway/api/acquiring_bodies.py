"""Bodies of `/v1/acquiring`: what a reader, a SoftPOS or a merchant's system sends, and what it is shown."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from msgspec import Meta

from gateway.api.bodies import Amount, Id, ListQuery, Shown, Strict, Time, amount
from gateway.kernel.ids import show
from gateway.kernel.money import Money
from gateway.kernel.reasons import Reason
from gateway.payments.batches import Batch
from gateway.payments.batches.store import KeptDifference
from gateway.payments.model import Side, Totals

TERMINAL, DIGITS = "[0-9A-Za-z]{8}", "[0-9]{6}"
BATCH, DIFFERENCE = "tba", "tdf"

Terminal = Annotated[str, Meta(pattern=f"^{TERMINAL}$", description="The terminal's number, 8 characters")]
Six = Annotated[str, Meta(pattern=f"^{DIGITS}$")]
Hex = Annotated[str, Meta(pattern="^([0-9A-Fa-f]{2})*$", max_length=1024)]


class CardGiven(Strict, frozen=True, kw_only=True):
    """A card: its number, or what a reader has read, enciphered under the key that `ksn` names."""

    pan: Annotated[str, Meta(pattern="^[0-9]{12,19}$")] | None = None
    ksn: Hex | None = None
    data: Hex | None = None
    expiry: Annotated[str, Meta(pattern="^[0-9]{4}$", description="YYMM")] | None = None
    sequence: Annotated[str, Meta(pattern="^[0-9]{3}$")] | None = None
    entry_mode: Annotated[str, Meta(pattern="^[0-9]{3}$", description="As field 22 of ISO 8583")] = "012"
    pin_block: Hex | None = None


class OriginalGiven(Strict, frozen=True, kw_only=True):
    """The payment a request is about: by batch and trace of its terminal, or by our reference number and its date."""

    batch: Six | None = None
    trace: Six | None = None
    date: date | None = None
    rrn: Annotated[str, Meta(pattern="^[0-9A-Za-z]{12}$")] | None = None
    approval_code: Annotated[str, Meta(pattern="^[0-9A-Za-z ]{6}$")] | None = None


class PaymentRequest(Strict, frozen=True, kw_only=True):
    """A purchase or pre-authorisation; terminal, batch and trace are its reference."""

    terminal: Terminal
    batch: Six
    trace: Six
    amount: Amount
    card: CardGiven
    member: Annotated[str, Meta(max_length=100)] | None = None


class BalanceRequest(Strict, frozen=True, kw_only=True):
    """What is on a card."""

    terminal: Terminal
    batch: Six
    trace: Six
    card: CardGiven


class CounterRequest(Strict, frozen=True, kw_only=True):
    """A void, refund or completion, or the void of a hold or completion."""

    terminal: Terminal
    batch: Six
    trace: Six
    original: OriginalGiven
    amount: Amount | None = None
    card: CardGiven | None = None


class ReversalRequest(Strict, frozen=True, kw_only=True):
    """Undo the request of this terminal that `original` names, whatever has become of it."""

    terminal: Terminal
    original: OriginalGiven
    batch: Six | None = None
    trace: Six | None = None
    amount: Amount | None = None
    reason: Annotated[str, Meta(pattern="^(98|96|A0|06)$")] = "98"


class BalanceShown(Shown, frozen=True, kw_only=True, omit_defaults=True):
    """One balance: ISO 8583 types of the account and of the amount."""

    account: str
    kind: str
    amount: Amount


class AcquiredShown(Shown, frozen=True, kw_only=True, omit_defaults=True):
    """How a request was answered: `reason` is `done` where the bank said yes, `state` that of its record now."""

    reason: Reason
    rrn: str
    id: str | None = None
    state: str = ""
    approval_code: str = ""
    text: str = ""
    settled_on: date | None = None
    balances: tuple[BalanceShown, ...] = ()


class SideGiven(Strict, frozen=True, kw_only=True):
    """Total and count of one side of a batch."""

    amount: Amount
    count: Annotated[int, Meta(ge=0, le=999)]


class TotalsGiven(Strict, frozen=True, kw_only=True):
    """A batch's totals: debits are sales, credits what was given back."""

    debits: SideGiven
    credits: SideGiven


class ItemGiven(Strict, frozen=True, kw_only=True):
    """One transaction of a batch."""

    trace: Six
    amount: Amount


class SettlementRequest(Strict, frozen=True, kw_only=True):
    """Settle a batch. Where totals differ, send it again with `items` and another `trace`; that ends it."""

    terminal: Terminal
    batch: Six
    totals: TotalsGiven
    trace: Six = "000000"
    items: Annotated[tuple[ItemGiven, ...], Meta(max_length=1998)] = ()


class SideShown(Shown, frozen=True, kw_only=True, omit_defaults=True):
    """Total and count of one side of a batch."""

    amount: Amount
    count: int


class TotalsShown(Shown, frozen=True, kw_only=True, omit_defaults=True):
    """Our totals of a batch."""

    debits: SideShown
    credits: SideShown


class TerminalDifferenceShown(Shown, frozen=True, kw_only=True, omit_defaults=True):
    """One transaction on which terminal and books disagree; the side without it has no amount."""

    id: str
    batch: str
    terminal: str
    number: str
    kind: str
    trace: str
    state: str
    found_at: Time
    payment: str | None = None
    own_amount: Amount | None = None
    terminal_amount: Amount | None = None
    card: str = ""


class SettlementShown(Shown, frozen=True, kw_only=True, omit_defaults=True):
    """How a settlement was answered; `ended` where the batch is done with."""

    balanced: bool
    ended: bool
    totals: TotalsShown
    rrn: str
    differences: tuple[TerminalDifferenceShown, ...] = ()


class TerminalBatchesQuery(ListQuery, frozen=True, kw_only=True):
    """Of which terminal."""

    terminal: Terminal | None = None


class TerminalDifferencesQuery(ListQuery, frozen=True, kw_only=True):
    """Of which terminal, of which batch."""

    terminal: Terminal | None = None
    batch: Id | None = None


class TerminalBatchShown(Shown, frozen=True, kw_only=True, omit_defaults=True):
    """A terminal's closed batch; totals where they were compared, `ripened` what of the merchant's money it let go."""

    id: str
    terminal: str
    number: str
    state: str
    closed_at: Time
    balanced: bool | None = None
    own_totals: TotalsShown | None = None
    terminal_totals: TotalsShown | None = None
    ripened: Amount | None = None
    ended_at: Time | None = None


class TerminalBatchesShown(Shown, frozen=True, kw_only=True, omit_defaults=True):
    """Batches, newest first; `next` is the cursor of what follows."""

    batches: list[TerminalBatchShown]
    next: str | None = None


class TerminalDifferencesShown(Shown, frozen=True, kw_only=True, omit_defaults=True):
    """Differences, newest first; `next` is the cursor of what follows."""

    differences: list[TerminalDifferenceShown]
    next: str | None = None


def show_totals(totals: Totals, unit: str) -> TotalsShown:
    """Show totals of cards at home."""
    return TotalsShown(debits=_side(totals.debits, unit), credits=_side(totals.credits, unit))


def _side(side: Side, unit: str) -> SideShown:
    return SideShown(amount=Amount(minor=side.amount_minor, unit=unit), count=side.count)


def show_batch(batch: Batch) -> TerminalBatchShown:
    """Show a batch."""
    settled, ripened = batch.settled, batch.ripened_minor
    return TerminalBatchShown(
        id=show(BATCH, batch.id),
        terminal=batch.terminal,
        number=batch.number,
        state=batch.state.value,
        closed_at=batch.closed_at,
        balanced=None if settled is None else settled.is_balanced,
        own_totals=None if batch.ours is None else show_totals(batch.ours, batch.unit),
        terminal_totals=None if batch.theirs is None else show_totals(batch.theirs, batch.unit),
        ripened=None if ripened is None else amount(Money(ripened, batch.unit)),
        ended_at=batch.ended_at,
    )


def show_difference(found: KeptDifference) -> TerminalDifferenceShown:
    """Show a difference."""
    own, said = found.own_minor, found.terminal_minor
    return TerminalDifferenceShown(
        id=show(DIFFERENCE, found.id),
        batch=show(BATCH, found.batch_id),
        terminal=found.terminal,
        number=found.number,
        kind=found.kind.value,
        trace=found.trace,
        state=found.state,
        found_at=found.found_at,
        payment=None if found.operation_id is None else show("pay", found.operation_id),
        own_amount=None if own is None else amount(Money(own, found.unit)),
        terminal_amount=None if said is None else amount(Money(said, found.unit)),
        card=found.card_mask,
    )
