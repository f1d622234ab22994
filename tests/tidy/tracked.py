"""Words that must not stand in any tracked file: this machine's paths, package index hosts, notes to ourselves."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from tests.tidy.source import Finding

# Each pattern has a class of one letter in it, so that it does not find itself.
FORBIDDEN = {
    "a path of one machine": re.compile(
        r"(?<![\w.])/(?:[w]ork|[f]arm|[h]ome/\w+|[U]sers/\w+|[r]oot)/[\w.]|\.\./[s]hared"
    ),
    "the address of a package index": re.compile(
        r"index[-]url|https?://[^ ]*/[s]imple\b|https?://(?:[\w.-]+\.)?(?:pypi[.]org|pythonhosted[.]org)",
        re.IGNORECASE,
    ),
    "a tool that has no place in the product": re.compile(
        r"\b(?:c[l]aude|anthropi[c]|chat[g]pt|copilo[t]|open[a]i|sub[a]gents?|l[l]m|a[i] assistants?)\b",
        re.IGNORECASE,
    ),
    "a note to ourselves": re.compile(r"\b(?:TO[D]O|FIX[M]E|XX[X]|HA[C]K|WI[P])\b"),
}


def tracked_files(root: Path) -> list[PurePosixPath] | None:
    """List the files git keeps or would keep; None where `root` is no checkout."""
    git = shutil.which("git")
    if git is None or not (root / ".git").exists():
        return None
    listing = [git, "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    answer = subprocess.run(listing, cwd=root, capture_output=True, check=True, text=True)
    names = {PurePosixPath(name) for name in answer.stdout.split("\0") if name}
    return sorted(name for name in names if (root / name).is_file())


def forbidden_words(path: PurePosixPath, text: str) -> Iterator[Finding]:
    """Find forbidden words in one file's text."""
    for number, line in enumerate(text.splitlines(), start=1):
        for what, pattern in FORBIDDEN.items():
            if found := pattern.search(line):
                yield Finding(path, number, f"{found.group()!r} is {what}")
