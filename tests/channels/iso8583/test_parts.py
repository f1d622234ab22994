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


def test_field_55_with_long_tags_and_long_lengths() -> None:
    data = bytes.fromhex("9F2608 1122334455667788 950500000080 00 DFAE0301 7F 8481 80") + bytes(128)
    assert emv(data[:-131]) == {
        b"\x9f\x26": bytes.fromhex("1122334455667788"),
        b"\x95": bytes.fromhex("0000008000"),
        b"\xdf\xae\x03": b"\x7f",
    }
    assert emv(data)[b"\x84"] == bytes(128)


@pytest.mark.parametrize("dump", ["9F", "9F26", "9F260811", "9F2680", "9F268411", "950101 950102", "9F8F", "5F83"])
def test_field_55_that_is_broken_is_refused(dump: str) -> None:
    with pytest.raises(CodecError) as caught:
        emv(bytes.fromhex(dump))
    assert caught.value.field == 55


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
    for read in (emv, reader_data):
        with contextlib.suppress(CodecError):
            assert sum(map(len, read(data).values())) <= len(data)
