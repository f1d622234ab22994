"""Every kind of field as a hex dump, in both dialects, both ways, and what each refuses."""

from __future__ import annotations

import pytest

from channels.iso8583 import CUPS, ISO87_ASCII, CodecError, Message, decode, encode

# field, value, its bytes in `cups`, its bytes in `iso87-ascii`
FIELDS: list[tuple[int, str | bytes, str, bytes]] = [
    (2, "6222020000000000", "16 6222020000000000", b"166222020000000000"),
    (2, "6222020000000000123", "19 62220200000000001230", b"196222020000000000123"),
    (2, "", "00", b"00"),
    (3, "200000", "200000", b"200000"),
    (4, "000000012345", "000000012345", b"000000012345"),
    (11, "000042", "000042", b"000042"),
    (13, "0229", "0229", b"0229"),
    (14, "3012", "3012", b"3012"),
    (22, "051", "0510", b"051"),
    (23, "001", "0001", b"001"),
    (25, "00", "00", b"00"),
    (32, "00000001", "08 00000001", b"0800000001"),
    (32, "12345678901", "11 123456789010", b"1112345678901"),
    (35, "6222020000000000D30122", "22 6222020000000000D30122", b"226222020000000000D30122"),
    (35, "6222020000000000D301220", "23 6222020000000000D3012200", b"236222020000000000D301220"),
    (36, "996222D1", "0008 996222D1", b"008996222D1"),
    (37, "123456789012", "313233343536373839303132", b"123456789012"),
    (38, "A1 9  ", "413120392020", b"A1 9  "),
    (39, "A0", "4130", b"A0"),
    (41, "10000001", "3130303030303031", b"10000001"),
    (42, "104110070110814", "313034313130303730313130383134", b"104110070110814"),
    (44, "approved", "08 617070726F766564", b"08approved"),
    (48, "01234", "0005 012340", b"00501234"),
    (49, "156", "313536", b"156"),
    (52, bytes.fromhex("0011223344556677"), "0011223344556677", b"0011223344556677"),
    (53, "2600000000000000", "2600000000000000", b"2600000000000000"),
    (54, "1002156C000000012345", "0020 3130303231353643303030303030303132333435", b"0201002156C000000012345"),
    (55, bytes.fromhex("9F260811"), "0004 9F260811", b"0049F260811"),
    (58, "M-100", "0005 4D2D313030", b"005M-100"),
    (60, "22000001", "0008 22000001", b"00822000001"),
    (60, "22000001003", "0011 220000010030", b"01122000001003"),
    (61, "0000010000421122", "0016 0000010000421122", b"0160000010000421122"),
    (62, b"\x00\xff", "0002 00FF", b"00200FF"),
    (63, "CUP", "0003 435550", b"003CUP"),
    (64, b"E267B6E2", "4532363742364532", b"4532363742364532"),
]


def packed_message(number: int, content: str) -> bytes:
    return bytes.fromhex("0200") + (1 << (64 - number)).to_bytes(8) + bytes.fromhex(content.replace(" ", ""))


def ascii_message(number: int, content: bytes) -> bytes:
    return b"0200" + f"{1 << (64 - number):016X}".encode() + content


@pytest.mark.parametrize(("number", "value", "dump", "_"), FIELDS)
def test_a_field_of_cups_is_these_bytes(number: int, value: str | bytes, dump: str, _: bytes) -> None:
    data = packed_message(number, dump)
    assert encode(CUPS, Message("0200", {number: value})) == data
    assert decode(CUPS, data) == Message("0200", {number: value})


@pytest.mark.parametrize(("number", "value", "_", "dump"), FIELDS)
def test_a_field_of_iso87_ascii_is_these_bytes(number: int, value: str | bytes, _: str, dump: bytes) -> None:
    data = ascii_message(number, dump)
    assert encode(ISO87_ASCII, Message("0200", {number: value})) == data
    assert decode(ISO87_ASCII, data) == Message("0200", {number: value})


def test_chinese_text_is_gbk_and_counts_bytes() -> None:
    data = packed_message(44, "04 D3E0B6EE")
    assert decode(CUPS, data).fields == {44: "余额"}
    assert encode(CUPS, Message("0200", {44: "余额"})) == data


def test_every_row_of_the_table_is_tried_above() -> None:
    assert set(CUPS.elements) - {number for number, *_ in FIELDS} == {12, 15, 26, 59}  # same kinds as others


@pytest.mark.parametrize(
    ("number", "value", "written"),
    [(4, "12345", "000000012345"), (11, "7", "000007"), (41, "T1", "T1      "), (37, "", " " * 12), (22, "51", "051")],
)
def test_a_short_value_is_filled_up_on_its_side(number: int, value: str, written: str) -> None:
    assert decode(CUPS, encode(CUPS, Message("0200", {number: value}))).fields == {number: written}
    assert decode(ISO87_ASCII, encode(ISO87_ASCII, Message("0200", {number: value}))).fields == {number: written}


@pytest.mark.parametrize(
    ("number", "content", "why"),
    [
        (2, "20 66666666666666666666", "the length is above 19"),
        (2, "1A 6222", "the length is not a number"),
        (2, "16 62220200", "the message ends inside this field"),
        (2, "", "the message ends inside this field's length"),
        (3, "2000", "the message ends inside this field"),
        (3, "20000A", "digit expected at 6"),
        (22, "0511", "the fill nibble is not 0"),
        (23, "1001", "the fill nibble is not 0"),
        (32, "11 123456789011", "the fill nibble is not 0"),
        (37, "31323334353637383930310A", "letter, digit or space expected at 12"),
        (44, "02 D3", "the message ends inside this field"),
        (44, "01 D3", "gbk character expected at 1"),
        (44, "01 07", "a control character at 1"),
        (55, "0256" + "00" * 256, "the length is above 255"),
        (7, "1122334455", "not a field of this dialect"),
        (3, "20000000", "bytes after the last field"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_field_and_place(number: int, content: str, why: str) -> None:
    with pytest.raises(CodecError) as caught:
        decode(CUPS, packed_message(number, content))
    assert (caught.value.field, caught.value.why) == (number, why)
    assert caught.value.offset == 13 if why == "bytes after the last field" else caught.value.offset == 10


@pytest.mark.parametrize(
    ("number", "content", "why"),
    [
        (3, b"20000x", "digit expected at 6"),
        (2, b"1x6222", "the length is not a number"),
        (2, b"206222", "the length is above 19"),
        (52, b"00112233445566zz", "upper-case hexadecimal digit expected at 15"),
        (52, b"0011223344556aaa", "upper-case hexadecimal digit expected at 14"),
        (35, b"036A2", "digit or separator expected at 2"),
        (44, b"01\xff", "ascii character expected at 1"),
    ],
)
def test_what_does_not_fit_as_characters_is_refused(number: int, content: bytes, why: str) -> None:
    with pytest.raises(CodecError) as caught:
        decode(ISO87_ASCII, ascii_message(number, content))
    assert (caught.value.field, caught.value.why, caught.value.offset) == (number, why, 20)


@pytest.mark.parametrize(
    ("mti", "number", "value", "why"),
    [
        ("0200", 2, "6" * 20, "longer than 19"),
        ("0200", 3, "12345x", "digit expected at 6"),
        ("0200", 3, "١٢٣٤٥٦", "digit expected at 1"),
        ("0200", 3, b"123456", "text expected"),
        ("0200", 52, "12345678", "bytes expected"),
        ("0200", 52, b"1234567", "shorter than 8"),
        ("0200", 37, "é", "letter, digit or space expected at 1"),
        ("0200", 44, "\N{SNOWMAN}\N{GRINNING FACE}", "gbk character expected at 1"),
        ("0200", 44, "line\nbreak", "a control character at 5"),
        ("0200", 7, "1122334455", "not a field of this dialect"),
        ("0200", 1, "1", "not a field of this dialect"),
        ("0200", 65, "1", "not a field of this dialect"),
        ("02", 3, "000000", "the message type is not four digits"),
    ],
)
def test_a_message_that_cannot_be_written_names_the_field(mti: str, number: int, value: str | bytes, why: str) -> None:
    with pytest.raises(CodecError) as caught:
        encode(CUPS, Message(mti, {number: value}))
    assert caught.value.why == why
    assert caught.value.field == (0 if mti == "02" else number)


def test_an_error_says_field_rule_and_place() -> None:
    with pytest.raises(CodecError, match=r"^field 4: n12, digit expected at 7$"):
        decode(ISO87_ASCII, ascii_message(4, b"000000x12345"))
    with pytest.raises(CodecError, match=r"^field 2: n\.\.19 LL, the length is above 19$"):
        decode(CUPS, packed_message(2, "20"))
