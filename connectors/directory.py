"""Files in local folders: the connector of channels whose files are carried by hand (rows C9, C10, C54)."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from connectors.names import TEMPORARY, checked, taken
from connectors.ports import CarrierError, Fetched, NotUploaded, RemoteFile, Upload, Uploaded

_PIECE = 1 << 18


class DirectoryCarrier:
    """A folder of this machine with the peer's folders in it; every name is checked, nothing outside is touched."""

    def __init__(self, root: Path) -> None:
        self._root = root

    async def put(self, folder: str, name: str, pieces: Iterable[bytes], size: int) -> Upload:
        """Write under a temporary name, flush, check the size and give the final name unless it is taken."""
        return await asyncio.to_thread(self._put, folder, name, pieces, size)

    async def list(self, folder: str) -> Sequence[RemoteFile]:
        """List the whole files of a folder."""
        return await asyncio.to_thread(self._list, folder)

    async def get(self, folder: str, name: str, sink: Callable[[bytes], object]) -> Fetched:
        """Give a file to `sink` in pieces."""
        return await asyncio.to_thread(self._get, folder, name, sink)

    async def close(self) -> None:
        """Nothing is open."""

    def _put(self, folder: str, name: str, pieces: Iterable[bytes], size: int) -> Upload:
        final = self._root / folder / checked(name)
        part = final.with_name(name + TEMPORARY)
        try:
            if final.exists():
                return taken(final.stat().st_size, size)
            _write(part, pieces)
            if part.stat().st_size != size:
                return NotUploaded(f"{part.stat().st_size} bytes were written instead of {size}")
            os.link(part, final)
        except FileExistsError:
            return taken(final.stat().st_size, size)
        except OSError as fault:
            return NotUploaded(f"the folder cannot be written: {fault.strerror}")
        with suppress(OSError):  # the file has its final name, whatever becomes of the temporary one
            part.unlink()
        return Uploaded()

    def _list(self, folder: str) -> Sequence[RemoteFile]:
        try:
            entries = sorted((self._root / folder).iterdir())
            return [_remote(entry) for entry in entries if entry.is_file() and not entry.name.endswith(TEMPORARY)]
        except OSError as fault:
            message = f"folder {folder} cannot be listed: {fault.strerror}"
            raise CarrierError(message) from fault

    def _get(self, folder: str, name: str, sink: Callable[[bytes], object]) -> Fetched:
        digest, size = hashlib.sha256(), 0
        try:
            with (self._root / folder / checked(name)).open("rb") as source:
                while piece := source.read(_PIECE):
                    digest.update(piece)
                    size += len(piece)
                    sink(piece)
        except OSError as fault:
            message = f"file {folder}/{name} cannot be read: {fault.strerror}"
            raise CarrierError(message) from fault
        return Fetched(size, digest.digest())


def _write(part: Path, pieces: Iterable[bytes]) -> None:
    with part.open("wb") as sink:
        for piece in pieces:
            sink.write(piece)
        sink.flush()
        os.fsync(sink.fileno())


def _remote(entry: Path) -> RemoteFile:
    facts = entry.stat()
    return RemoteFile(entry.name, facts.st_size, datetime.fromtimestamp(facts.st_mtime, UTC))
