"""What stands inside the private fields, per message; and tracks."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.iso8583 import (
    CUPS,
    CodecError,
    Message,
    OriginalData,
    TypeBatchCode,
    masked,
    nested_faults,
    parts_of,
    track2,
    track3,
)

FILLER = {
    "60": "00000001201",
    "0500": "000000012345 001 000000000000 000 0 000000000000 000 000000000000 000 0".replace(" ", ""),
}


def message(mti: str = "0200", code: str = "22000001", **fields: str | bytes) -> Message:
    return Message(mti, {60: code} | {int(name[1:]): value for name, value in fields.items()})


def inside(asked: Message, number: int) -> dict[str, str]:
    return {part.path: masked(part.mask, part.value) for part in parts_of(CUPS, asked, number)}


PARTS: list[tuple[Message, int, dict[str, str]]] = [
    (message(code="22000001"), 60, {"60.1": "22", "60.2": "000001"}),
    (
        message(code="22000001000501123"),
        60,
        {
            "60.1": "22",
            "60.2": "000001",
            "60.3": "000",
            "60.4": "5",
            "60.5": "0",
            "60.6": "1",
            "60.7": "123",
        },
    ),
    (message(F61="000001000042"), 61, {"61.1": "000001", "61.2": "000042"}),
    (message(F53="2600000000000000"), 53, {"53.1": "2", "53.2": "6", "53.3": "0", "53.4": "0" * 13}),
    (message("0320", "00000001202", F48="0012"), 48, {"48.1": "0012"}),
    (
        message("0320", "00000001201", F48="010000004200006222020000000001000000012345"),
        48,
        {
            "48.1": "01",
            "48[1].class": "00",
            "48[1].trace": "000042",
            "48[1].number": "622202******0001",
            "48[1].amount": "000000012345",
        },
    ),
    (
        message(F54="1002156C000000012345"),
        54,
        {
            "54[1].account": "10",
            "54[1].kind": "02",
            "54[1].unit": "156",
            "54[1].sign": "C",
            "54[1].amount": "<12>",
        },
    ),
    (message("0800", F62=b"Sequence No08SN123456"), 62, {"62.1": "Sequence No", "62.2": "08", "62.3": "SN123456"}),
    (message("0810", F62=bytes(24)), 62, {"62.1": "<24>"}),
    (message(F62=bytes.fromhex("0102AABB 030111")), 62, {"62.01": "<2>", "62.03": "<1>"}),
    (message(F59="A2003abcB1000"), 59, {"59.A2": "<3>", "59.B1": "<0>"}),
    (message(F63="CUP free"), 63, {"63.1": "CUP", "63.2": "<5>"}),
    (message(F55=bytes.fromhex("9C0100 5A086222020000000000")), 55, {"55.9C": "00", "55.5A": "<8>"}),
    (message(F55=bytes.fromhex("7003 9C0100")), 55, {"55.70": "<3>", "55.70.9C": "00"}),
    (message(F35="6222020000000000D30122010000"), 35, {"35.1": "622202******0000", "35.2": "<12>"}),
    (message(F53="2610000000000000", F35="6222AB"), 35, {"35": "<6>"}),
    (message(F4="000000000001"), 4, {}),
    (message(), 61, {}),
]


@pytest.mark.parametrize(("asked", "number", "parts"), PARTS)
def test_a_field_is_taken_apart_and_shown_as_its_table_allows(
    asked: Message, number: int, parts: dict[str, str]
) -> None:
    assert inside(asked, number) == parts
    assert nested_faults(CUPS, asked) == ()


def test_totals_of_a_settlement() -> None:
    parts = inside(message("0500", "00000001201", F48=FILLER["0500"]), 48)
    assert list(parts.values())[:5] == ["000000012345", "001", "000000000000", "000", "0"]
    assert len(parts) == 10


@pytest.mark.parametrize(
    ("asked", "field", "why"),
    [
        (message(code="220000010005"), 60, "its parts do not add up"),
        (message(code="2200"), 60, "60.2: cut short, n6 expected"),
        (message(F61="0000010"), 61, "61.2: cut short, n6 expected"),
        (message("0320", "00000001201", F48="02" + "0" * 40), 48, "its parts do not add up"),
        (message("0500", "00000001201", F48="00"), 48, "48.1: cut short, n12 expected"),
        (message(F54="1002156C0000000x2345"), 54, "54[1].amount: digits expected"),
        (message(F59="A2x"), 59, "a length is missing or not a number"),
        (message(F59="A2009abc"), 59, "an item is cut short"),
        (message(F62=b"\x01\x05\x00"), 62, "an item is cut short"),
        (message("0800", F62=b"Sequence Nox8SN"), 62, "62.2: digits expected"),
        (message(F63="C+P"), 63, "63.1: letters and digits expected"),
        (message(F55=b"\x9f"), 55, "a tag is cut short"),
        (message(F35="123"), 35, "number, separator, expiry and service code expected"),
        (message(F36="123"), 36, "format code, number and separator expected"),
    ],
)
def test_what_does_not_add_up_is_named(asked: Message, field: int, why: str) -> None:
    assert [(fault.field, fault.why) for fault in nested_faults(CUPS, asked)] == [(field, why)]


@given(st.text("0123456789", max_size=31))
def test_the_table_and_the_records_of_60_and_61_agree(value: str) -> None:
    for number, read in ((60, TypeBatchCode.read), (61, OriginalData.read)):
        asked = Message("0200", {number: value})
        try:
            read(value)
        except CodecError:
            assert nested_faults(CUPS, asked)
        else:
            assert nested_faults(CUPS, asked) == ()


@given(st.sampled_from(sorted({table.number for table in CUPS.nested})), st.data())
def test_any_value_is_taken_apart_or_refused(number: int, data: st.DataObject) -> None:
    binary = number in {55, 62}
    text: st.SearchStrategy[str | bytes] = st.text("0123456789A=D 余", max_size=60)
    value = data.draw(st.binary(max_size=60) if binary else text)
    mti = data.draw(st.sampled_from(["0200", "0320", "0500", "0800"]))
    asked = Message(mti, {60: "00000001201", number: value})
    with contextlib.suppress(CodecError):
        assert all(part.path for part in parts_of(CUPS, asked, number))


@pytest.mark.parametrize(
    ("value", "expiry", "service", "rest"),
    [
        ("6222020000000000D30122010000", "3012", "201", "0000"),
        ("6222020000000000=30122010000", "3012", "201", "0000"),
        ("6222020000000000==2010000", None, "201", "0000"),
        ("6222020000000000D3012=", "3012", None, ""),
        ("62220200D==", None, None, ""),
    ],
)
def test_forms_of_track_2(value: str, expiry: str | None, service: str | None, rest: str) -> None:
    track = track2(value)
    assert (track.expiry, track.service, track.discretionary) == (expiry, service, rest)
    assert track.pan in value
    assert track.pan not in repr(track)


def test_forms_of_track_3() -> None:
    track = track3("996222020000000000=1561560")
    assert (track.code, track.pan, track.rest) == ("99", "6222020000000000", "1561560")
    assert "6222" not in repr(track)


@pytest.mark.parametrize("value", ["", "6222020000000000", "6222020000000000D30", "abc", "٦٢٢٢٠٢٠٠٠٠٠٠٠٠٠٠D3012201"])
def test_what_is_no_track_is_refused_without_its_value(value: str) -> None:
    with pytest.raises(CodecError) as caught:
        track2(value)
    assert not value or value not in str(caught.value)
