"""A record's values to one line of bytes and back, for the fixed and the delimited form."""

from __future__ import annotations

from collections.abc import Mapping

from channels.templates.cells import CellError, Value, from_text, to_text
from channels.templates.model import ENCODINGS, Field, Record, TemplateText


class LineForm:
    """One record of a template, ready to write and read lines (without line ending)."""

    def __init__(self, template: TemplateText, record: Record) -> None:
        self._fields = record.fields
        self._encoding = ENCODINGS[template.encoding]
        self._delimiter = template.delimiter
        self._is_fixed = template.form == "fixed"
        self._by_bytes = template.measure == "bytes"
        self._width = sum(field.length for field in record.fields)
        first = record.fields[0]
        self.mark = first.value.encode(self._encoding) if first.kind == "constant" else b""

    def write(self, values: Mapping[str, Value]) -> bytes:
        """Write one line. Raises CellError naming the field that does not fit."""
        cells = [(field, to_text(field, values.get(field.name))) for field in self._fields]
        if self._is_fixed:
            return b"".join(self._padded(field, text) for field, text in cells)
        for field, text in cells:
            if self._delimiter in text:
                message = f"{field.name} holds the delimiter"
                raise CellError(message)
        return self._encoded(self._delimiter.join(text for _, text in cells))

    def read(self, line: bytes) -> dict[str, Value]:
        """Read one line. Raises CellError."""
        cells = self._slices(line) if self._is_fixed else self._parts(line)
        return {field.name: from_text(field, text) for field, text in cells if field.kind != "filler"}

    def _padded(self, field: Field, text: str) -> bytes:
        room, pad = field.length, _pad(field)
        data = self._encoded(text)
        size = len(data) if self._by_bytes else len(text)
        if size > room:
            if not field.cut:
                message = f"{field.name} is longer than {room}"
                raise CellError(message)
            data, size = self._cut(text, room)
        fill = pad.encode(self._encoding) * (room - size)
        return fill + data if _aligns_right(field) else data + fill

    def _cut(self, text: str, room: int) -> tuple[bytes, int]:
        data = self._encoded(text[:room])
        if not self._by_bytes:
            return data, min(len(text), room)
        while len(data) > room:
            text = text[:-1] if len(text) <= room else text[:room]
            data = self._encoded(text)
        return data, len(data)

    def _slices(self, line: bytes) -> list[tuple[Field, str]]:
        source: bytes | str = line if self._by_bytes else self._decoded(line, "the line")
        if len(source) != self._width:
            message = f"the line is {len(source)} long, not {self._width}"
            raise CellError(message)
        cells, start = [], 0
        for field in self._fields:
            part = source[start : start + field.length]
            start += field.length
            text = part if isinstance(part, str) else self._decoded(part, field.name)
            cells.append((field, _stripped(field, text)))
        return cells

    def _parts(self, line: bytes) -> list[tuple[Field, str]]:
        parts = self._decoded(line, "the line").split(self._delimiter)
        if len(parts) != len(self._fields):
            message = f"the line has {len(parts)} fields, not {len(self._fields)}"
            raise CellError(message)
        return list(zip(self._fields, parts, strict=True))

    def _encoded(self, text: str) -> bytes:
        try:
            return text.encode(self._encoding)
        except UnicodeEncodeError as fault:
            message = f"a character cannot be written in {self._encoding}"
            raise CellError(message) from fault

    def _decoded(self, data: bytes, name: str) -> str:
        try:
            return data.decode(self._encoding)
        except UnicodeDecodeError as fault:
            message = f"{name} is not {self._encoding} (a character may be cut at a field's end)"
            raise CellError(message) from fault


def _aligns_right(field: Field) -> bool:
    return field.align == "right" or (not field.align and field.kind == "amount")


def _pad(field: Field) -> str:
    return field.pad or ("0" if field.kind == "amount" else " ")


def _stripped(field: Field, text: str) -> str:
    if field.kind == "filler":
        return ""
    pad = _pad(field)
    if field.kind == "amount":
        return text.lstrip(pad) or ("0" if pad == "0" and text else "")
    if field.kind == "digits" and pad == "0":
        return text
    return text.lstrip(pad) if _aligns_right(field) else text.rstrip(pad)
