"""Merchants and terminals as records (rows L22-L23; `docs/terminal-protocol.md` section 4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class MerchantState(StrEnum):
    """Where a merchant stands; only an open one is paid."""

    DRAFT = "draft"
    REVIEW = "review"
    OPEN = "open"
    SUSPENDED = "suspended"
    CLOSED = "closed"


class TerminalState(StrEnum):
    """Whether a terminal is served."""

    ACTIVE = "active"
    LOCKED = "locked"


class BatchState(StrEnum):
    """Whether a terminal's batch takes transactions."""

    OPEN = "open"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Merchant:
    """A merchant; `id` is its party's.

    `number` is the 15 characters of field 42. `ripening` says when money may be withdrawn: `at_once`, `batch_settled`,
    `channel_paid` or `after_days:n`.
    """

    id: UUID
    number: str
    state: MerchantState
    ripening: str
    settings: Mapping[str, object]
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Terminal:
    """A terminal with its session: keys as key blocks (TR-31 text) or None, batch, and what was last heard.

    `number` is the 8 characters of field 41. The newest keys, those offered before them and never used, and the
    previous ones, which the terminal works with, are good until its first message under newer ones.
    """

    id: UUID
    number: str
    merchant_id: UUID
    dialect: str
    state: TerminalState
    family: str
    serial: str
    tmk: str | None = field(repr=False)
    mac_key: str | None = field(repr=False)
    pin_key: str | None = field(repr=False)
    previous_mac_key: str | None = field(repr=False)
    previous_pin_key: str | None = field(repr=False)
    offered_mac_key: str | None = field(repr=False)
    offered_pin_key: str | None = field(repr=False)
    batch_no: str
    batch_state: BatchState
    signed_in_at: datetime | None
    last_seen: datetime | None
    wrong_macs: int
    settings: Mapping[str, object]
    version: int
