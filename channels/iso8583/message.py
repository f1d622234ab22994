"""A message: its type and its fields, in memory only; printing it shows what the field table allows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from channels.iso8583.dialect import Dialect
from channels.iso8583.encodings import Value
from channels.iso8583.rows import Mask


@dataclass(frozen=True, slots=True)
class Message:
    """`fields` maps a field's number to its value: text, or bytes for binary fields. `mti` is four digits."""

    mti: str
    fields: Mapping[int, Value] = field(repr=False)

    def text(self, number: int) -> str | None:
        """Return a field's text, None where it is absent or binary."""
        value = self.fields.get(number)
        return value if isinstance(value, str) else None

    def octets(self, number: int) -> bytes | None:
        """Return a field's bytes, None where it is absent or text."""
        value = self.fields.get(number)
        return value if isinstance(value, bytes) else None


def shown(dialect: Dialect, message: Message) -> dict[str, str]:
    """Return a message for people: card numbers as first six and last four, all that is not open as its length."""
    fields = {f"F{number}": masked(dialect.mask(number), value) for number, value in sorted(message.fields.items())}
    return {"mti": message.mti, **fields}


def masked(mask: Mask, value: Value) -> str:
    """Return a value as far as its mask lets it be seen."""
    if mask is Mask.OPEN:
        return value.hex().upper() if isinstance(value, bytes) else value
    if mask is Mask.CARD and isinstance(value, str) and len(value.lstrip("0")) > 12:
        digits = value.lstrip("0")
        return f"{digits[:6]}{'*' * (len(digits) - 10)}{digits[-4:]}"
    return f"<{len(value)}>"
