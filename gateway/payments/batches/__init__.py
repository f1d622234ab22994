"""Batches of terminals: counted while they are open, settled by totals, compared item by item where those differ.

A batch is open, then closed by its settlement (0500), and ended by the last message of its upload (0320). What a closed
batch may still take is counted in the change itself, so that no transaction slips in beside the totals. Source:
`docs/terminal-protocol.md` section 3, "Settlement", "Upload".
"""

from gateway.payments.batches.counts import closing, in_batch
from gateway.payments.batches.model import Batch, BatchState, Difference, DifferenceKind
from gateway.payments.batches.store import BATCH, DIFFERENCE, ITEM, MESSAGE

TABLES = (BATCH, MESSAGE, ITEM, DIFFERENCE)

__all__ = [
    "TABLES",
    "Batch",
    "BatchState",
    "Difference",
    "DifferenceKind",
    "closing",
    "in_batch",
]
