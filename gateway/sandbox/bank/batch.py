"""The batch interface: payment files are taken from `in`, files for the customer appear whole in `out`."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncIterator, Callable
from itertools import islice
from pathlib import Path

from gateway.kernel.clock import Clock
from gateway.kernel.faults import Faults
from gateway.sandbox.bank.desk import Desk, business_day, millis
from gateway.sandbox.bank.identity import fsync_folder
from gateway.sandbox.bank.layout import (
    WIDTH,
    BadPaymentFileError,
    Column,
    PaymentName,
    detail_line,
    header_line,
    lay,
    read_name,
    read_payment_file,
    trailer_line,
)
from gateway.sandbox.bank.model import FileState, OutFile
from gateway.sandbox.bank.store import Book, Store

_CHUNK = 1000
_LATE_FILE_MS = 3000
_LOG = logging.getLogger(__name__)


class Batch:
    """Reads, pays and answers payment files; writes every file that the books have laid down."""

    def __init__(
        self,
        *,
        store: Store,
        desk: Desk,
        clock: Clock,
        faults: Faults,
        folder: Path,
        customer: str,
        is_being_written: Callable[[Path], bool],
    ) -> None:
        self._store = store
        self._desk = desk
        self._clock = clock
        self._faults = faults
        self._customer = customer
        self._is_being_written = is_being_written
        self._in = folder / "sftp" / customer / "in"
        self._out = folder / "sftp" / customer / "out"
        self._drafts = folder / "drafts"
        self._wake = asyncio.Event()
        self._writing = asyncio.Lock()

    def wake(self) -> None:
        """Look into `in` at once."""
        self._wake.set()

    async def run(self, *, every: float = 0.5) -> None:
        """Work until cancelled; a fault of one round is logged and the next one goes on."""
        while True:
            self._wake.clear()
            try:
                await self.take_files()
                await self.write_files()
            except Exception:  # noqa: BLE001 - whatever one file does, the next round serves the others
                _LOG.exception("a round of the batch interface failed; trying again")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), every)

    async def take_files(self) -> None:
        """Take every payment file that stands in `in` under its final name."""
        for path in sorted(self._in.iterdir()):
            name = read_name(path.name)
            if name is not None and not self._is_being_written(path):
                await self._take(path, name)
            elif path.name.startswith("PAY") and path.suffix == ".txt" and not self._is_being_written(path):
                await self._refuse_name(path)

    async def write_files(self) -> None:
        """Write the files that are due; each appears under its name whole, with the same bytes after any restart."""
        async with self._writing:
            now_ms = millis(self._clock.now())
            for file in await self._store.transact(lambda book: book.files_to_write(now_ms)):
                await self._write(file)

    async def _take(self, path: Path, name: PaymentName) -> None:
        mark = _mark(path)
        known = await self._store.transact(lambda book: book.payment_file(path.name))
        if known is not None and known[1] is FileState.ANSWERED:
            if known[0] != mark:
                await self._store.transact(lambda book: self._refuse_again(book, path.name, name, mark))
            return
        await self._store.transact(
            lambda book: book.begin_file(path.name, mark=mark, day=name.day, sequence=name.sequence)
        )
        try:
            await self._stage(path, name)
        except BadPaymentFileError as error:
            reason = str(error)
            await self._store.transact(lambda book: self._refuse(book, path.name, name, reason))
            return
        self._faults.at("bank.read")
        await self._store.transact(lambda book: self._pay(book, path.name, name))
        self._faults.at("bank.paid")

    async def _stage(self, path: Path, name: PaymentName) -> None:
        if name.customer != self._customer:
            raise BadPaymentFileError("line 1: not a file of this customer")
        with path.open("rb") as file:
            lines = read_payment_file(file, name)
            while chunk := list(islice(lines, _CHUNK)):
                await self._store.transact(lambda book, chunk=chunk: book.stage(path.name, chunk))  # type: ignore[misc]
                self._faults.at("bank.reading")

    def _pay(self, book: Book, name: str, parts: PaymentName) -> None:
        now = self._clock.now()
        plan = self._desk.plan
        late_ms = _LATE_FILE_MS if plan.strikes("late_file", name, plan.late_file) else 0
        answer = OutFile(
            name="RET" + name.removeprefix("PAY"),
            kind="RET",
            day=parts.day,
            sequence=parts.sequence,
            due_ms=millis(now) + late_ms,
        )
        book.pay_file(name, value_on=business_day(now))
        book.answer_file(answer, payment_file=name, value_on=business_day(now))

    def _refuse(self, book: Book, name: str, parts: PaymentName, why: str) -> None:
        book.refuse_file(name)
        book.add_file(_error(name, parts.day, parts.sequence, why))

    def _refuse_again(self, book: Book, name: str, parts: PaymentName, mark: str) -> None:
        book.mark_file(name, mark)
        book.add_file(_error(name, parts.day, parts.sequence, "a file of this name came before"))

    async def _refuse_name(self, path: Path) -> None:
        """Refuse, once, a payment file whose name is not well formed."""
        mark = _mark(path)
        known = await self._store.transact(lambda book: book.payment_file(path.name))
        if known is not None and known[0] == mark:
            return
        parts = PaymentName(customer=self._customer, day="", sequence=0)

        def refuse(book: Book) -> None:
            book.begin_file(path.name, mark=mark, day="", sequence=0)
            self._refuse(book, path.name, parts, "the file name is not PAY, customer, date, sequence")

        await self._store.transact(refuse)

    async def _write(self, file: OutFile) -> None:
        self._drafts.mkdir(exist_ok=True)
        draft = self._drafts / file.name
        with draft.open("wb") as target:
            async for piece in self._pieces(file):
                target.write(piece)
            target.flush()
            await asyncio.to_thread(os.fsync, target.fileno())
        self._faults.at("bank.drafted")
        draft.replace(self._out / file.name)
        fsync_folder(self._out)
        self._faults.at("bank.published")
        await self._store.transact(lambda book: book.file_is_there(file.name))

    async def _pieces(self, file: OutFile) -> AsyncIterator[bytes]:
        if file.raw is not None:
            yield file.raw
            return
        yield header_line(file, self._customer)
        after = 0
        while lines := await self._store.transact(
            lambda book, after=after: book.lines_of(file.name, after=after, limit=_CHUNK)  # type: ignore[misc]
        ):
            yield b"".join(detail_line(line) for line in lines)
            after = lines[-1].line
        yield trailer_line(count=file.count, amount=file.amount)


def _error(name: str, day: str, sequence: int, why: str) -> OutFile:
    raw = lay((Column("why", WIDTH),), {"why": why})
    return OutFile(name="ERR" + name.removeprefix("PAY"), kind="ERR", day=day, sequence=sequence, raw=raw)


def _mark(path: Path) -> str:
    """Tell one file from another that takes its name later."""
    facts = path.stat()
    return f"{facts.st_ino}/{facts.st_size}/{facts.st_mtime_ns}"
