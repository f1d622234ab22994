"""Field 48 of settlements and uploads: totals of a batch, items of a batch, and the balances of field 54.

Source: `docs/terminal-protocol.md` section 3, "Settlement", "Upload"; ISO 8583 additional amounts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from channels.instruction import Balance
from gateway.kernel.money import CURRENCIES
from gateway.keys import mask
from gateway.payments.model import Item, Settled, Side, Totals
from gateway.terminals.request import lacking

_AMOUNT, _COUNT, _PAN = 12, 3, 20
_SIDE = _AMOUNT + _COUNT
_HALF = 2 * _SIDE + 1
_ITEM = 2 + 6 + _PAN + _AMOUNT
_MOST_ITEMS, _MOST_BALANCES = 8, 6
_DOMESTIC, _FOREIGN = "00", "01"
_BALANCED, _UNBALANCED = "1", "2"


def read_totals(value: str) -> Totals:
    """Read a terminal's totals: 62 digits, both flags 0. Raises InadmissibleError."""
    halves = (value[:_HALF], value[_HALF:])
    if len(value) != 2 * _HALF or any(half[-1] != "0" for half in halves):
        raise lacking(48)
    debits, credits_, foreign_debits, foreign_credits = (
        _side(half[start : start + _SIDE]) for half in halves for start in (0, _SIDE)
    )
    return Totals(debits=debits, credits=credits_, foreign_debits=foreign_debits, foreign_credits=foreign_credits)


def write_settled(settled: Settled) -> str:
    """Write our totals, each half with its flag."""
    halves = ((settled.totals.domestic, settled.domestic_balanced), (settled.totals.foreign, settled.foreign_balanced))
    return "".join(_half(sides, is_balanced) for sides, is_balanced in halves)


def _half(sides: tuple[Side, Side], is_balanced: bool) -> str:  # noqa: FBT001 - a pair of one half
    written = "".join(f"{side.amount_minor:0{_AMOUNT}d}{side.count:0{_COUNT}d}" for side in sides)
    return written + (_BALANCED if is_balanced else _UNBALANCED)


def _side(digits: str) -> Side:
    return Side(amount_minor=int(digits[:_AMOUNT]), count=int(digits[_AMOUNT:]))


def read_items(value: str) -> tuple[Item, ...]:
    """Read the items of an upload: a count and so many items of 40 digits, at most 8. Raises InadmissibleError."""
    count, digits = int(value[:2] or "0"), value[2:]
    if not 1 <= count <= _MOST_ITEMS or len(digits) != count * _ITEM:
        raise lacking(48)
    return tuple(_items(digits))


def _items(digits: str) -> Iterator[Item]:
    for start in range(0, len(digits), _ITEM):
        item = digits[start : start + _ITEM]
        if item[:2] not in (_DOMESTIC, _FOREIGN):
            raise lacking(48)
        yield Item(
            trace=item[2:8],
            amount_minor=int(item[8 + _PAN :]),
            card_mask=mask(item[8 : 8 + _PAN].lstrip("0")),
            is_foreign=item[:2] == _FOREIGN,
        )


def read_count(value: str) -> int:
    """Read how many items a terminal says it has uploaded: 4 digits. Raises InadmissibleError."""
    if len(value) != 4:
        raise lacking(48)
    return int(value)


def write_balances(balances: Iterable[Balance]) -> str:
    """Write field 54: at most six balances; one whose unit has no number is left out."""
    known = [balance for balance in balances if balance.unit in CURRENCIES][:_MOST_BALANCES]
    return "".join(_balance(each) for each in known)


def _balance(balance: Balance) -> str:
    number, _ = CURRENCIES[balance.unit]
    sign = "D" if balance.amount_minor < 0 else "C"
    return f"{balance.account}{balance.kind}{number}{sign}{abs(balance.amount_minor):0{_AMOUNT}d}"
