"""The store of files: content in enciphered pieces, each bound to its content and place (design section 3, row C68)."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from uuid import UUID

from gateway.clearing.files import store
from gateway.kernel.postgres.pool import Database
from gateway.keys.port import KeyStore, KeyStoreError

PURPOSE = "file"


class TooLargeError(ValueError):
    """A file is larger than the installation takes."""


@dataclass(slots=True)
class Writing:
    """One writing under way: bytes in, whole pieces out to the store, size and digest at the end."""

    archive: Archive
    content: UUID
    size: int = 0
    _places: int = 0
    _rest: bytearray = field(default_factory=bytearray)
    _sha256: hashlib._Hash = field(default_factory=hashlib.sha256)

    @property
    def digest(self) -> bytes:
        """SHA-256 of what was written so far."""
        return self._sha256.digest()

    async def write(self, data: bytes) -> None:
        """Take bytes. Raises TooLargeError beyond the largest file."""
        self.size += len(data)
        if self.size > self.archive.most_bytes:
            message = f"the file is larger than {self.archive.most_bytes} bytes"
            raise TooLargeError(message)
        self._sha256.update(data)
        self._rest += data
        while len(self._rest) >= self.archive.piece_bytes:
            await self._keep(bytes(self._rest[: self.archive.piece_bytes]))
            del self._rest[: self.archive.piece_bytes]

    async def close(self) -> None:
        """Write the last piece and forget those of an earlier, longer writing."""
        if self._rest:
            await self._keep(bytes(self._rest))
            self._rest.clear()
        await self.archive.cut(self.content, self._places)

    async def _keep(self, clear: bytes) -> None:
        await self.archive.keep(self.content, self._places, clear)
        self._places += 1


class Archive:
    """Writes and reads the content of files."""

    def __init__(
        self, *, pool: Database, keystore: KeyStore, piece_bytes: int = 256 * 1024, most_bytes: int = 1024**3
    ) -> None:
        self._pool = pool
        self._keystore = keystore
        self.piece_bytes = piece_bytes
        self.most_bytes = most_bytes

    def writing(self, content: UUID) -> Writing:
        """Begin to write content; what was there is written over."""
        return Writing(self, content)

    async def write(self, content: UUID, pieces: Iterable[bytes]) -> Writing:
        """Write content whole."""
        writing = self.writing(content)
        for one in pieces:
            await writing.write(one)
        await writing.close()
        return writing

    async def read(self, content: UUID) -> AsyncIterator[bytes]:
        """Give content piece by piece. Raises KeyStoreError where a piece was changed or moved."""
        place = 0
        while (sealed := await store.piece(self._pool, content, place)) is not None:
            clear = await self._keystore.unseal(PURPOSE, sealed)
            address = _address(content, place)
            if not clear.startswith(address):
                message = f"piece {place} of content {content} is not the one that was kept"
                raise KeyStoreError(message)
            yield clear[len(address) :]
            place += 1

    async def digest(self, content: UUID) -> tuple[int, bytes]:
        """Return size and SHA-256 of what the store holds."""
        size, digest = 0, hashlib.sha256()
        async for one in self.read(content):
            size += len(one)
            digest.update(one)
        return size, digest.digest()

    async def drop(self, content: UUID) -> None:
        """Forget content."""
        await store.drop_pieces(self._pool, content)

    async def keep(self, content: UUID, place: int, clear: bytes) -> None:
        """Keep one piece."""
        sealed = await self._keystore.seal(PURPOSE, _address(content, place) + clear)
        await store.write_piece(self._pool, content, place, sealed)

    async def cut(self, content: UUID, places: int) -> None:
        """Forget the pieces from `places` on."""
        await store.drop_pieces(self._pool, content, beyond=places - 1)


def path(content: UUID) -> str:
    """The address of a file's content in the store (row C69)."""
    return f"store:/{content}"


def _address(content: UUID, place: int) -> bytes:
    """Bind a piece to its content and place; a purpose of its own for each would be a key of its own for each."""
    return content.bytes + place.to_bytes(4)
