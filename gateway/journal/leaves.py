"""The lines of an export as records, each told by its first word; what is not one of them is refused.

Source: `docs/verify.md`.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec

from gateway.journal.close import Close


class _Leaf(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    """One JSON array, its fields in their order."""


class Title(_Leaf, tag="tillgate", frozen=True):
    """The first line: what kind of file this is."""

    form: str


class Batch(_Leaf, tag="batch", frozen=True):
    """Opens a batch."""

    form: str
    book: str
    seq: int
    batch_id: UUID
    recorded_at: datetime
    booked_on: date
    changes: int
    keys: str | None


class Opened(_Leaf, tag="opened", frozen=True):
    """An account that the batch opened."""

    id: UUID
    party: UUID
    unit: str
    purpose: str
    item: str


class Change(_Leaf, tag="change", frozen=True):
    """A change; its events and transfers follow."""

    place: int
    id: UUID
    who: str
    occurred_at: datetime
    told: str


class Event(_Leaf, tag="event", frozen=True):
    """An event of the change."""

    line: int
    kind: str
    subject: UUID
    version: int | None
    state: str | None
    data: dict[str, Any] | None


class Transfer(_Leaf, tag="transfer", frozen=True):
    """A transfer of the change; its entries follow."""

    line: int
    id: UUID
    kind: str
    subject: UUID
    occurred_at: datetime
    value_on: date | None


class Entry(_Leaf, tag="entry", frozen=True):
    """An entry of the transfer."""

    account_id: UUID
    version: int
    amount_minor: int
    balance_minor: int


class Hash(_Leaf, tag="hash", frozen=True):
    """Ends a batch."""

    hash: str


class Signature(_Leaf, tag="signature", frozen=True):
    """Follows a close: the signature over it, and the public key."""

    signature: str
    public_key: str


class Head(_Leaf, tag="head", frozen=True):
    """Ends a book."""

    book: str
    seq: int
    hash: str
    open_day: date


class End(_Leaf, tag="end", frozen=True):
    """The last line: how many came before it."""

    lines: int


Leaf = Title | Batch | Opened | Change | Event | Transfer | Entry | Hash | Close | Signature | Head | End

DECODER: msgspec.json.Decoder[Leaf] = msgspec.json.Decoder(Leaf)

_IN_BATCH = (Change, Hash)
# What may follow what: an export is one line of these words.
FOLLOWED_BY: dict[type, tuple[type, ...]] = {
    Title: (Batch, Head, End),
    Batch: (Opened, Change, Hash),
    Opened: (Opened, Change, Hash),
    Change: (Event,),
    Event: (Event, Transfer, *_IN_BATCH),
    Transfer: (Entry,),
    Entry: (Entry, Transfer, *_IN_BATCH),
    Hash: (Close, Batch, Head),
    Close: (Signature,),
    Signature: (Batch, Head),
    Head: (Batch, Head, End),
    End: (),
}
