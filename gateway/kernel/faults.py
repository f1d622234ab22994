"""Fault points: named places where a simulation may stop the world; in production each is one empty call.

`docs/sandbox.md` lists the points. A plan is refused outside the sandbox (settings).
"""

from __future__ import annotations

import os
import socket
from typing import Protocol


class Faults(Protocol):
    """Is told each time a named point is passed."""

    def at(self, point: str) -> None:
        """Pass the point, or never return."""
        ...


class NoFaults:
    """The production adapter: nothing happens."""

    def at(self, point: str) -> None:
        """Pass."""


class ReportedFaults:
    """Reports each point over a Unix socket and blocks until it is answered, so that a harness can kill anyone there.

    The wait blocks the whole process on purpose: while the harness acts, nothing else of this process moves.
    """

    def __init__(self, path: str) -> None:
        self._line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._line.connect(path)
        self._replies = self._line.makefile("rb")

    def at(self, point: str) -> None:
        """Report `point` and wait for leave to go on; a harness that is gone gives it for ever."""
        try:
            self._line.sendall(f"{os.getpid()} {point}\n".encode())
            self._replies.readline()
        except OSError:
            return
