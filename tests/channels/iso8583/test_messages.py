"""Whole messages: a dump made by hand, second bitmaps, what an error keeps and what it never tells."""

from __future__ import annotations

import pytest

from channels.iso8583 import CUPS, ISO87_ASCII, CodecError, Message, decode, encode, mac_field, mac_input, shown

PURCHASE = Message(
    "0200",
    {
        2: "6222020000000000",
        3: "000000",
        4: "000000012345",
        11: "000001",
        22: "022",
        25: "00",
        35: "6222020000000000D30122010000000000000",
        41: "10000001",
        42: "104110070110814",
        49: "156",
        52: bytes.fromhex("0123456789ABCDEF"),
        60: "22000001",
        64: b"E267B6E2",
    },
)
PURCHASE_DUMP = bytes.fromhex(
    "0200"
    "70 20 04 80 20 C0 90 11"
    "16 6222020000000000"
    "000000"
    "000000012345"
    "000001"
    "0220"
    "00"
    "37 6222020000000000D301220100000000000000"
    "3130303030303031"
    "313034313130303730313130383134"
    "313536"
    "0123456789ABCDEF"
    "0008 22000001"
    "4532363742364532"
)


def test_a_purchase_written_by_hand_is_read_and_written_again() -> None:
    assert decode(CUPS, PURCHASE_DUMP) == PURCHASE
    assert encode(CUPS, PURCHASE) == PURCHASE_DUMP


def test_the_mac_covers_everything_from_the_type_to_before_field_64() -> None:
    assert mac_input(CUPS, PURCHASE_DUMP) == PURCHASE_DUMP[:-8]
    assert mac_field(CUPS, PURCHASE) == 64


def test_with_a_second_bitmap_the_mac_is_in_128() -> None:
    message = Message("0400", {3: "000000", 7: "1122334455", 70: "301", 90: "0" * 42, 128: b"12345678"})
    data = encode(ISO87_ASCII, message)
    assert data.startswith(b"0400" + b"A2000000000000000400004000000001")
    assert decode(ISO87_ASCII, data) == message
    assert mac_field(ISO87_ASCII, message) == 128
    assert mac_input(ISO87_ASCII, data) == data[:-16]


def test_a_bitmap_in_small_letters_is_read() -> None:
    data = encode(ISO87_ASCII, Message("0200", {2: "6222020000000000", 11: "000001", 41: "10000001"}))
    assert decode(ISO87_ASCII, data[:4] + data[4:20].lower() + data[20:]) == decode(ISO87_ASCII, data)


@pytest.mark.parametrize(
    ("data", "field", "why"),
    [
        (b"", 0, "no message type of four digits"),
        (b"\x02", 0, "no message type of four digits"),
        (b"\x0a\x00" + bytes(8), 0, "no message type of four digits"),
        (b"\x02\x00" + bytes(7), 1, "the bitmap is cut short"),
        (b"\x02\x00\x80" + bytes(7), 1, "not a field of this dialect"),
        (b"\x02\x00" + bytes(9), 1, "bytes after the last field"),
    ],
)
def test_what_has_no_type_or_bitmap_is_refused(data: bytes, field: int, why: str) -> None:
    with pytest.raises(CodecError) as caught:
        decode(CUPS, data)
    assert (caught.value.field, caught.value.why) == (field, why)
    assert (caught.value.bitmap is None) == (field == 0 or "bitmap" in why)


@pytest.mark.parametrize("data", [b"02x0", b"0200", b"0200" + b"G" * 16, b"0200" + b"8" + b"0" * 15])
def test_characters_without_type_or_bitmap_are_refused(data: bytes) -> None:
    with pytest.raises(CodecError):
        decode(ISO87_ASCII, data)


def test_an_error_keeps_what_was_read_and_tells_no_value() -> None:
    broken = PURCHASE_DUMP.replace(bytes.fromhex("0008 22000001"), bytes.fromhex("0008 2200000F"))
    with pytest.raises(CodecError) as caught:
        decode(CUPS, broken)
    error = caught.value
    assert (error.mti, error.field, error.offset) == ("0200", 60, len(PURCHASE_DUMP) - 14)
    assert error.bitmap == tuple(sorted(PURCHASE.fields))
    assert {number: error.read[number] for number in (11, 41, 42)} == {
        11: "000001",
        41: "10000001",
        42: "104110070110814",
    }
    assert "6222" not in f"{error} {error!r} {error.args}"


def test_a_message_shows_only_what_its_rows_declare_open() -> None:
    secret = ("6222020000000000", "0123456789ABCDEF", "D3012")
    assert not any(part in f"{PURCHASE!r} {shown(CUPS, PURCHASE)}" for part in secret)
    assert shown(CUPS, PURCHASE)["F2"] == "622202******0000"
    assert shown(CUPS, PURCHASE)["F35"] == "<37>"
    assert shown(CUPS, PURCHASE)["F4"] == "000000012345"


def test_a_field_that_no_row_declares_is_hidden() -> None:
    assert shown(CUPS, Message("0200", {127: "secret"})) == {"mti": "0200", "F127": "<6>"}


def test_a_short_card_number_is_hidden_whole() -> None:
    assert shown(CUPS, Message("0200", {2: "622202000000"}))["F2"] == "<12>"


def test_a_dialect_with_a_habit_of_its_own_is_data() -> None:
    own = CUPS.replaced("own", [ISO87_ASCII.elements[22]])
    assert encode(own, Message("0200", {22: "051"})).endswith(b"051")
    assert encode(CUPS, Message("0200", {22: "051"})).endswith(bytes.fromhex("0510"))
    assert own.elements[2] is CUPS.elements[2]


def test_text_is_cut_to_what_a_field_holds() -> None:
    assert CUPS.fitted(44, "余额" * 10) == ("余额" * 10)[:12]
    assert ISO87_ASCII.fitted(44, "余x") == "?x"
