"""For all messages and for all bytes; and pyiso8583 as a second opinion."""

from __future__ import annotations

import contextlib
from typing import Any

import iso8583
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channels.iso8583 import CUPS, ISO87_ASCII, CodecError, Dialect, Element, Message, decode, encode
from channels.iso8583.rows import Kind, Row

_ALPHABETS = {Kind.N: "0123456789", Kind.AN: "0123456789ABCxyz ", Kind.Z: "0123456789D", Kind.ANS: "Ab1 -.~/"}
MTIS = st.sampled_from(["0100", "0110", "0200", "0201", "0210", "0220", "0400", "0800", "0820"])


def values(dialect: Dialect, element: Element) -> st.SearchStrategy[Any]:
    row = element.row
    least = 0 if row.prefix else row.most
    if row.kind is Kind.B:
        return st.binary(min_size=least, max_size=row.most)
    if row.kind is Kind.ANS and dialect is CUPS:
        chinese = st.text("Ab1 -收单支付余额", max_size=row.most // 2)
        return chinese.map(lambda text: text if row.prefix else text + " " * (row.most - len(text.encode("gbk"))))
    return st.text(_ALPHABETS[row.kind], min_size=least, max_size=row.most)


def messages(dialect: Dialect) -> st.SearchStrategy[Message]:
    optional = {number: values(dialect, element) for number, element in dialect.elements.items()}
    return st.builds(Message, MTIS, st.fixed_dictionaries({}, optional=optional))


@given(messages(CUPS))
@settings(max_examples=200)
def test_every_message_of_cups_comes_back(message: Message) -> None:
    data = encode(CUPS, message)
    assert decode(CUPS, data) == message
    assert encode(CUPS, decode(CUPS, data)) == data


@given(messages(ISO87_ASCII))
@settings(max_examples=200)
def test_every_message_of_iso87_ascii_comes_back(message: Message) -> None:
    data = encode(ISO87_ASCII, message)
    assert decode(ISO87_ASCII, data) == message
    assert encode(ISO87_ASCII, decode(ISO87_ASCII, data)) == data


@given(st.one_of(st.binary(max_size=300), st.binary(max_size=120).map(lambda tail: b"\x02\x00" + tail)))
@settings(max_examples=500)
def test_any_bytes_give_a_message_of_cups_or_one_error(data: bytes) -> None:
    with contextlib.suppress(CodecError):
        assert encode(CUPS, decode(CUPS, data)) == data


@given(st.one_of(st.binary(max_size=300), st.text("0123456789ABCDEF=", max_size=300).map(str.encode)))
@settings(max_examples=500)
def test_any_bytes_give_a_message_of_iso87_ascii_or_one_error(data: bytes) -> None:
    with contextlib.suppress(CodecError):
        message = decode(ISO87_ASCII, data)
        assert decode(ISO87_ASCII, encode(ISO87_ASCII, message)) == message


@given(messages(CUPS), st.data())
@settings(max_examples=200)
def test_a_mutated_message_is_read_or_refused(message: Message, data: st.DataObject) -> None:
    whole = bytearray(encode(CUPS, message))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(whole[: data.draw(st.integers(0, len(whole)))])
    for mutated in (bytes(whole), cut):
        with contextlib.suppress(CodecError):
            assert encode(CUPS, decode(CUPS, mutated)) == mutated


def peer_row(row: Row, *, packed: bool) -> dict[str, Any]:
    digits = packed and row.kind in {Kind.N, Kind.Z}
    plain = {"len_enc": "bcd" if packed else "ascii", "len_type": row.prefix, "max_len": row.most, "desc": row.name}
    if digits:
        pad = {"left_pad": "0"} if row.number == 23 else {"right_pad": "0"}
        return {**plain, **pad, "data_enc": "b", "len_count": "nibbles", "len_type": (row.prefix + 1) // 2}
    if packed:
        data = "b" if row.kind is Kind.B else "gbk" if row.kind is Kind.ANS else "ascii"
        return {**plain, "data_enc": data, "len_type": (row.prefix + 1) // 2}
    return {**plain, "data_enc": "ascii", "max_len": row.most * 2 if row.kind is Kind.B else row.most}


def peer_table(dialect: Dialect, *, packed: bool) -> dict[str, dict[str, Any]]:
    """The dialect's rows in pyiso8583's words."""
    fixed = {"data_enc": "b" if packed else "ascii", "len_enc": "ascii", "len_type": 0, "desc": ""}
    heads = {
        "h": {**fixed, "max_len": 0},
        "t": {**fixed, "max_len": 2 if packed else 4},
        "p": {**fixed, "max_len": 8 if packed else 16},
        "1": {**fixed, "max_len": 8 if packed else 16},
    }
    rows = {str(number): peer_row(each.row, packed=packed) for number, each in dialect.elements.items()}
    return heads | rows


PEER_ASCII = peer_table(ISO87_ASCII, packed=False)
PEER_CUPS = peer_table(CUPS, packed=True)
# Of hexadecimal in characters pyiso8583 counts characters, where this dialect counts bytes: it cannot express these.
NOT_IN_PEER = {55, 62}


def peer_values(message: Message) -> dict[str, str]:
    fields = {str(n): v.hex().upper() if isinstance(v, bytes) else v for n, v in message.fields.items()}
    return {"t": message.mti, **fields}


def agreed(dialect: Dialect, message: Message, table: dict[str, dict[str, Any]]) -> bool:
    theirs, _ = iso8583.encode(peer_values(message), table)
    read, _ = iso8583.decode(theirs, table)
    return encode(dialect, message) == bytes(theirs) and peer_values(message).items() <= read.items()


@given(messages(ISO87_ASCII))
@settings(max_examples=150)
def test_pyiso8583_agrees_on_iso87_ascii(message: Message) -> None:
    known = {number: value for number, value in message.fields.items() if number not in NOT_IN_PEER}
    assert agreed(ISO87_ASCII, Message(message.mti, known), PEER_ASCII)


@given(messages(CUPS))
@settings(max_examples=150)
def test_pyiso8583_agrees_on_cups(message: Message) -> None:
    assert agreed(CUPS, message, PEER_CUPS)


@pytest.mark.parametrize("dialect", [CUPS, ISO87_ASCII], ids=lambda dialect: dialect.name)
def test_every_row_has_its_bounds(dialect: Dialect) -> None:
    for element in dialect.elements.values():
        row = element.row
        assert row.most < 10 ** (row.prefix or 3)
