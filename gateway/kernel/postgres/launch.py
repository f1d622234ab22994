"""Start one program so that it ends with its parent: the first thing in the child, before PostgreSQL itself.

Run as a script by the standard library alone: `launch.py PARENT USER PROGRAM ARGUMENT...`, where USER is a user id to
become, or `-`. The credentials change first, because a change of credentials clears the parent-death signal. It runs
in the child after exec, so nothing here happens between a fork and an exec of a process with threads.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def _become(user: int) -> None:
    os.setgroups([])
    os.setgid(user)
    os.setuid(user)


def _end_with_parent(parent: int) -> None:
    if sys.platform != "linux":  # elsewhere a server that outlived us is taken down by the next start
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGINT))
    if os.getppid() != parent:  # it died before the signal was asked for
        sys.exit(1)


def main(arguments: list[str]) -> None:
    """Become the user, tie the life to the parent's, and turn into the program."""
    parent, user, *program = arguments
    if user != "-":
        _become(int(user))
    _end_with_parent(int(parent))
    os.execv(program[0], program)  # noqa: S606 - the whole purpose; the program is named by its full path


if __name__ == "__main__":
    main(sys.argv[1:])
