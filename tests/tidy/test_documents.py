from __future__ import annotations

import dataclasses
import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from prometheus_client import Counter

from gateway.app.process import ROLES
from gateway.kernel.metrics import Metrics, build_metrics
from gateway.kernel.settings import Settings, load_settings
from tests.cli.parsing import parsed, verbs
from tests.tidy.ladder import STEP_OF, STEPS
from tests.tidy.source import CHECKOUT

_LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
_TARGET = re.compile(r"^([a-z-]+):(?!=)", re.MULTILINE)
_SHELL = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
_PRIVATE = (
    ed25519.Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
)
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


def test_documents_name_only_targets_that_are_there() -> None:
    targets = set(_TARGET.findall((CHECKOUT / "Makefile").read_text("utf-8")))
    for document in documents():
        named = set(re.findall(r"(?:^|`)make ([a-z]+)", document.read_text("utf-8"), re.MULTILINE))
        assert named <= targets, document
        assert named or document.name not in {"README.md", "CONTRIBUTING.md"} or document.parent != CHECKOUT


def test_documents_name_only_verbs_that_are_there() -> None:
    first = {verb[0] for verb in verbs()}
    for document in documents():
        named = set(re.findall(r"`tillgate ([a-z]+)", document.read_text("utf-8")))
        assert named <= first, document


SHOWN = [
    (document.relative_to(CHECKOUT).as_posix(), line)
    for document in documents()
    for block in _SHELL.findall(document.read_text("utf-8"))
    for line in block.splitlines()
    if line.strip()
]


@pytest.mark.parametrize(("document", "line"), SHOWN)
def test_a_command_that_is_shown_is_one(document: str, line: str, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    words = [word for word in shlex.split(line, comments=True) if not re.match(r"[A-Z_]+=", word) or "ARGS" in word]
    if not words:
        return
    program = words[0].removeprefix(".venv/bin/")
    assert program in PROGRAMS, f"{document}: nothing tests a line that begins with {program}"
    PROGRAMS[program](words[1:], line)


def of_tillgate(words: list[str], _line: str) -> None:
    for named in words:
        if named.endswith((".toml", ".txt")) or (named.endswith(".json") and "test" in words):
            Path(named).touch()
    assert parsed(words) in verbs()


def of_make(words: list[str], _line: str) -> None:
    targets = set(_TARGET.findall((CHECKOUT / "Makefile").read_text("utf-8")))
    assert words[0] in targets
    given = [word.removeprefix("ARGS=") for word in words[1:] if word.startswith("ARGS=")]
    if given and words[0] in {"demo", "up"}:
        of_tillgate([words[0], *shlex.split(given[0])], "")


def of_openssl(_words: list[str], line: str) -> None:
    if " -in " in line:
        Path(line.split(" -in ")[1].split(maxsplit=1)[0]).write_text(_PRIVATE)
    subprocess.run(["sh", "-euc", line], check=True, capture_output=True)


def of_docker(words: list[str], _line: str) -> None:
    assert words[0] == "compose"
    assert (CHECKOUT / "compose.yaml").exists()


PROGRAMS = {
    "tillgate": of_tillgate,
    "make": of_make,
    "openssl": of_openssl,
    "(umask": of_openssl,
    "docker": of_docker,
}


def test_a_command_that_is_none_is_caught() -> None:
    with pytest.raises(Exception, match="No such option"):
        of_tillgate(["demo", "--sede", "7"], "")
    with pytest.raises(Exception, match="No such command"):
        of_tillgate(["guess"], "")
    with pytest.raises(AssertionError):
        of_make(["guess"], "")
    with pytest.raises(Exception, match="No such option"):
        of_make(["demo", "ARGS=--sede 7"], "")


def settings_in(section: type[msgspec.Struct], place: str = "") -> Iterator[tuple[str, object]]:
    """Every setting that holds a value, with its default."""
    for field in msgspec.structs.fields(section):
        default = field.default_factory() if field.default is msgspec.NODEFAULT else field.default
        if isinstance(default, tuple) and default and isinstance(default[0], msgspec.Struct):
            default = default[0]
        if isinstance(default, msgspec.Struct):
            yield from settings_in(type(default), f"{place}{field.name}.")
        else:
            yield f"{place}{field.name}", default


def test_the_settings_page_has_every_setting_with_its_default() -> None:
    page = (CHECKOUT / "docs/configuration.md").read_text("utf-8")
    shown = re.findall(r"^\| `([a-z_.]+)` \| `(.*?)` \| \S.* \|$", page, re.MULTILINE)
    wanted = [(name, json.dumps(default)) for name, default in settings_in(Settings)]
    assert shown == wanted
    assert re.findall(r"^## (\w+)$", page, re.MULTILINE) == [field.name for field in msgspec.structs.fields(Settings)]


def test_the_example_of_settings_is_read(tmp_path: Path) -> None:
    page = (CHECKOUT / "docs/configuration.md").read_text("utf-8")
    (example,) = re.findall(r"^```toml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    (tmp_path / "tillgate.toml").write_text(example)
    assert load_settings([tmp_path / "tillgate.toml"]).http.public_address == "https://pay.example"


def test_the_operators_page_has_every_metric_with_its_labels() -> None:
    page = (CHECKOUT / "docs/operations.md").read_text("utf-8")
    rows = re.findall(r"^\| `(tillgate_\w+)` \| (.*?) \| ", page, re.MULTILINE)
    shown = {name: re.findall(r"`(\w+)`", labels) for name, labels in rows}
    (empty,) = re.findall(r"^Registered for parts that are still to come, and empty: (.*)\.$", page, re.MULTILINE)
    registered = dict(_registered())
    later = set(re.findall(r"`(tillgate_\w+)`", empty))
    assert later <= set(registered)
    assert shown == {name: labels for name, labels in registered.items() if name not in later}
    assert {name.removeprefix("tillgate_").removesuffix("_total") for name in later} == unset_metrics()


def _registered() -> Iterator[tuple[str, list[str]]]:
    metrics = build_metrics()
    for field in dataclasses.fields(Metrics):
        metric: Any = getattr(metrics, field.name)
        if field.name != "registry":
            yield f"{metric._name}{'_total' if isinstance(metric, Counter) else ''}", list(metric._labelnames)


def unset_metrics() -> set[str]:
    """Metrics that no room touches."""
    rooms = [path for path in (CHECKOUT / "gateway").rglob("*.py") if path.name != "metrics.py"]
    text = "\n".join(path.read_text("utf-8") for path in rooms)
    names = {field.name for field in dataclasses.fields(Metrics)}
    return {name for name in names if not re.search(rf"[mM]etrics\.{name}\b", text)}


def test_the_operators_page_has_every_role() -> None:
    page = (CHECKOUT / "docs/operations.md").read_text("utf-8")
    section = page.split("\n## Roles\n")[1].split("\n## ")[0]
    assert tuple(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == ROLES


def test_the_operators_page_has_every_verb() -> None:
    page = (CHECKOUT / "docs/operations.md").read_text("utf-8")
    section = page.split("\n## Verbs\n")[1].split("\n## ")[0]
    assert set(re.findall(r"`tillgate (\w+)", section)) == {verb[0] for verb in verbs()}


def test_every_posting_that_is_shown_balances() -> None:
    page = (CHECKOUT / "docs/postings.md").read_text("utf-8")
    rows = re.findall(r"^\| ([1-9][a-i])\b.*? \| \S+ \| ([\d,.]*) ?\| ([\d,.]*) ?\|$", page, re.MULTILINE)
    sums: dict[str, Decimal] = {}
    for label, debit, credit in rows:
        moved = Decimal((debit or "0").replace(",", "")) - Decimal((credit or "0").replace(",", ""))
        sums[label] = sums.get(label, Decimal(0)) + moved
    assert {label: total for label, total in sums.items() if total} == {}
    assert {"2a", "3d", "5a", "5e", "7d", "7i"} <= set(sums)
    named = {*re.findall(r"\b[1-9][a-i]\b", (CHECKOUT / "docs/states.md").read_text("utf-8"))}
    assert named <= set(sums)


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
