"""What the control interface makes the bank do: day files, late returns, silent payees, bad files."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import msgspec

from gateway.kernel.clock import Clock
from gateway.sandbox.bank.desk import business_day, millis
from gateway.sandbox.bank.layout import detail_line, header_line, trailer_line
from gateway.sandbox.bank.model import Entry, Kind, OutFile, OutLine, State
from gateway.sandbox.bank.store import Book

_FIRST_SILENT_SEQUENCE = 9001


class OrderRefusedError(Exception):
    """The control interface cannot do what was asked; the text says why."""


class AmountDiffers(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="amount_differs"):
    """The bank took another amount (minor units) than was asked: its own books change too."""

    number: str
    amount: int


class Missing(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="missing"):
    """The bank leaves an item out; it goes into the next day file."""

    number: str


class UnknownLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="unknown"):
    """The bank has done something nobody asked for."""

    number: str
    amount: int


class DayFileOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /control/day-file`; `date` is `YYYY-MM-DD`, today where it is left out."""

    date: str = ""
    breaks: list[AmountDiffers | Missing | UnknownLine] = []


class NoParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of orders that take none."""


class BadFileOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /control/bad-file`."""

    kind: Literal["truncated", "totals", "encoding"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Laid:
    """What an order has laid down: the file's name (None: nothing to say) and its count of details."""

    file: str | None
    lines: int


class Orders:
    """Carries orders out on the books; the files are written right after."""

    def __init__(self, *, clock: Clock, customer: str) -> None:
        self._clock = clock
        self._customer = customer

    def day_file(self, book: Book, order: DayFileOrder) -> Laid:
        """Lay down the acquiring file of everything that is in none yet, with the breaks asked for."""
        self._settle(book)
        for change in order.breaks:
            self._break(book, change)
        missing = [change.number for change in order.breaks if isinstance(change, Missing)]
        file = self._next(book, "ACQ", _compact(order.date or self._today()), first=1)
        book.list_acquiring(file.name, without=missing)
        return self._laid(book, file)

    def late_returns(self, book: Book) -> Laid:
        """Lay down the file of the payouts that come back late; none, no file."""
        file = self._next(book, "REJ", _compact(self._today()), first=1)
        if not book.list_late_returns(file.name, value_on=self._today()):
            return Laid(file=None, lines=0)
        return self._laid(book, file)

    def settle_silent(self, book: Book) -> Laid:
        """Lay down a return file of the payouts that were silent; none, no file."""
        file = self._next(book, "RET", _compact(self._today()), first=_FIRST_SILENT_SEQUENCE)
        if not book.list_silent(file.name):
            return Laid(file=None, lines=0)
        return self._laid(book, file)

    def bad_file(self, book: Book, order: BadFileOrder) -> Laid:
        """Lay down an acquiring file that is broken; its lines are of nothing in the books."""
        file = self._next(book, "ACQ", _compact(self._today()), first=1)
        raw = _broken(file, self._customer, order.kind)
        book.add_file(replace(file, raw=raw))
        return Laid(file=file.name, lines=2)

    def _settle(self, book: Book) -> None:
        book.settle_due(millis(self._clock.now()))

    def _today(self) -> str:
        return business_day(self._clock.now())

    def _next(self, book: Book, kind: str, day: str, *, first: int) -> OutFile:
        sequence = book.next_sequence(kind, day, first=first)
        name = f"{kind}{self._customer}{day}{sequence:04d}.txt"
        return OutFile(name=name, kind=kind, day=day, sequence=sequence, due_ms=millis(self._clock.now()))

    def _laid(self, book: Book, file: OutFile) -> Laid:
        book.add_file(file)
        return Laid(file=file.name, lines=book.count_lines(file.name))

    def _break(self, book: Book, change: AmountDiffers | Missing | UnknownLine) -> None:
        match change:
            case AmountDiffers(number=number, amount=amount):
                if amount <= 0 or not book.change_amount(number, amount):
                    raise OrderRefusedError(f"{number}: no such item that is in no file yet, or no amount")
            case Missing(number=number):
                if book.find(number) is None:
                    raise OrderRefusedError(f"{number}: no such item")
            case UnknownLine(number=number, amount=amount):
                self._take_unasked(book, number, amount)

    def _take_unasked(self, book: Book, number: str, amount: int) -> None:
        if amount <= 0 or len(number) != 20 or not number.isdigit() or book.find(number) is not None:
            raise OrderRefusedError(f"{number}: not a new number of 20 digits, or no amount")
        book.insert(
            Entry(
                number=number,
                kind=Kind.PAY,
                amount=amount,
                unit="CNY",
                state=State.SUCCESS,
                code="00",
                text="done",
                value_on=self._today(),
            )
        )


def _compact(day: str) -> str:
    digits = day.replace("-", "")
    if len(digits) != 8 or not digits.isdigit():
        raise OrderRefusedError("a date is YYYY-MM-DD")
    return digits


def _broken(file: OutFile, customer: str, kind: Literal["truncated", "totals", "encoding"]) -> bytes:
    lines = [_made_up(place, file) for place in (1, 2)]
    details = [detail_line(line) for line in lines]
    amount = sum(line.amount for line in lines)
    whole = OutFile(name=file.name, kind=file.kind, day=file.day, sequence=file.sequence, count=2, amount=amount)
    header, trailer = header_line(whole, customer), trailer_line(count=2, amount=amount)
    match kind:
        case "truncated":
            return header + details[0] + details[1][:100]
        case "totals":
            return header + b"".join(details) + trailer_line(count=2, amount=amount + 1)
        case "encoding":
            start = details[1].index(b"done")
            return header + details[0] + details[1][:start] + b"\xff\xff" + details[1][start + 2 :] + trailer


def _made_up(place: int, file: OutFile) -> OutLine:
    return OutLine(
        line=place,
        number=f"{file.day}{file.sequence:04d}{9000 + place:08d}",
        business="ACQUIRING",
        kind="P",
        amount=1000 * place,
        state="S",
        code="00",
        text="done",
        reference=f"B{place:011d}",
        value_on=file.day,
    )
