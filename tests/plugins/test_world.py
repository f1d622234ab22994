from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.plugins import world as plugin

Started = Callable[[str], "subprocess.Popen[bytes]"]


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Started]:
    """Start a stand-in for `tillgate up`: a few lines of Python, its words in the log."""
    processes: list[subprocess.Popen[bytes]] = []

    def start(code: str) -> subprocess.Popen[bytes]:
        with (tmp_path / "log").open("wb") as log:
            processes.append(subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, stdout=log, stderr=log))
        return processes[-1]

    yield start
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.wait()


def test_its_facts_are_read_once_they_are_written(started: Started, tmp_path: Path) -> None:
    process = started(
        "import json; open('part', 'w').write('{\"ca\": \"PEM\"}'); import os; os.rename('part', 'up.json')"
    )
    process.wait()
    assert plugin._facts(process, tmp_path) == json.loads('{"ca": "PEM"}')


def test_one_that_ends_at_once_shows_its_last_words(started: Started, tmp_path: Path) -> None:
    process = started("print('no room for a database'); raise SystemExit(3)")
    with pytest.raises(pytest.fail.Exception, match=r"ended with 3:\nno room for a database"):
        plugin._facts(process, tmp_path)


def test_one_that_never_answers_is_not_waited_for_for_ever(
    started: Started, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plugin, "UP_WITHIN_S", 0.2)
    with pytest.raises(pytest.fail.Exception, match=r"was not up within 0\.2 s"):
        plugin._facts(started("import signal; signal.pause()"), tmp_path)


def test_it_ends_by_interrupt(started: Started) -> None:
    process = started("import signal; signal.pause()")
    plugin._end(process)
    assert process.returncode is not None


def test_one_that_does_not_end_is_killed_and_told(
    started: Started, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plugin, "DOWN_WITHIN_S", 0.2)
    process = started(
        "import pathlib, signal; signal.signal(signal.SIGINT, signal.SIG_IGN); pathlib.Path('deaf').touch();"
        " [signal.pause() for _ in iter(int, 1)]"
    )
    while not (tmp_path / "deaf").exists():
        assert process.poll() is None
    with pytest.raises(pytest.fail.Exception, match=r"did not end within 0\.2 s of SIGINT"):
        plugin._end(process)
    assert process.poll() is not None


def test_the_end_of_a_log_is_shown(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert plugin.last_lines(log) == "no log"
    log.write_text("\n".join(str(number) for number in range(100)))
    assert plugin.last_lines(log).splitlines()[-1] == "99"
    assert len(plugin.last_lines(log).splitlines()) == plugin._LAST_LINES
