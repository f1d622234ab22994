"""Reconciliation: batches, their differences and how they are resolved (rows C81-C91); operators only."""

from __future__ import annotations

from gateway.access import Permission
from gateway.api.bodies import (
    BatchesQuery,
    BatchesShown,
    BatchShown,
    DifferenceShown,
    DifferencesShown,
    ListQuery,
    Resolution,
)
from gateway.api.decoding import JsonBody, read_id
from gateway.api.ports import BatchFilter
from gateway.api.route import Call, Given, Nothing, Route
from gateway.api.shown import BATCH, CHANNEL, DIFFERENCE, cursor_of, page_of, show_batch, show_difference
from gateway.journal.model import Refused
from gateway.kernel.reasons import Reason


async def list_batches(call: Call[Nothing, BatchesQuery]) -> Given:
    """Show batches."""
    query = call.query
    which = BatchFilter(
        channel=None if query.channel is None else read_id(query.channel, CHANNEL),
        business=query.business,
        state=query.state,
        day=query.day,
    )
    found = await call.desks.files.batches(page_of(query, BATCH), which)
    shown = [show_batch(batch) for batch in found.items]
    return Given(BatchesShown(batches=shown, next=cursor_of(found, BATCH), total=found.total))


async def reconcile(call: Call[Nothing, Nothing]) -> Given | Refused:
    """Start the reconciliation of an imported batch."""
    taken = await call.desks.files.reconcile(call.order, batch=call.ids["batch"])
    return taken if isinstance(taken, Refused) else Given(show_batch(taken.value), taken.replayed)


async def list_differences(call: Call[Nothing, ListQuery]) -> Given | Refused:
    """Show a batch's differences."""
    found = await call.desks.files.differences(page_of(call.query, DIFFERENCE), batch=call.ids["batch"])
    if found is None:
        return Refused(Reason.NOT_FOUND, "no such batch")
    shown = [show_difference(difference) for difference in found.items]
    return Given(DifferencesShown(differences=shown, next=cursor_of(found, DIFFERENCE), total=found.total))


async def resolve(call: Call[Resolution, Nothing]) -> Given | Refused:
    """Resolve an open difference."""
    asked = call.body
    taken = await call.desks.files.resolve(
        call.order, difference=call.ids["difference"], how=asked.how, note=asked.note
    )
    return taken if isinstance(taken, Refused) else Given(show_difference(taken.value), taken.replayed)


ROUTES = (
    Route(
        method="GET",
        path="/v1/batches",
        operation="listBatches",
        tag="Reconciliation",
        summary="Batches of return files, newest first",
        permission=Permission.RECONCILIATION_READ,
        handle=list_batches,
        query=BatchesQuery,
        answer=BatchesShown,
    ),
    Route(
        method="POST",
        path="/v1/batches/{batch}/reconcile",
        operation="reconcile",
        tag="Reconciliation",
        summary="Start the reconciliation of an imported batch",
        permission=Permission.RECONCILIATION_WRITE,
        handle=reconcile,
        decoder=JsonBody(Nothing),
        answer=BatchShown,
        ids={"batch": (BATCH,)},
        refusals=(Reason.NOT_FOUND, Reason.WRONG_STATE, Reason.IN_PROGRESS),
        example={},
    ),
    Route(
        method="GET",
        path="/v1/batches/{batch}/differences",
        operation="listDifferences",
        tag="Reconciliation",
        summary="What did not agree in a batch",
        permission=Permission.RECONCILIATION_READ,
        handle=list_differences,
        query=ListQuery,
        answer=DifferencesShown,
        ids={"batch": (BATCH,)},
        refusals=(Reason.NOT_FOUND,),
    ),
    Route(
        method="POST",
        path="/v1/differences/{difference}/resolve",
        operation="resolveDifference",
        tag="Reconciliation",
        summary="Resolve an open difference",
        permission=Permission.RECONCILIATION_WRITE,
        handle=resolve,
        decoder=JsonBody(Resolution),
        answer=DifferenceShown,
        ids={"difference": (DIFFERENCE,)},
        refusals=(Reason.NOT_FOUND, Reason.NOT_SUPPORTED, Reason.WRONG_STATE),
        example={"how": "bank_is_right", "note": "confirmed by the bank's statement"},
    ),
)
