"""The one door for money and state (design 1.2): changes in, durable receipts out, in batches of many callers.

Rules of the room: a change is taken whole or refused whole and harms no neighbour; batches are numbered without gaps
in commit order and chained by hash; the journal knows no other room's tables but by what they register. Nothing else
in the house writes money or moves a state.
"""

from gateway.journal.journal import Journal
from gateway.journal.meter import Meter, MetricsMeter, NoMeter
from gateway.journal.model import (
    Change,
    CloseDay,
    Count,
    Done,
    Event,
    InDoubtError,
    Insert,
    Key,
    Move,
    Put,
    Receipt,
    Refused,
    Replayed,
    Table,
)
from gateway.journal.proof import Proof, verify
from gateway.journal.settings import JournalSettings
from gateway.journal.shape import MalformedChangeError
from gateway.journal.store import Cursor, Happened, feed, forget_keys, history, open_day

__all__ = [
    "Change",
    "CloseDay",
    "Count",
    "Cursor",
    "Done",
    "Event",
    "Happened",
    "InDoubtError",
    "Insert",
    "Journal",
    "JournalSettings",
    "Key",
    "MalformedChangeError",
    "Meter",
    "MetricsMeter",
    "Move",
    "NoMeter",
    "Proof",
    "Put",
    "Receipt",
    "Refused",
    "Replayed",
    "Table",
    "feed",
    "forget_keys",
    "history",
    "open_day",
    "verify",
]
