"""What a connector offers: bytes out, bytes in, and an honest word about what is not known.

Source: rows C6, C7, C20, C66-C69; design section 3 ("unknown is a state").
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """The peer answered; what it means is the channel's affair."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """The request left, or may have left, and no whole answer came: nobody can say what the peer did."""

    why: str


@dataclass(frozen=True, slots=True)
class Unsent:
    """Nothing left this house, provably: connection refused, circuit open, no room."""

    why: str


Exchange = Answered | NoAnswer | Unsent


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One file of a folder as the peer lists it; `modified` where the peer tells."""

    name: str
    size: int
    modified: datetime | None


@dataclass(frozen=True, slots=True)
class Uploaded:
    """The file lies whole under its final name; `was_there` tells that it did already."""

    was_there: bool = False


@dataclass(frozen=True, slots=True)
class UploadUnknown:
    """The connection was lost at a moment when the file may or may not have its final name: list to find out."""

    why: str


@dataclass(frozen=True, slots=True)
class NotUploaded:
    """The file does not lie under its final name, and another try is safe where `is_final` is False."""

    why: str
    is_final: bool = False


Upload = Uploaded | UploadUnknown | NotUploaded


@dataclass(frozen=True, slots=True)
class Fetched:
    """What was received of a file."""

    size: int
    sha256: bytes


class CarrierError(Exception):
    """Listing or fetching failed; says what and what to do, never a secret."""


class FileCarrier(Protocol):
    """Carries whole files to and from a peer's folders."""

    async def put(self, folder: str, name: str, pieces: Iterable[bytes], size: int) -> Upload:
        """Upload under a temporary name, check the size, rename plainly; an existing name is never overwritten."""
        ...

    async def list(self, folder: str) -> Sequence[RemoteFile]:
        """List the whole files of a folder (temporary ones left out). Raises CarrierError."""
        ...

    async def get(self, folder: str, name: str, sink: Callable[[bytes], object]) -> Fetched:
        """Give the file to `sink` in pieces. Raises CarrierError where it is not there or changes while it is read."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


class Observer(Protocol):
    """Is told of every exchange, for metrics."""

    def exchanged(self, connector: str, what: str, seconds: float, result: str) -> None:
        """Take note of one exchange."""
        ...

    def circuit(self, connector: str, *, is_open: bool) -> None:
        """Take note that a circuit opened or closed."""
        ...


class Silent:
    """An observer that keeps nothing."""

    def exchanged(self, connector: str, what: str, seconds: float, result: str) -> None:
        """Forget it."""

    def circuit(self, connector: str, *, is_open: bool) -> None:
        """Forget it."""
