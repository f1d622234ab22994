"""What a file template may say, as data (rows C76-C79, U21); nothing in it can be executed.

A template is JSON: `form` fixed or delimited, an encoding, a line ending, one record each for header, detail and
trailer, and the totals that must hold. Raises TemplateError, naming record and field, for anything that cannot work.
"""

from __future__ import annotations

from typing import Literal

import msgspec

ENCODINGS = {"gb18030": "gb18030", "utf-8": "utf-8", "utf-8-bom": "utf-8", "cp1252": "cp1252", "ascii": "ascii"}
BOM = b"\xef\xbb\xbf"


class TemplateError(ValueError):
    """A template cannot be used: which record, which field, why."""


class Field(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One field of a record.

    `length` counts the template's measure (fixed form only). Kinds: `text`; `digits` (kept as text); `amount` (minor
    units; `decimals` > 0 = written with a point); `date` (`format` of strptime); `constant` (`value`); `code`
    (`codes` maps the file's text to ours); `filler` (written as padding, not read).
    """

    name: str
    kind: Literal["text", "digits", "amount", "date", "constant", "code", "filler"]
    length: int = 0
    pad: str = ""
    align: Literal["left", "right", ""] = ""
    value: str = ""
    format: str = "%Y%m%d"
    codes: dict[str, str] = {}
    decimals: int = 0
    required: bool = True
    cut: bool = False


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One kind of line: its fields in order."""

    fields: list[Field]


class Total(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`field` of header or trailer must equal the count of the details, or the sum of their field `sums`."""

    record: Literal["header", "trailer"]
    field: str
    sums: str = ""


class TemplateText(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The whole of a template's JSON."""

    name: str
    form: Literal["fixed", "delimited"]
    encoding: Literal["gb18030", "utf-8", "utf-8-bom", "cp1252", "ascii"]
    detail: Record
    measure: Literal["bytes", "characters"] = "bytes"
    delimiter: str = ""
    newline: Literal["\r\n", "\n"] = "\r\n"
    header: Record | None = None
    trailer: Record | None = None
    totals: list[Total] = []


def load(text: str) -> TemplateText:
    """Read and check a template's JSON."""
    try:
        template = msgspec.json.decode(text.encode(), type=TemplateText)
    except msgspec.DecodeError as fault:
        message = f"the template is not valid: {fault}"
        raise TemplateError(message) from fault
    _check(template)
    return template


def _check(template: TemplateText) -> None:
    records = {"header": template.header, "detail": template.detail, "trailer": template.trailer}
    for place, record in records.items():
        if record is not None:
            _check_record(template, place, record)
    if template.form == "delimited" and len(template.delimiter) != 1:
        message = "a delimited template needs `delimiter` of one character"
        raise TemplateError(message)
    if template.form == "fixed" and template.measure == "characters" and template.encoding == "utf-8-bom":
        message = "utf-8-bom is for delimited templates"
        raise TemplateError(message)
    for total in template.totals:
        _check_total(template, total)


def _check_record(template: TemplateText, place: str, record: Record) -> None:
    names = [field.name for field in record.fields]
    if len(set(names)) != len(names) or not names:
        message = f"{place}: field names must be there and differ"
        raise TemplateError(message)
    if (template.header or template.trailer) and record.fields[0].kind != "constant":
        message = f"{place}: the first field must be a constant that tells the kinds of lines apart"
        raise TemplateError(message)
    for field in record.fields:
        _check_field(template, f"{place}.{field.name}", field)


def _check_field(template: TemplateText, place: str, field: Field) -> None:
    fixed = template.form == "fixed"
    faults = {
        "length must be 1 or more": fixed and field.length < 1,
        "pad must be one character of one byte": len(field.pad.encode(ENCODINGS[template.encoding])) > 1,
        "a constant needs a value": field.kind == "constant" and not field.value,
        "the constant is longer than the field": fixed and field.kind == "constant" and len(field.value) > field.length,
        "a code field needs codes, each meaning once": field.kind == "code"
        and (not field.codes or len(set(field.codes.values())) != len(field.codes)),
        "decimals are 0 to 6 and for amounts": field.decimals
        and (field.kind != "amount" or field.decimals not in range(7)),
    }
    for why, is_wrong in faults.items():
        if is_wrong:
            message = f"{place}: {why}"
            raise TemplateError(message)


def _check_total(template: TemplateText, total: Total) -> None:
    record = template.header if total.record == "header" else template.trailer
    if record is None or total.field not in {field.name for field in record.fields}:
        message = f"totals: {total.record} has no field {total.field!r}"
        raise TemplateError(message)
    amounts = {field.name for field in template.detail.fields if field.kind == "amount"}
    if total.sums and total.sums not in amounts:
        message = f"totals: detail has no amount field {total.sums!r}"
        raise TemplateError(message)
