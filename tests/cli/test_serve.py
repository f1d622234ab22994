"""`tillgate serve` as production runs it: on a database of its own, by roles, until SIGTERM."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

_UP_WITHIN_S = 60.0
_DOWN_WITHIN_S = 30.0


class Served:
    """One running `tillgate serve`."""

    def __init__(self, folder: Path, dsn: str, roles: str) -> None:
        self.ready = folder / "ready.json"
        self.log = folder / "log"
        settings = {
            "TILLGATE_DATABASE__DSN": dsn,
            "TILLGATE_HTTP__HOST": "127.0.0.1",
            "TILLGATE_METRICS__HOST": "127.0.0.1",
            "TILLGATE_TERMINALS__LISTENERS": '[{"dialect": "cups", "host": "127.0.0.1", "port": 0}]',
        }
        clean = {name: value for name, value in os.environ.items() if not name.startswith("TILLGATE_")}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "gateway.cli", "serve", "--roles", roles, "--ready", str(self.ready)],
                cwd=folder,
                env={**clean, **settings},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def addresses(self) -> dict[str, Any]:
        """Wait until all doors answer."""
        waited = 0.0
        while not self.ready.exists():
            try:
                self.process.wait(0.1)
                pytest.fail(self.log.read_text())
            except subprocess.TimeoutExpired:
                waited += 0.1
            assert waited < _UP_WITHIN_S, self.log.read_text()
        found: dict[str, Any] = json.loads(self.ready.read_text())
        return found

    def ends(self, by: signal.Signals) -> int:
        self.process.send_signal(by)
        return self.process.wait(_DOWN_WITHIN_S)


@pytest.fixture
def served(tmp_path: Path, dsn: str) -> Iterator[Any]:
    started: list[Served] = []

    def start(roles: str) -> Served:
        started.append(Served(tmp_path, dsn, roles))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
            one.process.wait()


def _get(address: str) -> str:
    with urllib.request.urlopen(address, timeout=10) as answer:  # noqa: S310 - our own door, on loopback
        return str(answer.read().decode())


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT])
def test_all_roles_until_it_is_asked_to_end(served, by: signal.Signals) -> None:
    gateway = served("terminals,api,worker")
    addresses = gateway.addresses()
    assert json.loads(_get(f"{addresses['api']}/health/ready")) == {"ready": True, "not_ready": {}}
    assert json.loads(_get(f"{addresses['api']}/openapi.json"))["openapi"].startswith("3.1")
    assert 'tillgate_up{role="worker"} 1.0' in _get(addresses["metrics"])
    (listener,) = addresses["listeners"]
    with socket.create_connection((listener["host"], listener["port"]), timeout=10) as terminal:
        terminal.sendall(b"\x00\x00")
        assert terminal.recv(2) == b"\x00\x00", "a keep-alive is answered"
    assert gateway.ends(by) == 0
    assert "Traceback" not in gateway.log.read_text()


def test_the_log_is_json_where_nobody_looks(served) -> None:
    worker = served("worker")
    worker.addresses()
    assert worker.ends(signal.SIGTERM) == 0
    assert all(json.loads(line)["level"] for line in worker.log.read_text().splitlines())


def test_a_killed_one_starts_again(served) -> None:
    first = served("api")
    first.addresses()
    first.process.kill()
    first.process.wait()
    first.ready.unlink()
    again = served("api")
    assert json.loads(_get(f"{again.addresses()['api']}/health/live")) == {"live": True}
    assert again.ends(signal.SIGTERM) == 0
