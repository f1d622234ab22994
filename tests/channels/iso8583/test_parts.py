"""Fields 60, 61, 55 and 62 taken apart."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.iso8583 import CodecError, OriginalData, TypeBatchCode, emv, reader_data


@pytest.mark.parametrize(
    ("value", "parts"),
    [
        ("22000001", ("22", "000001", None, None, None, None, None)),
        ("00000001003", ("00", "000001", "003", None, None, None, None)),
        ("2200000100050", ("22", "000001", "000", "5", "0", None, None)),
        ("22000001000501", ("22", "000001", "000", "5", "0", "1", None)),
        ("22000001000501123", ("22", "000001", "000", "5", "0", "1", "123")),
    ],
)
def test_field_60(value: str, parts: tuple[str | None, ...]) -> None:
    read = TypeBatchCode.read(value)
    names = ("transaction", "batch", "network", "capability", "condition", "partial", "account")
    assert tuple(getattr(read, name) for name in names) == parts
    assert read.echoed() == value[:11]


@pytest.mark.parametrize("value", ["", "22", "2200000", "2200000100", "220000010005", "220000010005011"])
def test_field_60_of_another_length_is_refused(value: str) -> None:
    with pytest.raises(CodecError) as caught:
        TypeBatchCode.read(value)
    assert caught.value.field == 60


@pytest.mark.parametrize(
    ("value", "parts"),
    [
        ("000001", ("000001", None, None, None, None)),
        ("000001000042", ("000001", "000042", None, None, None)),
        ("0000010000421122", ("000001", "000042", "1122", None, None)),
        ("000001000042112201", ("000001", "000042", "1122", "01", None)),
        ("00000100004211220100000000001", ("000001", "000042", "1122", "01", "00000000001")),
    ],
)
def test_field_61(value: str, parts: tuple[str | None, ...]) -> None:
    read = OriginalData.read(value)
    assert (read.batch, read.trace, read.day, read.mode, read.institution) == parts


@pytest.mark.parametrize("value", ["", "00001", "0000010", "00000100004211", "0000010000421122010"])
def test_field_61_of_another_length_is_refused(value: str) -> None:
    with pytest.raises(CodecError) as caught:
        OriginalData.read(value)
    assert caught.value.field == 61


def found(data: bytes) -> list[tuple[str, bytes]]:
    return [(each.name, each.value) for each in emv(data)]


def test_field_55_with_long_tags() -> None:
    assert found(bytes.fromhex("9F2608 1122334455667788 950500000080 00 DFAE0301 7F")) == [
        ("9F26", bytes.fromhex("1122334455667788")),
        ("95", bytes.fromhex("0000008000")),
        ("DFAE03", b"\x7f"),
    ]


@pytest.mark.parametrize(
    ("length", "size"),
    [("00", 0), ("7F", 127), ("8180", 128), ("81FF", 255), ("820100", 256), ("83000003", 3), ("8400000002", 2)],
)
def test_every_form_of_length(length: str, size: int) -> None:
    assert found(bytes.fromhex("84" + length) + bytes([7]) * size) == [("84", bytes([7]) * size)]


def test_objects_inside_objects_and_a_tag_twice_are_kept() -> None:
    first, second = emv(bytes.fromhex("7008 9A03261122 9C0100 9A03261123"))
    assert [(each.name, each.value.hex(), each.offset) for each in first.inside] == [
        ("9A", "261122", 2),
        ("9C", "00", 7),
    ]
    assert (first.is_constructed, second.is_constructed, second.offset) == (True, False, 10)
    assert [each.name for each in emv(bytes.fromhex("9A03261122 9A03261123"))] == ["9A", "9A"]


def test_zeros_between_objects_mean_nothing() -> None:
    assert found(bytes.fromhex("0000 9C0100 00 9A03261122 0000")) == [("9C", b"\0"), ("9A", b"\x26\x11\x22")]


@pytest.mark.parametrize(
    ("dump", "offset", "why"),
    [
        ("9F", 0, "a tag is cut short"),
        ("9F26", 2, "tag 9F26: the length is missing"),
        ("9C0100 9F260811", 3, "tag 9F26: the value is cut short"),
        ("9F2680", 2, "tag 9F26: a length of the indefinite form"),
        ("9F268411", 2, "tag 9F26: the length is cut short or of more than 4 bytes"),
        ("9F2685 0000000001 00", 2, "tag 9F26: the length is cut short or of more than 4 bytes"),
        ("9F8F", 0, "a tag is cut short"),
        ("1F8181818101 00", 0, "a tag of more than 4 bytes"),
        ("7003 9A0326", 2, "tag 9A: the value is cut short"),
        ("7002" * 9 + "9C00", 18, "objects inside objects, too deep"),
    ],
)
def test_field_55_that_is_broken_is_named(dump: str, offset: int, why: str) -> None:
    data = bytes.fromhex(dump) if "7002" not in dump else nest(bytes.fromhex("9C00"), 9)
    with pytest.raises(CodecError) as caught:
        emv(data)
    assert (caught.value.field, caught.value.offset, caught.value.why) == (55, offset, why)


def nest(inside: bytes, times: int) -> bytes:
    for _ in range(times):
        inside = b"\x70" + bytes([len(inside)]) + inside
    return inside


def test_reader_data() -> None:
    assert reader_data(bytes.fromhex("010AFFFF9876543210E00001 0302AABB")) == {
        1: bytes.fromhex("FFFF9876543210E00001"),
        3: b"\xaa\xbb",
    }


@pytest.mark.parametrize("dump", ["01", "0102AA", "0101AA 0101BB"])
def test_reader_data_that_is_broken_is_refused(dump: str) -> None:
    with pytest.raises(CodecError) as caught:
        reader_data(bytes.fromhex(dump))
    assert caught.value.field == 62


@given(st.binary(max_size=80))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(CodecError):
        assert sum(len(each.value) for each in emv(data)) <= len(data)
    with contextlib.suppress(CodecError):
        assert sum(map(len, reader_data(data).values())) <= len(data)
