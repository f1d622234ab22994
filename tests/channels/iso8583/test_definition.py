"""A dialect of one's own is a file: what it may say, and how a wrong one is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from channels.iso8583 import CUPS, DIALECTS, DefinitionError, Dialect, Message, decode, define, encode, load, parts_of

OWN = """
name = "own"
base = "cups"
mac = "x919"
without = [59]

[frame]
header = 0

[kinds]
b = "hexadecimal"

[fields]
22 = { encoding = "digits" }
48 = { format = "ans..999 LLL" }
65 = { name = "of their own", format = "n4", mask = "open" }
7 = { name = "transmission date and time", format = "n10" }

[[nested]]
field = 48
kinds = ["22"]
form = "tlv"
tag = 2
length = 3
names = { OP = "operator" }
"""


@pytest.fixture
def own(tmp_path: Path) -> Dialect:
    file = tmp_path / "own.toml"
    file.write_text(OWN.replace("65 =", "24 ="), encoding="utf-8")
    return load(file, DIALECTS)


def test_it_says_only_what_differs(own: Dialect) -> None:
    assert (own.name, own.family, own.mac, own.framing.tpdu, own.framing.header) == ("own", "cups", "x919", True, 0)
    assert own.elements[2] == CUPS.elements[2]
    assert set(own.elements) == set(CUPS.elements) - {59} | {7, 24}


def test_its_messages_are_read_and_written(own: Dialect) -> None:
    message = Message(
        "0200",
        {7: "1122334455", 22: "051", 24: "0042", 48: "OP003余", 52: bytes(8), 60: "22000001"},
    )
    data = encode(own, message)
    assert data == bytes.fromhex("0200 0200050000011010 1122334455 303531 0042 0007") + "OP003余".encode("gbk") + (
        b"0" * 16 + bytes.fromhex("0008 22000001")
    )
    for _ in range(80):
        assert decode(own, data) == message


def test_its_private_fields_are_its_own(own: Dialect) -> None:
    asked = Message("0200", {48: "OP00201", 60: "22000001"})
    assert [(part.path, part.name, part.value) for part in parts_of(own, asked, 48)] == [("48.OP", "operator", "01")]


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"name": "own", "base": "nothing"}, "base: one of cups, iso87-ascii expected"),
        ({"name": "own", "base": "cups", "colour": "red"}, "unknown keys"),
        ({"base": "cups"}, "name: a short text"),
        ({"name": "own", "base": "cups", "mac": "crc"}, "mac: one of"),
        ({"name": "own", "base": "cups", "charset": "ebcdic"}, "charset: one of"),
        ({"name": "own", "base": "cups", "form": "morse"}, "form: one of"),
        ({"name": "own", "base": "cups", "lengths": "long"}, "lengths: one of"),
        ({"name": "own", "base": "cups", "frame": {"header": 65}}, "frame.header"),
        (
            {"name": "own", "base": "cups", "fields": {"5": {"name": "x", "format": "q3"}}},
            "field 5: 'q3' is not a format",
        ),
        ({"name": "own", "base": "cups", "fields": {"129": {"name": "x", "format": "n3"}}}, "no such field"),
        ({"name": "own", "base": "cups", "fields": {"5": {"name": "x", "format": "n..100 LL"}}}, "100 does not fit"),
        ({"name": "own", "base": "cups", "fields": {"4": {"encoding": "ebcdic"}}}, "'ebcdic' is no encoding"),
        ({"name": "own", "base": "cups", "nested": [{"field": 48, "form": "xml"}]}, "'xml' is no form"),
        (
            {"name": "own", "base": "cups", "nested": [{"field": 48, "form": "parts", "parts": [["a", "b", "q"]]}]},
            "'q'",
        ),
        ({"name": "own", "base": "cups", "fields": {"x": {"format": "n3"}}}, "of no use"),
        ({"name": "own", "base": "cups", "fields": {"4": {"mask": "shown"}}}, "of no use"),
        ({"name": "own", "base": "cups", "nested": [{"form": "emv"}]}, "of no use"),
    ],
)
def test_a_wrong_definition_is_refused_naming_the_key(said: dict[str, Any], why: str) -> None:
    with pytest.raises(DefinitionError, match=why.replace("(", r"\(").replace(".", r"\.")):
        define(said, known=DIALECTS)


def test_a_file_that_is_no_definition_is_named(tmp_path: Path) -> None:
    file = tmp_path / "broken.toml"
    file.write_text("name = ", encoding="utf-8")
    with pytest.raises(DefinitionError, match=r"broken\.toml: "):
        load(file, DIALECTS)
