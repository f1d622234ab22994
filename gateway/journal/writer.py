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
from gateway.journal.writing import Composer
from gateway.kernel.clock import Clock
from gateway.kernel.faults import Faults
from gateway.kernel.ids import Ids
from gateway.kernel.reasons import Reason

_log = structlog.get_logger(__name__)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Plan:
    """A batch and how it was decided."""

    batch: Sequence[Waiting]
    decided: Decided


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
        self._memory = Memory(most=settings.remembered_accounts, alone=settings.alone_batches)
        self._reading = self._line()
        self._writing = self._line()
        self._answering: set[asyncio.Task[None]] = set()
        self._locked_left = 0

    @property
    def contended(self) -> bool:
        """Tell whether others write so often that the head's lock is taken first."""
        return self._locked_left > 0

    async def open(self) -> None:
        """Take the two connections, so that nobody else can take the last ones first."""
        await self._reading.connection()
        await self._writing.connection()

    async def close(self) -> None:
        """Finish the answers under way and give the connections back."""
        while self._answering:
            await asyncio.wait(self._answering)
        await self._reading.close()
        await self._writing.close()

    async def abandon(self) -> None:
        """Cut the connections off: what is being written then is in doubt for its callers."""
        await self._reading.abandon()
        await self._writing.abandon()

    async def plan(self, batch: Sequence[Waiting], behind: Plan | None) -> Plan | None:
        """Read for `batch` and decide it, `behind` taken as written; None where the slow road must be taken.

        Nothing is written here, so whatever goes wrong is left to the slow road, which meets it again.
        """
        needs = Needs.of(waiting.change for waiting in batch)
        try:
            while True:
                state = await self._state(needs, behind)
                if state is None:
                    return None
                try:
                    return self._decide(batch, state)
                except NotReadError as error:
                    needs.accounts.add(error.account)
        except Exception as error:  # noqa: BLE001 - the slow road meets it again and answers it
            if fate_of(error) is Fate.LOST:
                await self._reading.abandon()
            return None

    async def carry(self, batch: Sequence[Waiting], plan: Plan | None) -> bool:
        """Bring `batch` into the book, come what may; True where `plan` was written just as it was decided."""
        started, waited = self._clock.monotonic(), batch[0].entered
        doubts: list[Plan] = []
        clean = plan is not None and await self._write_planned(plan, doubts)
        if not clean:
            await self._carry_slowly(batch, doubts)
        now = self._clock.monotonic()
        self._meter.batch(changes=len(batch), waited_s=started - waited, took_s=now - started)
        return clean

    async def _state(self, needs: Needs, behind: Plan | None) -> State | None:
        known, at = self._memory.recall(needs.accounts), self._memory.seq
        if behind is not None and at not in (behind.decided.before.seq, behind.decided.head.seq):
            known = {}
        await self._reading.connection()
        state = await self._reading.bounded(self._reader.read(self._reading, needs.without(known)))
        if behind is None and known and state.head.seq != at:
            self._memory.forget()
            return await self._state(needs, behind)
        state.accounts |= known
        if behind is not None:
            if state.head.seq not in (behind.decided.before.seq, behind.decided.head.seq):
                return None
            state.overlay(behind.decided.layer)
            state.head = behind.decided.head
        return state

    def _decide(self, batch: Sequence[Waiting], state: State) -> Plan:
        changes = [waiting.change for waiting in batch]
        decided = decide_batch(
            state, changes, book=self._book, shapes=self._shapes, now=self._clock.now(), new_id=self._ids.new
        )
        return Plan(batch, decided)

    async def _write_planned(self, plan: Plan, doubts: list[Plan]) -> bool:
        try:
            await self._writing.connection()
            if plan.decided.writes and not await self._write(plan):
                self._locked_left = self._settings.locked_batches
                self._meter.missed()
                return False
        except DoubtError as error:
            doubts.append(error.plan)
            await self._writing.abandon()
            return False
        except Exception as error:  # noqa: BLE001 - the slow road meets it again and answers it
            _log.info("batch refused on the fast road", error=explain(error))
            return False
        if plan.decided.writes:
            self._faults.at("journal.after_write")
        self._finish(plan)
        return True

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
        if decided.writes:
            accounts = decided.state.accounts | decided.layer.accounts
            self._memory.absorb(before=decided.before.seq, seq=decided.head.seq, accounts=accounts)
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
            plan = await self._settled(connection, doubts)
            if plan is None:
                plan = await self._decide_locked(batch)
                if plan.decided.writes or self._bars(plan, doubts):
                    await self._write(plan)
        except Exception as error:
            await self._roll_back(begun, error)
            raise
        await self._in_doubt(plan, begun.commit())
        self._faults.at("journal.after_write")
        self._locked_left = max(0, self._locked_left - 1)
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
                return self._decide(batch, state)
            except NotReadError as error:
                needs.accounts.add(error.account)

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

    def _line(self) -> Line:
        return Line(self._pool, idle_ms=self._settings.idle_in_transaction_ms, within_s=self._settings.write_within_s)


def is_duplicate(error: Exception) -> bool:
    """Tell whether a record with the same unique value exists: the caller reads again and decides again."""
    return getattr(error, "sqlstate", None) == "23505"
