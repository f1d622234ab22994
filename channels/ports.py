"""What a channel kind offers and what it needs: ports without defaults.

A channel turns instructions into messages or file lines and back; it never opens a connection.
Source: rows C20, C67, C92-C95.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Protocol

from channels.instruction import Capabilities, Instruction, Outcome, ReturnLine


class Signer(Protocol):
    """Signs bytes with the institution's key for one channel (behind the key store)."""

    @property
    def key_id(self) -> str:
        """Name of the key as the bank knows it."""
        ...

    async def sign(self, data: bytes) -> bytes:
        """Return the signature of `data`."""
        ...


class Verifier(Protocol):
    """Checks the bank's signatures."""

    def is_good(self, key_id: str, data: bytes, signature: bytes) -> bool:
        """Tell whether `signature` is the bank's over `data`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A request ready to be carried: path under the channel's address, headers, body (may hold card data)."""

    path: str
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


class RealtimeChannel(Protocol):
    """A bank's real-time language."""

    @property
    def capabilities(self) -> Capabilities:
        """What this channel can do."""
        ...

    async def ask(self, instruction: Instruction) -> Message:
        """Build and sign the message that asks for `instruction`."""
        ...

    async def query(self, *, number: str, about: str, at: datetime) -> Message:
        """Build and sign a query with its own `number` about the instruction numbered `about`."""
        ...

    def read(self, *, number: str, status: int, headers: Mapping[str, str], body: bytes) -> Outcome:
        """Read the bank's answer to the message numbered `number`; anything not understood or not signed is Unknown."""
        ...

    def read_query(self, *, number: str, about: str, status: int, headers: Mapping[str, str], body: bytes) -> Outcome:
        """Read the answer to a query: the outcome of the instruction `about`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FileHeader:
    """What a payment file says of itself: count and amount are of its details."""

    customer: str
    day: date
    sequence: int
    count: int
    amount_minor: int
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FileKind:
    """What a file name says: `kind` of file, and in `answers` the name of the payment file it answers.

    `is_whole_day`: it lists all that the bank did on its day, so that what it leaves out was not done.
    """

    kind: str
    day: date
    sequence: int
    answers: str | None
    is_whole_day: bool = False


class BadFileError(Exception):
    """A file cannot be read: why, in which line (from 1) and at which byte; never the text of the line."""

    def __init__(self, why: str, *, line: int, offset: int) -> None:
        super().__init__(f"{why} (line {line}, byte {offset})")
        self.why = why
        self.line = line
        self.offset = offset


class BatchChannel(Protocol):
    """A bank's file language; `template` texts are JSON from the database (rows C76-C79)."""

    @property
    def capabilities(self) -> Capabilities:
        """What this channel can do."""
        ...

    def name(self, header: FileHeader) -> str:
        """Name the payment file."""
        ...

    def write(self, template: str, header: FileHeader, instructions: Iterable[Instruction]) -> Iterator[bytes]:
        """Give the file in pieces; memory does not grow with its size."""
        ...

    def recognise(self, name: str) -> FileKind | None:
        """Tell what a file in the bank's folder is by its name; None where it is not for us."""
        ...

    def read(self, template: str, pieces: Iterable[bytes]) -> Iterator[ReturnLine]:
        """Give the lines of a return file; raises BadFileError, at the latest after the last line (totals)."""
        ...
