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
from gateway.journal.turn import Turn
from gateway.journal.writer import Writer
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
        self._planned: list[Waiting] = []
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

    @property
    def round_trips(self) -> int:
        """How often the database was asked since the start."""
        return self._writer.trips if self._writer is not None else 0

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
        waiting = self._waiting(change)
        self._queue.put(waiting)
        return await waiting.outcome

    async def post_set(self, changes: Iterable[Change]) -> list[Receipt]:
        """Write the changes of a set, each for itself, and return their receipts in order once all are answered.

        For bulk work: they are written in chunks that hold the head for a short while, behind what is posted alone,
        and are never answered busy. A few thousand wait at a time, so `changes` may be made as they are taken.
        Raises as `post`; InDoubtError where the fate of any is not known.
        """
        receipts: list[Receipt] = []
        some: list[Waiting] = []
        for change in changes:
            check(change, self._shapes, self._book)
            some.append(self._waiting(change))
            self._enter_of_set(some[-1])
            if len(some) >= self._settings.batch_largest:
                receipts += [await waiting.outcome for waiting in some]
                some.clear()
        return receipts + [await waiting.outcome for waiting in some]

    def _enter_of_set(self, waiting: Waiting) -> None:
        if self._closed or self._running is None:
            waiting.answer(Refused(Reason.UNREACHABLE, "the journal is closed"))
        else:
            self._queue.put_of_set(waiting)

    def _waiting(self, change: Change) -> Waiting:
        return Waiting(change, self._clock.monotonic(), asyncio.get_running_loop().create_future())

    async def _run(self, writer: Writer) -> None:
        try:
            await self._carry_all(writer)
        except BaseException as error:
            # Whoever still waits must not wait for ever for a journal that has ended.
            self._closed = True
            for waiting in [*self._under_way, *self._planned, *self._queue]:
                waiting.doubt()
            if not isinstance(error, asyncio.CancelledError):
                _log.critical("the journal has ended", error=explain(error))
            raise

    async def _carry_all(self, writer: Writer) -> None:
        """Plan the next batch while the one before is being written, and write it once that one is."""
        flight: asyncio.Task[bool] | None = None
        while batch := await self._next(flight, writer):
            self._planned = batch
            plan = await writer.plan(batch)
            if flight is not None and not await flight and not writer.stands(plan):
                plan = await writer.plan(batch)
            self._under_way = batch
            flight = asyncio.create_task(writer.carry(batch, plan))

    async def _next(self, flight: asyncio.Task[bool] | None, writer: Writer) -> list[Waiting]:
        if writer.turn.needed or writer.turn.held:
            await self._turn(flight, writer.turn)
        batch = await self._queue.take(
            self._settings.batch_most,
            self._settings.batch_heaviest,
            largest=self._settings.batch_largest,
            of_sets=writer.of_sets,
        )
        self._meter.waiting(len(self._queue))
        if flight is not None and not batch:
            await flight
        return batch

    async def _turn(self, flight: asyncio.Task[bool] | None, turn: Turn) -> None:
        """Let others write when the turn is over, and wait for the next one as soon as there is something to write."""
        if turn.held and (turn.over or self._queue.empty or not turn.needed):
            if flight is not None:
                await flight
            await turn.end()
        if turn.needed and not turn.held:
            if flight is not None:
                await flight
            if await self._queue.news():
                await turn.take()
