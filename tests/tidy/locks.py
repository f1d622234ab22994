"""The locks: every direct dependency pinned, every pin with its hashes, and the tests' lock over the other one."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

_PIN = re.compile(r"^([A-Za-z0-9][\w.-]*)==([^\s;]+)(?: *; *[^\\]+)?", re.MULTILINE)
_HASH = re.compile(r"^    --hash=sha256:[0-9a-f]{64}", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Lock:
    """Name -> pinned versions; the same name has several where platforms differ."""

    pins: Mapping[str, frozenset[str]]
    bare: tuple[str, ...]

    @classmethod
    def read(cls, text: str) -> Lock:
        """Read a lock file's text; `bare` are the pins without a hash."""
        starts = [*_PIN.finditer(text)]
        ends = [found.start() for found in starts[1:]] + [len(text)]
        pins: dict[str, frozenset[str]] = {}
        bare = []
        for found, end in zip(starts, ends, strict=True):
            name = canonicalize_name(found[1])
            pins[name] = pins.get(name, frozenset()) | {found[2]}
            if not _HASH.search(text, found.end(), end):
                bare.append(name)
        return cls(pins, tuple(bare))


def wanted(project: Path, *extras: str) -> list[Requirement]:
    """The direct dependencies of the project and of some of its extras."""
    data = tomllib.loads(project.read_text("utf-8"))["project"]
    texts = [*data["dependencies"], *(text for extra in extras for text in data["optional-dependencies"][extra])]
    return [Requirement(text) for text in texts]


def unpinned(lock: Lock, requirements: list[Requirement]) -> Iterator[str]:
    """Name the dependencies a lock lacks or pins outside what is asked for."""
    for requirement in requirements:
        versions = lock.pins.get(canonicalize_name(requirement.name), frozenset())
        if not versions or not all(requirement.specifier.contains(version) for version in versions):
            yield f"{requirement}: the lock has {', '.join(sorted(versions)) or 'nothing'}"
