"""Holds, completions, balances and settlements at the door, in both dialects: what comes in, what goes back."""

from __future__ import annotations

import contextlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.instruction import Balance
from channels.iso8583 import Message, encode
from gateway.kernel.reasons import Reason
from gateway.merchants import BatchState
from gateway.payments.model import AcquiringAnswer, Item, Settled, Side, Totals, Transaction
from gateway.terminals.request import InadmissibleError
from gateway.terminals.settling import read_items, read_totals, write_balances, write_settled

DIALECTS = [("cups", "10000001"), ("iso87-ascii", "20000001")]
AGREED = AcquiringAnswer(reason=Reason.DONE, rrn="RRN000000001")
DEBITS, CREDITS = "000000085000003", "000000023000002"
ASKED = f"{DEBITS}{CREDITS}0{'0' * 30}0"
OURS = Totals(debits=Side(amount_minor=85_000, count=3), credits=Side(amount_minor=23_000, count=2))


@pytest.fixture(params=DIALECTS, ids=[name for name, _ in DIALECTS])
async def signed_in(request, opened, dial):
    dialect, number = request.param
    terminal = await dial(await opened(listener={"dialect": dialect}), number=number, dialect=dialect)
    await terminal.sign_in()
    return terminal


HOLD = {"f3": "030000", "f25": "06"}
OF_A_HOLD = {"f2": "", "f25": "06", "f38": "A12345"}


@pytest.mark.parametrize(
    ("transaction", "mti", "kind", "fields"),
    [
        (Transaction.BALANCE, "0200", "01", {"f3": "310000", "f4": ""}),
        (Transaction.PREAUTHORISATION, "0100", "10", HOLD),
        (Transaction.PREAUTHORISATION_VOID, "0100", "11", {**OF_A_HOLD, "f3": "200000"}),
        (Transaction.COMPLETION, "0200", "20", {**OF_A_HOLD, "f3": "000000"}),
        (Transaction.COMPLETION_VOID, "0200", "21", {**OF_A_HOLD, "f3": "200000"}),
    ],
)
async def test_a_transaction_becomes_its_record(signed_in, till, transaction, mti, kind, fields):
    named = {"f61": "0000010000071122"} if "f38" in fields else {}
    answer = await signed_in.ask(as_type(signed_in.sale(**fields, **named, f60=f"{kind}{signed_in.batch}"), mti))
    assert (answer.mti, answer.text(39)) == (f"{mti[:2]}10", "00")
    (record,) = till.records
    assert (record.transaction, record.reference.message_class) == (transaction, mti[:3])
    if named:
        original = record.original
        assert (original.batch, original.trace, original.approval_code) == ("000001", "000007", "A12345")
        assert (original.on.month, original.on.day) == (11, 22)


def as_type(message: Message, mti: str) -> Message:
    return Message(mti, message.fields)


@pytest.mark.parametrize("missing", ["f38", "f61"])
async def test_a_completion_must_name_its_hold(signed_in, till, missing):
    fields = {**OF_A_HOLD, "f3": "000000", "f61": "0000010000071122", missing: ""}
    answer = await signed_in.ask(signed_in.sale(**fields, f60=f"20{signed_in.batch}"))
    assert (answer.text(39), answer.text(44)) == ("30", missing[1:])
    assert till.records == []


async def test_a_hold_is_reversed(signed_in, till):
    hold = signed_in.sale(**HOLD, f60=f"10{signed_in.batch}")
    answer = await signed_in.ask(Message("0400", {**hold.fields, 39: "98"}))
    assert (answer.mti, answer.text(39)) == ("0410", "00")
    assert till.records[0].transaction is Transaction.REVERSAL


async def test_a_balance_is_told_in_field_54(signed_in, till):
    balances = (Balance(account="30", kind="02", unit="CNY", amount_minor=-1_234),)
    till.answer = lambda _: replace(AGREED, balances=balances)
    answer = await signed_in.ask(signed_in.sale(f3="310000", f4="", f60=f"01{signed_in.batch}"))
    assert answer.text(54) == "3002156D000000001234"


async def test_a_settlement_is_answered_with_our_totals(signed_in, till):
    settled = Settled(totals=OURS, domestic_balanced=True, foreign_balanced=False)
    till.answer = lambda _: replace(AGREED, settled=settled)
    answer = await signed_in.ask(signed_in.settling("0500", "201", f48=ASKED))
    assert (answer.mti, answer.text(39), answer.text(60)) == ("0510", "00", f"00{signed_in.batch}201")
    assert answer.text(48) == f"{DEBITS}{CREDITS}1{'0' * 30}2"
    assert (answer.text(37), answer.text(49), answer.text(63), answer.text(44)) == ("RRN000000001", "156", "CUP", None)
    (record,) = till.records
    assert (record.transaction, record.settling.totals) == (Transaction.SETTLEMENT, OURS)
    assert (record.reference.batch, record.reference.message_class) == ("000001", "050")


async def test_items_are_uploaded_and_counted(signed_in, till):
    items = f"0200000011{'6222020000000000':0>20}{'10000':0>12}01000012{'4000000000000002':0>20}{'25':0>12}"
    till.answer = lambda _: AGREED
    for code, content in (("201", items), ("202", "0002")):
        answer = await signed_in.ask(signed_in.settling("0320", code, f48=content, f49=""))
        assert (answer.mti, answer.text(39)) == ("0330", "00")
    upload, end = till.records
    assert upload.settling.items == (
        Item(trace="000011", amount_minor=10_000, card_mask="622202******0000"),
        Item(trace="000012", amount_minor=25, card_mask="400000******0002", is_foreign=True),
    )
    assert "6222020000000000" not in str(upload)
    assert (end.transaction, end.settling.count, end.settling.end_code) == (Transaction.UPLOAD_END, 2, "202")


async def test_a_refund_is_uploaded_by_itself(signed_in, till):
    till.answer = lambda _: AGREED
    refund = signed_in.sale(f3="200000", f60=f"25{signed_in.batch}", f11="000031")
    answer = await signed_in.ask(as_type(refund, "0320"))
    assert answer.text(39) == "00"
    (record,) = till.records
    assert record.settling.items == (
        Item(trace="000031", amount_minor=12_345, card_mask="622202******0000", is_refund=True),
    )


@pytest.mark.parametrize(
    ("mti", "code", "content", "answered"),
    [
        ("0500", "201", "", ("30", "48")),
        ("0500", "201", ASKED[:-1], ("30", "48")),
        ("0500", "201", f"{DEBITS}{CREDITS}1{'0' * 31}", ("30", "48")),
        ("0500", "202", ASKED, ("40", None)),
        ("0320", "201", "00", ("30", "48")),
        ("0320", "201", "0100", ("30", "48")),
        ("0320", "201", "09" + "0" * 320, ("30", "48")),
        ("0320", "201", "01" + "02" + "0" * 38, ("30", "48")),
        ("0320", "207", "002", ("30", "48")),
        ("0320", "301", "0002", ("40", None)),
    ],
)
async def test_what_is_no_settlement_is_refused(signed_in, till, mti, code, content, answered):
    answer = await signed_in.ask(signed_in.settling(mti, code, f48=content))
    assert answer.text(39) == answered[0]
    assert answered[1] in (None, answer.text(44))
    assert till.records == []


@pytest.mark.parametrize("mti", ["0500", "0320"])
async def test_a_settlement_has_a_mac_unless_its_terminal_need_not(signed_in, till, world, mti):
    till.answer = lambda _: AGREED
    content = ASKED if mti == "0500" else "0000"
    message = signed_in.settling(mti, "201" if mti == "0500" else "207", f48=content)
    signed_in.send(encode(signed_in.dialect, message))
    refused, _ = await signed_in.receive()
    assert refused.text(39) == "A0"
    world.edit(signed_in.number, settings={"settlement_mac": False})
    signed_in.send(encode(signed_in.dialect, message))
    answer, _ = await signed_in.receive()
    assert (answer.text(39), answer.fields.get(64)) == ("00", None)


async def test_a_closed_batch_takes_its_settlement_only(signed_in, till, world):
    world.edit(signed_in.number, batch_state=BatchState.CLOSED)
    assert (await signed_in.ask(signed_in.sale())).text(39) == "77"
    till.answer = lambda _: AGREED
    assert (await signed_in.ask(signed_in.settling("0500", "201", f48=ASKED))).text(39) == "00"


@pytest.mark.parametrize(
    ("before", "state", "after"),
    [
        ("000001", BatchState.CLOSED, ("000001", BatchState.CLOSED)),
        ("000001", BatchState.SETTLED, ("000002", BatchState.OPEN)),
        ("999999", BatchState.SETTLED, ("000001", BatchState.OPEN)),
    ],
)
async def test_the_next_sign_in_gives_the_next_batch_once_it_is_settled(signed_in, world, before, state, after):
    world.edit(signed_in.number, batch_no=before, batch_state=state)
    await signed_in.sign_in()
    now = world.terminals[signed_in.number]
    assert (signed_in.batch, now.batch_state) == after
    assert now.batch_no == after[0]


Sides = st.builds(Side, amount_minor=st.integers(0, 10**12 - 1), count=st.integers(0, 999))


@given(st.builds(Totals, debits=Sides, credits=Sides, foreign_debits=Sides, foreign_credits=Sides))
def test_totals_are_read_as_they_are_written(totals):
    written = write_settled(Settled(totals=totals, domestic_balanced=True, foreign_balanced=True))
    assert len(written) == 62
    assert read_totals(f"{written[:30]}0{written[31:61]}0") == totals


@given(st.text("0123456789", max_size=322))
def test_any_digits_are_items_or_refused(digits):
    with contextlib.suppress(InadmissibleError):
        assert len(digits) == 2 + 40 * len(read_items(digits))


def test_a_balance_whose_unit_has_no_number_is_left_out():
    assert write_balances([Balance(account="00", kind="02", unit="PTS", amount_minor=1)]) == ""
