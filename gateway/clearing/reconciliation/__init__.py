"""Reconciliation: a batch of a return file against our own instructions (rows C58-C61, C81-C91).

Lock the batch, match by number, compare amount and state, sort into matched, different, missing, unknown and twice at
the bank, post, compare the sums, report. What does not agree never overwrites anything: it stands in suspense as a
difference until the bank's next file or a person resolves it.
"""

from gateway.clearing.reconciliation.model import Difference, DifferenceKind, How, OperationConclusions
from gateway.clearing.reconciliation.office import TABLES, BackOffice, build_back_office
from gateway.clearing.reconciliation.reconcile import Reconciliations
from gateway.clearing.reconciliation.resolve import Resolutions
from gateway.clearing.reconciliation.store import DIFFERENCE

__all__ = [
    "DIFFERENCE",
    "TABLES",
    "BackOffice",
    "Difference",
    "DifferenceKind",
    "How",
    "OperationConclusions",
    "Reconciliations",
    "Resolutions",
    "build_back_office",
]
