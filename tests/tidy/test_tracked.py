from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from tests.tidy.source import CHECKOUT
from tests.tidy.tracked import forbidden_words, tracked_files


@pytest.fixture(scope="module")
def texts() -> dict[PurePosixPath, str]:
    files = tracked_files(CHECKOUT)
    if files is None:
        pytest.skip("not a git checkout, so nothing says which files are tracked: git clone the repository")
    return {file: (CHECKOUT / file).read_text("utf-8", errors="replace") for file in files}


def test_no_tracked_file_has_a_forbidden_word(texts: dict[PurePosixPath, str]) -> None:
    assert [str(finding) for path, text in texts.items() for finding in forbidden_words(path, text)] == []


def test_files_git_ignores_are_not_read(texts: dict[PurePosixPath, str]) -> None:
    assert PurePosixPath("pyproject.toml") in texts
    assert not [path for path in texts if path.parts[0] == ".venv"]


def test_outside_a_checkout_nothing_is_known(tmp_path: Path) -> None:
    assert tracked_files(tmp_path) is None


@pytest.mark.parametrize(
    "line",
    [
        "see /{}ork/notes.md".format("w"),
        "cd /ho{}/alice/tillgate".format("me"),
        "../sha{}/design.md".format("red"),
        "--index{}url=x".format("-"),
        "https://mirror.example/sim{}/x".format("ple"),
        "https://files.pythonhosted{}org/packages".format("."),
        "made with Cop{}".format("ilot"),
        "# TO{}: later".format("DO"),
    ],
)
def test_a_forbidden_word_is_caught(line: str) -> None:
    assert len(list(forbidden_words(PurePosixPath("README.md"), f"fine\n{line}\n"))) == 1


@pytest.mark.parametrize(
    "line", ["the network/link", "a simple index", "https://example.org/sim{}x-protocol/".format("ple"), "framework/x"]
)
def test_ordinary_words_are_left_alone(line: str) -> None:
    assert list(forbidden_words(PurePosixPath("README.md"), line)) == []
