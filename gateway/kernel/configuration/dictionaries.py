"""Entries of the error and the business dictionary (rows P60, P61)."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

ANY_CHANNEL = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorText:
    """What people are told for a channel's code: one reason and its text; `channel` `*` stands for every channel.

    For display only: whether a code means yes, no or unknown is the channel's own table.
    """

    id: UUID
    channel: str
    code: str
    reason: str
    text_zh: str
    text_en: str
    is_active: bool
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """One word of a business dictionary; a retired one is still shown where it is used, but cannot be chosen."""

    id: UUID
    dictionary: str
    code: str
    text_zh: str
    text_en: str
    place: int
    is_active: bool
    version: int
