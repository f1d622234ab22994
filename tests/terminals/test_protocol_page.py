"""The page for terminal vendors says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from channels.iso8583 import CUPS, ISO87_ASCII, Envelope, Message, decode, frame, mac_input, open_envelope
from channels.iso8583.rows import BASE, Kind, Row
from gateway.kernel.randomness import SeededRandomness
from gateway.kernel.reasons import ANSWERS
from gateway.keys.masters import MasterKey, Masters
from gateway.keys.port import KeyCipher, KeyKind, MacScheme
from gateway.keys.software import SoftwareKeyStore
from gateway.keys.working import FORMS
from gateway.terminals.transactions import ALWAYS, ROWS

PAGE = (Path(__file__).parents[2] / "docs" / "terminal-protocol.md").read_text(encoding="utf-8")
MAC_KEY = bytes.fromhex("5BB5C72CD00B7338")


def section(title: str) -> str:
    return re.split(r"^#+ ", PAGE.split(f" {title}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]


def table(title: str, first: str) -> list[list[str]]:
    """Rows of the table in a section whose heading begins with `first`."""
    lines = section(title).splitlines()
    start = next(place for place, line in enumerate(lines) if line.startswith(f"| {first} |"))
    rows = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


def written(row: Row) -> str:
    letters = {Kind.N: "n", Kind.Z: "z", Kind.AN: "an", Kind.ANS: "ans", Kind.B: "b"}[row.kind]
    return f"{letters}..{row.most} {'L' * row.prefix}" if row.prefix else f"{letters}{row.most}"


def test_the_fields_are_those_of_the_table() -> None:
    page = {int(cells[0]): cells[2].partition(";")[0] for cells in table("2. Fields", "field")}
    assert page == {row.number: written(row) for row in BASE}


def test_the_transactions_are_those_of_the_table() -> None:
    page = {
        (cells[1], cells[2], cells[3], cells[4], cells[5] == "yes")
        for cells in table("3. Transactions", "transaction")
        if cells[0] != "reversal"
    }
    assert page == {
        (f"{row.message_class}0", row.processing, row.condition, row.kind, row.transaction is not None) for row in ROWS
    }


def test_the_fields_a_request_must_have_are_those_of_the_table() -> None:
    text = section("What a request must have")
    assert "All: " + ", ".join(map(str, ALWAYS)) + " and 64." in text
    for name, also, original in table("What a request must have", "transaction"):
        row = next((row for row in ROWS if row.name == name), None)
        if row is None:
            continue
        named = {int(number) for number in re.findall(r"\d+", also.partition(", and the card")[0])}
        digits = re.search(r"61, (\d+) digits", original)
        assert named == set(row.needs), name
        assert (int(digits.group(1)) if digits else 0) == row.original, name


def test_the_codes_are_those_of_the_one_table() -> None:
    assert {cells[0] for cells in table("6. Field 39", "code")} == {answer.iso39 for answer in ANSWERS.values()}


@pytest.mark.parametrize(("column", "dialect"), [(1, "cups"), (2, "iso87-ascii")])
def test_the_sign_in_codes_are_those_of_the_forms(column: int, dialect: str) -> None:
    page = {cells[0] for cells in table("Keys", "60.3") if cells[column]}
    triple_des = {place for place, form in FORMS.items() if form.cipher is KeyCipher.TRIPLE_DES}
    assert page == {code for name, code in triple_des if name == dialect}


def dumps() -> list[Envelope]:
    found = [bytes.fromhex(dump) for dump in re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)]
    assert all(frame(data[2:]) == data for data in found)
    return [open_envelope(CUPS.framing, data[2:]) for data in found]


def test_the_bytes_of_the_example_say_what_the_page_says() -> None:
    sign_in, keys, purchase, approval = [decode(CUPS, envelope.body) for envelope in dumps()]
    assert [each.mti for each in (sign_in, keys, purchase, approval)] == ["0800", "0810", "0200", "0210"]
    assert sign_in.octets(62) == b"Sequence No12SB0000000001"
    assert (keys.text(39), keys.text(60)) == ("00", "00000001003")
    assert (purchase.text(4), purchase.text(11), purchase.text(2)) == ("000000012345", "000002", "6222020000000000")
    assert (purchase.octets(64), approval.octets(64)) == (b"19CA0FD4", b"3FB3485B")
    assert (approval.text(38), approval.text(39), approval.text(44)) == ("A12345", "00", "622202     00000001   ")


async def test_the_keys_and_macs_of_the_example_are_right() -> None:
    store = SoftwareKeyStore(masters=Masters([MasterKey(1, bytes(32))]), randomness=SeededRandomness(1))
    tmk = await store.load(KeyKind.TERMINAL_MASTER, bytes.fromhex("CA5D92598DCA48CE8A4C76361A9269E9"))
    pin_key = await store.load(KeyKind.PIN, bytes.fromhex("0123456789ABCDEFFEDCBA9876543210"))
    mac_key = await store.load(KeyKind.MAC, MAC_KEY)
    pin, mac = await store.wrap(tmk, pin_key), await store.wrap(tmk, mac_key)
    _, keys, purchase, approval = dumps()
    handed: Message = decode(CUPS, keys.body)
    assert handed.octets(62) == pin.cryptogram + pin.check_value + mac.cryptogram + bytes(8) + mac.check_value
    for envelope in (purchase, approval):
        covered = mac_input(CUPS, envelope.body)
        assert await store.mac(mac_key, MacScheme.CUPS, covered) == envelope.body[-8:]


async def test_the_mac_example_is_right() -> None:
    store = SoftwareKeyStore(masters=Masters([MasterKey(1, bytes(32))]), randomness=SeededRandomness(1))
    key = await store.load(KeyKind.MAC, bytes.fromhex("22" * 8))
    data = bytes.fromhex("1234567890ABCDEFABCDEF1234567890")
    assert await store.mac(key, MacScheme.CUPS, data) == b"E267B6E2"
    assert "`E267B6E2`" in PAGE


def test_the_second_dialect_is_the_same_rows() -> None:
    assert {number: each.row for number, each in CUPS.elements.items()}.items() <= {
        number: each.row for number, each in ISO87_ASCII.elements.items()
    }.items()
    assert set(ISO87_ASCII.elements) - set(CUPS.elements) == {7, 70, 90, 128}
