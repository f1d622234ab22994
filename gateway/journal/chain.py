"""The hash chain over batches: what of a batch is hashed, in one declared form, and how it is linked.

Source: `docs/verify.md`, which a third party can follow without this code. Names, phones and free text never enter.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from hashlib import sha256
from typing import NamedTuple
from uuid import UUID

import msgspec

FORM = "tillgate.batch.1"
GENESIS = bytes(32)


class OpenedLine(NamedTuple):
    """An account that the batch opened."""

    id: UUID
    party: UUID
    unit: str
    purpose: str
    item: str


class EventLine(NamedTuple):
    """A line of the event feed."""

    place: int
    line: int
    kind: str
    subject: UUID
    version: int | None
    state: str | None


class EntryLine(NamedTuple):
    """An entry of a transfer."""

    account_id: UUID
    version: int
    amount_minor: int
    balance_minor: int


class TransferLine(NamedTuple):
    """A transfer with its entries, these by account id."""

    place: int
    line: int
    id: UUID
    kind: str
    subject: UUID
    entries: list[EntryLine]


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """Everything of one batch that its hash covers."""

    book: str
    seq: int
    batch_id: UUID
    recorded_at: datetime
    booked_on: date
    opened: Iterable[OpenedLine]
    events: Iterable[EventLine]
    transfers: Iterable[TransferLine]

    def canonical(self) -> bytes:
        """Write the declared form: one JSON array in ASCII, without spaces, every list in its order.

        Raises ValueError where a code (kind, state, unit, purpose, item) is not ASCII.
        """
        body = (
            FORM,
            self.book,
            self.seq,
            self.batch_id,
            self.recorded_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            self.booked_on,
            sorted(self.opened),
            sorted(self.events, key=_order),
            [line._replace(entries=sorted(line.entries)) for line in sorted(self.transfers, key=_order)],
        )
        text = msgspec.json.encode(body)
        if not text.isascii():
            raise ValueError("codes that enter the hash chain are ASCII: kinds, states, units, purposes, items")
        return text


def link(prev_hash: bytes, content: Content) -> bytes:
    """Return the batch's hash: SHA-256 over the hash before it and the batch's canonical content."""
    return sha256(prev_hash + content.canonical()).digest()


def _order(line: EventLine | TransferLine) -> tuple[int, int]:
    return line.place, line.line
