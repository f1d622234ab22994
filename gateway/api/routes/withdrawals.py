"""Withdrawals: ask, confirm with the withdrawal password, read (rows A55-A60)."""

from __future__ import annotations

from gateway.access import Permission
from gateway.api.bodies import WithdrawalConfirmation, WithdrawalRequest, WithdrawalShown
from gateway.api.decoding import JsonBody, read_id
from gateway.api.route import Call, Given, Nothing, Route
from gateway.api.shown import BANK_CARD, PARTIES, WITHDRAWAL, show_withdrawal
from gateway.journal.model import Refused
from gateway.kernel.money import Money
from gateway.kernel.reasons import Reason


async def request_withdrawal(call: Call[WithdrawalRequest, Nothing]) -> Given | Refused:
    """Check and record a withdrawal."""
    asked = call.body
    party, card = read_id(asked.party, *PARTIES), read_id(asked.bank_card, BANK_CARD)
    if asked.amount.minor <= 0:
        return Refused(Reason.BAD_AMOUNT, "the amount of a withdrawal is more than zero")
    wanted = Money(asked.amount.minor, asked.amount.unit)
    taken = await call.desks.withdrawals.request(call.order, party=party, amount=wanted, bank_card=card)
    return taken if isinstance(taken, Refused) else Given(show_withdrawal(taken.value), taken.replayed)


async def confirm_withdrawal(call: Call[WithdrawalConfirmation, Nothing]) -> Given | Refused:
    """Freeze the money of a checked withdrawal and send it on its way."""
    asked = call.ids["withdrawal"]
    taken = await call.desks.withdrawals.confirm(call.order, withdrawal=asked, password=call.body.password)
    return taken if isinstance(taken, Refused) else Given(show_withdrawal(taken.value), taken.replayed)


async def read_withdrawal(call: Call[Nothing, Nothing]) -> Given | Refused:
    """Show a withdrawal as it stands."""
    found = await call.desks.withdrawals.find(call.caller.sees, withdrawal=call.ids["withdrawal"])
    return Refused(Reason.NOT_FOUND, "no such withdrawal") if found is None else Given(show_withdrawal(found))


ROUTES = (
    Route(
        method="POST",
        path="/v1/withdrawals",
        operation="requestWithdrawal",
        tag="Withdrawals",
        summary="Ask for a withdrawal: it is checked and recorded, and waits to be confirmed",
        permission=Permission.WITHDRAWALS_WRITE,
        handle=request_withdrawal,
        decoder=JsonBody(WithdrawalRequest),
        answer=WithdrawalShown,
        refusals=(
            Reason.BAD_AMOUNT,
            Reason.NOT_FOUND,
            Reason.CARD_NOT_BOUND,
            Reason.INSUFFICIENT_FUNDS,
            Reason.LIMIT_EXCEEDED,
            Reason.WITHDRAWAL_OPEN,
            Reason.ADVANCE_OWED,
            Reason.WRONG_STATE,
        ),
        example={
            "party": "pty_01kanbz1s0e008000000000001",
            "amount": {"minor": 100000, "unit": "CNY"},
            "bank_card": "crd_01kanbz1s0e008000000000002",
        },
    ),
    Route(
        method="POST",
        path="/v1/withdrawals/{withdrawal}/confirm",
        operation="confirmWithdrawal",
        tag="Withdrawals",
        summary="Confirm a checked withdrawal with the party's withdrawal password",
        permission=Permission.WITHDRAWALS_WRITE,
        handle=confirm_withdrawal,
        decoder=JsonBody(WithdrawalConfirmation, secrets=frozenset({"password"})),
        answer=WithdrawalShown,
        ids={"withdrawal": (WITHDRAWAL,)},
        refusals=(
            Reason.NOT_FOUND,
            Reason.WRONG_STATE,
            Reason.BAD_PIN,
            Reason.PIN_TRIES,
            Reason.INSUFFICIENT_FUNDS,
            Reason.CHANNEL_CLOSED,
        ),
        example={"password": "example-password"},
    ),
    Route(
        method="GET",
        path="/v1/withdrawals/{withdrawal}",
        operation="readWithdrawal",
        tag="Withdrawals",
        summary="A withdrawal as it stands, with its history",
        permission=Permission.WITHDRAWALS_READ,
        handle=read_withdrawal,
        answer=WithdrawalShown,
        ids={"withdrawal": (WITHDRAWAL,)},
        refusals=(Reason.NOT_FOUND,),
    ),
)
