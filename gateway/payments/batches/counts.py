"""Counting the transactions of a batch in the change that records them: at most 999 a side, none once it is closed.

The counter falls by one with each; closing takes so much that nothing is left to take.
"""

from __future__ import annotations

from gateway.journal.model import Count
from gateway.kernel.reasons import Reason
from gateway.payments.model import Reference
from gateway.payments.operation import GIVES_BACK, SALES, OperationKind

SCOPE = "batch"
MOST = 999
_DEBIT, _CREDIT, _OTHER = "debit", "credit", "other"
_UNCOUNTED = 999_999
_CLOSED = 1_000_000_000


def in_batch(reference: Reference, kind: OperationKind) -> tuple[Count, ...]:
    """Count an operation that begins; refused (77) where its batch is closed or full."""
    side = _DEBIT if kind in SALES else _CREDIT if kind in GIVES_BACK else _OTHER
    least = -_UNCOUNTED if side == _OTHER else -MOST
    name = _name(reference.terminal, reference.batch, side)
    return (Count(scope=SCOPE, name=name, by=-1, least=least, refusal=Reason.SIGN_IN_FIRST),)


def closing(terminal: str, batch: str) -> tuple[Count, ...]:
    """Close a batch: from this change on nothing is counted in it any more."""
    return tuple(
        Count(scope=SCOPE, name=_name(terminal, batch, side), by=-_CLOSED) for side in (_DEBIT, _CREDIT, _OTHER)
    )


def _name(terminal: str, batch: str, side: str) -> str:
    return f"{terminal}/{batch}/{side}"
