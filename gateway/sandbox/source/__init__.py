"""The sandbox's remote source: a signed HTTP service that tells transactions page by page, by seed (row A16).

It stands for the distributed service that a real installation pulls its raw transactions from. Everything it says
follows from its plan: the same seed tells the same transactions, and the same ones go wrong.
"""

from gateway.sandbox.source.plan import SourcePlan
from gateway.sandbox.source.service import SourceService
from gateway.sandbox.source.transactions import transaction

__all__ = ["SourcePlan", "SourceService", "transaction"]
