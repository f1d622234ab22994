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
_PR_SET_SECUREBITS = 28
_SECBIT_NO_SETUID_FIXUP = 4
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_CAPABILITY_VERSION = 0x20080522
# What lets another user pass through folders that only root may enter; a container may have the second alone.
_CAP_DAC_READ_SEARCH = 2
_CAP_DAC_OVERRIDE = 1


def _become(user: int) -> None:
    """Turn into `user`, who may still pass through folders closed to it: no folder's mode is changed for its sake."""
    libc = ctypes.CDLL(None)
    os.setgroups([])
    os.setgid(user)
    if sys.platform == "linux":
        # Without it the change of user drops every capability, and access(2), by which programs look for their files,
        # answers as if there were none.
        libc.prctl(_PR_SET_SECUREBITS, _SECBIT_NO_SETUID_FIXUP, 0, 0, 0)
    os.setuid(user)
    if sys.platform == "linux" and not _keep(libc, _CAP_DAC_READ_SEARCH):
        _keep(libc, _CAP_DAC_OVERRIDE)


def _keep(libc: ctypes.CDLL, capability: int) -> bool:
    """Keep one capability through exec and drop all others; False where we do not have it."""
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
    bit = 1 << capability
    # effective, permitted, inheritable of the first 32 capabilities, then of the rest
    sets = (ctypes.c_uint32 * 6)(bit, bit, bit, 0, 0, 0)
    if libc.capset(header, sets):
        return False
    return bool(libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, capability, 0, 0) == 0)


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
