"""System programs that some tests need, the Debian packages that have them, and the marker that asks for them.

`@pytest.mark.system_part("sshd")` skips a test where the program is missing and says how to install it.
`python -m tests.plugins.system_parts` prints the packages that are missing here; `make test` installs those.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

# Program -> Debian package. A new part needs a line here and nothing else.
PARTS = {
    "curl": "curl",
    "openssl": "openssl",
    "sshd": "openssh-server",
    "sftp": "openssh-client",
    "softhsm2-util": "softhsm2",
}
_ADMIN_FOLDERS = ("/usr/local/sbin", "/usr/sbin", "/sbin")


def where(program: str) -> str | None:
    """Find a program, also in the folders of system programs that a user's PATH leaves out."""
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), *_ADMIN_FOLDERS])
    return shutil.which(program, path=path)


def missing_packages(programs: Iterable[str] = PARTS) -> list[str]:
    """The packages of those programs that are not installed."""
    return sorted({PARTS[program] for program in programs if where(program) is None})


def reason(programs: Iterable[str]) -> str:
    """Why a test cannot run here, and what to do about it; empty where it can."""
    packages = " ".join(missing_packages(programs))
    return f"needs {packages}: sudo apt-get install -y --no-install-recommends {packages}" if packages else ""


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line(
        "markers", "system_part(*programs): needs these programs, see tests/plugins/system_parts.py"
    )


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose programs are missing."""
    import pytest  # noqa: PLC0415 - `make test` lists the packages before pytest is there

    programs = [program for marker in item.iter_markers("system_part") for program in marker.args]
    if why := reason(programs):
        pytest.skip(why)


if __name__ == "__main__":
    print(" ".join(missing_packages()))  # noqa: T201 - the shell reads it
