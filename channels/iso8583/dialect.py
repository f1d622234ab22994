"""A dialect: the base rows with an encoding each, the forms of message type, bitmap and length, and the frame.

Two dialects differ in data only; one with a habit of its own is `dialect.replaced(...)` of another.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache

from channels.iso8583.encodings import Encoding, Value
from channels.iso8583.faults import ValueFault
from channels.iso8583.frames import Framing
from channels.iso8583.rows import Kind, Mask, Row, Side


@dataclass(frozen=True, slots=True)
class Element:
    """A row with its encoding: reads and writes one data element, length prefix included.

    `prefix` counts the bytes of the length prefix, which is packed digits where `packed_prefix`, else ASCII digits.
    """

    row: Row
    encoding: Encoding
    prefix: int
    packed_prefix: bool

    def read(self, data: bytes, start: int) -> tuple[Value, int]:
        """Return the value at `start` and where the next element begins. Raises ValueFault."""
        at = start + self.prefix
        units = self._length(data[start:at]) if self.prefix else self.row.most
        end = at + self.encoding.size(units)
        if end > len(data):
            message = "the message ends inside this field"
            raise ValueFault(message)
        return self.encoding.read(data[at:end], units), end

    def write(self, value: Value) -> bytes:
        """Return the bytes of `value`. Raises ValueFault where it is too long or not of its encoding."""
        piece = self.encoding.write(value)
        units = self.encoding.units(value, piece)
        if units > self.row.most:
            message = f"longer than {self.row.most}"
            raise ValueFault(message)
        if self.prefix:
            return _head(units, self.prefix, packed=self.packed_prefix) + piece
        return piece if units == self.row.most else self.encoding.write(self._padded(value, self.row.most - units))

    def _length(self, head: bytes) -> int:
        if len(head) < self.prefix:
            message = "the message ends inside this field's length"
            raise ValueFault(message)
        digits = head.hex() if self.packed_prefix else head.decode("ascii", "replace")
        if not (digits.isascii() and digits.isdecimal()):
            message = "the length is not a number"
            raise ValueFault(message)
        if int(digits) > self.row.most:
            message = f"the length is above {self.row.most}"
            raise ValueFault(message)
        return int(digits)

    def _padded(self, value: Value, missing: int) -> Value:
        if isinstance(value, bytes):
            message = f"shorter than {self.row.most}"
            raise ValueFault(message)
        fill = ("0" if self.row.kind is Kind.N else " ") * missing
        return fill + value if self.row.pad is Side.LEFT else value + fill


@lru_cache(maxsize=4096)
def _head(units: int, prefix: int, *, packed: bool) -> bytes:
    if packed:
        return bytes.fromhex(str(units).zfill(prefix * 2))
    return str(units).zfill(prefix).encode("ascii")


@dataclass(frozen=True, slots=True)
class Dialect:
    """One way of writing messages.

    `text` is False where message type, bitmap and lengths are binary (packed digits, 8 bytes), True where they are
    ASCII. `second_bitmap` allows fields 65 to 128. `charset` is that of free text.
    """

    name: str
    framing: Framing
    elements: Mapping[int, Element] = field(repr=False)
    text: bool
    second_bitmap: bool
    charset: str

    def element(self, number: int) -> Element | None:
        """Return the element numbered `number`, or None where the dialect has no such field."""
        return self.elements.get(number)

    def mask(self, number: int) -> Mask:
        """Return how much of a field may be shown; a field that is not listed is hidden."""
        element = self.elements.get(number)
        return Mask.HIDDEN if element is None else element.row.mask

    def replaced(self, name: str, elements: Iterable[Element], **changes: object) -> Dialect:
        """Return a dialect called `name` with some elements in place of this one's (or beside them)."""
        rows = {**self.elements, **{element.row.number: element for element in elements}}
        return replace(self, name=name, elements=dict(sorted(rows.items())), **changes)  # type: ignore[arg-type]

    def takes(self, number: int, value: Value) -> bool:
        """Tell whether field `number` can hold `value`."""
        try:
            self.elements[number].write(value)
        except (KeyError, ValueFault):
            return False
        return True

    def fitted(self, number: int, text: str) -> str:
        """Cut `text` to what field `number` can hold; characters outside the charset become question marks."""
        element = self.elements[number]
        piece = text.encode(self.charset, "replace")[: element.row.most]
        return piece.decode(self.charset, "ignore")


def elements(
    rows: Iterable[Row],
    encodings: Mapping[Kind, Encoding],
    *,
    packed_prefix: bool,
    over: Mapping[int, Encoding] | None = None,
) -> dict[int, Element]:
    """Give each row the encoding of its kind; `over` names the fields that have another."""
    own = over or {}
    return {
        row.number: Element(
            row,
            own.get(row.number, encodings[row.kind]),
            (row.prefix + 1) // 2 if packed_prefix else row.prefix,
            packed_prefix,
        )
        for row in rows
    }


@lru_cache(maxsize=4096)
def numbers(bitmap: int, width: int) -> tuple[int, ...]:
    """Return the field numbers of a bitmap of `width` bits, the most significant first."""
    return tuple(place + 1 for place in range(width) if bitmap >> (width - 1 - place) & 1)
