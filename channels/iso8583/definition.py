"""A dialect read from its definition (TOML): a base, the forms, the frame, the rows replaced, added or taken away.

The dialects of the house are definitions like any other; one of an institution's own names the dialect it differs
from as `base` and says only what differs. `docs/terminal-protocol.md` "A dialect of your own" has the keys.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from channels.iso8583.dialect import Dialect, Element
from channels.iso8583.encodings import ENCODINGS, PACKED, Encoding, Packed
from channels.iso8583.frames import Framing
from channels.iso8583.nested import Nested, read_nested
from channels.iso8583.rows import Kind, Mask, Row, RowError, read_rows, row, written

_BASE = "base"
_KEYS = frozenset(
    (
        "name",
        "base",
        "form",
        "lengths",
        "second_bitmap",
        "charset",
        "mac",
        "frame",
        "kinds",
        "fields",
        "without",
        "nested",
    )
)
_MACS = ("cups", "cups_sm4", "x919", "cmac_3des", "cmac_aes")
_FORMS = {"text": True, "binary": False}
_CHARSETS = ("gbk", "ascii")
# How an encoding of digits or characters is chosen over the dialect's own for one field, and how long names may be.
_LONGEST_NAME = 40


class DefinitionError(ValueError):
    """A definition is not one: says which key, and what was expected."""


def house(name: str) -> Dialect:
    """Return a dialect that comes with the house."""
    return define(written(name), known={})


def load(path: Path, known: Mapping[str, Dialect]) -> Dialect:
    """Read a definition from a file; `known` are the dialects it may be built on. Raises DefinitionError, OSError."""
    try:
        return define(tomllib.loads(path.read_text("utf-8")), known=known)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, DefinitionError) as fault:
        message = f"{path}: {fault}"
        raise DefinitionError(message) from None


def define(said: Mapping[str, Any], *, known: Mapping[str, Dialect]) -> Dialect:
    """Make a dialect of what its definition says. Raises DefinitionError naming the key."""
    unknown = said.keys() - _KEYS
    name = said.get("name")
    if unknown or not isinstance(name, str) or not 0 < len(name) <= _LONGEST_NAME:
        message = f"unknown keys {sorted(unknown)}" if unknown else "name: a short text expected"
        raise DefinitionError(message)
    base = known.get(str(said.get("base")))
    if base is None and said.get("base") != _BASE:
        message = f"base: one of {', '.join(known) or _BASE} expected"
        raise DefinitionError(message)
    try:
        return _made(name, said, base)
    except (ValueError, KeyError, TypeError, AttributeError) as fault:
        message = f"{name}: {fault}" if isinstance(fault, RowError) else f"{name}: {fault!r} is missing or of no use"
        raise DefinitionError(message) from None


def _made(name: str, said: Mapping[str, Any], base: Dialect | None) -> Dialect:
    frame = said.get("frame", {})
    framing = base.framing if base else Framing(tpdu=False, header=0)
    text = _one_of(said, "form", _FORMS, "text" if base and base.text else "binary") if base else _FORMS[said["form"]]
    return Dialect(
        name=name,
        framing=Framing(
            tpdu=bool(frame.get("tpdu", framing.tpdu)), header=_header(frame.get("header", framing.header))
        ),
        elements=_elements(said, base),
        text=text,
        second_bitmap=bool(said.get("second_bitmap", base.second_bitmap if base else False)),
        charset=_one_of(said, "charset", {each: each for each in _CHARSETS}, base.charset if base else "ascii"),
        family=base.family if base else name,
        mac=_one_of(said, "mac", {each: each for each in _MACS}, base.mac if base else ""),
        nested=_nested(said, base),
    )


def _one_of(said: Mapping[str, Any], key: str, allowed: Mapping[str, Any], default: str) -> Any:
    value = said.get(key, default)
    if value not in allowed:
        message = f"{key}: one of {', '.join(allowed)} expected"
        raise RowError(message)
    return allowed[value]


def _header(size: object) -> int:
    if isinstance(size, int) and 0 <= size <= 64:
        return size
    message = "frame.header: 0 to 64 bytes expected"
    raise RowError(message)


def _nested(said: Mapping[str, Any], base: Dialect | None) -> tuple[Nested, ...]:
    inherited = base.nested if base else read_nested(written(_BASE)["nested"])
    own = read_nested(said.get("nested", ()))
    return (*own, *inherited)


def _elements(said: Mapping[str, Any], base: Dialect | None) -> dict[int, Element]:
    found = dict(base.elements) if base else {}
    packed = _packed_lengths(said, base)
    kinds = {Kind(kind): _encoding(name) for kind, name in said.get("kinds", {}).items()}
    if base is None:
        found = {
            each.number: _element(each, kinds[each.kind], packed=packed) for each in read_rows(written(_BASE)["fields"])
        }
    elif "lengths" in said or kinds:
        found = {
            number: _element(each.row, kinds.get(each.row.kind, each.encoding), packed=packed)
            for number, each in found.items()
        }
    for number, changes in said.get("fields", {}).items():
        found[int(number)] = _changed(int(number), changes, found, kinds, packed=packed)
    for number in said.get("without", ()):
        found.pop(int(number), None)
    return dict(sorted(found.items()))


def _packed_lengths(said: Mapping[str, Any], base: Dialect | None) -> bool:
    inherited = base is not None and any(each.packed_prefix for each in base.elements.values())
    return bool(_one_of(said, "lengths", {"packed": True, "text": False}, "packed" if inherited else "text"))


def _changed(
    number: int,
    changes: Mapping[str, str],
    found: Mapping[int, Element],
    kinds: Mapping[Kind, Encoding],
    *,
    packed: bool,
) -> Element:
    """Return a field with what the definition says in place of what it was, or a new one."""
    old = found.get(number)
    made = row(
        number,
        name=changes.get("name", old.row.name if old else ""),
        form=changes.get("format", old.row.format if old else ""),
        mask=Mask(changes.get("mask", old.row.mask.value if old else "hidden")),
    )
    if "encoding" in changes:
        encoding = _encoding(changes["encoding"])
    elif old is not None and old.row.kind is made.kind:
        encoding = old.encoding
    else:
        encoding = kinds.get(made.kind) or _encoding_of(made.kind, found)
    return _element(made, encoding, packed=packed)


def _encoding_of(kind: Kind, found: Mapping[int, Element]) -> Encoding:
    """Return how the dialect writes elements of a kind elsewhere."""
    for element in found.values():
        if element.row.kind is kind and element.encoding != Packed(pad_left=True):
            return element.encoding
    return PACKED


def _encoding(name: str) -> Encoding:
    if name in ENCODINGS:
        return ENCODINGS[name]
    message = f"{name!r} is no encoding; there are {', '.join(ENCODINGS)}"
    raise RowError(message)


def _element(each: Row, encoding: Encoding, *, packed: bool) -> Element:
    return Element(each, encoding, (each.prefix + 1) // 2 if packed else each.prefix, packed)
