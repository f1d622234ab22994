"""The functions made for a shape of message, against the table they are made from."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channels.iso8583 import CUPS, ISO87_ASCII, CodecError, Dialect, Message, decode, define, encode
from channels.iso8583.codec import bitmap_bytes
from channels.iso8583.encodings import Value
from channels.iso8583.programs import Programs
from channels.iso8583.reading import reader
from channels.iso8583.table import read_by_table, write_by_table
from channels.iso8583.writing import writer

# Packed lengths before characters, hexadecimal in a binary message, GBK of fixed length: shapes the two do not have.
MIXED = define(
    {
        "name": "mixed",
        "base": "cups",
        "lengths": "packed",
        "kinds": {"z": "track", "b": "hexadecimal"},
        "fields": {"4": {"encoding": "digits"}, "61": {"encoding": "digits"}, "60": {"encoding": "packed left"}},
    },
    known={"cups": CUPS},
)
DIALECTS = [CUPS, ISO87_ASCII, MIXED]

messages = st.deferred(lambda: st.sampled_from(DIALECTS).flatmap(of_dialect))


def of_dialect(dialect: Dialect) -> st.SearchStrategy[tuple[Dialect, Message]]:
    from_table = st.fixed_dictionaries({}, optional={number: values(dialect, number) for number in dialect.elements})
    return st.tuples(st.just(dialect), st.builds(Message, st.sampled_from(["0200", "0210", "0800"]), from_table))


def values(dialect: Dialect, number: int) -> st.SearchStrategy[Value]:
    row = dialect.elements[number].row
    least = 0 if row.prefix else row.most
    most = min(row.most, 40) if row.prefix else row.most
    if row.kind.value == "b":
        return st.binary(min_size=least, max_size=most)
    alphabet = {"n": "0123456789", "z": "0123456789D", "an": "019AZaz ", "ans": "0Az -~"}[row.kind.value]
    return st.text(alphabet, min_size=least, max_size=most)


def by_table(dialect: Dialect, data: bytes) -> Message | None:
    try:
        return read_by_table(dialect, data)
    except CodecError:
        return None


@given(messages, st.data())
@settings(max_examples=300)
def test_a_made_reader_takes_what_the_table_takes(made: tuple[Dialect, Message], draw: st.DataObject) -> None:
    dialect, message = made
    data = write_by_table(dialect, message)
    bitmap = bitmap_bytes(dialect, data)
    read = reader(dialect, tuple(sorted(message.fields)), bitmap)
    assert read(data) == read_by_table(dialect, data)
    head = dialect.bitmap_at + len(bitmap)
    for _ in range(10):
        changed = bytearray(data)
        for _ in range(draw.draw(st.integers(1, 3))):
            place = draw.draw(st.integers(0, len(data) - 1))
            if not dialect.bitmap_at <= place < head:
                changed[place] = draw.draw(
                    st.one_of(st.integers(0, 255), st.sampled_from(list(b" 09AZaz=D\x00\x7f\x80\xd3")))
                )
        cut = draw.draw(st.integers(head, len(data)))
        for mutated in (bytes(changed), bytes(changed[:cut]), bytes(changed) + b"0"):
            assert read(mutated) == by_table(dialect, mutated)


WILD: st.SearchStrategy[Value] = st.one_of(
    st.text("0123456789", max_size=20), st.text(max_size=20), st.text("Az 余额", max_size=20), st.binary(max_size=16)
)


@given(messages, st.data())
@settings(max_examples=300)
def test_a_made_writer_writes_what_the_table_writes(made: tuple[Dialect, Message], draw: st.DataObject) -> None:
    dialect, message = made
    write = writer(dialect, tuple(message.fields))
    assert write(message.mti, message.fields) == write_by_table(dialect, message)
    for number in message.fields:
        other = {**message.fields, number: draw.draw(WILD)}
        written = write(message.mti, other)
        try:
            expected = write_by_table(dialect, Message(message.mti, other))
        except CodecError:
            assert written is None
        else:
            assert written in (expected, None)


@pytest.mark.parametrize("mti", ["02", "02000", "02x0", "٠٢٠٠"])
def test_a_made_writer_refuses_a_type_that_is_none(mti: str) -> None:
    assert writer(CUPS, (3,))(mti, {3: "000000"}) is None


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_an_error_is_the_same_before_and_after_a_function_is_made(dialect: Dialect) -> None:
    fresh = dialect.replaced(dialect.name, [])
    data = write_by_table(fresh, Message("0200", {3: "000000", 4: "000000012345", 41: "10000001"}))
    told = {refusal(fresh, data[:-3])}
    for _ in range(80):
        encode(fresh, decode(fresh, data))
    assert (len(fresh.readers.made), len(fresh.writers.made)) == (1, 1)
    assert told == {refusal(fresh, data[:-3])} == {"field 41: ans8, the message ends inside this field"}
    assert decode(fresh, data) == read_by_table(fresh, data)


def refusal(dialect: Dialect, data: bytes) -> str:
    with pytest.raises(CodecError) as caught:
        decode(dialect, data)
    return str(caught.value)


def test_a_value_that_must_be_filled_up_is_written_by_the_table() -> None:
    fresh = CUPS.replaced("fresh", [])
    for _ in range(80):
        encode(fresh, Message("0200", {4: "000000000001"}))
    assert encode(fresh, Message("0200", {4: "1"})).endswith(bytes.fromhex("000000000001"))


def test_a_shape_pays_for_its_function_and_the_oldest_is_dropped() -> None:
    programs: Programs[str] = Programs(most=2, after=3)
    for shape in ("a", "b", "c"):
        for _ in range(2):
            programs.used(shape, lambda: "made")
    assert programs.made == {}
    for shape in ("a", "b", "c"):
        programs.used(shape, lambda shape=shape: f"made for {shape}")  # type: ignore[misc]
    assert programs.made == {"b": "made for b", "c": "made for c"}


def test_a_second_bitmap_has_a_function_of_its_own() -> None:
    fresh = ISO87_ASCII.replaced("fresh", [])
    message = Message("0400", {3: "000000", 70: "301", 90: "0" * 42, 128: b"12345678"})
    for _ in range(80):
        assert decode(fresh, encode(fresh, message)) == message
    assert [len(shape) for shape in fresh.readers.made] == [32]  # type: ignore[arg-type]
