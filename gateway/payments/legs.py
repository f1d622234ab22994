"""The legs of acquiring postings: worked examples 2 and 3; debit positive, credit negative."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from gateway.ledger.model import Account, Leg, Purpose
from gateway.parties import PLATFORM
from gateway.payments.operation import FeeShare, Operation


def merchant_account(operation: Operation, purpose: Purpose = Purpose.AVAILABLE) -> Account:
    """The merchant's money."""
    return Account(operation.merchant_id, operation.unit, purpose)


def sale(operation: Operation) -> tuple[Leg, ...]:
    """2a: the channel owes the amount, the merchant gets it less the fee, the takers share the fee."""
    return tuple(
        _standing(
            Leg(_due(operation), operation.amount_minor),
            Leg(merchant_account(operation), -operation.net_minor),
            *_shares(operation, -1),
        )
    )


def sale_undone(operation: Operation) -> tuple[Leg, ...]:
    """The mirror of a sale of which nothing has gone back."""
    return tuple(Leg(leg.account, -leg.amount_minor) for leg in sale(operation))


def give_back(operation: Operation) -> tuple[Leg, ...]:
    """3a, 3d: a void or refund; the merchant's part comes from what was frozen for it, where there was any."""
    purpose = Purpose.AVAILABLE if operation.hold_id is None else Purpose.FROZEN
    return tuple(
        _standing(
            Leg(merchant_account(operation, purpose), operation.net_minor),
            *_shares(operation, 1),
            Leg(_due(operation), -operation.amount_minor),
        )
    )


def give_back_undone(operation: Operation) -> tuple[Leg, ...]:
    """The mirror of a posted void; the merchant's part becomes available again."""
    return tuple(
        _standing(
            Leg(_due(operation), operation.amount_minor),
            Leg(merchant_account(operation), -operation.net_minor),
            *_shares(operation, -1),
        )
    )


def cost(operation: Operation, sign: int) -> tuple[Leg, ...]:
    """2b (sign 1): what the channel costs; 3b (sign -1): what of it comes back."""
    channel = _channel(operation)
    return tuple(
        _standing(
            Leg(Account(PLATFORM, operation.unit, Purpose.EXPENSE, "channel_cost"), sign * operation.cost_minor),
            Leg(Account(channel, operation.unit, Purpose.FEE_OWED), -sign * operation.cost_minor),
        )
    )


def _due(operation: Operation) -> Account:
    return Account(_channel(operation), operation.unit, Purpose.DUE)


def _channel(operation: Operation) -> UUID:
    if operation.channel_id is None:
        raise ValueError("an operation without a channel posts nothing")
    return operation.channel_id


def _shares(operation: Operation, sign: int) -> Iterable[Leg]:
    return (Leg(_taker(share, operation.unit), sign * share.amount_minor) for share in operation.fee_shares)


def _taker(share: FeeShare, unit: str) -> Account:
    if share.party is None:
        return Account(PLATFORM, unit, Purpose.INCOME, share.item)
    return Account(share.party, unit, Purpose.AVAILABLE)


def _standing(*legs: Leg) -> Iterable[Leg]:
    return (leg for leg in legs if leg.amount_minor)
