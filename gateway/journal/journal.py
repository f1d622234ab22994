"""The one door for money and state: changes in, durable receipts out."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import date

import structlog

from gateway.journal import store
from gateway.journal.line import Pool
from gateway.journal.meter import Meter, NoMeter
from gateway.journal.model import Change, Receipt, Refused, Table
from gateway.journal.poison import explain
from gateway.journal.queue import Queue, Waiting
from gateway.journal.settings import JournalSettings
from gateway.journal.shape import Shapes, check
from gateway.journal.writer import Plan, Writer
from gateway.journal.writing import Composer
from gateway.kernel.clock import SHANGHAI, Clock
from gateway.kernel.faults import Faults, NoFaults
from gateway.kernel.ids import Ids
from gateway.kernel.reasons import Reason

_log = structlog.get_logger(__name__)


class Journal:
    """Groups the changes of many callers into batches, each one fenced statement; answers each caller by itself.

    Any number of journals, in any number of processes, may write one book. It keeps two connections of `pool`.
    """

    def __init__(
        self,
        *,
        pool: Pool,
        tables: Iterable[Table],
        clock: Clock,
        ids: Ids,
        faults: Faults | None = None,
        settings: JournalSettings | None = None,
        meter: Meter | None = None,
        writer: str = "gateway",
        book: str = "main",
        first_day: date | None = None,
    ) -> None:
        self._pool, self._clock, self._ids = pool, clock, ids
        self._faults = faults or NoFaults()
        self._settings = settings or JournalSettings()
        self._meter = meter or NoMeter()
        self._shapes = Shapes.of(tuple(tables))
        self._name, self._book, self._first_day = writer, book, first_day
        self._queue = Queue(room=self._settings.room, reserved=self._settings.reserved)
        self._writer: Writer | None = None
        self._running: asyncio.Task[None] | None = None
        self._under_way: list[Waiting] = []
        self._closed = False

    async def start(self) -> None:
        """Open the book where it is new, check the registered tables against the database and begin to write.

        Raises MalformedChangeError where a registered table or column is not in the database.
        """
        now = self._clock.now()
        day = self._first_day or now.astimezone(SHANGHAI).date()
        await store.open_book(self._pool, book=self._book, day=day, now=now)
        tables = [shape.table for shape in self._shapes.tables.values()]
        composer = Composer(self._shapes, await store.column_defaults(self._pool, tables), self._name)
        self._writer = Writer(
            pool=self._pool,
            queue=self._queue,
            shapes=self._shapes,
            composer=composer,
            clock=self._clock,
            ids=self._ids,
            faults=self._faults,
            meter=self._meter,
            settings=self._settings,
            book=self._book,
        )
        await self._writer.open()
        self._running = asyncio.create_task(self._run(self._writer), name=f"journal {self._book}")

    async def stop(self) -> None:
        """Take no more, write what waits, answer everyone, give the connections back.

        Books that stay out of reach for the patience of the settings leave those who still wait in doubt.
        """
        self._closed = True
        self._queue.close()
        if self._running is None or self._writer is None:
            return
        done, _ = await asyncio.wait({self._running}, timeout=self._settings.patience_s)
        if done:
            await self._writer.close()
            return
        self._running.cancel()
        await asyncio.wait({self._running})
        await self._writer.abandon()

    async def ended(self) -> None:
        """Return once the journal was stopped. Raises what ended it where that was a fault: the process ends too."""
        if self._running is not None:
            await asyncio.shield(self._running)

    async def post(self, change: Change) -> Receipt:
        """Write `change` whole and return once it is durable, or tell why nothing of it was written.

        A caller that is cancelled leaves the change on its way. Raises MalformedChangeError or MalformedPostingError
        for a change that no state of the books could take, InDoubtError where its fate stays unknown for longer than
        the patience of the settings: it may or may not be written then, and is settled without the caller.
        """
        check(change, self._shapes, self._book)
        while not self._closed and not self._queue.has_room(fact=change.fact):
            if not change.fact:
                return Refused(Reason.BUSY, "too many changes wait")
            await self._queue.space()
        if self._closed or self._running is None:
            return Refused(Reason.UNREACHABLE, "the journal is closed")
        waiting = Waiting(change, self._clock.monotonic())
        self._queue.put(waiting)
        return await waiting.outcome()

    async def _run(self, writer: Writer) -> None:
        try:
            await self._carry_all(writer)
        except BaseException as error:
            # Whoever still waits must not wait for ever for a journal that has ended.
            self._closed = True
            for waiting in [*self._under_way, *self._queue]:
                waiting.doubt()
            if not isinstance(error, asyncio.CancelledError):
                _log.critical("the journal has ended", error=explain(error))
            raise

    async def _carry_all(self, writer: Writer) -> None:
        """Plan the next batch while the one before is being written, and write it once that one is."""
        flight: asyncio.Task[bool] | None = None
        behind: Plan | None = None
        while batch := await self._next(flight, behind, writer):
            if flight is not None and flight.done():
                flight.result()
                flight, behind = None, None
            plan = None if writer.contended else await writer.plan(batch, behind)
            if flight is not None and not await flight and plan is not None:
                plan = None if writer.contended else await writer.plan(batch, None)
            behind = plan if plan is not None and plan.decided.writes else None
            self._under_way = batch
            flight = asyncio.create_task(writer.carry(batch, plan))

    async def _next(self, flight: asyncio.Task[bool] | None, behind: Plan | None, writer: Writer) -> list[Waiting]:
        # Nothing can be planned behind a batch that is still to be decided under the lock.
        if flight is not None and (behind is None or writer.contended):
            await flight
        batch = await self._queue.take(self._settings.batch_most, self._settings.batch_heaviest)
        self._meter.waiting(len(self._queue))
        if flight is not None and not batch:
            await flight
        return batch
