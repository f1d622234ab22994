from __future__ import annotations

import json
import random
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.ports import BadFileError
from channels.templates import CellError, Template, TemplateError, Value

HEAD = {"name": "mark", "kind": "constant", "value": "H", "length": 1}
BODY = {"name": "mark", "kind": "constant", "value": "D", "length": 1}
FOOT = {"name": "mark", "kind": "constant", "value": "T", "length": 1}
FIXED = {
    "name": "small",
    "form": "fixed",
    "encoding": "gb18030",
    "newline": "\r\n",
    "header": {"fields": [HEAD, {"name": "count", "kind": "amount", "length": 3}]},
    "detail": {
        "fields": [
            BODY,
            {"name": "number", "kind": "digits", "length": 4, "pad": "0", "align": "right"},
            {"name": "payee", "kind": "text", "length": 6},
            {"name": "amount", "kind": "amount", "length": 5},
            {"name": "day", "kind": "date", "length": 8, "required": False},
        ]
    },
    "trailer": {"fields": [FOOT, {"name": "sum", "kind": "amount", "length": 6}]},
    "totals": [{"record": "header", "field": "count"}, {"record": "trailer", "field": "sum", "sums": "amount"}],
}
DELIMITED = {
    "name": "bars",
    "form": "delimited",
    "delimiter": "|",
    "encoding": "gb18030",
    "newline": "\n",
    "detail": {
        "fields": [
            {"name": "number", "kind": "text"},
            {"name": "payee", "kind": "text"},
            {"name": "amount", "kind": "amount", "decimals": 2},
        ]
    },
}
ROWS: list[dict[str, Value]] = [
    {"number": "0001", "payee": "张三", "amount": 100, "day": date(2026, 11, 22)},
    {"number": "0002", "payee": "LI", "amount": 250, "day": None},
]
GOOD = "H002\r\nD0001张三  0010020261122\r\nD0002LI    00250        \r\nT000350\r\n".encode("gb18030")


def template(source: dict | None = None, **changes) -> Template:
    return Template(json.dumps((source or FIXED) | changes))


def details(one: Template, data: bytes) -> list[dict]:
    return [dict(row.values) for row in one.read([data]) if row.record == "detail"]


def test_a_file_is_written_byte_by_byte_as_the_template_says():
    assert b"".join(template().write({"count": 2, "sum": 350}, ROWS)) == GOOD


@pytest.mark.parametrize("size", [1, 7, 4096])
def test_reading_gives_the_rows_back_whatever_the_pieces(size):
    pieces = [GOOD[start : start + size] for start in range(0, len(GOOD), size)]
    rows = [row for row in template().read(pieces) if row.record == "detail"]
    assert [{k: v for k, v in row.values.items() if k != "mark"} for row in rows] == ROWS
    assert [(row.line, row.offset) for row in rows] == [(2, 6), (3, 32)]


def test_amounts_with_a_point_and_a_delimiter_inside_a_character():
    # the second byte of GBK characters may be 0x7C, the bar: lines are decoded before they are split
    name = "\u4e0b|".replace("|", "") + b"\x81\x7c".decode("gb18030")
    one = template(DELIMITED)
    data = b"".join(one.write({}, [{"number": "1", "payee": name, "amount": 1234}]))
    assert b"|12.34\n" in data
    assert details(one, data) == [{"number": "1", "payee": name, "amount": 1234}]


@pytest.mark.parametrize(
    ("data", "why", "line", "offset"),
    [
        (GOOD[:-2], "the last line has no line ending", 4, 58),
        (GOOD[:58], "the trailer is missing", 3, 58),
        (b"", "the header is missing", 0, 0),
        (GOOD.replace(b"H002", b"H003"), "header.count does not agree", 1, 0),
        (GOOD.replace(b"T000350", b"T000351"), "trailer.sum does not agree", 4, 58),
        (GOOD.replace(b"00250", b"0025x"), "amount must be digits", 3, 32),
        (GOOD.replace(b"20261122", b"20261322"), "day is not a date", 2, 6),
        (GOOD.replace(b"D0002", b"X0002"), "begins with no mark", 3, 32),
        (GOOD + b"D0002LI    00250        \r\n", "after the trailer", 5, 67),
        (b"H002\r\n" + GOOD, "a second header", 2, 6),
        (GOOD.replace("三  ".encode("gb18030"), "三 三".encode("gb18030")[:4]), "payee is not gb18030", 2, 6),
        (GOOD.replace(b"D0002LI", b"D0002L"), "the line is 23 long, not 24", 3, 32),
    ],
)
def test_a_broken_file_says_why_and_where_but_never_what(data, why, line, offset):
    with pytest.raises(BadFileError) as fault:
        list(template().read([data]))
    assert why in str(fault.value)
    assert (fault.value.line, fault.value.offset) == (line, offset)
    assert "LI" not in str(fault.value)


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({"number": "0001", "payee": "一二三四", "amount": 1}, "payee is longer than 6"),
        ({"number": "0001", "payee": "ok", "amount": -1}, "not negative"),
        ({"number": "0001", "payee": "ok", "amount": 100_000}, "amount is longer than 5"),
        ({"number": "0001", "payee": None, "amount": 1}, "payee is missing"),
        ({"number": "1a", "payee": "ok", "amount": 1}, "number must be digits"),
        ({"number": "0001", "payee": "a\nb", "amount": 1}, "control character"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_by_name(row, why):
    with pytest.raises(CellError, match=why):
        list(template().write({"count": 1, "sum": 1}, [row]))


def test_a_field_that_may_be_cut_is_cut_between_characters():
    fields = [{"name": "payee", "kind": "text", "length": 5, "cut": True}]
    source = {"name": "cut", "form": "fixed", "encoding": "gb18030", "detail": {"fields": fields}}
    assert b"".join(template(source).write({}, [{"payee": "一二三四"}])) == "一二 ".encode("gb18030") + b"\r\n"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"encoding": "utf-16"}, "Invalid enum value 'utf-16'"),
        ({"script": "import os"}, "unknown field `script`"),
        ({"form": "delimited"}, "delimiter"),
        ({"detail": {"fields": [BODY, BODY]}}, "must be there and differ"),
        ({"detail": {"fields": [{"name": "a", "kind": "text", "length": 1}]}}, "first field must be a constant"),
        ({"detail": {"fields": [BODY, {"name": "a", "kind": "text"}]}}, "detail.a: length"),
        ({"detail": {"fields": [BODY, {"name": "a", "kind": "code", "length": 1}]}}, "detail.a: a code field"),
        ({"totals": [{"record": "trailer", "field": "nothing"}]}, "has no field 'nothing'"),
        ({"totals": [{"record": "trailer", "field": "sum", "sums": "payee"}]}, "no amount field 'payee'"),
        ({"trailer": {"fields": [HEAD]}, "totals": []}, "must differ"),
    ],
)
def test_a_template_that_cannot_work_is_refused_when_it_is_loaded(changes, why):
    with pytest.raises(TemplateError, match=why):
        template(**changes)


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "number": st.integers(0, 9999).map("{:04d}".format),
                "payee": st.text("abc 张王李", min_size=1, max_size=3).map(str.strip).filter(bool),
                "amount": st.integers(0, 9999),
                "day": st.none() | st.dates(date(2000, 1, 1), date(2099, 12, 31)),
            }
        ),
        max_size=20,
    )
)
def test_what_is_written_is_read_back(rows):
    one = template()
    head = {"count": len(rows), "sum": sum(row["amount"] for row in rows)}
    read = details(one, b"".join(one.write(head, rows)))
    assert [{k: v for k, v in row.items() if k != "mark"} for row in read] == rows


def test_a_thousand_mutated_files_are_read_or_refused_and_nothing_else():
    seeded, one = random.Random(7), template()
    for _ in range(1000):
        data = bytearray(GOOD)
        for _ in range(seeded.randint(1, 4)):
            at = seeded.randrange(len(data))
            data[at : at + seeded.randint(0, 2)] = seeded.randbytes(seeded.randint(0, 3))
        try:
            rows = details(one, bytes(data))
        except BadFileError:
            continue
        assert sum(row["amount"] for row in rows) == 350 or len(rows) == 2


def test_memory_does_not_grow_with_the_file():
    one = template(header=None, trailer=None, totals=[])
    line = GOOD.split(b"\r\n")[1] + b"\r\n"
    pieces = (line * 1000 for _ in range(50))
    assert sum(1 for _ in one.read(pieces)) == 50_000
