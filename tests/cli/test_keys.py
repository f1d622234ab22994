"""Keys from the command line: made, entered by several people, handed out on slips, approved by another person."""

from __future__ import annotations

import io
import json
import pwd
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.cli.conftest import Ended, Tillgate

NUMBER, TERMINAL = "104110070110899", "10009901"
PARTS = ("CA5D92598DCA48CE8A4C76361A9269E9", "0123456789ABCDEF0123456789ABCDEF")
VALUES = {
    PARTS[0]: "43C6CCCB",
    PARTS[1]: "D5D44FF7",
}
People = Callable[..., Ended]


@pytest.fixture
def cli(tillgate: Tillgate, dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> People:
    """The command against this test's database, as a user of the machine; `told` is what is typed when it asks."""

    def called(*words: object, by: str = "li", told: str = "", **settings: str) -> Ended:
        monkeypatch.setattr("sys.stdin", io.StringIO(told))
        monkeypatch.setattr(pwd, "getpwuid", lambda _: SimpleNamespace(pw_name=by))
        return tillgate(*words, "--dsn", dsn, TILLGATE_KEYS__DIRECTORY=str(tmp_path / "keys"), **settings)

    return called


def approved(cli: People, proposal: dict[str, Any], by: str = "zhao") -> Ended:
    return cli("approval", "approve", proposal["id"], "--digest", proposal["digest"], by=by)


def with_terminal(cli: People) -> None:
    assert cli("merchant", "add", NUMBER, "--name", "南山茶庄", "--mcc", "5499", "--why", "form 17").code == 0
    words = ("--serial", "SN1", "--model", "P90", "--why", "delivered")
    assert cli("merchant", "terminal", NUMBER, TERMINAL, *words).code == 0


def has_key(cli: People) -> bool:
    return bool(cli("merchant", "show", NUMBER).json["terminals"][0]["has_key"])


def start(cli: People, target: str = f"terminal:{TERMINAL}", **more: object) -> str:
    words = [word for name, value in more.items() for word in (f"--{name}", value)]
    started = cli("keys", "component", "start", target, "--why", "ceremony 4", *words)
    assert started.code == 0, started.err
    return str(started.json["id"])


def enter(cli: People, ceremony: str, part: str, by: str, confirmed: str | None = None) -> Ended:
    told = f"{part}\n{VALUES.get(part, '') if confirmed is None else confirmed}\n"
    return cli("keys", "component", "enter", ceremony, by=by, told=told)


def shown(ended: Ended) -> dict[str, Any]:
    """The answer of an entry, behind the line with the check value."""
    assert ended.code == 0, ended.err
    return dict(json.loads(ended.out[ended.out.index("{") :]))


def test_a_key_is_generated_approved_checked_and_rotated(cli: People) -> None:
    made = cli("keys", "generate", "bank-a.zone", "zone_master", "--why", "contract 7")
    assert (made.code, made.json["kind"], made.json["state"]) == (0, "key.load", "proposed")
    assert cli("keys", "list").json["keys"] == []
    assert cli("approval", "approve", made.json["id"], "--digest", made.json["digest"]).code == 1
    assert approved(cli, made.json).code == 0
    listed = cli("keys", "list").json["keys"]
    assert [(one["name"], one["number"], one["kind"]) for one in listed] == [("bank-a.zone", 1, "zone_master")]
    assert listed[0]["check_value"] == made.json["after"]["check_value"]
    assert approved(cli, cli("keys", "rotate", "bank-a.zone", "--why", "yearly").json).code == 0
    numbers = cli("keys", "check", "bank-a.zone").json
    assert [one["number"] for one in numbers] == [2, 1]
    assert numbers[0]["check_value"] != numbers[1]["check_value"]


def test_a_signing_key_is_rotated_into_one_like_it(cli: People) -> None:
    for length, shows in ((32, "fingerprint"), (256, "public_key")):
        name = f"signing.{length}"
        assert approved(cli, cli("keys", "generate", name, "signing", "--length", length, "--why", "x").json).code == 0
        assert approved(cli, cli("keys", "rotate", name, "--why", "x").json).code == 0
        first, second = cli("keys", "check", name).json
        assert first[shows] != second[shows]
        assert len(first[shows]) == len(second[shows])


def test_two_people_enter_a_terminals_key_and_a_third_approves(cli: People) -> None:
    with_terminal(cli)
    ceremony = start(cli)
    first = enter(cli, ceremony, PARTS[0], "li")
    assert f"check value {VALUES[PARTS[0]]}" in first.out
    assert PARTS[0] not in first.out
    assert shown(first)["placed"] == 1
    last = shown(enter(cli, ceremony, PARTS[1], "wang"))
    assert (last["placed"], last["state"]) == (2, "done")
    assert not has_key(cli)
    assert approved(cli, last["proposal"]).code == 0
    assert has_key(cli)
    people = cli("keys", "component", "show", ceremony).json["people"]
    assert [(one["person"], one["check_value"]) for one in people] == [
        ("login:li", VALUES[PARTS[0]]),
        ("login:wang", VALUES[PARTS[1]]),
    ]


def test_one_person_enters_one_component_and_only_the_confirmed_one(cli: People) -> None:
    with_terminal(cli)
    ceremony = start(cli)
    assert "was confirmed" in enter(cli, ceremony, PARTS[0], "li", confirmed="00000000").err
    assert enter(cli, ceremony, PARTS[0], "li").code == 0
    assert "another person" in enter(cli, ceremony, PARTS[1], "li").err
    assert "hexadecimal" in cli("keys", "component", "enter", ceremony, by="wang", told="not hex\n").err
    assert "ended before" in cli("keys", "component", "enter", ceremony, by="wang", told=PARTS[1]).err
    assert cli("keys", "list").json["ceremonies"][0]["placed"] == 1
    assert cli("keys", "component", "cancel", ceremony, "--why", "wrong slip").json["state"] == "cancelled"
    assert "cancelled" in enter(cli, ceremony, PARTS[1], "wang").err
    assert cli("keys", "list").json["ceremonies"] == []


def test_a_terminals_key_is_handed_out_on_two_slips(cli: People) -> None:
    with_terminal(cli)
    made = cli("keys", "terminal", TERMINAL, "--why", "new device")
    assert made.code == 0, made.err
    ceremony = made.json["ceremony"]["id"]
    first = cli("keys", "export-slip", ceremony, by="li")
    assert (first.json["slip"], first.json["for"]) == (1, f"terminal:{TERMINAL}")
    assert "another person" in cli("keys", "export-slip", ceremony, by="li").err
    second = cli("keys", "export-slip", ceremony, by="wang")
    assert second.json["slip"] == 2
    assert "done" in cli("keys", "export-slip", ceremony, by="zhao").err
    whole = bytes(
        a ^ b for a, b in zip(*(bytes.fromhex(one.json["component"]) for one in (first, second)), strict=True)
    )
    assert cipher_check(whole) == made.json["check_value"]
    assert approved(cli, made.json["proposal"]).code == 0
    assert has_key(cli)


def cipher_check(key: bytes) -> str:
    from gateway.keys import KeyCipher  # noqa: PLC0415 - only here
    from gateway.keys.ciphers import ClearKey  # noqa: PLC0415 - only here

    return ClearKey(KeyCipher.TRIPLE_DES, key).check_value.hex().upper()


def test_a_terminals_key_is_handed_out_under_its_transport_key(cli: People) -> None:
    with_terminal(cli)
    assert "no transport key" in cli("keys", "terminal", TERMINAL, "--under", "maker.kbpk", "--why", "x").err
    transport = ("keys", "generate", "maker.kbpk", "transport", "--length", 32, "--cipher", "aes", "--why", "x")
    assert approved(cli, cli(*transport).json).code == 0
    made = cli("keys", "terminal", TERMINAL, "--under", "maker.kbpk", "--why", "new device")
    assert made.json["key_block"].startswith("D0112K0TE00E0000")
    assert "ceremony" not in made.json


def test_the_next_master_key_opens_what_the_one_before_protects(
    cli: People, tillgate: Tillgate, tmp_path: Path
) -> None:
    assert approved(cli, cli("keys", "generate", "bank-a.zone", "zone_master", "--why", "x").json).code == 0
    before = cli("keys", "check", "bank-a.zone").json
    made = tillgate("keys", "master", TILLGATE_KEYS__DIRECTORY=str(tmp_path / "keys"))
    assert made.json == {"master": 2, "store": "software"}
    assert (tmp_path / "keys" / "master-0002.key").stat().st_mode & 0o777 == 0o600
    assert cli("keys", "check", "bank-a.zone").json == before


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("check", "gone"), "no key gone"),
        (("rotate", "gone", "--why", "x"), "no key gone"),
        (("generate", "x", "mac", "--length", "9", "--why", "x"), "9"),
        (("generate", "x", "component", "--why", "x"), "component"),
        (("generate", "x", "terminal_master", "--why", "x"), "terminal_master"),
        (("component", "start", "name:x", "--why", "x"), "terminal_master"),
        (("terminal", "10009909", "--why", "x"), "no terminal"),
        (("component", "start", "terminal:10009909", "--why", "x"), "no terminal"),
        (("component", "start", "nothing", "--why", "x"), "terminal:<number>"),
        (("component", "start", "name:x", "--kind", "mac", "--why", "x"), "not entered"),
        (("component", "show", "x"), "not the id"),
        (("component", "show", "0199a8f0-0000-7000-8000-000000000001"), "no such ceremony"),
        (("export-slip", "0199a8f0-0000-7000-8000-000000000001"), "no such ceremony"),
    ],
)
def test_what_is_not_done_is_said(cli: People, words: tuple[str, ...], why: str) -> None:
    ended = cli("keys", *words)
    assert ended.code == 1
    assert why in ended.err


@pytest.mark.system_part("softhsm2-util")
def test_a_module_serves_the_same_verbs(cli: People, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.plugins import softhsm  # noqa: PLC0415 - only where there is a module

    settings = softhsm.module_settings()
    monkeypatch.setenv("TEST_TOKEN_PIN", settings.pin)
    chosen = {
        "TILLGATE_KEYS__STORE": "module",
        "TILLGATE_KEYS__LIBRARY": settings.library,
        "TILLGATE_KEYS__TOKEN": settings.token,
        "TILLGATE_KEYS__PIN__ENV": "TEST_TOKEN_PIN",
        "TEST_TOKEN_PIN": settings.pin,
    }
    made = cli("keys", "generate", "bank-a.zone", "zone_master", "--why", "x", **chosen)
    assert made.code == 0, made.err
    words = ("approval", "approve", made.json["id"], "--digest", made.json["digest"])
    assert cli(*words, by="zhao", **chosen).code == 0
    assert cli("keys", "check", "bank-a.zone", **chosen).json[0]["check_value"] == made.json["after"]["check_value"]
    assert "keys.library" in cli("keys", "list", TILLGATE_KEYS__STORE="module").err
