"""Running the command: its words in, its words and its exit code out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gateway.cli import main

_WITHIN_S = 240.0


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run of the command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Tillgate = Callable[..., Ended]


@pytest.fixture
def tillgate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Tillgate:
    """Call `tillgate` with words, in an empty folder, under settings of the environment only where they are given.

    It runs inside this process, which spares the start of another one; so only where no event loop runs.
    """
    for name in [name for name in os.environ if name.startswith("TILLGATE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "240")
    monkeypatch.chdir(tmp_path)

    def called(*words: object, **settings: str) -> Ended:
        capsys.readouterr()
        with monkeypatch.context() as patched:
            patched.setattr(sys, "argv", ["tillgate", *map(str, words)])
            for name, value in settings.items():
                patched.setenv(name, value)
            with pytest.raises(SystemExit) as left:
                main()
        return Ended(left.value.code if isinstance(left.value.code, int) else 0, *capsys.readouterr())

    return called


@pytest.fixture
def process(tmp_path: Path) -> Tillgate:
    """Run `tillgate` as its user does, in a process of its own."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TILLGATE_")}

    def started(*words: object, **settings: str) -> Ended:
        answer = subprocess.run(
            [sys.executable, "-m", "gateway.cli", *map(str, words)],
            cwd=tmp_path,
            env={**clean, "NO_COLOR": "1", "COLUMNS": "240", **settings},
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=_WITHIN_S,
            check=False,
        )
        return Ended(answer.returncode, answer.stdout, answer.stderr)

    return started


@pytest.fixture(scope="session")
def drawer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which terminals keep their slips, as they would for as long as their world lives."""
    return Path(tmp_path_factory.mktemp("drawer"))


@pytest.fixture
def kept_world(world: dict[str, Any], drawer: Path) -> Path:
    """The JSON of a running sandbox beside its terminals' slips."""
    path = drawer / "world.json"
    path.write_text(json.dumps(world))
    return path
