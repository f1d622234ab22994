"""Whom the embedded server runs as: PostgreSQL refuses user 0, and nothing here adds users or opens folders."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

NOBODY = 65534


@dataclass(frozen=True, slots=True)
class Account:
    """How to start a server program: behind a prefix (a user namespace), as another user id, or plainly."""

    prefix: tuple[str, ...] = ()
    user: int | None = None


def choose_account(*, user: int, owner: int | None) -> Account:
    """Choose by our own user id and by the owner of the data folder (None where there is none yet).

    An ordinary user starts the server as itself. Root starts it inside a user namespace, where root's files look like
    nobody's; where the kernel or a container refuses that, as user 65534 with a data folder of its own, who keeps the
    one right to pass through root's folders. Data that belongs to a user is served as that user.
    """
    if user != 0:
        return Account()
    if owner:
        return Account(user=owner)
    prefix = _namespace()
    if prefix or owner == 0:
        return Account(prefix=prefix)
    return Account(user=NOBODY)


def _namespace() -> tuple[str, ...]:
    program = shutil.which("unshare")
    if program is None:
        return ()
    prefix = (program, "-U", f"--map-user={NOBODY}", f"--map-group={NOBODY}", "--")
    tried = subprocess.run([*prefix, shutil.which("true") or "/bin/true"], capture_output=True, check=False)  # noqa: S603
    return prefix if tried.returncode == 0 else ()


def owner_of(folder: Path) -> int | None:
    """User id that owns `folder`; None where it is not there."""
    return folder.stat().st_uid if folder.exists() else None
