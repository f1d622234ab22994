"""Master keys: AES-256 keys that protect all others; the newest is used, older ones still open what they protected.

They live in files `master-NNNN.key` (64 hexadecimal digits, mode 0600) in a folder of their own (mode 0700), or come
in one text from the environment. A lost master key loses everything under it: `docs/keys.md` says how to keep copies.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from gateway.kernel.randomness import Randomness
from gateway.keys.port import KeyStoreError

LENGTH = 32
_FILE = re.compile(r"master-(\d{4})\.key")
_FOR_OTHERS = 0o077


@dataclass(frozen=True, slots=True)
class MasterKey:
    """One master key; `number` counts up from 1 and is the version that digests are kept with."""

    number: int
    value: bytes = field(repr=False)

    def __post_init__(self) -> None:
        """Refuse what is no AES-256 key."""
        if len(self.value) != LENGTH or self.number < 1:
            raise KeyStoreError(
                f"master key {self.number} is not 32 bytes (64 hexadecimal digits) with a number above 0"
            )

    def derived(self, purpose: str) -> bytes:
        """Return the 256-bit key for one purpose; keys of different purposes tell nothing of each other."""
        return HKDFExpand(SHA256(), LENGTH, b"tillgate/" + purpose.encode()).derive(self.value)


class Masters:
    """The master keys at hand, newest first."""

    def __init__(self, keys: list[MasterKey]) -> None:
        self._keys = sorted(keys, key=lambda key: key.number, reverse=True)
        if not keys or len({key.number for key in keys}) != len(keys):
            raise KeyStoreError("there must be at least one master key, each with a number of its own")

    def __iter__(self) -> Iterator[MasterKey]:
        return iter(self._keys)

    @property
    def newest(self) -> MasterKey:
        """The key that protects what is made from now on."""
        return self._keys[0]


def masters_from_text(text: str) -> Masters:
    """Read `1:<64 digits>,2:<64 digits>`, the form of the environment variable."""
    keys = []
    for part in text.split(","):
        number, _, digits = part.strip().partition(":")
        if not number.isdecimal():
            raise KeyStoreError("master keys in the environment are written 1:<64 hexadecimal digits>,2:<…>")
        keys.append(MasterKey(int(number), _from_digits(digits)))
    return Masters(keys)


def read_or_make_masters(directory: Path, randomness: Randomness) -> Masters:
    """Read the master keys of `directory`; where it holds none, make the first one.

    Several processes may start at once: the file that is linked first is everybody's key.

    Raises:
        KeyStoreError: the folder or a file is open to others, or a file holds no key.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    _refuse_if_open(directory, "700")
    if not _files(directory):
        _make(directory, 1, randomness)
    return Masters([_read(path) for path in _files(directory)])


def make_next(directory: Path, randomness: Randomness) -> int:
    """Make the next master key of `directory`; returns its number. Processes that run take it with their next start."""
    number = read_or_make_masters(directory, randomness).newest.number + 1
    _make(directory, number, randomness)
    return number


def _files(directory: Path) -> list[Path]:
    return sorted(path for path in directory.iterdir() if _FILE.fullmatch(path.name))


def _read(path: Path) -> MasterKey:
    _refuse_if_open(path, "600")
    match = _FILE.fullmatch(path.name)
    number = int(match[1]) if match else 0
    return MasterKey(number, _from_digits(path.read_text("ascii", errors="replace").strip()))


def _make(directory: Path, number: int, randomness: Randomness) -> None:
    value = randomness.octets(LENGTH)
    draft = directory / f".draft-{os.getpid()}-{randomness.octets(4).hex()}"
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(f"{value.hex()}\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        (directory / f"master-{number:04d}.key").hardlink_to(draft)
    except FileExistsError:
        pass  # another process was first: its key is read like any other
    finally:
        draft.unlink()
    _flush(directory)


def _flush(directory: Path) -> None:
    if os.name != "posix":
        return
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _refuse_if_open(path: Path, mode: str) -> None:
    if os.name == "posix" and path.stat().st_mode & _FOR_OTHERS:
        raise KeyStoreError(f"{path} can be reached by other users; run: chmod {mode} {path}")


def _from_digits(digits: str) -> bytes:
    try:
        return bytes.fromhex(digits)
    except ValueError:
        return b""
