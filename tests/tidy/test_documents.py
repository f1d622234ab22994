from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tidy.ladder import STEP_OF, STEPS
from tests.tidy.source import CHECKOUT

_LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
_TARGET = re.compile(r"^([a-z-]+):(?!=)", re.MULTILINE)
_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def documents() -> list[Path]:
    return sorted([*CHECKOUT.glob("*.md"), *CHECKOUT.glob("docs/**/*.md")])


def dead_links(document: Path, text: str) -> list[str]:
    links = _LINK.findall(_FENCE.sub("", text))
    return [link for link in links if "://" not in link and not (document.parent / link).exists()]


@pytest.mark.parametrize("document", documents(), ids=lambda document: document.relative_to(CHECKOUT).as_posix())
def test_every_link_leads_somewhere(document: Path) -> None:
    assert dead_links(document, document.read_text("utf-8")) == []


def test_a_dead_link_is_caught() -> None:
    text = "[a](README.md#top) [b](gone.md) [c](https://example.org/x)\n```\n[d](not-a-link)\n```\n"
    assert dead_links(CHECKOUT / "README.md", text) == ["gone.md"]


def test_the_readme_names_only_targets_that_are_there() -> None:
    targets = set(_TARGET.findall((CHECKOUT / "Makefile").read_text("utf-8")))
    for document in ("README.md", "CONTRIBUTING.md"):
        named = set(re.findall(r"(?:^|`)make ([a-z]+)", (CHECKOUT / document).read_text("utf-8"), re.MULTILINE))
        assert named
        assert named <= targets


def test_the_readme_names_only_commands_that_are_there() -> None:
    named = set(re.findall(r"`tillgate ([a-z]+)", (CHECKOUT / "README.md").read_text("utf-8")))
    asked = [sys.executable, "-c", "from gateway.cli import main; main()", "--help"]
    answer = subprocess.run(asked, capture_output=True, text=True, check=True, cwd=CHECKOUT)
    assert named
    assert {verb for verb in named if not re.search(rf"\b{verb}\b", answer.stdout)} == set()


def test_the_architecture_page_has_the_ladder_as_it_is() -> None:
    page = (CHECKOUT / "docs/architecture.md").read_text("utf-8")
    steps = re.findall(r"^\| (\d+) \| (.+?) \|", page, re.MULTILINE)
    assert [frozenset(re.findall(r"`(\w+)`", rooms)) for _, rooms in steps] == list(STEPS)
    unbuilt = re.search(r"foresees: (.+) have no code yet", page)
    named = set(re.findall(r"`(\w+)`", unbuilt[1])) if unbuilt else set()
    assert {room for room in STEP_OF if not built(room)} == named


def built(room: str) -> bool:
    return (CHECKOUT / f"gateway/{room}.py").exists() or any((CHECKOUT / "gateway" / room).glob("**/*.py"))


def test_decisions_are_numbered_and_listed() -> None:
    index = (CHECKOUT / "docs/adr/README.md").read_text("utf-8")
    records = sorted(path.name for path in (CHECKOUT / "docs/adr").glob("[0-9]*.md"))
    assert [int(name[:4]) for name in records] == list(range(1, len(records) + 1))
    assert [name for name in records if f"({name})" not in index] == []
    assert len(_LINK.findall(index)) == len(records)
