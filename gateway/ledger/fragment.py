"""A piece of the statement that writes a batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fragment:
    """SQL that writes one table: it reads the relation `{rows}`, whose columns and types these are, and joins `fence`.

    `fence` is the one row (book, seq, recorded_at, booked_on) that is there only where the batch may be written.
    """

    columns: Mapping[str, str]
    text: str
