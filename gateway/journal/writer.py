"""Carries batches into the book: reads for them, decides them, writes them, and settles what is in doubt.

The fast road reads and writes with nothing held between: the fence proves that nobody wrote in between. Where the
fence was missed, or anything else went wrong, the slow road takes the head's row lock first and decides again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import structlog

from gateway.journal import store
from gateway.journal.decide import Decided, decide_batch
from gateway.journal.fates import Fate, fate_of
from gateway.journal.line import Connection, Line, Pool, Transaction
from gateway.journal.memory import Memory
from gateway.journal.meter import Meter
from gateway.journal.model import Refused
from gateway.journal.needs import Needs
from gateway.journal.poison import describe, explain
from gateway.journal.queue import Queue, Waiting
from gateway.journal.reading import Reader
from gateway.journal.settings import JournalSettings
from gateway.journal.shape import Shapes
from gateway.journal.state import NotReadError, State
from gateway.journal.turn import Turn
from gateway.journal.writing import Composer
from gateway.kernel.clock import Clock
from gateway.kernel.faults import Faults
from gateway.kernel.ids import Ids
from gateway.kernel.reasons import Reason

_log = structlog.get_logger(__name__)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Plan:
    """A batch and how it was decided, when memory was of `age`."""

    batch: Sequence[Waiting]
    decided: Decided
    age: int


class DoubtError(Exception):
    """Whether `plan` was written is not known."""

    def __init__(self, plan: Plan) -> None:
        super().__init__("a batch is in doubt")
        self.plan = plan


class Writer:
    """Carries one batch after another; `plan` may run while the batch before is still being carried."""

    def __init__(
        self,
        *,
        pool: Pool,
        queue: Queue,
        shapes: Shapes,
        composer: Composer,
        clock: Clock,
        ids: Ids,
        faults: Faults,
        meter: Meter,
        settings: JournalSettings,
        book: str,
    ) -> None:
        self._pool, self._queue, self._shapes, self._composer = pool, queue, shapes, composer
        self._clock, self._ids, self._faults, self._meter = clock, ids, faults, meter
        self._settings, self._book = settings, book
        self._reader = Reader(book, shapes)
        self._memory = Memory(most=settings.remembered_accounts)
        self._reading = self._line(wait_ms=int(settings.turn_within_s * 1000))
        self._writing = self._line()
        self.turn = Turn(self._reading, book=book, clock=clock, settings=settings)
        self._answering: set[asyncio.Task[None]] = set()
        self._locked: State | None = None
        self._careful_left = 0
        self._pace_s = settings.set_holds_s

    @property
    def of_sets(self) -> int:
        """How many changes of sets make a chunk that holds the head for no longer than it may."""
        return max(1, int(self._settings.set_holds_s / self._pace_s))

    @property
    def trips(self) -> int:
        """How often the database was asked."""
        return self._reading.trips + self._writing.trips

    async def open(self) -> None:
        """Take the two connections, so that nobody else can take the last ones first."""
        await self._reading.connection()
        await self._writing.connection()

    async def close(self) -> None:
        """Finish the answers under way and give the connections back."""
        while self._answering:
            await asyncio.wait(self._answering)
        if self.turn.held:
            await self.turn.end()
        await self._reading.close()
        await self._writing.close()

    async def abandon(self) -> None:
        """Cut the connections off: what is being written then is in doubt for its callers."""
        await self._reading.abandon()
        await self._writing.abandon()

    async def plan(self, batch: Sequence[Waiting]) -> Plan | None:
        """Decide `batch` on what is known of the books, and read what is not; None where the slow road must be taken.

        Batches that are decided and still on their way are taken as written. Nothing is written here, so whatever goes
        wrong is left to the slow road, which meets it again.
        """
        if self.turn.needed and not self.turn.held:
            return None
        self._memory.turn()
        try:
            return await self._planned(batch)
        except Exception as error:  # noqa: BLE001 - the slow road meets it again and answers it
            if fate_of(error) is Fate.LOST:
                await self._reading.abandon()
            return None

    def stands(self, plan: Plan | None) -> bool:
        """Tell whether a plan is still what would be decided: nothing was taken back since."""
        return plan is not None and plan.age == self._memory.age

    async def carry(self, batch: Sequence[Waiting], plan: Plan | None) -> bool:
        """Bring `batch` into the book, come what may; True where `plan` was written just as it was decided."""
        started, waited = self._clock.monotonic(), batch[0].entered
        doubts: list[Plan] = []
        clean = plan is not None and await self._write_planned(plan, doubts)
        if not clean:
            self._memory.retreat()
            await self._carry_slowly(batch, doubts)
        now = self._clock.monotonic()
        self._pace_s += ((now - started) / len(batch) - self._pace_s) / 8
        self._meter.batch(changes=len(batch), waited_s=started - waited, took_s=now - started)
        return clean

    async def _planned(self, batch: Sequence[Waiting]) -> Plan | None:
        memory, age = self._memory, self._memory.age
        needs = self._needs(batch)
        while True:
            if not await self._look(needs):
                return None
            if age != memory.age or memory.state is None:
                return None
            try:
                plan = self._decide(batch, memory.state)
            except NotReadError as error:
                needs = Needs()
                needs.add(*error.names)
            else:
                memory.decided(plan.decided)
                return plan

    def _needs(self, batch: Sequence[Waiting]) -> Needs:
        state, changes = self._memory.state, [waiting.change for waiting in batch]
        careful, self._careful_left = self._careful_left > 0, max(0, self._careful_left - 1)
        if state is None or self.turn.fresh:
            return Needs.of(changes)
        state.careful = careful
        return Needs.beyond(changes, state)

    async def _look(self, needs: Needs) -> bool:
        """Read what is needed and not known; False where others wrote, or what it builds on was taken back."""
        memory, age = self._memory, self._memory.age
        whole = memory.state is None or self.turn.fresh
        if not needs and not whole:
            return True
        await self._reading.connection()
        found = await self._reading.bounded(self._reader.read(self._reading, needs))
        if age != memory.age:
            return False
        return self._take_in(found, whole=whole)

    def _take_in(self, found: State, *, whole: bool) -> bool:
        memory = self._memory
        mine = memory.state
        stands = mine is not None and found.head in (mine.head, *(one.before for one in memory.open))
        if self.turn.fresh:
            self.turn.look(alone=stands)
        if mine is not None and stands:
            mine.learn(found)
            return True
        if not whole or memory.open:
            self._disturbed()
            return False
        found.careful = self._careful_left > 0
        memory.adopt(found)
        return True

    def _disturbed(self) -> None:
        """Somebody else wrote in between."""
        self.turn.contend()
        self._meter.missed()
        if not self._memory.open:
            self._memory.forget()

    def _decide(self, batch: Sequence[Waiting], state: State) -> Plan:
        changes = [waiting.change for waiting in batch]
        decided = decide_batch(
            state, changes, book=self._book, shapes=self._shapes, now=self._clock.now(), new_id=self._ids.new
        )
        return Plan(batch, decided, self._memory.age)

    async def _write_planned(self, plan: Plan, doubts: list[Plan]) -> bool:
        try:
            await self._writing.connection()
            if not await (self._write(plan) if plan.decided.writes else self._still_true(plan)):
                self._memory.forget()
                self._disturbed()
                return False
        except DoubtError as error:
            doubts.append(error.plan)
            await self._writing.abandon()
            return False
        except Exception as error:  # noqa: BLE001 - the slow road meets it again and answers it
            _log.info("batch refused on the fast road", error=explain(error))
            self._careful_left = self._settings.careful_batches if is_duplicate(error) else self._careful_left
            return False
        if plan.decided.writes:
            self._faults.at("journal.after_write")
        self._finish(plan)
        return True

    async def _still_true(self, plan: Plan) -> bool:
        """Ask whether the books still stand where a batch of refusals was decided: no fence proves that."""
        connection = await self._writing.connection()
        seq = await self._writing.bounded(store.head_seq(connection, self._book))
        return seq == plan.decided.before.seq

    async def _write(self, plan: Plan) -> bool:
        text, parameters = self._composer.compose(plan.decided)
        self._faults.at("journal.before_write")
        row = await self._in_doubt(plan, self._writing.fetch_row(text, *parameters))
        return row is not None

    async def _in_doubt(self, plan: Plan, work: Awaitable[T]) -> T:
        """Run what may commit `plan`: a connection lost meanwhile, or a warning with the answer, leaves a doubt."""
        self._writing.warned = False
        try:
            result = await self._writing.bounded(work)
        except Exception as error:
            if fate_of(error) is not Fate.LOST:
                raise
            self._meter.doubted()
            raise DoubtError(plan) from error
        if self._writing.warned:
            self._meter.doubted()
            raise DoubtError(plan)
        return result

    def _finish(self, plan: Plan) -> None:
        decided = plan.decided
        self._memory.written(decided)
        for waiting, receipt in zip(plan.batch, decided.receipts, strict=True):
            waiting.settle(receipt)
            if isinstance(receipt, Refused):
                self._meter.refused(receipt.reason)
        task = asyncio.create_task(self._answer(plan))
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)

    async def _answer(self, plan: Plan) -> None:
        for place, waiting in enumerate(plan.batch, 1):
            waiting.tell()
            if place % self._settings.slice == 0:
                await asyncio.sleep(0)

    async def _carry_slowly(self, batch: Sequence[Waiting], doubts: list[Plan]) -> None:
        pause = self._settings.pause_first_s
        while left := [waiting for waiting in batch if waiting.receipt is None]:
            try:
                plan = await self._under_lock(left, doubts)
            except DoubtError as error:
                doubts.append(error.plan)
                await self._writing.abandon()
            except Exception as error:  # noqa: BLE001 - classified at once
                if fate_of(error) is Fate.BAD:
                    await self._divide(left, doubts, error)
                    return
                await self._recover(error)
            else:
                self._remember(plan)
                self._finish(plan)
                return
            self._sweep(left, in_doubt=bool(doubts))
            await asyncio.sleep(pause)
            pause = min(pause * 2, self._settings.pause_most_s)

    async def _under_lock(self, batch: Sequence[Waiting], doubts: list[Plan]) -> Plan:
        connection = await self._writing.connection()
        begun = connection.transaction()
        await self._writing.bounded(begun.start())
        try:
            await self._writing.bounded(store.lock_head(connection, self._book))
            self._locked = None
            plan = await self._settled(connection, doubts)
            if plan is None:
                plan = await self._decide_locked(batch)
                if plan.decided.writes or self._bars(plan, doubts):
                    await self._write(plan)
                    self._moved_on(plan)
        except Exception as error:
            await self._roll_back(begun, error)
            raise
        await self._in_doubt(plan, begun.commit())
        self._faults.at("journal.after_write")
        return plan

    async def _settled(self, connection: Connection, doubts: list[Plan]) -> Plan | None:
        """Tell by the batches' own ids, with the head locked, which of the doubtful ones is in the book, if any."""
        for doubt in doubts:
            if await self._writing.bounded(store.was_written(connection, doubt.decided.batch_id)):
                return doubt
        return None

    async def _decide_locked(self, batch: Sequence[Waiting]) -> Plan:
        needs = Needs.of(waiting.change for waiting in batch)
        while True:
            state = await self._writing.bounded(self._reader.read(self._writing, needs))
            try:
                plan = self._decide(batch, state)
            except NotReadError as error:
                needs.add(*error.names)
            else:
                self._locked = state
                return plan

    def _moved_on(self, plan: Plan) -> None:
        # An empty batch moves the head as well.
        if self._locked is not None:
            self._locked.head = plan.decided.head

    def _remember(self, plan: Plan) -> None:
        """Go on from what was read under the lock, and from what was known before where nobody else wrote."""
        memory, locked = self._memory, self._locked
        memory.retreat()
        if locked is None:
            memory.forget()
        elif memory.state is not None and memory.state.head.seq == plan.decided.before.seq:
            memory.state.learn(locked)
            memory.state.head = locked.head
        else:
            memory.adopt(locked)
        self._locked = None

    @staticmethod
    def _bars(plan: Plan, doubts: list[Plan]) -> bool:
        # An abandoned statement may still be on its way to the server: an empty batch takes the place it was meant for.
        return any(plan.decided.before.seq == doubt.decided.before.seq for doubt in doubts)

    async def _roll_back(self, begun: Transaction, error: Exception) -> None:
        if isinstance(error, DoubtError) or fate_of(error) is Fate.LOST:
            return
        try:
            await self._writing.bounded(begun.rollback())
        except Exception:  # noqa: BLE001 - a connection that cannot even roll back is not kept
            await self._writing.abandon()

    async def _recover(self, error: Exception) -> None:
        if fate_of(error) is Fate.LOST:
            _log.warning("the books are out of reach", error=explain(error))
            await self._writing.abandon()

    async def _divide(self, batch: Sequence[Waiting], doubts: list[Plan], error: Exception) -> None:
        """Halve a batch that cannot be written until the change that spoils it stands alone."""
        if len(batch) > 1:
            half = len(batch) // 2
            await self._carry_slowly(batch[:half], doubts)
            await self._carry_slowly(batch[half:], doubts)
            return
        await self._refuse(batch[0], error)

    async def _refuse(self, waiting: Waiting, error: Exception) -> None:
        change, why = waiting.change, explain(error)
        if is_duplicate(error):
            waiting.answer(Refused(Reason.MOVED, f"a record with the same unique value was made since: {why}"))
            return
        self._meter.poisoned()
        _log.error("change cannot be written", change=str(change.id), error=why)
        try:
            await store.keep_poison(
                self._pool,
                id_=self._ids.new(),
                change_id=change.id,
                book=self._book,
                now=self._clock.now(),
                error=why,
                content=describe(change),
            )
        except Exception as trouble:  # noqa: BLE001 - the caller's answer must not wait for the record of it
            _log.error("poison change not kept", change=str(change.id), error=explain(trouble))
        waiting.answer(Refused(Reason.FAULT, why))

    def _sweep(self, batch: Sequence[Waiting], *, in_doubt: bool) -> None:
        """While the books are out of reach: wishes that were never written are answered, long waits are in doubt."""
        now, settings = self._clock.monotonic(), self._settings
        for waiting in batch:
            self._lose_patience(waiting, now - waiting.entered, written=in_doubt)
        for waiting in self._queue:
            if now - waiting.entered >= settings.reach_s and not waiting.change.fact:
                self._queue.drop(waiting)
            self._lose_patience(waiting, now - waiting.entered, written=False)

    def _lose_patience(self, waiting: Waiting, waited_s: float, *, written: bool) -> None:
        if not written and not waiting.change.fact and waited_s >= self._settings.reach_s:
            waiting.answer(Refused(Reason.UNREACHABLE, "the books cannot be reached"))
        elif waited_s >= self._settings.patience_s:
            waiting.doubt()

    def _line(self, wait_ms: int = 0) -> Line:
        idle_ms, within_s = self._settings.idle_in_transaction_ms, self._settings.write_within_s
        return Line(self._pool, idle_ms=idle_ms, within_s=within_s, wait_ms=wait_ms)


def is_duplicate(error: Exception) -> bool:
    """Tell whether a record with the same unique value exists: the caller reads again and decides again."""
    return getattr(error, "sqlstate", None) == "23505"
