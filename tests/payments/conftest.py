from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from gateway.payments.model import OperationState
from gateway.payments.operation import FeeShare, Operation, OperationKind

MakeOperation = Callable[..., Operation]


@pytest.fixture(scope="session")
def operation() -> MakeOperation:
    """Makes an approved purchase of 100.00 with a fee of 0.60 and a cost of 0.50; fields may be given otherwise."""

    def make(**fields: Any) -> Operation:
        amount = fields.get("amount_minor", 10_000)
        fee = fields.pop("fee", 60)
        values: dict[str, Any] = {
            "id": UUID(int=1),
            "kind": OperationKind.PURCHASE,
            "state": OperationState.APPROVED,
            "source": "terminal",
            "terminal": "10000001",
            "merchant_id": UUID(int=2),
            "merchant": "104110070110814",
            "batch": "000001",
            "trace": "000001",
            "message_class": "020",
            "rrn": "632600001000",
            "amount_minor": amount,
            "unit": "CNY",
            "occurred_at": datetime(2026, 11, 22, 2, tzinfo=UTC),
            "answer_by": datetime(2026, 11, 22, 2, 0, 40, tzinfo=UTC),
            "channel_id": UUID(int=3),
            "rest_minor": amount,
            "fee_minor": fee,
            "fee_shares": (FeeShare(item="merchant_fee", party=None, amount_minor=fee),),
            "cost_minor": 50,
            "told": "done",
            "approval_code": "123456",
        }
        return Operation(**{**values, **fields})

    return make
