"""One field's value to text and back; errors are CellError and never quote the value."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime

from channels.templates.model import Field

Value = str | int | date | None


class CellError(ValueError):
    """A value does not fit its field."""


def to_text(field: Field, value: Value) -> str:
    """Write a value as the field's text, without padding."""
    if field.kind == "constant":
        return field.value
    if field.kind == "filler":
        return ""
    if value is None or value == "":
        return _nothing(field)
    return _WRITERS[field.kind](field, value)


def from_text(field: Field, text: str) -> Value:
    """Read a field's text, padding already taken off."""
    if field.kind == "constant":
        return _constant(field, text)
    if field.kind == "filler":
        return None
    if text == "" and field.kind != "amount":
        return _nothing(field) or None
    return _READERS[field.kind](field, text)


def _nothing(field: Field) -> str:
    if field.required:
        message = f"{field.name} is missing"
        raise CellError(message)
    return ""


def _constant(field: Field, text: str) -> str:
    if text != field.value:
        message = f"{field.name} is not {field.value!r}"
        raise CellError(message)
    return text


def _write_plain(field: Field, value: Value) -> str:
    text = str(value)
    if any(letter < " " for letter in text):
        message = f"{field.name} holds a control character"
        raise CellError(message)
    return text if field.kind == "text" else _digits(field, text)


def _write_amount(field: Field, value: Value) -> str:
    if type(value) is not int or value < 0:
        message = f"{field.name} must be a whole number of minor units, not negative"
        raise CellError(message)
    if not field.decimals:
        return str(value)
    whole, part = divmod(value, 10**field.decimals)
    return f"{whole}.{part:0{field.decimals}d}"


def _write_date(field: Field, value: Value) -> str:
    if not isinstance(value, date):
        message = f"{field.name} must be a date"
        raise CellError(message)
    return value.strftime(field.format)


def _write_code(field: Field, value: Value) -> str:
    for code, meaning in field.codes.items():
        if meaning == value:
            return code
    message = f"{field.name} has no code for this meaning"
    raise CellError(message)


def _digits(field: Field, text: str) -> str:
    if not (text.isascii() and text.isdigit()):
        message = f"{field.name} must be digits"
        raise CellError(message)
    return text


def _read_amount(field: Field, text: str) -> int:
    if not field.decimals:
        return int(_digits(field, text or "0" if field.pad == "0" else text))
    whole, point, part = text.partition(".")
    if not point or len(part) != field.decimals:
        message = f"{field.name} must have {field.decimals} decimals"
        raise CellError(message)
    return int(_digits(field, whole or "0") + _digits(field, part))


def _read_date(field: Field, text: str) -> date:
    try:
        return datetime.strptime(text, field.format).date()  # noqa: DTZ007 - a date has no zone
    except ValueError as fault:
        message = f"{field.name} is not a date"
        raise CellError(message) from fault


def _read_code(field: Field, text: str) -> str:
    if text not in field.codes:
        message = f"{field.name} holds a code that is not in the table"
        raise CellError(message)
    return field.codes[text]


_WRITERS: dict[str, Callable[[Field, Value], str]] = {
    "text": _write_plain,
    "digits": _write_plain,
    "amount": _write_amount,
    "date": _write_date,
    "code": _write_code,
}
_READERS: dict[str, Callable[[Field, str], Value]] = {
    "text": lambda _, text: text,
    "digits": _digits,
    "amount": _read_amount,
    "date": _read_date,
    "code": _read_code,
}
