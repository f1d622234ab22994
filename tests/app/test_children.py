"""Child processes of a world: ready or said why not, and gone when they are told."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from gateway.app.children import Child, ChildError
from gateway.kernel.clock import SystemClock
from tests.app.conftest import lives

READY = """
import json, os, pathlib, signal, sys, time
{before}
ready = pathlib.Path(sys.argv[1])
ready.with_suffix(".part").write_text(json.dumps(dict(os.environ)))
ready.with_suffix(".part").replace(ready)
signal.pause()
"""


@pytest.fixture
def child(tmp_path: Path, monkeypatch):
    """Make a child of a module that does `before` and is then ready; what still runs in the end is killed."""
    parts: list[Child] = []
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    def made(before: str = "", **environment: str) -> Child:
        (tmp_path / "part_of_a_world.py").write_text(READY.format(before=before))
        ready = str(tmp_path / "ready.json")
        made = Child(name="part", module="part_of_a_world", arguments=[ready], folder=tmp_path, clock=SystemClock())
        made.environment = environment
        parts.append(made)
        return made

    yield made
    for part in parts:
        part.kill()


async def test_it_tells_when_it_is_ready_and_ends_when_asked(child) -> None:
    part = child()
    await part.start()
    pid = part.pid
    assert lives(pid)
    await part.stop()
    assert not lives(pid)
    assert part.pid is None
    assert await part.ended() != 0


async def test_settings_of_the_surroundings_do_not_reach_it(child, monkeypatch) -> None:
    monkeypatch.setenv("TILLGATE_HTTP__PORT", "80")
    part = child(TILLGATE_DATABASE__DSN="postgresql://here")
    told = await part.start()
    await part.stop()
    assert [name for name in told if name.startswith("TILLGATE_")] == ["TILLGATE_DATABASE__DSN"]
    assert told["PYTHONPATH"]


async def test_one_that_ends_while_it_starts_says_why(child) -> None:
    with pytest.raises(ChildError, match=r"part ended while it started:\n.*no such bank"):
        await child("sys.exit('no such bank')").start()


async def test_one_that_hangs_is_not_waited_for_for_ever(child) -> None:
    part = child("signal.pause()")
    with pytest.raises(ChildError, match=r"not ready within 0\.2 s"):
        await part.start(within_s=0.2)
    part.kill()
    assert part.pid is None


async def test_one_that_does_not_listen_is_killed(child) -> None:
    part = child("signal.signal(signal.SIGTERM, signal.SIG_IGN)")
    await part.start()
    pid = part.pid
    await part.stop(within_s=0.2)
    assert not lives(pid)


async def test_the_ready_file_of_an_earlier_life_is_not_believed(child, tmp_path: Path) -> None:
    part = child("sys.exit(1)")
    (tmp_path / "ready.json").write_text("{}")
    with pytest.raises(ChildError):
        await part.start()


def test_a_child_runs_in_our_own_interpreter(child) -> None:
    assert child()._command[:2] == [sys.executable, "-m"]
