"""A dialect: the base rows with an encoding each, the forms of message type, bitmap and length, and the frame.

Two dialects differ in data only; one with a habit of its own is a definition over another, or `dialect.replaced(...)`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from channels.iso8583.encodings import Encoding, Value
from channels.iso8583.faults import ValueFault
from channels.iso8583.frames import Framing
from channels.iso8583.programs import Programs
from channels.iso8583.rows import Kind, Mask, Row, Side

if TYPE_CHECKING:
    from channels.iso8583.message import Message
    from channels.iso8583.nested import Nested

    Reader = Callable[[bytes], Message | None]
    Writer = Callable[[str, Mapping[int, Value]], bytes | None]


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

    `text` is False where message type and bitmap are binary (packed digits, 8 bytes), True where they are ASCII.
    `second_bitmap` allows fields 65 to 128. `charset` is that of free text. `family` names the dialect of the house
    that this one is, or is built on: session keys and MACs follow it. `mac` names the algorithm of field 64.
    `nested` says what stands inside the private fields.
    """

    name: str
    framing: Framing
    elements: Mapping[int, Element] = field(repr=False)
    text: bool
    second_bitmap: bool
    charset: str
    family: str
    mac: str
    nested: tuple[Nested, ...] = field(default=(), repr=False)
    half: slice = field(init=False, repr=False, compare=False)
    readers: Programs[Reader] = field(default_factory=Programs, init=False, repr=False, compare=False)
    writers: Programs[Writer] = field(default_factory=Programs, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Remember where the first half of the bitmap stands: every message is looked up by it."""
        object.__setattr__(self, "half", slice(self.bitmap_at, self.bitmap_at + self.bitmap_size))

    @property
    def bitmap_at(self) -> int:
        """Where the bitmap begins."""
        return 4 if self.text else 2

    @property
    def bitmap_size(self) -> int:
        """How many bytes one half of the bitmap takes."""
        return 16 if self.text else 8

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


@lru_cache(maxsize=4096)
def numbers(bitmap: int, width: int) -> tuple[int, ...]:
    """Return the field numbers of a bitmap of `width` bits, the most significant first."""
    return tuple(place + 1 for place in range(width) if bitmap >> (width - 1 - place) & 1)


def bitmap(dialect: Dialect, present: Iterable[int]) -> bytes:
    """Return the bytes of the bitmap that says these fields are there. Raises KeyError for one that cannot be."""
    fields = tuple(present)
    long = dialect.second_bitmap and any(number > 64 for number in fields)
    width = 128 if long else 64
    bits = 1 << 127 if long else 0
    for number in fields:
        if not 1 < number <= width:
            raise KeyError(number)
        bits |= 1 << (width - number)
    piece = bits.to_bytes(width // 8)
    return piece.hex().upper().encode("ascii") if dialect.text else piece
