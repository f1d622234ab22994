"""What a bank is told of a request: its instruction with the payer's card, which nobody keeps in clear."""

from __future__ import annotations

from channels.instruction import Card, Instruction
from gateway.clearing.model import InstructionRecord
from gateway.payments.decision import Request


def message_of(request: Request, record: InstructionRecord) -> Instruction:
    """Return the instruction as a channel takes it."""
    return Instruction(
        number=record.number,
        ask=record.ask,
        business=record.business,
        amount_minor=record.amount_minor,
        unit=record.unit,
        occurred_at=request.at,
        original=record.original_number,
        card=card_of(request),
        merchant=record.merchant,
        terminal=record.terminal,
    )


def card_of(request: Request) -> Card | None:
    """Return the request's card as a channel takes it."""
    card = request.record.card
    if card is None:
        return None
    return Card(
        pan=card.pan,
        expiry=card.expiry,
        sequence=card.sequence,
        entry_mode=request.record.entry_mode,
        pin_block=card.pin_block,
        icc=card.icc,
    )
