"""Every verb says what it is for and shows an example that parses."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from tests.cli.parsing import parsed, verbs

_EXAMPLE = "Example: tillgate "


VERBS = verbs()


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_a_verb_has_an_example_that_parses(verb: tuple[str, ...], tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    epilog = VERBS[verb].epilog or ""
    assert epilog.startswith(_EXAMPLE)
    words = shlex.split(epilog.removeprefix(_EXAMPLE))
    for named in words:
        if named.endswith((".toml", ".txt", ".json", ".pdf")):
            (tmp_path / named).parent.mkdir(exist_ok=True)
            (tmp_path / named).touch()
    assert parsed(words) == verb


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_a_verb_says_what_it_is_for(verb: tuple[str, ...]) -> None:
    assert (VERBS[verb].help or "").strip().endswith(".")
    assert all(option.help or option.hidden for option in VERBS[verb].params if option.param_type_name == "option")


def test_the_verbs_of_this_release() -> None:
    top = {"up", "demo", "serve", "migrate", "verify", "closes", "doctor", "explain", "bench", "parameter", "keys"}
    top |= {"task", "template", "terminal", "user", "merchant", "approval"}
    assert {verb[0] for verb in VERBS} == top
    terminal = {"sign-in", "purchase", "void", "refund", "reverse", "enquire", "script"}
    terminal |= {"balance", "authorise", "complete", "void-completion", "release", "settle"}
    assert {verb[1] for verb in VERBS if verb[0] == "terminal"} == terminal


def test_a_wrong_example_is_caught(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Exception, match="No such option"):
        parsed(["demo", "--sede", "7"])


def test_help_is_printed(process) -> None:
    ended = process("serve", "--help")
    assert ended.code == 0
    assert "Example: tillgate serve" in ended.out
    assert "--parent" not in ended.out, "what only a sandbox needs is nobody's business"
