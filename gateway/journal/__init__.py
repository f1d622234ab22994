"""The one door for money and state (design 1.2): changes in, durable receipts out, in batches of many callers.

Rules of the room: a change is taken whole or refused whole and harms no neighbour; batches are numbered without gaps
in commit order and chained by hash; the journal knows no other room's tables but by what they register. Nothing else
in the house writes money or moves a state.
"""

from gateway.journal.close import Close, SignedClose, UnreadableCloseError
from gateway.journal.closing import CloseSigner, RewrittenError, closes, sign_closes
from gateway.journal.exported import ExportProof, Flaw, check_export, open_to_read
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
from gateway.journal.proof import Known, Proof, verify
from gateway.journal.settings import JournalSettings
from gateway.journal.shape import MalformedChangeError
from gateway.journal.store import Cursor, Happened, feed, forget_keys, history, open_day

__all__ = [
    "Change",
    "Close",
    "CloseDay",
    "CloseSigner",
    "Count",
    "Cursor",
    "Done",
    "Event",
    "ExportProof",
    "Flaw",
    "Happened",
    "InDoubtError",
    "Insert",
    "Journal",
    "JournalSettings",
    "Key",
    "Known",
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
    "RewrittenError",
    "SignedClose",
    "Table",
    "UnreadableCloseError",
    "check_export",
    "closes",
    "feed",
    "forget_keys",
    "history",
    "open_day",
    "open_to_read",
    "sign_closes",
    "verify",
]
