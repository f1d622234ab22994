"""Purchase, void, refund, reversal, enquiry: what reaches the payments, and what the terminal is told."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta

import pytest

from channels.iso8583 import Message
from gateway.kernel.clock import SHANGHAI
from gateway.kernel.money import Money
from gateway.kernel.reasons import Reason
from gateway.payments.model import AcquiringAnswer, Original, Reference, Source, Transaction

NO_CARD = {"f2": "", "f22": ""}
TRACK = "6222020000000000D30122010000000000000"


def void(pos, **fields: str) -> Message:
    named = {"f61": f"{pos.batch}000001", "f37": "RRN000000001"}
    return Message("0200", pos.sale(f3="200000", f60=f"23{pos.batch}", **{**named, **fields}).fields)


def refund(pos, **fields: str) -> Message:
    named = {"f61": f"{pos.batch}0000011122", "f37": "RRN000000001"}
    message = pos.sale(f3="200000", f60=f"25{pos.batch}", **{**named, **fields})
    return Message("0220", message.fields)


def enquiry(pos, **fields: str) -> Message:
    named = {"f3": "380000", "f4": "", "f49": "", "f60": f"03{pos.batch}", "f61": f"{pos.batch}000001"}
    return Message("0220", pos.sale(**{**named, **NO_CARD, **fields}).fields)


def reversal(pos, sale: Message, **fields: str) -> Message:
    kept = {number: sale.fields[number] for number in (2, 3, 4, 11, 22, 25, 41, 42, 49, 60) if number in sale.fields}
    return Message("0400", {**kept, 39: "98", **{int(name[1:]): value for name, value in fields.items()}})


async def test_an_approved_purchase(pos, till, now) -> None:
    till.answer = lambda _: AcquiringAnswer(
        reason=Reason.DONE, rrn="RRN000000042", approval_code="A12345", settled_on=date(2026, 11, 23)
    )
    answer = await pos.ask(pos.sale(f14="3012", f23="001", f52=b"12345678", f26="12", f53="2600000000000000"))
    there = now.astimezone(SHANGHAI)
    assert answer.mti == "0210"
    assert answer.text(13) in {f"{there:%m%d}", f"{there + timedelta(minutes=1):%m%d}"}
    assert len(answer.text(12) or "") == 6
    told = {number: value for number, value in answer.fields.items() if number not in {12, 13, 64}}
    assert told == {
        2: "6222020000000000",
        3: "000000",
        4: "000000012345",
        11: "000001",
        15: "1123",
        25: "00",
        32: "00000001",
        37: "RRN000000042",
        38: "A12345",
        39: "00",
        41: "10000001",
        42: "104110070110814",
        44: "622202     00000001   ",
        49: "156",
        60: "22000001",
        63: "CUP",
    }
    (record,) = till.records
    assert (record.source, record.transaction) == (Source.TERMINAL, Transaction.PURCHASE)
    assert record.reference == Reference("10000001", "000001", "000001", "020")
    assert (record.merchant, record.amount, record.repeat) == ("104110070110814", Money(12345, "CNY"), False)
    assert record.content == (("3", "000000"), ("4", "000000012345"), ("25", "00"), ("49", "156"), ("60.1", "22"))
    assert record.card is not None
    assert (record.card.pan, record.card.expiry, record.card.sequence) == ("6222020000000000", "3012", "001")
    assert (record.card.pin_block, record.entry_mode) == (b"12345678", "012")
    assert "6222" not in repr(record)


async def test_a_card_may_come_by_its_track_alone(pos, till) -> None:
    answer = await pos.ask(pos.sale(f2="", f22="021", f35=TRACK))
    assert answer.text(2) == "6222020000000000"
    assert (till.records[0].card.pan, till.records[0].card.expiry) == ("6222020000000000", "3012")


async def test_a_number_of_an_enciphered_track_is_not_repeated(pos, till) -> None:
    track = "6222020000000000123D" + "9A" * 8 + "0"  # the 16 digits before the last are under the data key
    answer = await pos.ask(pos.sale(f2="", f22="021", f35=track, f53="0010000000000000"))
    assert (answer.text(39), answer.text(2)) == ("00", None)
    assert (till.records[0].card.pan, till.records[0].card.expiry) == ("6222020000000000123", None)


async def test_a_track_whose_number_is_enciphered_cannot_be_taken(pos, till) -> None:
    hidden = await pos.ask(pos.sale(f2="", f22="021", f35="622202" + "9A" * 8 + "0", f53="0010000000000000"))
    assert (hidden.text(39), till.records) == ("40", [])
    named = await pos.ask(pos.sale(f22="021", f35="622202" + "9A" * 8 + "0", f53="0010000000000000"))
    assert named.text(39) == "00"


@pytest.mark.parametrize(
    ("reason", "iso39", "code", "text"),
    [
        (Reason.BANK_DECLINED, "51", "51", "funds"),
        (Reason.BANK_DECLINED, None, "05", "The bank declined"),
        (Reason.REFERENCE_REUSED, None, "94", "The reference was used w"),
        (Reason.UNREACHABLE, None, "91", "The bank or the books can"),
        (Reason.NO_ANSWER, None, "98", "No answer in time; ask by"),
        (Reason.BAD_AMOUNT, None, "13", "金额"),
    ],
)
async def test_a_refusal_has_a_text_and_no_mac(pos, till, reason, iso39, code, text) -> None:
    words = text if text in {"funds", "金额"} else ""
    till.answer = lambda _: AcquiringAnswer(reason=reason, iso39=iso39, text=words, rrn="RRN000000001")
    answer = await pos.ask(pos.sale())
    assert answer.text(39) == code
    assert (answer.text(44) or "").startswith(text)
    assert answer.text(37) == "RRN000000001"
    assert not {15, 32, 38, 63, 64} & answer.fields.keys()


async def test_an_answer_from_outside_the_books_has_a_reference_of_its_own(pos, till) -> None:
    till.answer = lambda _: AcquiringAnswer(reason=Reason.BUSY)
    references = {(await pos.ask(pos.sale())).text(37) for _ in range(20)}
    assert len(references) == 20
    assert all(reference and len(reference) == 12 for reference in references)


async def test_an_odd_approval_code_of_a_bank_does_not_cost_the_answer(pos, till) -> None:
    till.answer = lambda _: AcquiringAnswer(reason=Reason.DONE, rrn="RRN000000001", approval_code="A-12345678")
    answer = await pos.ask(pos.sale())
    assert (answer.text(39), answer.text(38)) == ("00", None)


async def test_a_void_names_its_original(pos, till) -> None:
    answer = await pos.ask(void(pos))
    assert (answer.mti, answer.text(39), answer.text(60)) == ("0210", "00", "23000001")
    (record,) = till.records
    assert record.transaction is Transaction.VOID
    assert record.original == Original(batch="000001", trace="000001", rrn="RRN000000001")
    assert ("61", "000001000001") in record.content


async def test_a_void_needs_no_card(pos, till) -> None:
    answer = await pos.ask(void(pos, **NO_CARD))
    assert (answer.text(39), answer.text(2), till.records[0].card) == ("00", None, None)


async def test_a_refund_names_its_original_by_date(pos, till, now) -> None:
    yesterday = now.astimezone(SHANGHAI).date() - timedelta(days=1)
    answer = await pos.ask(refund(pos, f61=f"000009000077{yesterday:%m%d}", f4="000000000100"))
    assert (answer.mti, answer.text(4)) == ("0230", "000000000100")
    (record,) = till.records
    assert record.reference.message_class == "022"
    assert record.original == Original(batch="000009", trace="000077", on=yesterday, rrn="RRN000000001")


async def test_a_refund_without_numbers_is_matched_by_its_reference(pos, till, now) -> None:
    today = now.astimezone(SHANGHAI).date()
    await pos.ask(refund(pos, f61=f"000000000000{today:%m%d}"))
    assert till.records[0].original == Original(on=today, rrn="RRN000000001")


async def test_the_date_of_an_original_is_never_in_the_future(pos, till, now) -> None:
    tomorrow = now.astimezone(SHANGHAI).date() + timedelta(days=1)
    await pos.ask(refund(pos, f61=f"000001000001{tomorrow:%m%d}"))
    on = till.records[0].original.on
    assert (on.month, on.day) == (tomorrow.month, tomorrow.day)
    assert on < tomorrow


async def test_a_reversal_names_its_original_by_its_own_trace(pos, till) -> None:
    sale = pos.sale()
    await pos.ask(sale)
    answer = await pos.ask(reversal(pos, sale, f38="A12345"))
    assert (answer.mti, answer.text(39)) == ("0410", "00")
    record = till.records[1]
    assert (record.transaction, record.reversal_reason) == (Transaction.REVERSAL, "98")
    assert record.reference == Reference("10000001", "000001", "000001", "040")
    assert record.original == Original(batch="000001", trace="000001", approval_code="A12345")
    assert record.content == till.records[0].content


async def test_a_reversal_of_a_pre_authorisation_is_carried(pos, till) -> None:
    held = {"f3": "030000", "f25": "06", "f60": f"10{pos.batch}"}
    message = Message("0100", pos.sale(**held).fields)
    till.answer = lambda _: AcquiringAnswer(reason=Reason.ORIGINAL_NOT_FOUND)
    assert (await pos.ask(reversal(pos, message))).text(39) == "25"


@pytest.mark.parametrize(
    ("standing", "reason", "iso39", "code"),
    [
        ("approved", Reason.DONE, None, "00"),
        ("part refunded", Reason.DONE, None, "00"),
        ("declined", Reason.BANK_DECLINED, "51", "51"),
        ("in progress", Reason.IN_PROGRESS, None, "09"),
        ("reversed", Reason.WRONG_STATE, None, "12"),
        ("never seen", Reason.ORIGINAL_NOT_FOUND, None, "25"),
    ],
)
async def test_an_enquiry_tells_where_the_original_stands(pos, till, standing, reason, iso39, code) -> None:
    till.answer = lambda _: AcquiringAnswer(
        reason=reason, iso39=iso39, standing=standing, rrn="RRN000000001", approval_code="A12345"
    )
    answer = await pos.ask(enquiry(pos))
    assert (answer.mti, answer.text(39), answer.text(44)) == ("0230", code, standing)
    assert (answer.text(37), answer.text(38)) == ("RRN000000001", "A12345")
    assert till.records[0].original == Original(batch="000001", trace="000001")
    assert till.records[0].amount is None


async def test_a_repeat_is_told_in_the_type_of_its_class(pos, till) -> None:
    sale = pos.sale()
    await pos.ask(sale)
    answer = await pos.ask(Message("0201", sale.fields))
    assert answer.mti == "0210"
    first, second = till.records
    assert first.reference == second.reference
    assert (first.repeat, second.repeat) == (False, True)
    assert first.content == second.content


async def test_repeats_may_be_pipelined_and_answers_overtake_each_other(pos, till) -> None:
    gate = asyncio.Event()

    async def act(record):
        if record.reference.trace == "000001" and not record.repeat:
            await gate.wait()
        elif record.reference.trace == "000003":
            gate.set()
        return AcquiringAnswer(reason=Reason.DONE, rrn="RRN" + record.reference.trace.zfill(9))

    till.act = act
    first, second, third = pos.sale(), pos.sale(), pos.sale()
    bodies = [await pos.sealed(each) for each in (first, second, Message("0201", first.fields), third)]
    pos.writer.write(b"".join(pos.framed(body) for body in bodies))
    answers = [(await pos.receive())[0] for _ in bodies]
    assert sorted(str(each.text(11)) for each in answers) == ["000001", "000001", "000002", "000003"]
    assert answers[0].text(11) != answers[-1].text(11) == "000001"
    assert {each.mti for each in answers} == {"0210"}


@pytest.mark.parametrize("field", [3, 4, 11, 22, 25, 49])
async def test_a_purchase_without_a_field_it_needs(pos, till, field: int) -> None:
    answer = await pos.ask(pos.sale(**{f"f{field}": ""}))
    assert (answer.text(39), answer.text(44), till.records) == ("30", str(field), [])


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"f2": ""}, "2"),
        ({"f60": "2200000"}, "60"),
        ({"f35": TRACK.replace("D", "1")}, "35"),
        ({"f35": TRACK.replace("62220200", "62220299")}, "35"),
        ({"f55": bytes.fromhex("9F26")}, "55"),
        ({"f62": b"\x01"}, "62"),
    ],
)
async def test_a_purchase_with_a_field_that_has_no_meaning(pos, till, fields, named: str) -> None:
    answer = await pos.ask(pos.sale(**fields))
    assert (answer.text(39), answer.text(44), till.records) == ("30", named, [])


@pytest.mark.parametrize(
    ("make", "fields", "named"),
    [
        (void, {"f61": "000001"}, "61"),
        (refund, {"f61": "000001000001"}, "61"),
        (refund, {"f61": "0000010000011345"}, "61"),
        (refund, {"f61": "00000100000111220"}, "61"),
        (enquiry, {"f61": ""}, "61"),
        (enquiry, {"f61": "000000000000"}, "61"),
        (void, {"f61": "000000000000"}, "61"),
        (refund, {"f37": ""}, "37"),
    ],
)
async def test_an_original_that_is_not_named_well(pos, till, make, fields, named: str) -> None:
    answer = await pos.ask(make(pos, **fields))
    assert (answer.text(39), answer.text(44), till.records) == ("30", named, [])


async def test_a_reversal_needs_its_reason(pos, till) -> None:
    message = reversal(pos, pos.sale())
    answer = await pos.ask(Message("0400", {n: v for n, v in message.fields.items() if n != 39}))
    assert (answer.text(39), answer.text(44), till.records) == ("30", "39", [])


@pytest.mark.parametrize(
    ("mti", "fields"),
    [
        ("0100", {"f3": "030000", "f25": "00", "f60": "10000001"}),
        ("0200", {"f3": "210000", "f25": "65", "f60": "40000001"}),
        ("0200", {"f3": "999999"}),
        ("0400", {"f25": "65", "f60": "41000001", "f39": "98"}),
        ("0500", {"f3": "", "f4": "", "f25": "", "f60": "00000001001"}),
        ("0320", {"f3": "", "f4": "", "f25": "", "f60": "22000001201"}),
        ("0620", {}),
        ("0420", {}),
        ("0200", {"f62": bytes.fromhex("0201AA")}),
    ],
)
async def test_what_is_not_taken_is_answered_40(pos, till, mti: str, fields) -> None:
    answer = await pos.ask(Message(mti, pos.sale(**fields).fields))
    assert (answer.mti[2:], answer.text(39), till.records) == (f"{int(mti[2]) + 1}0", "40", [])


@pytest.mark.parametrize(("code", "unit"), [("840", "USD"), ("PTA", "PTA"), ("999", "999")])
async def test_a_unit_is_for_the_payments_to_refuse(pos, till, code: str, unit: str) -> None:
    till.answer = lambda _: AcquiringAnswer(reason=Reason.NOT_SUPPORTED)
    assert (await pos.ask(pos.sale(f49=code))).text(39) == "40"
    (record,) = till.records
    assert record.amount == Money(12345, unit)
    assert ("49", code) in record.content


async def test_a_purchase_by_qr_code_is_for_the_payments_to_refuse_and_has_no_card(pos, till) -> None:
    await pos.ask(pos.sale(f2="", f22="032"))
    (record,) = till.records
    assert (record.entry_mode, record.card) == ("032", None)


async def test_a_repeat_is_told_when_the_first_was(pos, till) -> None:
    first_told = datetime(2026, 2, 28, 15, 59, 58, tzinfo=UTC)
    till.answer = lambda _: AcquiringAnswer(reason=Reason.DONE, rrn="RRN000000001", answered_at=first_told)
    answer = await pos.ask(pos.sale())
    assert (answer.text(12), answer.text(13)) == ("235958", "0228")
    till.answer = lambda _: AcquiringAnswer(reason=Reason.BAD_CARD, answered_at=first_told + timedelta(seconds=2))
    answer = await pos.ask(pos.sale())
    assert (answer.text(12), answer.text(13)) == ("000000", "0301")


async def test_an_amount_of_nothing_is_for_the_payments_to_refuse(pos, till) -> None:
    till.answer = lambda record: AcquiringAnswer(reason=Reason.BAD_AMOUNT if record.amount.minor == 0 else Reason.DONE)
    assert (await pos.ask(pos.sale(f4="000000000000"))).text(39) == "13"


async def test_where_nothing_is_sure_nothing_is_told(pos, till, hears_nothing) -> None:
    till.answer = lambda _: None
    assert await hears_nothing(pos, pos.sale())
    assert await hears_nothing(pos, refund(pos))
    assert len(till.records) == 2


@pytest.mark.parametrize("mti", ["0200", "0201"])
async def test_a_carrier_that_fails_has_told_nothing_of_what_it_recorded(pos, till, hears_nothing, mti: str) -> None:
    def broken(record):
        raise RuntimeError

    till.answer = broken
    assert await hears_nothing(pos, Message(mti, pos.sale().fields))


async def test_a_carrier_that_is_late_is_left_to_its_end_and_nothing_is_told(opened, dial, till, hears_nothing) -> None:
    gate = asyncio.Event()

    async def act(record):
        await gate.wait()
        return AcquiringAnswer(reason=Reason.DONE)

    till.act = act
    door = await opened(answer_within_ms=100, guard_ms=50)
    pos = await dial(door)
    await pos.sign_in()
    for request in (pos.sale(), Message("0201", pos.sale().fields), refund(pos), reversal(pos, pos.sale())):
        assert await hears_nothing(pos, request)
    gate.set()
    assert await door.stop() == 0
    assert len(till.records) == 4


async def test_an_enquiry_that_is_not_answered_in_time_changes_nothing_and_is_told_so(opened, dial, till) -> None:
    gate = asyncio.Event()

    async def act(record):
        await gate.wait()

    till.act = act
    pos = await dial(await opened(answer_within_ms=100, guard_ms=50))
    await pos.sign_in()
    assert (await pos.ask(enquiry(pos))).text(39) == "91"
    gate.set()


async def test_a_repeat_whose_turn_comes_too_late_is_told_nothing(opened, dial, till, hears_nothing) -> None:
    pos = await dial(await opened())
    await pos.sign_in()
    tired = await dial(await opened(answer_within_ms=0))
    tired.mac_key, tired.batch = pos.mac_key, pos.batch
    sale = tired.sale()
    assert (await tired.ask(sale)).text(39) == "96"
    assert await hears_nothing(tired, Message("0201", sale.fields))
    assert await hears_nothing(tired, Message("0201", tired.sale(f41="").fields))
    assert till.records == []
