"""Whole files by template: written and read piece by piece, so that memory does not grow with their size.

Reading yields every detail as it comes and raises BadFileError with line and byte offset; the totals are known only at
the end, so whoever reads keeps nothing before the last row has come.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from channels.ports import BadFileError
from channels.templates.cells import CellError, Value
from channels.templates.lines import LineForm
from channels.templates.model import BOM, TemplateError, TemplateText, Total, load

LONGEST_LINE = 64 * 1024


@dataclass(frozen=True, slots=True)
class Row:
    """One line as values: `record` is header, detail or trailer; `line` counts from 1, `offset` from 0."""

    record: str
    values: Mapping[str, Value]
    line: int
    offset: int


class Template:
    """A compiled template. Raises TemplateError where `text` is not one that can work."""

    def __init__(self, text: str) -> None:
        source = load(text)
        self._source = source
        self._newline = source.newline.encode()
        records = {"header": source.header, "detail": source.detail, "trailer": source.trailer}
        self._forms = {place: LineForm(source, record) for place, record in records.items() if record}
        marks = [form.mark for form in self._forms.values()]
        if len(marks) > 1 and len(set(marks)) != len(marks):
            message = "the constants that begin header, detail and trailer must differ"
            raise TemplateError(message)

    @property
    def source(self) -> TemplateText:
        """The template's own text as data."""
        return self._source

    def write(self, head: Mapping[str, Value], details: Iterable[Mapping[str, Value]]) -> Iterator[bytes]:
        """Give the file line by line; `head` serves header and trailer. Raises CellError naming record and field."""
        if self._source.encoding == "utf-8-bom":
            yield BOM
        for place, rows in (("header", [head]), ("detail", details), ("trailer", [head])):
            form = self._forms.get(place)
            for row in rows if form else ():
                yield self._line(place, row)

    def read(self, pieces: Iterable[bytes]) -> Iterator[Row]:
        """Give header, details and trailer as they come; raises BadFileError, for totals after the last line."""
        course = _Course(self._forms.keys(), self._source.totals)
        line, offset = 0, 0
        for raw in self._lines(pieces):
            line += 1
            row = self._row(raw, line, offset)
            course.take(row)
            yield row
            offset += len(raw) + len(self._newline)
        course.end(line, offset)

    def _line(self, place: str, values: Mapping[str, Value]) -> bytes:
        try:
            return self._forms[place].write(values) + self._newline
        except CellError as fault:
            message = f"{place}: {fault}"
            raise CellError(message) from fault

    def _row(self, raw: bytes, line: int, offset: int) -> Row:
        for place, form in self._forms.items():
            if raw.startswith(form.mark):
                try:
                    return Row(place, form.read(raw), line, offset)
                except CellError as fault:
                    raise BadFileError(f"{place}: {fault}", line=line, offset=offset) from fault
        why = "the line begins with no mark of header, detail or trailer"
        raise BadFileError(why, line=line, offset=offset)

    def _lines(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        rest, line, offset, is_first = b"", 1, 0, True
        for piece in pieces:
            rest += piece
            if is_first and len(rest) >= len(BOM):
                rest, is_first = self._without_bom(rest), False
            *whole, rest = rest.split(self._newline)
            for one in whole:
                yield one
                line, offset = line + 1, offset + len(one) + len(self._newline)
            if len(rest) > LONGEST_LINE:
                why = f"a line is longer than {LONGEST_LINE} bytes"
                raise BadFileError(why, line=line, offset=offset)
        if rest:
            why = "the last line has no line ending: the file is cut"
            raise BadFileError(why, line=line, offset=offset)

    def _without_bom(self, data: bytes) -> bytes:
        return data.removeprefix(BOM) if self._source.encoding == "utf-8-bom" else data


class _Course:
    """The order of records and the totals of one reading."""

    def __init__(self, places: Iterable[str], totals: list[Total]) -> None:
        self._places = set(places)
        self._totals = totals
        self._seen: dict[str, Row] = {}
        self._count = 0
        self._sums = {total.sums: 0 for total in totals if total.sums}

    def take(self, row: Row) -> None:
        """Check that `row` may stand here and add it up."""
        if "trailer" in self._seen:
            self._fail("a line stands after the trailer", row)
        if row.record == "header" and (self._seen or self._count):
            self._fail("a second header", row)
        if row.record != "header" and "header" in self._places and "header" not in self._seen:
            self._fail("the header is missing", row)
        if row.record == "detail":
            self._add(row)
        else:
            self._seen[row.record] = row

    def end(self, line: int, offset: int) -> None:
        """Check what can be known only at the end."""
        for place in ("header", "trailer"):
            if place in self._places and place not in self._seen:
                why = f"the {place} is missing: the file is empty or cut"
                raise BadFileError(why, line=line, offset=offset)
        for total in self._totals:
            row = self._seen[total.record]
            have = self._sums[total.sums] if total.sums else self._count
            said = row.values[total.field]
            if (int(said) if isinstance(said, str) else said) != have:
                self._fail(f"{total.record}.{total.field} does not agree with the details", row)

    def _add(self, row: Row) -> None:
        self._count += 1
        for name in self._sums:
            value = row.values[name]
            self._sums[name] += value if isinstance(value, int) else 0

    @staticmethod
    def _fail(why: str, row: Row) -> None:
        raise BadFileError(why, line=row.line, offset=row.offset)
