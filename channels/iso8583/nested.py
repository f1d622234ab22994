"""What stands inside a private field, by table: parts at positions, repeated items, tag-length-value, EMV, tracks.

Which table counts may depend on the message type and on 60.1 and 60.3. `parts_of` takes one field apart; a part knows
how much of it may be shown.

Source: `docs/terminal-protocol.md` "Inside the private fields".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from channels.iso8583.encodings import Value
from channels.iso8583.faults import CodecError
from channels.iso8583.rows import Kind, Mask, RowError
from channels.iso8583.tlv import DataObject, emv, text_items
from channels.iso8583.tracks import track2, track3

if TYPE_CHECKING:
    from channels.iso8583.dialect import Dialect
    from channels.iso8583.message import Message

_CODE = 60
_NETWORK = slice(8, 11)
_SECURITY = 53
_FORM = re.compile(r"(?P<kind>n|an|ans|b)(?:(?P<units>[1-9]\d{0,2})|\.\.)")
_CHARACTERS = {
    Kind.N: re.compile(r"[0-9]*"),
    Kind.AN: re.compile(r"[0-9A-Za-z ]*"),
    Kind.ANS: re.compile(r"[^\x00-\x1f\x7f]*"),
    Kind.B: re.compile(r".*", re.DOTALL),
}
_EXPECTED = {Kind.N: "digits", Kind.AN: "letters and digits", Kind.ANS: "text", Kind.B: "bytes"}
# Tags of field 55 that are no secret: what terminal and chip decided, and how.
_OPEN_TAGS = frozenset(
    (
        *("82", "84", "95", "9A", "9B", "9C", "9F02", "9F03", "9F06", "9F09", "9F10", "9F1A", "9F1E", "9F26"),
        *("9F27", "9F33", "9F34", "9F35", "9F36", "9F37", "9F41", "5F2A", "5F34"),
    )
)


@dataclass(frozen=True, slots=True)
class Part:
    """One piece of a field: `path` as 60.2 or 55.9F26, `place` its first unit (from 0) in the field."""

    path: str
    name: str
    value: Value = field(repr=False)
    mask: Mask
    place: int


@dataclass(frozen=True, slots=True)
class Slot:
    """A part by position; `units` None takes all that is left."""

    path: str
    name: str
    kind: Kind
    units: int | None
    mask: Mask


@dataclass(frozen=True, slots=True, kw_only=True)
class Nested:
    """The inside of one field. Empty `types`, `kinds` and `networks` fit every message."""

    number: int
    form: str
    types: frozenset[str] = frozenset()
    kinds: frozenset[str] = frozenset()
    networks: frozenset[str] = frozenset()
    head: tuple[Slot, ...] = ()
    slots: tuple[Slot, ...] = ()
    least: int = 1
    refused_sizes: frozenset[int] = frozenset()
    tag: int = 0
    length: int = 0
    names: Mapping[str, str] = field(default_factory=dict, hash=False)

    def fits(self, message: Message) -> bool:
        """Tell whether this table is the one for a message."""
        code = message.text(_CODE) or ""
        return (
            (not self.types or message.mti in self.types)
            and (not self.kinds or code[:2] in self.kinds)
            and (not self.networks or code[_NETWORK] in self.networks)
        )


def parts_of(dialect: Dialect, message: Message, number: int) -> tuple[Part, ...]:
    """Take field `number` apart; nothing where no table has it. Raises CodecError naming what does not add up."""
    value = message.fields.get(number)
    table = next((each for each in dialect.nested if each.number == number and each.fits(message)), None)
    if value is None or table is None:
        return ()
    match table.form:
        case "parts":
            return tuple(_positions(table, _characters(value), enough=table.least))
        case "repeated":
            return tuple(_repeated(table, _characters(value)))
        case "tlv":
            return tuple(_items(table, value))
        case "emv":
            return tuple(_chip(emv(value))) if isinstance(value, bytes) else ()
    return _track(table, message, str(value))


def nested_faults(dialect: Dialect, message: Message) -> tuple[CodecError, ...]:
    """Return what is wrong inside the fields of a message, a fault for each field."""
    found = []
    for number in sorted(message.fields):
        try:
            parts_of(dialect, message, number)
        except CodecError as fault:
            found.append(fault)
    return tuple(found)


def read_nested(said: Iterable[Mapping[str, Any]]) -> tuple[Nested, ...]:
    """Read the tables of a definition. Raises RowError."""
    return tuple(_table(each) for each in said)


def _table(said: Mapping[str, Any]) -> Nested:
    if said["form"] not in {"parts", "repeated", "tlv", "emv", "track"}:
        message = f"field {said['field']}: {said['form']!r} is no form of a nested field"
        raise RowError(message)
    return Nested(
        number=int(said["field"]),
        form=said["form"],
        types=frozenset(said.get("types", ())),
        kinds=frozenset(said.get("kinds", ())),
        networks=frozenset(said.get("networks", ())),
        head=tuple(_slot(each) for each in said.get("head", ())),
        slots=tuple(_slot(each) for each in said.get("parts", ())),
        least=int(said.get("least", 1)),
        refused_sizes=frozenset(said.get("without_lengths", ())),
        tag=int(said.get("tag", said.get("track", 0))),
        length=int(said.get("length", 0)),
        names=dict(said.get("names", {})),
    )


def _slot(said: list[str]) -> Slot:
    path, name, form, *mask = said
    found = _FORM.fullmatch(form)
    if found is None:
        message = f"part {path}: {form!r} is not a format such as n2 or ans.."
        raise RowError(message)
    units = int(found["units"]) if found["units"] else None
    return Slot(path, name, Kind(found["kind"]), units, Mask(mask[0] if mask else "hidden"))


def _characters(value: Value) -> str:
    return value if isinstance(value, str) else value.decode("latin-1")


def _positions(table: Nested, text: str, *, enough: int) -> Iterator[Part]:
    if len(text) in table.refused_sizes:
        raise _unequal(table.number, len(text))
    at = 0
    for taken, slot in enumerate(table.slots):
        if at >= len(text) and taken >= enough:
            return
        yield _part(table.number, slot, text, at, slot.path)
        at += len(text) - at if slot.units is None else slot.units
    if at != len(text):
        raise _unequal(table.number, at)


def _repeated(table: Nested, text: str) -> Iterator[Part]:
    at = 0
    for slot in table.head:
        yield _part(table.number, slot, text, at, slot.path)
        at += slot.units or 0
    item = 0
    while at < len(text):
        item += 1
        for slot in table.slots:
            yield _part(table.number, slot, text, at, f"{table.number}[{item}].{slot.path}")
            at += slot.units or 0
    if table.head and int(text[: table.head[0].units]) != item:
        raise _unequal(table.number, at)


def _part(number: int, slot: Slot, text: str, at: int, path: str) -> Part:
    piece = text[at:] if slot.units is None else text[at : at + slot.units]
    if slot.units is not None and len(piece) < slot.units:
        why = f"{path}: cut short, {slot.kind.value}{slot.units} expected"
        raise CodecError(why, field=number, offset=at)
    if not _CHARACTERS[slot.kind].fullmatch(piece):
        why = f"{path}: {_EXPECTED[slot.kind]} expected"
        raise CodecError(why, field=number, offset=at)
    value: Value = piece.encode("latin-1") if slot.kind is Kind.B else piece
    return Part(path, slot.name, value, slot.mask, at)


def _unequal(number: int, at: int) -> CodecError:
    why = "its parts do not add up"
    return CodecError(why, field=number, offset=at)


def _items(table: Nested, value: Value) -> Iterator[Part]:
    """Take tag, length, value apart: of a text by digits, of bytes by bytes."""
    if isinstance(value, str):
        for at, tag, piece in text_items(value, number=table.number, tag=table.tag, length=table.length):
            yield Part(f"{table.number}.{tag}", table.names.get(tag, ""), piece, Mask.HIDDEN, at)
        return
    at = 0
    while at < len(value):
        start = at + table.tag + table.length
        end = start + int.from_bytes(value[at + table.tag : start])
        if start > len(value) or end > len(value):
            why = "an item is cut short"
            raise CodecError(why, field=table.number, offset=at)
        tag = value[at : at + table.tag].hex().upper()
        yield Part(f"{table.number}.{tag}", table.names.get(tag, ""), value[start:end], Mask.HIDDEN, at)
        at = end


def _chip(objects: Iterable[DataObject], path: str = "55") -> Iterator[Part]:
    for each in objects:
        own = f"{path}.{each.name}"
        mask = Mask.OPEN if each.name in _OPEN_TAGS else Mask.HIDDEN
        yield Part(own, "EMV data object", each.value, mask, each.offset)
        yield from _chip(each.inside, own)


def _track(table: Nested, message: Message, value: str) -> tuple[Part, ...]:
    if (message.text(_SECURITY) or "")[2:3] == "1":
        return (Part(f"{table.number}", "enciphered track", value, Mask.HIDDEN, 0),)
    pan = track2(value).pan if table.tag == 2 else track3(value).pan
    return (
        Part(f"{table.number}.1", "primary account number", pan, Mask.CARD, value.index(pan)),
        Part(f"{table.number}.2", "the rest of the track", value[value.index(pan) + len(pan) :], Mask.HIDDEN, 0),
    )
