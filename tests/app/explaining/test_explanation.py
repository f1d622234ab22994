"""What is said of a frame: its parts under their masks, and which rule it breaks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from channels.iso8583 import CUPS, ISO87_ASCII, Message, encode
from gateway.app.explaining.explanation import WRONG, explain
from gateway.cli import app

HEAD = bytes.fromhex("6000030001 603100311234")
PURCHASE: dict[int, str | bytes] = {
    2: "6222020000000000",
    3: "000000",
    4: "000000012345",
    11: "000001",
    22: "021",
    25: "00",
    35: "6222020000000000D30122010000000000000",
    41: "10000001",
    42: "104110070110814",
    49: "156",
    52: bytes.fromhex("0123456789ABCDEF"),
    60: "22000001",
    64: b"E267B6E2",
}
SECRET = ("6222020000000000", "0123456789ABCDEF", "D3012")


def purchase(mti: str = "0200", **changed: str | bytes) -> bytes:
    fields = {**PURCHASE, **{int(name[1:]): value for name, value in changed.items()}}
    return HEAD + encode(CUPS, Message(mti, {number: value for number, value in fields.items() if value != ""}))


def wrong(content: bytes) -> list[tuple[str, str, str]]:
    findings = explain(CUPS, content, "here").findings
    return [(each.check, each.says, each.code) for each in findings if each.verdict == WRONG]


def test_a_good_purchase_is_shown_under_its_masks() -> None:
    explained = explain(CUPS, purchase(), "here")
    assert (explained.holds, explained.transaction) == (True, "purchase")
    values = {line["field"]: line["value"] for line in explained.fields}
    assert (values["2"], values["4"], values["60.2"]) == ("622202******0000", "000000012345", "000001")
    assert not any(secret in f"{explained.shown()} {explained!r}" for secret in SECRET)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (
            purchase()[:-12] + b"\x0f" + purchase()[-11:],
            [("form", "field 60: n..17 LLL, digit expected at 2; at byte 88 of the message", "30")],
        ),
        (
            HEAD + encode(CUPS, Message("0210", {39: "00"}))[:-1],
            [
                (
                    "form",
                    (
                        "field 39: an2, the message ends inside this field; at byte 10 of the message"
                        "; dropped without an answer"
                    ),
                    "",
                )
            ],
        ),
        (purchase(f61="0000010"), [("field 61", "field 61: 61.2: cut short, n6 expected; at 7 of the field", "30")]),
        (purchase(f41=""), [("fields", "missing: 41", "30")]),
        (purchase(f64=""), [("mac", "field 64 is missing", "A0")]),
        (purchase(f4=""), [("transaction", "a purchase needs also: 4", "30")]),
        (
            purchase(f3="990000"),
            [
                (
                    "transaction",
                    "no transaction has type 0200, field 3 990000, field 25 00, 60.1 22",
                    "40",
                )
            ],
        ),
        (
            encode(CUPS, Message("0820", {41: "10000001"})),
            [("envelope", "the TPDU does not begin with 60; read as a message without them", "")],
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_rule(content: bytes, found: list[tuple[str, str, str]]) -> None:
    assert wrong(content) == found


def test_an_answer_is_read_too() -> None:
    explained = explain(CUPS, purchase("0210", f39="51"), "here")
    assert (explained.holds, explained.transaction) == (True, "purchase")
    assert [each.says for each in explained.findings if each.check == "type"] == [
        "0210 is an answer or a notice: the door drops it"
    ]


def test_the_verb_prints_json_and_exits_by_what_it_found(tmp_path: Path) -> None:
    run = CliRunner()
    good = run.invoke(app, ["explain", purchase().hex(), "--json"])
    assert good.exit_code == 0, good.output
    assert json.loads(good.stdout)["frames"][0]["transaction"] == "purchase"

    file = tmp_path / "frame.hex"
    file.write_text(encode(ISO87_ASCII, Message("0200", {3: "000000"})).hex(), encoding="ascii")
    bad = run.invoke(app, ["explain", str(file), "--dialect", "iso87-ascii"])
    assert bad.exit_code == 1
    assert "missing: 11, 25, 41, 42, 60" in bad.stdout
    assert not any(secret in good.stdout + bad.stdout for secret in SECRET)
