"""Channel kind `filebank`: a bank's batch interface in fixed-width files (`docs/sandbox-bank.md`).

Payment files go out by template `pay`; what comes back is read by template `ret`, which serves the kinds `RET`, `ACQ`
and `REJ`. `ERR` files are one line of text and say why a payment file was refused whole.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime

from channels import params as parameters
from channels.instruction import Ask, Capabilities, Instruction, LineState, ReturnLine
from channels.ports import BadFileError, FileHeader, FileKind
from channels.templates import CellError, Row, Template, Value

_NAME = re.compile(r"(RET|ACQ|REJ|ERR)([A-Z0-9]{10})(\d{8})(\d{4})\.txt", re.ASCII)
_STATES = {"success": LineState.SUCCESS, "failed": LineState.FAILED, "returned": LineState.RETURNED}


class FileBank:
    """One bank reached by files; `params`: `customer` (10 characters)."""

    def __init__(self, params: Mapping[str, object]) -> None:
        self._customer = parameters.text(params, "customer")
        self._capabilities = Capabilities(
            asks=frozenset({Ask.PAYOUT}),
            communication="file",
            queries=False,
            reverse_bars_unknown=False,
            dedupes_by_number=True,
            not_found_is_final_after_s=parameters.number(params, "not_found_is_final_after_s", 3 * 86_400),
        )

    @property
    def capabilities(self) -> Capabilities:
        """What this channel can do."""
        return self._capabilities

    def name(self, header: FileHeader) -> str:
        """Name the payment file: `PAY<customer><YYYYMMDD><sequence>.txt`."""
        return f"PAY{header.customer}{header.day:%Y%m%d}{header.sequence:04d}.txt"

    def write(self, template: str, header: FileHeader, instructions: Iterable[Instruction]) -> Iterator[bytes]:
        """Give the file line by line. Raises CellError naming the field that does not fit."""
        head: dict[str, Value] = {
            "customer": header.customer,
            "day": header.day,
            "sequence": f"{header.sequence:04d}",
            "count": header.count,
            "amount": header.amount_minor,
            "unit": header.unit,
        }
        return _compiled(template).write(head, (_detail(line, one) for line, one in enumerate(instructions, start=1)))

    def recognise(self, name: str) -> FileKind | None:
        """Tell what a file is by its name; None where it is another customer's or no name of this bank."""
        found = _NAME.fullmatch(name)
        if found is None or found[2] != self._customer:
            return None
        try:
            day = datetime.strptime(found[3], "%Y%m%d").date()  # noqa: DTZ007 - a date has no zone
        except ValueError:
            return None
        answers = f"PAY{found[2]}{found[3]}{found[4]}.txt" if found[1] in ("RET", "ERR") else None
        return FileKind(
            kind=found[1].lower(), day=day, sequence=int(found[4]), answers=answers, is_whole_day=found[1] == "ACQ"
        )

    def read(self, template: str, pieces: Iterable[bytes]) -> Iterator[ReturnLine]:
        """Give the details of a return file; raises BadFileError, for totals after the last line."""
        unit = ""
        for row in _compiled(template).read(pieces):
            if row.record == "header":
                unit = str(row.values["unit"])
                self._check_customer(row)
            elif row.record == "detail":
                yield self._return_line(row, unit)

    @staticmethod
    def _return_line(row: Row, unit: str) -> ReturnLine:
        try:
            return _return_line(row, unit)
        except (KeyError, ValueError) as fault:  # a template without a field, or with a meaning, that we know
            why = "detail: the template gives no kind or state that is known"
            raise BadFileError(why, line=row.line, offset=row.offset) from fault

    def _check_customer(self, row: Row) -> None:
        if row.values["customer"] != self._customer:
            why = "header: the file is another customer's"
            raise BadFileError(why, line=row.line, offset=row.offset)


@functools.lru_cache(maxsize=64)
def _compiled(template: str) -> Template:
    return Template(template)


def _detail(line: int, instruction: Instruction) -> dict[str, str | int | date | None]:
    payee = instruction.payee
    if payee is None:
        message = "detail: a payout needs a payee"
        raise CellError(message)
    return {
        "line": line,
        "number": instruction.number,
        "account": payee.account,
        "name": payee.name,
        "bank": payee.bank,
        "amount": instruction.amount_minor,
        "purpose": instruction.purpose or instruction.business,
    }


def _return_line(row: Row, unit: str) -> ReturnLine:
    values = row.values
    value_on = values["value_on"]
    return ReturnLine(
        number=str(values["number"]),
        amount_minor=_whole(values["amount"]),
        unit=unit,
        state=_STATES[str(values["state"])],
        business=str(values["business"] or "").lower(),
        code=str(values["code"] or ""),
        text=str(values["text"] or ""),
        bank_reference=str(values["reference"] or ""),
        value_on=value_on if isinstance(value_on, date) else None,
        fee_minor=_whole(values["fee"]),
        ask=Ask(str(values["kind"])),
        place=row.line,
        offset=row.offset,
    )


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0
