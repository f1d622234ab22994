"""Return files: fetched or handed in, archived before they are read, parsed whole, then imported (rows C62-C80).

A file that cannot be read is quarantined with the reason, its line and its byte; the others of the same tick go on.
Rows land in `settle_bank_return`, sums in `settle_bank_return_batch`, one batch for each business and unit of a file.
"""

from gateway.clearing.returns.fetch import Fetches, FetchReport
from gateway.clearing.returns.imports import Imports
from gateway.clearing.returns.intake import Accepted, Intake
from gateway.clearing.returns.model import Batch, BatchState
from gateway.clearing.returns.store import BATCH, LINE

__all__ = [
    "BATCH",
    "LINE",
    "Accepted",
    "Batch",
    "BatchState",
    "FetchReport",
    "Fetches",
    "Imports",
    "Intake",
]
