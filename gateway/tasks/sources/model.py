"""A remote source as a record (row A16)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class SourceState(StrEnum):
    """Whether tasks may pull from it."""

    ACTIVE = "active"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSource:
    """A source to be taken on: requests are signed by `secret` (HMAC-SHA256, 16 bytes or more) under `keyid`.

    `authorities` are PEM certificates to trust instead of the system's; a page has at most `page_most` rows.
    """

    code: str
    address: str
    keyid: str
    secret: bytes = field(repr=False)
    name: str = ""
    authorities: str = ""
    page_most: int = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteSource:
    """A source; `secret` is sealed under `SECRET_PURPOSE`."""

    id: UUID
    code: str
    name: str
    address: str
    authorities: str
    keyid: str
    secret: bytes = field(repr=False)
    page_most: int
    state: SourceState
    created_at: datetime
    version: int
