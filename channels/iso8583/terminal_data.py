"""Fields 60 and 61: transaction type, batch and network code; and how a message names its original.

Source: `docs/terminal-protocol.md` "Fields", rows 60 and 61. Trailing parts may be left off, whole parts only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from channels.iso8583.faults import CodecError


def _cut(value: str, widths: tuple[int, ...], *, least: int, field: int) -> list[str | None]:
    parts: list[str | None] = []
    at = 0
    for width in widths:
        parts.append(value[at : at + width] or None)
        at += width
        if at >= len(value):
            break
    if at != len(value) or len(parts) < least:
        why = "its parts do not add up"
        raise CodecError(why, field=field)
    return parts + [None] * (len(widths) - len(parts))


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeBatchCode:
    """Field 60: `transaction` is 60.1, `batch` 60.2, `network` 60.3 and so on; None where left off."""

    transaction: str
    batch: str
    network: str | None = None
    capability: str | None = None
    condition: str | None = None
    partial: str | None = None
    account: str | None = None

    @classmethod
    def read(cls, value: str) -> Self:
        """Read field 60: 8, 11, 13, 14 or 17 digits. Raises CodecError."""
        if len(value) == 12:
            why = "its parts do not add up"
            raise CodecError(why, field=60)
        first, batch, network, capability, condition, partial, account = _cut(
            value, (2, 6, 3, 1, 1, 1, 3), least=2, field=60
        )
        return cls(
            transaction=first or "",
            batch=batch or "",
            network=network,
            capability=capability,
            condition=condition,
            partial=partial,
            account=account,
        )

    def echoed(self) -> str:
        """Return 60.1 to 60.3 as answers repeat them."""
        return self.transaction + self.batch + (self.network or "")


@dataclass(frozen=True, slots=True, kw_only=True)
class OriginalData:
    """Field 61: `batch` and `trace` of six digits, `day` MMDD, authorisation `mode`; None where left off."""

    batch: str
    trace: str | None = None
    day: str | None = None
    mode: str | None = None
    institution: str | None = None

    @classmethod
    def read(cls, value: str) -> Self:
        """Read field 61: 6, 12, 16, 18 or 29 digits. Raises CodecError."""
        batch, trace, day, mode, institution = _cut(value, (6, 6, 4, 2, 11), least=1, field=61)
        return cls(batch=batch or "", trace=trace, day=day, mode=mode, institution=institution)
