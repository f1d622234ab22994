"""`tillgate terminal` against a running sandbox: what a vendor would try first."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gateway.sandbox.command import Drawer
from gateway.sandbox.slips import Request, Slip
from tests.cli.conftest import Tillgate


@pytest.fixture
def terminal(tillgate: Tillgate, kept_world: Path):
    """Run a verb of the last terminal of the world, which nobody else here uses."""
    number = json.loads(kept_world.read_text())["terminals"][-1]["terminal"]

    def run(*words: object):
        return tillgate("terminal", *words, "--world", kept_world, "--terminal", number)

    return run


def test_a_life_of_slips(terminal) -> None:
    assert terminal("sign-in").code == 0
    bought = terminal("purchase", "12.34", "--json")
    assert bought.code == 0
    assert (bought.json["code"], bought.json["amount_minor"]) == ("00", 1234)
    refunded = terminal("refund", bought.json["slip"], "5.00", "--json").json
    assert (refunded["transaction"], refunded["code"], refunded["amount_minor"]) == ("refund", "00", 500)
    again = terminal("purchase", "20.00", "--json").json
    voided = terminal("void", again["slip"], "--json").json
    assert (voided["transaction"], voided["code"]) == ("void", "00")
    third = terminal("purchase", "3.00", "--json").json
    assert terminal("reverse", third["slip"]).code == 0
    asked = terminal("enquire", third["slip"], "--json")
    assert (asked.code, asked.json["code"]) == (1, "12"), "a reversed purchase is not approved"
    assert terminal("enquire", bought.json["slip"]).code == 0


def test_a_script_is_one_session(terminal, tmp_path: Path) -> None:
    first = terminal("sign-in", "--json").json["slip"] + 1
    lines = ["# noon", "sign-in", "echo", "purchase 8.00", f"repeat {first + 2}", f"void {first + 2} # sent back"]
    (tmp_path / "lunch.txt").write_text("\n".join(lines))
    ended = terminal("script", tmp_path / "lunch.txt", "--json")
    slips = [json.loads(line) for line in ended.out.splitlines()]
    assert ended.code == 0
    assert [slip["code"] for slip in slips] == ["00"] * 5
    assert slips[2]["rrn"] == slips[3]["rrn"] != slips[4]["rrn"]


def test_a_declined_card_is_an_exit_of_1(terminal, kept_world: Path) -> None:
    cards = json.loads(kept_world.read_text())["cards"]
    card = next(card["pan"] for card in cards if card["behaviour"] == "decline:51")
    ended = terminal("purchase", "1.00", "--card", card)
    assert ended.code == 1
    assert "-> 51" in ended.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["purchase", "1.2"], "yuan with two decimals"),
        (["purchase", "-1.00"], "No such option"),
        (["void", "9999"], "there is no slip 9999"),
        (["enquire", "0"], "there is no slip 0"),
    ],
)
def test_what_makes_no_sense_is_not_sent(terminal, words: list[str], said: str) -> None:
    ended = terminal(*words)
    assert (ended.code, said in ended.err, "Traceback" in ended.err) == (2, True, False)


@pytest.mark.parametrize(
    ("script", "said"),
    [("dance\n", "dance is not one of"), ("refund 1\n", "needs 2 words"), ('void "1\n', "no script")],
)
def test_a_bad_script_says_why(terminal, tmp_path: Path, script: str, said: str) -> None:
    (tmp_path / "bad.txt").write_text(script)
    ended = terminal("script", tmp_path / "bad.txt")
    assert (ended.code, said in ended.err) == (2, True)


def test_a_terminal_that_is_not_there(tillgate: Tillgate, kept_world: Path) -> None:
    ended = tillgate("terminal", "sign-in", "--world", kept_world, "--terminal", "99999999")
    assert (ended.code, "there is no terminal 99999999" in ended.err) == (2, True)


def test_a_purchase_that_the_bank_is_late_for_never_becomes_a_payment(terminal, kept_world: Path) -> None:
    facts = json.loads(kept_world.read_text())
    late = next(card["pan"] for card in facts["cards"] if card["behaviour"] == "delay:9900")
    told = terminal("purchase", "6.00", "--card", late, "--json")
    assert (told.code, told.json["code"]) == (1, "98")
    asked = terminal("enquire", told.json["slip"], "--json")
    assert asked.json["code"] == "12", "reversed"


def test_what_a_terminal_keeps_between_calls(tmp_path: Path) -> None:
    request = Request(transaction="purchase", fields={"t": "0200", "11": "000007"}, frame=b"\x00\x01")
    slip = Slip(
        request=request, code="00", text="", rrn="1", approval="2", date="1122", answer={"39": "00"}, repeated=False
    )
    drawer = Drawer.open(tmp_path / "slips.json")
    assert drawer.take_traces(5, otherwise=41) == 41
    drawer.slips.append(slip)
    drawer.pending = request
    drawer.save()
    again = Drawer.open(tmp_path / "slips.json")
    assert (again.slips, again.pending) == ([slip], request)
    assert again.take_traces(5, otherwise=0) == 46, "numbers of a call that was cut are not used again"
    assert (tmp_path / "slips.json").stat().st_mode & 0o777 == 0o600


def test_a_gateway_that_is_away(tillgate: Tillgate, kept_world: Path, tmp_path: Path) -> None:
    facts = json.loads(kept_world.read_text())
    away = tmp_path / "away.json"
    away.write_text(json.dumps({**facts, "listeners": [{**facts["listeners"][0], "port": 1}]}))
    ended = tillgate("terminal", "sign-in", "--world", away)
    assert (ended.code, "no answer from the gateway" in ended.err) == (3, True)


def test_a_file_that_is_no_world(tillgate: Tillgate, tmp_path: Path) -> None:
    (tmp_path / "none.json").write_text('{"listeners": []}')
    ended = tillgate("terminal", "sign-in", "--world", tmp_path / "none.json")
    assert (ended.code, "is not the JSON of a sandbox" in ended.err) == (2, True)
