"""Which messages are which transactions: the table of `docs/terminal-protocol.md` "Transactions".

A row is found by message class (first three digits of the type), processing code, condition code and 60.1. Rows without
a `transaction` are known and not taken: they are answered 40.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.payments.model import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One transaction. `needs` are fields that must be there beside those every request has.

    `original` is how many digits field 61 must have at least (0: it is not looked at). `card` tells whether it cannot
    be done without a card.
    """

    name: str
    message_class: str
    processing: str
    condition: str
    kind: str
    transaction: Transaction | None = None
    needs: tuple[int, ...] = ()
    original: int = 0
    card: bool = False


ALWAYS = (3, 11, 25, 41, 42, 60)
_MONEY = (4, 49)


def _card(name: str, message_class: str, processing: str, condition: str, kind: str) -> Row:
    return Row(name=name, message_class=message_class, processing=processing, condition=condition, kind=kind)


ROWS: tuple[Row, ...] = (
    Row(
        name="purchase",
        message_class="020",
        processing="000000",
        condition="00",
        kind="22",
        transaction=Transaction.PURCHASE,
        needs=(*_MONEY, 22),
        card=True,
    ),
    Row(
        name="void",
        message_class="020",
        processing="200000",
        condition="00",
        kind="23",
        transaction=Transaction.VOID,
        needs=(*_MONEY, 37),
        original=12,
    ),
    Row(
        name="refund",
        message_class="022",
        processing="200000",
        condition="00",
        kind="25",
        transaction=Transaction.REFUND,
        needs=(*_MONEY, 37),
        original=16,
    ),
    Row(
        name="enquiry",
        message_class="022",
        processing="380000",
        condition="00",
        kind="03",
        transaction=Transaction.ENQUIRY,
        original=12,
    ),
    _card("balance", "020", "310000", "00", "01"),
    _card("preauthorisation", "010", "030000", "06", "10"),
    _card("preauthorisation_void", "010", "200000", "06", "11"),
    _card("completion", "020", "000000", "06", "20"),
    _card("completion_void", "020", "200000", "06", "21"),
    _card("points_earn", "020", "210000", "65", "40"),
    _card("points_spend", "020", "000000", "65", "41"),
    _card("points_top_up", "020", "210000", "65", "42"),
    _card("points_balance", "020", "310000", "65", "43"),
    _card("points_void", "020", "200000", "65", "44"),
    _card("points_return", "022", "200000", "65", "45"),
    _card("points_lottery", "020", "000000", "65", "46"),
    _card("new_member", "020", "900000", "65", "47"),
    _card("withdrawal", "020", "400000", "65", "50"),
    _card("voucher", "020", "000000", "65", "51"),
)

_BY_CODES = {(row.message_class, row.processing, row.condition, row.kind): row for row in ROWS}

# What a 0400 may undo: card transactions of class 010 and 020 that move something. The original of one that is not
# taken never arrived: its reversal is carried all the same and answered 25.
_REVERSIBLE = {
    (row.processing, row.condition, row.kind)
    for row in ROWS
    if row.message_class in {"010", "020"} and row.condition != "65" and row.name != "balance"
}


def found(message_class: str, processing: str, condition: str, kind: str) -> Row | None:
    """Return the row a message is, None where there is none."""
    if message_class == "040":
        return _reversal(processing, condition, kind)
    return _BY_CODES.get((message_class, processing, condition, kind))


def _reversal(processing: str, condition: str, kind: str) -> Row | None:
    if (processing, condition, kind) not in _REVERSIBLE:
        return None
    return Row(
        name="reversal",
        message_class="040",
        processing=processing,
        condition=condition,
        kind=kind,
        transaction=Transaction.REVERSAL,
        needs=(*_MONEY, 39),
    )


# Message classes that carry a MAC (and whose approvals do). 0500 and 0320 do by the terminal's setting, which is yes.
CARRIED = frozenset({"010", "020", "022", "040"})
SETTLING = frozenset({"050", "032"})
WITH_MAC = CARRIED | SETTLING
NETWORK = frozenset({"080", "082"})


def is_request(mti: str) -> bool:
    """Tell whether a message type asks for an answer: version 0, function 0, 2 or 4, origin 0 or 1."""
    return mti[0] == "0" and mti[1] != "0" and mti[2] in "024" and mti[3] in "01"


def answer_type(mti: str) -> str:
    """Return the type of the answer: function plus one, and the origin of the class (0201 gives 0210)."""
    return f"{mti[:2]}{int(mti[2]) + 1}0"
