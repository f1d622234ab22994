"""No core dump of a process that holds keys: none is written, and other processes of the user cannot attach to it.

Source: PCI PIN requirement 6 (keys never in clear outside), setrlimit(2), prctl(2) PR_SET_DUMPABLE.
"""

from __future__ import annotations

import ctypes
import sys

_PR_GET_DUMPABLE, _PR_SET_DUMPABLE = 3, 4


def forbid_dumps() -> bool:
    """Forbid core dumps of this process and those it starts; returns whether the system took it."""
    if sys.platform == "win32":
        return False
    import resource  # noqa: PLC0415 - this module of the library is not everywhere

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if not sys.platform.startswith("linux"):
        return True
    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    return not is_dumpable()


def is_dumpable() -> bool:
    """Tell whether Linux would write this process's memory to a file."""
    return sys.platform.startswith("linux") and bool(ctypes.CDLL(None).prctl(_PR_GET_DUMPABLE, 0, 0, 0, 0))
