"""Which messages are which transactions: the table of `docs/terminal-protocol.md` "Transactions".

A row is found by message class (first three digits of the type), processing code, condition code and 60.1; settlement
and upload by message class and 60.3. Rows without a `transaction` are known and not taken: they are answered 40.
"""

from __future__ import annotations

from collections.abc import Mapping
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
ALWAYS_SETTLING = (11, 41, 42, 60)
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
    Row(
        name="balance",
        message_class="020",
        processing="310000",
        condition="00",
        kind="01",
        transaction=Transaction.BALANCE,
        needs=(22, 49),
        card=True,
    ),
    Row(
        name="preauthorisation",
        message_class="010",
        processing="030000",
        condition="06",
        kind="10",
        transaction=Transaction.PREAUTHORISATION,
        needs=(*_MONEY, 22),
        card=True,
    ),
    Row(
        name="preauthorisation_void",
        message_class="010",
        processing="200000",
        condition="06",
        kind="11",
        transaction=Transaction.PREAUTHORISATION_VOID,
        needs=(*_MONEY, 38),
        original=16,
    ),
    Row(
        name="completion",
        message_class="020",
        processing="000000",
        condition="06",
        kind="20",
        transaction=Transaction.COMPLETION,
        needs=(*_MONEY, 38),
        original=16,
    ),
    Row(
        name="completion_void",
        message_class="020",
        processing="200000",
        condition="06",
        kind="21",
        transaction=Transaction.COMPLETION_VOID,
        needs=(*_MONEY, 38),
        original=16,
    ),
    Row(
        name="refund_upload",
        message_class="032",
        processing="200000",
        condition="00",
        kind="25",
        transaction=Transaction.UPLOAD,
        needs=(4, 49),
    ),
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

# Settlement and upload have neither processing nor condition code: they are told apart by 60.3.
SETTLEMENTS: Mapping[tuple[str, str], Row] = {
    (message_class, code): Row(
        name=name,
        message_class=message_class,
        processing="",
        condition="",
        kind="00",
        transaction=transaction,
        needs=(48, 49) if message_class == "050" else (48,),
    )
    for message_class, code, name, transaction in (
        ("050", "201", "settlement", Transaction.SETTLEMENT),
        ("032", "201", "upload", Transaction.UPLOAD),
        ("032", "207", "upload_end", Transaction.UPLOAD_END),
        ("032", "202", "upload_end", Transaction.UPLOAD_END),
    )
}

_BY_CODES = {(row.message_class, row.processing, row.condition, row.kind): row for row in ROWS}

# What a 0400 may undo: card transactions of class 010 and 020 that move something.
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
