"""Writes a book as an export: the lines its hashes were made over, to be checked by anyone without the database.

Source: `docs/verify.md`. Every line of the file is a check of 8 hexadecimal letters (the running CRC-32 of the lines so
far), a space and a JSON array. The checks find an accident and name its line; it is the hashes that prove.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast
from zlib import crc32

import msgspec

from gateway.journal.close import SignedClose
from gateway.journal.transcript import Transcript

FORM = "tillgate.export.2"
_PRIVATE = 0o600
_LEVEL = 6


class ExportWriter:
    """Writes batches, the closes that follow them and the heads, in their order; memory does not grow with them."""

    def __init__(self, file: IO[bytes], closes: Iterable[SignedClose]) -> None:
        self._file = file
        self._check = 0
        self._lines = 0
        self._closes = {(close.book, close.seq): signed for signed in closes for close in [signed.close()]}
        self._write(_line("tillgate", FORM))

    def batch(self, transcript: Transcript) -> None:
        """Write a batch, its hash, and the close that was signed over it."""
        row = transcript.row
        for line in transcript.text.splitlines(keepends=True):
            self._write(line)
        self._write(_line("hash", row["hash"].hex()))
        signed = self._closes.get((row["book"], row["seq"]))
        if signed is not None:
            self._write(signed.line)
            self._write(_line("signature", signed.signature.hex(), signed.public_key.hex()))

    def head(self, *, book: str, seq: int, hash_: bytes, open_day: object) -> None:
        """Write where a book ends, after its last batch."""
        self._write(_line("head", book, seq, hash_.hex(), open_day))

    def end(self) -> None:
        """Write the last line: how many came before it."""
        self._write(_line("end", self._lines))

    def _write(self, line: bytes) -> None:
        self._check = crc32(line, self._check)
        self._lines += 1
        self._file.write(b"%08x %s" % (self._check, line))


@contextmanager
def open_to_write(path: Path) -> Iterator[IO[bytes]]:
    """Open an export to write: there whole or not at all, read by its owner only, compressed where it ends in .gz."""
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    part.touch(mode=_PRIVATE)
    try:
        with part.open("wb") as file:
            if path.suffix == ".gz":
                with gzip.GzipFile(filename="", fileobj=file, mode="wb", compresslevel=_LEVEL, mtime=0) as packed:
                    yield cast("IO[bytes]", packed)
            else:
                yield file
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _line(*fields: object) -> bytes:
    return msgspec.json.encode(fields) + b"\n"
