"""The states of a merchant (row X4): one table; every other transition is refused."""

from __future__ import annotations

from enum import StrEnum

from gateway.merchants.model import MerchantState


class MerchantEvent(StrEnum):
    """What may happen to a merchant."""

    SUBMIT = "submit"
    RETURN = "return"
    OPEN = "open"
    SUSPEND = "suspend"
    REOPEN = "reopen"
    CLOSE = "close"


MERCHANT_STATES: dict[MerchantState, dict[MerchantEvent, MerchantState]] = {
    MerchantState.DRAFT: {MerchantEvent.SUBMIT: MerchantState.REVIEW},
    MerchantState.REVIEW: {MerchantEvent.RETURN: MerchantState.DRAFT, MerchantEvent.OPEN: MerchantState.OPEN},
    MerchantState.OPEN: {MerchantEvent.SUSPEND: MerchantState.SUSPENDED},
    MerchantState.SUSPENDED: {
        MerchantEvent.REOPEN: MerchantState.OPEN,
        MerchantEvent.CLOSE: MerchantState.CLOSED,
    },
    MerchantState.CLOSED: {},
}
# what lets money flow, or ends it for good, needs a second person; stopping it does not wait for one
BY_TWO = frozenset({MerchantEvent.OPEN, MerchantEvent.REOPEN, MerchantEvent.CLOSE})


def advance(state: MerchantState, event: MerchantEvent) -> MerchantState | None:
    """Return the state after `event`, None where it may not happen."""
    return MERCHANT_STATES[state].get(event)
