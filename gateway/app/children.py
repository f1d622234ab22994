"""Child processes of a sandbox's world: started with a ready file, ended with us, killed on purpose in simulations."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gateway.kernel.clock import Clock
from gateway.kernel.settings import PREFIX

_POLL_S = 0.02


class ChildError(Exception):
    """A child process ended or did not become ready; the text says which one and shows the end of its log."""


class Child:
    """One process of the world: `module` run by this interpreter, its output in `log`.

    It writes `ready`, a JSON file, once it answers; the file of an earlier run is removed before the start. What is
    secret reaches it by `environment`, on top of ours without its settings: a sandbox is what its folder says.
    """

    def __init__(self, *, name: str, module: str, arguments: Sequence[str], folder: Path, clock: Clock) -> None:
        self.name = name
        self.ready = folder / "ready.json"
        self.log = folder / f"{name}.log"
        self._command = [sys.executable, "-m", module, *arguments]
        self._clock = clock
        self.environment: Mapping[str, str] = {}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        running = self._process is not None and self._process.poll() is None
        return self._process.pid if running and self._process else None

    async def start(self, *, within_s: float = 60.0) -> dict[str, Any]:
        """Start it and return what it wrote when it was ready. Raises ChildError."""
        self.ready.parent.mkdir(parents=True, exist_ok=True)
        self.ready.unlink(missing_ok=True)
        self._process = self._spawn()
        ends = self._clock.monotonic() + within_s
        while not self.ready.exists():
            if self._process.poll() is not None:
                raise ChildError(f"{self.name} ended while it started:\n{self.last_words()}")
            if self._clock.monotonic() > ends:
                raise ChildError(f"{self.name} was not ready within {within_s:g} s:\n{self.last_words()}")
            await asyncio.sleep(_POLL_S)
        found: dict[str, Any] = json.loads(self.ready.read_text())
        return found

    def kill(self) -> None:
        """End it as a power cut would: SIGKILL."""
        if self._process is not None and self._process.poll() is None:
            os.kill(self._process.pid, signal.SIGKILL)
            self._process.wait()

    async def stop(self, *, within_s: float = 60.0) -> None:
        """Ask it to end and wait; what does not end in time is killed."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.terminate()
        ends = self._clock.monotonic() + within_s
        while self._process.poll() is None and self._clock.monotonic() < ends:  # noqa: ASYNC110 - a process gives no event
            await asyncio.sleep(_POLL_S)
        self.kill()

    async def ended(self) -> int:
        """Wait until it has ended and return its exit code."""
        while self._process is None or self._process.poll() is None:  # noqa: ASYNC110 - as above
            await asyncio.sleep(_POLL_S * 10)
        return self._process.returncode

    def last_words(self) -> str:
        """Return the end of its log."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-15:])

    def _spawn(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            return subprocess.Popen(  # noqa: S603 - our own interpreter and modules
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**_without_settings(os.environ), **self.environment},
                start_new_session=True,
            )


def _without_settings(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if not name.startswith(PREFIX)}
