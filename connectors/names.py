"""Names of files on a peer's server: one folder deep, no tricks."""

from __future__ import annotations

import re

from connectors.ports import NotUploaded, Uploaded

TEMPORARY = ".part"
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._\-]{0,199}")


def checked(name: str) -> str:
    """Return `name` where it is a plain file name. Raises ValueError for anything that could leave the folder."""
    if not _NAME.fullmatch(name) or ".." in name or name.endswith(TEMPORARY):
        message = "a file name may hold letters, digits, dot, dash and underscore, and not end in .part"
        raise ValueError(message)
    return name


def taken(there: int, size: int) -> Uploaded | NotUploaded:
    """Tell what a name means that is taken: by a file of the same size, ours; by any other, never overwritten."""
    if there == size:
        return Uploaded(was_there=True)
    return NotUploaded(f"another file of {there} bytes has this name already", is_final=True)
