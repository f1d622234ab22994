"""Names of files on a peer's server: one folder deep, no tricks."""

from __future__ import annotations

import re

TEMPORARY = ".part"
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._\-]{0,199}")


def checked(name: str) -> str:
    """Return `name` where it is a plain file name. Raises ValueError for anything that could leave the folder."""
    if not _NAME.fullmatch(name) or ".." in name or name.endswith(TEMPORARY):
        message = "a file name may hold letters, digits, dot, dash and underscore, and not end in .part"
        raise ValueError(message)
    return name
