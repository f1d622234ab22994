"""A running sandbox for tests: `world` as its user starts it, `sandbox_world` and `new_world` to take it apart.

`world` is the JSON of `tillgate up --json FILE`, one for the session; whoever changes more than its own payments in it
asks for `new_world` instead.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from gateway.app.world import World, WorldSettings
from gateway.kernel.clock import SystemClock
from gateway.kernel.postgres.embedded import discard

UP_WITHIN_S = 180.0
DOWN_WITHIN_S = 60.0
_LOOK_EVERY_S = 0.1
_LAST_LINES = 40
_CHECKOUT = Path(__file__).parents[2]

NewWorld = Callable[..., AbstractAsyncContextManager[World]]


@pytest.fixture(scope="session")
def world() -> Iterator[dict[str, Any]]:
    """What `tillgate up --json FILE` tells an outside client; the world ends with the session."""
    folder = Path(tempfile.mkdtemp(prefix="tg-up-"))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "gateway.cli", "up", "--directory", folder / "world", "--json", folder / "up.json"],
            cwd=_CHECKOUT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**os.environ, "NO_COLOR": "1"},
        )
    try:
        yield _facts(process, folder)
        if process.poll() is not None:
            pytest.fail(f"the world ended meanwhile with {process.returncode}:\n{last_lines(folder / 'log')}")
    finally:
        _end(process)
        discard(folder / "world" / "postgres")
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def new_world() -> NewWorld:
    """Start a world in this process: `async with new_world(seed=3, fault_socket=…) as world`.

    `world.facts` is its JSON; its parts can be killed and started again. Its folder is gone afterwards.
    """

    @asynccontextmanager
    async def started(**settings: Any) -> AsyncIterator[World]:
        folder = Path(tempfile.mkdtemp(prefix="tg-world-"))
        made = World(WorldSettings(directory=folder, **settings), clock=SystemClock())
        try:
            await made.start()
            yield made
        except BaseException as error:
            for part in (made.gateway, made.bank):
                error.add_note(f"{part.name}:\n{last_lines(part.log)}")
            raise
        finally:
            await made.stop()
            discard(folder / "postgres")
            shutil.rmtree(folder, ignore_errors=True)

    return started


@pytest.fixture(scope="session")
async def sandbox_world(new_world: NewWorld) -> AsyncIterator[World]:
    """A world of the session, started in this process, with process ids to look at."""
    async with new_world() as made:
        yield made


def last_lines(log: Path) -> str:
    """Return the end of a log."""
    text = log.read_text(errors="replace") if log.exists() else "no log"
    return "\n".join(text.splitlines()[-_LAST_LINES:])


def _facts(process: subprocess.Popen[bytes], folder: Path) -> dict[str, Any]:
    clock = SystemClock()
    ends = clock.monotonic() + UP_WITHIN_S
    while not (folder / "up.json").exists():
        with suppress(subprocess.TimeoutExpired):
            process.wait(_LOOK_EVERY_S)
            pytest.fail(f"tillgate up ended with {process.returncode}:\n{last_lines(folder / 'log')}")
        if clock.monotonic() > ends:
            pytest.fail(f"tillgate up was not up within {UP_WITHIN_S:g} s:\n{last_lines(folder / 'log')}")
    facts: dict[str, Any] = json.loads((folder / "up.json").read_text())
    return facts


def _end(process: subprocess.Popen[bytes]) -> None:
    """End it as its user does, by Ctrl-C; what does not end in time is killed, and the tests fail."""
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGINT)
    try:
        process.wait(DOWN_WITHIN_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        pytest.fail(f"tillgate up did not end within {DOWN_WITHIN_S:g} s of SIGINT")
