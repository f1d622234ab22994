"""The payment desk: operations within what a caller may see."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from gateway.api.ports import Payment, Step
from gateway.clearing import store as clearing
from gateway.kernel.money import Money
from gateway.kernel.postgres.pool import Database
from gateway.kernel.reasons import Reason
from gateway.parties import Scope
from gateway.parties import store as parties
from gateway.payments import store
from gateway.payments.model import OperationState
from gateway.payments.operation import Operation, OperationKind


class PaymentService:
    """Payments for the API door."""

    def __init__(self, *, pool: Database) -> None:
        self._pool = pool

    async def find(self, sees: Scope, *, payment: UUID) -> Payment | None:
        """Read a payment with its evidence."""
        return await self._visible(sees, await store.operation(self._pool, payment))

    async def by_reference(self, sees: Scope, *, terminal: str, batch: str, trace: str) -> Payment | None:
        """Read what a terminal names by its own reference."""
        found = await store.by_reference(self._pool, terminal=terminal, batch=batch, trace=trace)
        return await self._visible(sees, found)

    async def _visible(self, sees: Scope, found: Operation | None) -> Payment | None:
        if found is None or await parties.party_in(self._pool, sees, found.merchant_id) is None:
            return None
        if found.state is OperationState.APPROVED and not await clearing.stands(self._pool, found.id):
            # Nobody is told of an approval that may still be withdrawn because it came too late to be told.
            found = replace(found, state=OperationState.SENT, approval_code="")
        evidence = await store.evidence(self._pool, found.id)
        lines = [
            Step(at=line.at, what=f"{line.what} {line.state}".strip(), who=line.who, why=line.why, data=line.data or {})
            for line in evidence
        ]
        return _payment(found, lines)


def _payment(found: Operation, evidence: list[Step]) -> Payment:
    is_purchase = found.kind is OperationKind.PURCHASE
    return Payment(
        id=found.id,
        kind=found.kind.value,
        state=found.state.value,
        terminal=found.terminal,
        merchant=found.merchant,
        batch=found.batch,
        trace=found.trace,
        amount=found.amount,
        occurred_at=found.occurred_at,
        rest=Money(found.rest_minor, found.unit) if is_purchase else None,
        fee=Money(found.fee_minor, found.unit),
        reason=Reason(found.reason) if found.reason else None,
        text=found.text,
        approval_code=found.approval_code,
        rrn=found.rrn,
        card=found.card_mask,
        settled_on=found.settled_on,
        original=found.original_id,
        evidence=evidence,
    )
