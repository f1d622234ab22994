"""Payments as they stand, by id and by the terminal's own reference (row L12)."""

from __future__ import annotations

from gateway.access import Permission
from gateway.api.bodies import PaymentShown
from gateway.api.route import Call, Given, Nothing, Route
from gateway.api.shown import PAYMENT, show_payment
from gateway.journal.model import Refused
from gateway.kernel.reasons import Reason


async def read_payment(call: Call[Nothing, Nothing]) -> Given | Refused:
    """Show a payment."""
    found = await call.desks.payments.find(call.caller.sees, payment=call.ids["payment"])
    return Refused(Reason.NOT_FOUND, "no such payment") if found is None else Given(show_payment(found))


async def read_by_reference(call: Call[Nothing, Nothing]) -> Given | Refused:
    """Show the payment that a terminal names by its own reference, with its evidence."""
    words = call.words
    found = await call.desks.payments.by_reference(
        call.caller.sees, terminal=words["terminal"], batch=words["batch"], trace=words["trace"]
    )
    return Refused(Reason.NOT_FOUND, "this reference was never seen") if found is None else Given(show_payment(found))


ROUTES = (
    Route(
        method="GET",
        path="/v1/payments/{payment}",
        operation="readPayment",
        tag="Payments",
        summary="A payment as it stands",
        permission=Permission.PAYMENTS_READ,
        handle=read_payment,
        answer=PaymentShown,
        ids={"payment": (PAYMENT,)},
        refusals=(Reason.NOT_FOUND,),
    ),
    Route(
        method="GET",
        path="/v1/acquiring/by-reference/{terminal}/{batch}/{trace}",
        operation="readByReference",
        tag="Payments",
        summary="The payment a terminal names by its own reference, with all that is known of its way",
        permission=Permission.PAYMENTS_READ,
        handle=read_by_reference,
        answer=PaymentShown,
        words={"terminal": "[0-9A-Za-z]{8}", "batch": "[0-9]{6}", "trace": "[0-9]{6}"},
        refusals=(Reason.NOT_FOUND,),
    ),
)
