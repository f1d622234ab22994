"""The bank's files: GB18030, lines of 188 bytes and CR LF, fields counted in bytes (`docs/sandbox-bank.md`)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from gateway.sandbox.bank.model import OutFile, OutLine, PaymentLine
from gateway.sandbox.cards import payee_behaviour

ENCODING = "gb18030"
WIDTH = 188
_END = b"\r\n"
_RECORD = WIDTH + len(_END)


@dataclass(frozen=True, slots=True)
class Column:
    """A field of a line: its width in bytes; numbers stand to the right of zeros, text to the left of spaces."""

    name: str
    width: int
    is_number: bool = False


def _columns(*widths: tuple[str, int]) -> tuple[Column, ...]:
    return tuple(Column(name.rstrip("#"), width, name.endswith("#")) for name, width in widths)


HEADER_IN = _columns(
    ("mark", 1), ("customer", 10), ("day", 8), ("sequence#", 4), ("count#", 8), ("amount#", 15), ("unit", 3), ("", 139)
)
DETAIL_IN = _columns(
    ("mark", 1),
    ("line#", 8),
    ("number", 20),
    ("account", 32),
    ("name", 60),
    ("bank", 12),
    ("amount#", 15),
    ("purpose", 40),
)
TRAILER = _columns(("mark", 1), ("count#", 8), ("amount#", 15), ("", 164))
HEADER_OUT = _columns(
    ("mark", 1),
    ("customer", 10),
    ("day", 8),
    ("sequence#", 4),
    ("count#", 8),
    ("amount#", 15),
    ("unit", 3),
    ("kind", 3),
    ("", 136),
)
DETAIL_OUT = _columns(
    ("mark", 1),
    ("line#", 8),
    ("number", 20),
    ("business", 10),
    ("kind", 1),
    ("amount#", 15),
    ("state", 1),
    ("code", 4),
    ("text", 40),
    ("reference", 16),
    ("value_on", 8),
    ("fee#", 9),
    ("", 55),
)


class BadPaymentFileError(Exception):
    """A payment file cannot be paid; the text says why and is the line of the `ERR` file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentName:
    """What the name of a payment file says."""

    customer: str
    day: str
    sequence: int


def read_name(name: str) -> PaymentName | None:
    """Read `PAY<customer 10><YYYYMMDD><sequence 4>.txt`; None for any other name."""
    found = re.fullmatch(r"PAY([0-9A-Z]{10})([0-9]{8})([0-9]{4})\.txt", name)
    return None if found is None else PaymentName(customer=found[1], day=found[2], sequence=int(found[3]))


def lay(columns: Sequence[Column], values: dict[str, str | int]) -> bytes:
    """Lay values out as one line with its end; text too long for its column is cut at a character's end."""
    return b"".join(_laid(column, values.get(column.name, "")) for column in columns) + _END


def header_line(file: OutFile, customer: str) -> bytes:
    """Write the header of a file for the customer."""
    values: dict[str, str | int] = {"mark": "H", "customer": customer, "day": file.day, "sequence": file.sequence}
    return lay(HEADER_OUT, values | {"count": file.count, "amount": file.amount, "unit": "CNY", "kind": file.kind})


def detail_line(line: OutLine) -> bytes:
    """Write a detail of a file for the customer."""
    values: dict[str, str | int] = {name: getattr(line, name) for name in OutLine.__slots__}
    return lay(DETAIL_OUT, values | {"mark": "D", "value_on": line.value_on.replace("-", "")})


def trailer_line(*, count: int, amount: int) -> bytes:
    """Write a trailer."""
    return lay(TRAILER, {"mark": "T", "count": count, "amount": amount})


def read_payment_file(file: BinaryIO, name: PaymentName) -> Iterator[PaymentLine]:
    """Give the details of a payment file one by one.

    Raises BadPaymentFileError as soon as something is wrong, at the latest after the last line (totals): nothing may
    be paid before the end.
    """
    header = _cut(HEADER_IN, _record(file, 1), 1)
    _check_header(header, name)
    count = amount = 0
    for place in range(2, int(header["count"]) + 2):
        line = _detail(_cut(DETAIL_IN, _record(file, place), place), place)
        count, amount = count + 1, amount + line.amount
        yield line
    last = count + 2
    trailer = _cut(TRAILER, _record(file, last), last)
    _check(trailer["mark"] == "T", last, "a trailer is due after as many details as the header counts")
    _check(file.read(1) == b"", last, "something follows the trailer")
    for part, where in ((header, 1), (trailer, last)):
        _check(int(part["count"]) == count, where, "the count is not that of the details")
        _check(int(part["amount"]) == amount, where, "the amount is not that of the details")


def _laid(column: Column, value: str | int) -> bytes:
    if column.is_number:
        digits = f"{int(value):0{column.width}d}".encode()
        if len(digits) > column.width:
            raise ValueError(f"{column.name} does not fit into {column.width} digits")
        return digits
    text = str(value)
    while len(text.encode(ENCODING)) > column.width:
        text = text[:-1]
    return text.encode(ENCODING).ljust(column.width)


def _record(file: BinaryIO, place: int) -> bytes:
    record = file.read(_RECORD)
    _check(len(record) == _RECORD, place, f"the file ends inside a line of {WIDTH} bytes and its CR LF")
    _check(record.endswith(_END), place, f"the line does not end with CR LF after {WIDTH} bytes")
    return record[:WIDTH]


def _cut(columns: Sequence[Column], record: bytes, place: int) -> dict[str, str]:
    values, start = {}, 0
    for column in columns:
        piece = record[start : start + column.width]
        start += column.width
        try:
            text = piece.decode(ENCODING)
        except UnicodeDecodeError as error:
            raise BadPaymentFileError(f"line {place}: {column.name or 'filler'} is not GB18030") from error
        if column.is_number:
            _check(bool(re.fullmatch("[0-9]+", text)), place, f"{column.name} is not a number")
        values[column.name] = text.rstrip(" ")
    return values


def _check_header(header: dict[str, str], name: PaymentName) -> None:
    _check(header["mark"] == "H", 1, "a header is due first")
    _check(header["customer"] == name.customer, 1, "the customer is not the one of the file name")
    _check(header["day"] == name.day, 1, "the date is not the one of the file name")
    _check(int(header["sequence"]) == name.sequence, 1, "the sequence is not the one of the file name")
    _check(header["unit"] == "CNY", 1, "the unit is not CNY")


def _detail(values: dict[str, str], place: int) -> PaymentLine:
    _check(values["mark"] == "D", place, "a detail is due as the header counts")
    _check(int(values["line"]) == place - 1, place, "the line number is not the next one")
    _check(bool(re.fullmatch("[0-9]{20}", values["number"])), place, "the number is not 20 digits")
    _check(bool(re.fullmatch("[0-9]{1,32}", values["account"])), place, "the account is not digits")
    _check(values["name"] != "", place, "the name is missing")
    _check(int(values["amount"]) > 0, place, "the amount is zero")
    behaviour = payee_behaviour(values["account"])
    words = values["purpose"].split()
    return PaymentLine(
        line=place - 1,
        number=values["number"],
        account=values["account"],
        name=values["name"],
        bank=values["bank"],
        amount=int(values["amount"]),
        business=_laid(Column("business", 10), (words[0] if words else "PAYOUT").upper()).decode(ENCODING).rstrip(),
        code=behaviour.code,
        silent=behaviour.silent,
        returned_late=behaviour.returned_late,
    )


def _check(holds: bool, place: int, otherwise: str) -> None:  # noqa: FBT001 - reads as a sentence
    if not holds:
        raise BadPaymentFileError(f"line {place}: {otherwise}")
