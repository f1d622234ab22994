"""Batches of return files as records."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID


class BatchState(StrEnum):
    """Design section 4, batch; `importing` until every line of its file is in."""

    IMPORTING = "importing"
    IMPORTED = "imported"
    MATCHING = "matching"
    NOT_BALANCED = "not_balanced"
    BALANCED = "balanced"
    CLOSED = "closed"


class BatchEvent(StrEnum):
    """What can happen to a batch."""

    IMPORT = "import"
    START = "start"
    BALANCE = "balance"
    DIFFER = "differ"
    CLOSE = "close"


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One business of one return file (row C72): what the file says, what we hold against it, and how it came out.

    `own_*` count the instructions expected in it; `bank_minor` is what the bank account moved by its lines, signed
    (debit positive); amounts are minor units of `unit`.
    """

    id: UUID
    file_id: UUID
    channel_id: UUID
    business: str
    day: date
    unit: str
    state: BatchState
    file_count: int
    file_minor: int
    file_fee_minor: int
    own_count: int
    own_minor: int
    bank_minor: int
    matched: int
    different: int
    missing: int
    unknown: int
    duplicate: int
    started_by: str
    started_at: datetime | None
    imported_at: datetime | None
    reconciled_at: datetime | None
    version: int
