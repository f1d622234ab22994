"""Agents: the raw transactions of their devices, and what they earn by them (rows A16, A22, A28-A38).

Rules of the room: a transaction is known for ever by its source and the source's own id; profit is worked out by the
rule in force when the transaction occurred, names that rule's version, and its shares add up to the fen.
"""

from gateway.agents.profit import ITEM, Profit, ProfitSharing
from gateway.agents.pull import PULL, TransactionPull
from gateway.agents.store import TABLES
from gateway.agents.transaction import RawTransaction, read_transaction

__all__ = [
    "ITEM",
    "PULL",
    "TABLES",
    "Profit",
    "ProfitSharing",
    "RawTransaction",
    "TransactionPull",
    "read_transaction",
]
