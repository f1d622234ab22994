"""`make prove`: the tests that stand behind a promise, at their full counts, with what they measured.

A test asks for the fixture `proof`, takes its counts from `proof.count(quick=…, full=…)` and hands its figures to
`proof.figure(…)`. `@pytest.mark.prove(part=1)` chooses it for `make prove` (`--prove 1`; `--prove 0` = every part):
there its counts are full and its figures go to `build/prove.json`. What holds for the same commit is not run again.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Any

import pytest

_Record = dict[str, Any]
PROVING = pytest.StashKey["Proving"]()


class Proving:
    """The file of proofs, and whether full counts are asked for."""

    def __init__(self, *, file: Path, part: int | None, commit: str) -> None:
        self.file = file
        self.part = part
        self.commit = commit
        self.held_before = 0

    @property
    def full(self) -> bool:
        """Whether this run proves, or only tests."""
        return self.part is not None

    def wants(self, parts: Iterable[int]) -> bool:
        """Whether this run proves one of these parts."""
        asked = set(parts)
        return bool(asked) and (self.part == 0 or self.part in asked)

    def holds(self, test: str) -> bool:
        """Whether the test has proven itself for this very commit."""
        record = self.read().get(test, {})
        return bool(self.commit) and record.get("commit") == self.commit and record.get("held") is True

    def read(self) -> dict[str, _Record]:
        """Read the proofs written so far."""
        if not self.file.exists():
            return {}
        proofs: dict[str, _Record] = json.loads(self.file.read_text("utf-8"))["proofs"]
        return proofs

    def write(self, test: str, record: _Record) -> None:
        """Add one proof to the file, whole."""
        proofs = self.read() | {test: {"commit": self.commit, **record}}
        self.file.parent.mkdir(parents=True, exist_ok=True)
        draft = self.file.with_suffix(".part")
        draft.write_text(json.dumps({"proofs": proofs}, indent=1, sort_keys=True) + "\n", "utf-8")
        draft.replace(self.file)


class Proof:
    """What one test learns of the run and tells about itself."""

    def __init__(self, *, full: bool) -> None:
        self._full = full
        self.figures: _Record = {}

    def count(self, *, quick: int, full: int) -> int:
        """How many to do: `quick` in `make test`, `full` in `make prove`."""
        return full if self._full else quick

    def figure(self, **figures: object) -> None:
        """Keep what was measured, seeds included."""
        self.figures |= figures


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the two options `make prove` uses."""
    parser.addoption(
        "--prove", type=int, default=None, metavar="PART", help="prove one part, 0 for all, at full counts"
    )
    parser.addoption("--prove-file", type=Path, default=Path("build/prove.json"), help="where the proofs are written")


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known and read what is to be proven."""
    config.addinivalue_line("markers", "prove(part): stands behind a promise of this part, see tests/plugins/proofs.py")
    file = config.rootpath / config.getoption("--prove-file")
    part = config.getoption("--prove")
    commit = _commit(config.rootpath) if part is not None else ""
    config.stash[PROVING] = Proving(file=file, part=part, commit=commit)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep only the proofs that are asked for and do not hold yet."""
    proving = config.stash[PROVING]
    if not proving.full:
        return
    wanted = [item for item in items if proving.wants(_parts(item))]
    chosen = [item for item in wanted if not proving.holds(item.nodeid)]
    proving.held_before = len(wanted) - len(chosen)
    config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
    items[:] = chosen


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """A run that finds every proof holding already has held; one that finds no proof at all has not."""
    if session.config.stash[PROVING].held_before and exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
        session.exitstatus = pytest.ExitCode.OK


@pytest.fixture
def proof(request: pytest.FixtureRequest) -> Generator[Proof]:
    """Counts in, figures out."""
    proving = request.config.stash[PROVING]
    given = Proof(full=proving.full)
    yield given
    request.node.stash[_FIGURES] = given.figures


_FIGURES = pytest.StashKey[_Record]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
    call: pytest.CallInfo[None],
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Write down how a proof ended, with its figures, when its last fixture is gone."""
    report = yield
    proving = item.config.stash[PROVING]
    if call.excinfo is not None:
        item.stash[_BROKEN] = True
    if proving.full and report.when == "teardown":
        held = not item.stash.get(_BROKEN, False)
        seconds = round(call.stop - item.stash[_STARTED], 3)
        proving.write(item.nodeid, {"held": held, "seconds": seconds, "figures": item.stash.get(_FIGURES, {})})
    elif report.when == "setup":
        item.stash[_STARTED] = call.start
    return report


_BROKEN = pytest.StashKey[bool]()
_STARTED = pytest.StashKey[float]()


def _parts(item: pytest.Item) -> list[int]:
    return [part for marker in item.iter_markers("prove") for part in (*marker.args, *marker.kwargs.values())]


def _commit(root: Path) -> str:
    """The commit of a clean checkout; nothing where there are changes, so that nothing is taken for proven."""
    git = shutil.which("git")
    if git is None:
        return ""
    ask = [git, "-C", os.fspath(root)]
    changed = subprocess.run([*ask, "status", "--porcelain"], capture_output=True, text=True, check=False)
    if changed.returncode or changed.stdout.strip():
        return ""
    return subprocess.run([*ask, "rev-parse", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
