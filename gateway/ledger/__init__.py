"""Accounts, transfers and holds: one ledger for every unit (rows C2, A61-A63, L14-L16).

Rules of the room: debit is positive, credit negative; entries are written once and carry the running balance, so the
newest entry is the balance; a transfer sums to zero in every unit; only wishes are refused for want of funds. This
room decides what a posting becomes (`rules`) and reads the books (`store`); it is the journal that writes them.
"""

from gateway.ledger.model import Account, Hold, HoldUse, Leg, Posted, Posting, Purpose, Release, Transfer
from gateway.ledger.rules import MalformedPostingError

__all__ = [
    "Account",
    "Hold",
    "HoldUse",
    "Leg",
    "MalformedPostingError",
    "Posted",
    "Posting",
    "Purpose",
    "Release",
    "Transfer",
]
