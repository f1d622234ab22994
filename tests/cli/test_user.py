"""`tillgate user` against a database by its address: how a production system gets its first operator."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Ended, Tillgate


@pytest.fixture
def cli(tillgate: Tillgate, dsn: str, tmp_path: Path) -> Callable[..., Ended]:
    """`tillgate user …` on this test's database."""

    def called(*words: str) -> Ended:
        return tillgate("user", *words, "--dsn", dsn, "--json", TILLGATE_KEYS__DIRECTORY=str(tmp_path / "keys"))

    return called


def listed(cli: Callable[..., Ended]) -> dict[str, dict[str, object]]:
    return {user["login"]: user for user in cli("list").json["users"]}


def test_the_first_operator_is_added_by_command_and_kept_by_it(cli) -> None:
    added = cli("add", "wang.wei", "--name", "王伟", "--role", "system_administrator")
    assert added.code == 0, added.err
    first = added.json["one_time_password"]
    assert len(first) > 16
    assert listed(cli)["wang.wei"] == {
        "login": "wang.wei",
        "party": "platform:platform",
        "state": "active",
        "roles": ["system_administrator"],
        "must_change": True,
        "authenticator": False,
    }
    assert cli("lock", "wang.wei").json["state"] == "locked"
    assert cli("unlock", "wang.wei").json["state"] == "active"
    assert cli("role", "wang.wei", "auditor", "operator").json["roles"] == ["auditor", "operator"]
    reset = cli("reset", "wang.wei").json["one_time_password"]
    assert reset not in {first, None}


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("lock", "nobody"), "there is no user nobody"),
        (("add", "x1", "--name", "X", "--party", "merchant:M9"), "there is no party merchant:M9"),
        (("add", "x1", "--name", "X", "--party", "nonsense"), "there is no party nonsense"),
        (("add", "x1", "--name", "X", "--role", "king"), "king"),
        (("add", "X 1", "--name", "X"), "a login has"),
    ],
)
def test_what_cannot_be_done_says_why(cli, words, why) -> None:
    refused = cli(*words)
    assert refused.code == 1
    assert why in refused.err


def test_a_login_that_is_taken_is_refused(cli) -> None:
    assert cli("add", "wang.wei", "--name", "王伟").code == 0
    refused = cli("add", "wang.wei", "--name", "王薇")
    assert (refused.code, "taken" in refused.err) == (1, True)


def test_words_are_shown_to_people(tillgate, dsn, tmp_path) -> None:
    keys = {"TILLGATE_KEYS__DIRECTORY": str(tmp_path / "keys")}
    added = tillgate("user", "add", "wang.wei", "--name", "王伟", "--dsn", dsn, **keys)
    assert "wang.wei: one-time password " in added.out
    assert "wang.wei" in tillgate("user", "list", "--dsn", dsn, **keys).out
