"""Merchants, approvals and parameters from the command line: a merchant is taken on (P4, P35, X4)."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Ended, Tillgate

NUMBER, TERMINAL = "104110070110899", "10009901"


@pytest.fixture
def cli(tillgate: Tillgate, dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tillgate:
    """The command against this test's database; `told` is what is typed when it asks."""
    (tmp_path / "scan.pdf").write_bytes(b"scan")

    def called(*words: object, told: str = "", **settings: str) -> Ended:
        monkeypatch.setattr("sys.stdin", io.StringIO(told))
        return tillgate(*words, "--dsn", dsn, TILLGATE_KEYS__DIRECTORY=str(tmp_path / "keys"), **settings)

    return called


def drafted(cli: Tillgate) -> dict[str, Any]:
    ended = cli("merchant", "add", NUMBER, "--name", "南山茶庄", "--kind", "micro", "--mcc", "5499", "--why", "form 17")
    assert ended.code == 0, ended.err
    return json.loads(ended.out)


def test_a_merchant_is_taken_on_with_documents_shop_and_terminal(cli: Tillgate) -> None:
    assert drafted(cli)["state"] == "draft"
    assert (
        cli("merchant", "edit", NUMBER, "--address", "平江路 8 号", "--why", "moved").json["address"] == "平江路 8 号"
    )
    for kind in ("identity_card", "premises_proof", "agreement"):
        ended = cli("merchant", "document", NUMBER, kind, "scan.pdf", "--why", "seen", told="320500199001011234\n")
        assert ended.code == 0, ended.err
    shop = cli("merchant", "shop", NUMBER, "PJL", "--name", "平江路店", "--why", "new")
    assert [one["code"] for one in shop.json["shops"]] == ["PJL"]
    words = ("--serial", "SN1", "--model", "P90", "--shop", "PJL", "--why", "delivered")
    assert cli("merchant", "terminal", NUMBER, TERMINAL, *words).code == 0
    assert cli("merchant", "move", NUMBER, "submit", "--why", "complete").json["merchant"]["state"] == "review"
    shown = cli("merchant", "show", NUMBER).json
    assert (shown["state"], shown["terminals"][0]["has_key"]) == ("review", False)
    assert [one["number"] for one in cli("merchant", "ls", "--state", "review").json] == [NUMBER]
    assert "320500199001011234" not in json.dumps(shown)


def test_one_person_does_not_open_a_merchant(cli: Tillgate) -> None:
    drafted(cli)
    for kind in ("identity_card", "premises_proof", "agreement"):
        cli("merchant", "document", NUMBER, kind, "scan.pdf", "--why", "seen", told="320500199001011234\n")
    cli("merchant", "move", NUMBER, "submit", "--why", "complete")
    proposal = cli("merchant", "move", NUMBER, "open", "--why", "reviewed").json["proposal"]
    assert cli("approval", "show", proposal["id"]).json["after"]["state"] == "open"
    assert [one["id"] for one in cli("approval", "ls").json] == [proposal["id"]]
    assert cli("approval", "ls", "--mine").json == []
    refused = cli("approval", "approve", proposal["id"], "--digest", proposal["digest"])
    assert refused.code == 1
    assert "not_permitted" in refused.err
    assert cli("merchant", "show", NUMBER).json["state"] == "review"
    assert cli("approval", "withdraw", proposal["id"], "--why", "mine").json["state"] == "withdrawn"


def test_a_card_and_a_rate_are_proposed(cli: Tillgate) -> None:
    drafted(cli)
    words = ("--name", "王小明", "--bank", "ICBC", "--why", "new")
    card = cli("merchant", "card", NUMBER, *words, told="6222020001234560\n")
    assert (card.json["kind"], card.json["after"]["bank_card"]) == ("merchant.bank_card", "622202******4560")
    rate = cli("merchant", "rate", NUMBER, "0.55", "--since", "2099-01-01T00:00:00+08:00", "--why", "new")
    assert rate.code == 1
    assert "no fee item" in rate.err
    assert cli("merchant", "password", NUMBER, "--why", "first", told="123456\n").code == 0
    assert "six digits" in cli("merchant", "password", NUMBER, "--why", "first", told="abc\n").err


def test_a_parameter_is_set_and_its_history_shown(cli: Tillgate) -> None:
    assert cli("parameter", "set", "withdrawal.most_open", "30", "--why", "season").json["parameter"]["value"] == 30
    listed = {one["code"]: one["value"] for one in cli("parameter", "ls").json}
    assert listed["withdrawal.most_open"] == 30
    assert cli("parameter", "set", "withdrawal.most_open", "null", "--why", "over").json["parameter"]["value"] == 20
    history = cli("parameter", "history", "withdrawal.most_open").json
    assert [step["why"] for step in history] == ["season", "over"]
    sensitive = cli("parameter", "set", "withdrawal.daily_minor", "100", "--why", "less").json
    assert sensitive["proposal"]["state"] == "proposed"


@pytest.mark.parametrize(
    ("words", "told", "why"),
    [
        (("merchant", "show", "104110070110800"), "", "there is no merchant"),
        (("merchant", "add", "123", "--name", "x", "--why", "x"), "", "merchant"),
        (("merchant", "add", NUMBER, "--name", "x", "--parent", "agent:X", "--why", "x"), "", "no party agent:X"),
        (("approval", "show", "apr_x"), "", "not an id"),
        (("parameter", "set", "withdrawal.gone", "1", "--why", "x"), "", "no such parameter"),
        (("parameter", "set", "withdrawal.most_open", "0", "--why", "x"), "", "between 1 and 1000"),
        (("parameter", "history", "withdrawal.gone"), "", "there is no parameter"),
    ],
)
def test_what_is_not_done_is_said(cli: Tillgate, words: tuple[str, ...], told: str, why: str) -> None:
    ended = cli(*words, told=told)
    assert ended.code == 1
    assert why in ended.err
