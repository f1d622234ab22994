"""What a terminal prints and keeps: its side of the three-way agreement with gateway and bank."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request as it was sent, so that it can be sent again, reversed or asked about. Secret: it holds card data."""

    transaction: str
    fields: Mapping[str, str] = field(repr=False)
    frame: bytes = field(repr=False)

    @property
    def batch(self) -> str:
        """The batch it belongs to (60.2)."""
        return self.fields["60"][2:8]

    @property
    def trace(self) -> str:
        """Its trace number (11)."""
        return self.fields.get("11", "")

    @property
    def amount(self) -> int:
        """Its amount in minor units; 0 where it has none."""
        return int(self.fields.get("4", "0"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Slip:
    """One request and what it was answered. `code` is field 39, `text` field 44, `date` field 13 (`MMDD`)."""

    request: Request
    code: str
    text: str
    rrn: str
    approval: str
    date: str
    answer: Mapping[str, str] = field(repr=False)
    repeated: bool = False

    @property
    def is_approved(self) -> bool:
        """Tell whether the answer was 00."""
        return self.code == "00"
