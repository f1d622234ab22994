"""Reconciling a batch: started once, by a person or the system, and certain to be finished (rows C82-C91)."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from uuid import UUID

from channels.instruction import Approved, Declined, LineState
from gateway.clearing.files import store as files
from gateway.clearing.files.model import FileEvent, FileRecord, FileSettings, FileState
from gateway.clearing.files.register import MovedError, Register
from gateway.clearing.reconciliation import postings, store
from gateway.clearing.reconciliation.model import Bank, Line, OperationConclusions, Own
from gateway.clearing.reconciliation.postings import Desk
from gateway.clearing.returns import store as returns
from gateway.clearing.returns.imports import RECONCILE
from gateway.clearing.returns.model import Batch, BatchEvent, BatchState
from gateway.clearing.returns.states import advance
from gateway.journal.model import Done, Key, Move, Put, Refused, Replayed
from gateway.kernel.faults import Faults
from gateway.kernel.reasons import Reason
from gateway.payments.payout import Effect
from gateway.payments.payout.store import Row
from gateway.tasks import Again, Finished, Timer

WHO = "system:reconcile"
_AT_ONCE = timedelta(0)


class Reconciliations:
    """Starts, runs and closes the reconciliation of batches; the run is the timer `clearing.reconcile`."""

    def __init__(
        self, *, register: Register, conclusions: OperationConclusions, faults: Faults, settings: FileSettings
    ) -> None:
        self._register = register
        self._pool = register.pool
        self._conclusions = conclusions
        self._faults = faults
        self._settings = settings

    async def start(self, batch_id: UUID, *, who: str, keys: tuple[Key, ...] = ()) -> Batch | Refused:
        """Start a batch that is imported (rows C82, C86): one that is not yet, or runs, or has run, is refused."""
        batch = await returns.batch(self._pool, batch_id)
        if batch is None:
            return Refused(Reason.NOT_FOUND, "no such batch", batch_id)
        if batch.state is not BatchState.IMPORTED:
            return await self._replayed_or_not(batch, who, keys)
        at = self._register.clock.now()
        timer = Put("timer.set", {"kind": RECONCILE, "subject": batch.id, "due_at": at, "data": {}})
        started = _moved(batch, BatchEvent.START, {"started_by": who, "started_at": at})
        receipt = await self._register.clerk.file(
            Effect(records=(started, timer)), who=who, why="reconciliation started", keys=keys
        )
        now = await self._batch(batch_id)
        match receipt:
            case Done() | Replayed():
                return now
            case Refused(reason=Reason.MOVED):
                return _not_started(now)
            case Refused():
                return receipt

    async def _replayed_or_not(self, batch: Batch, who: str, keys: tuple[Key, ...]) -> Batch | Refused:
        """Answer a repeat by its first answer; a key that was never used stays unused, as nothing is written."""
        if keys:
            nothing = Move("settle_bank_return_batch", batch.id, batch.version - 1, {"started_by": who})
            receipt = await self._register.clerk.file(
                Effect(records=(nothing,)), who=who, why="looked up by key", keys=keys
            )
            if isinstance(receipt, Replayed):
                return batch
            if isinstance(receipt, Refused) and receipt.reason in {key.refusal for key in keys}:
                return receipt
        return _not_started(batch)

    async def close(self, batch_id: UUID, *, who: str) -> Batch | Refused:
        """Close a balanced batch; one that was not balanced closes by itself with its last difference."""
        batch = await returns.batch(self._pool, batch_id)
        if batch is None or batch.state is not BatchState.BALANCED:
            return Refused(Reason.WRONG_STATE, "only a balanced batch can be closed", batch_id)
        await self._move(batch, BatchEvent.CLOSE, {}, why="closed", who=who)
        return await self._batch(batch_id)

    async def handle(self, timer: Timer) -> Finished | Again:
        """Run a started batch, one turn at a time; finds out from the records what is left to do."""
        batch = await self._batch(timer.subject)
        if batch.state is BatchState.MATCHING:
            ends = self._register.clock.monotonic() + self._settings.slice_s
            if not await self._run(batch, ends):
                return Again(_AT_ONCE)
            batch = await self._batch(timer.subject)
        await self._finish_files(batch)
        await self.close_settled(batch.channel_id)
        return Finished()

    async def close_settled(self, channel: UUID) -> None:
        """Close the channel's unbalanced batches whose differences are all resolved."""
        for batch_id in await store.settled_batches(self._pool, channel):
            batch = await self._batch(batch_id)
            if batch.state is BatchState.NOT_BALANCED:
                # Whoever resolves another of its differences at the same time closes it as well.
                with suppress(MovedError):
                    await self._move(batch, BatchEvent.CLOSE, {}, why="every difference is resolved", who=WHO)

    async def _run(self, batch: Batch, ends: float) -> bool:
        bank = await store.bank_of(self._pool, batch.channel_id)
        await store.match(self._pool, batch.id, bank.channels)
        await self._ask_owners(batch, bank)
        while await store.is_open(self._pool, batch.id):
            await self._post_lines(batch, bank, await self._next_lines(batch, bank))
            self._faults.at("files.reconciled_chunk")
            if self._register.clock.monotonic() > ends:
                return False
        while own := await self._missing(batch, bank):
            await self._post_missing(batch, bank, own)
            self._faults.at("files.reconciled_chunk")
            if self._register.clock.monotonic() > ends:
                return False
        await self._conclude(batch)
        return True

    async def _next_lines(self, batch: Batch, bank: Bank) -> Sequence[Line]:
        most = self._settings.lines_per_change * self._settings.changes_at_once
        lines = await store.chunk(self._pool, batch.id, most)
        if lines:
            return lines
        # What is left was matched against instructions that have moved since.
        await store.match(self._pool, batch.id, bank.channels)
        await self._ask_owners(batch, bank)
        return await store.chunk(self._pool, batch.id, most)

    async def _ask_owners(self, batch: Batch, bank: Bank) -> None:
        """Let the owners of open operations take the file's word; what they leave open is a difference."""
        was_asked = False
        while rows := await store.undecided(self._pool, batch.id, self._settings.lines_per_change):
            was_asked = True
            for row in rows:
                await self._conclusions.conclude_from_file(row["instruction_id"], _said(row))
            await store.note_asked(self._pool, [row["id"] for row in rows])
            await store.match(self._pool, batch.id, bank.channels)
        if was_asked:
            await store.match(self._pool, batch.id, bank.channels)

    async def _post_lines(self, batch: Batch, bank: Bank, lines: Sequence[Line]) -> None:
        desk = self._desk(batch, bank)
        plain = [line for line in lines if postings.is_plain(line)]
        size = self._settings.lines_per_change
        effects = [postings.plain(plain[first : first + size], desk) for first in range(0, len(plain), size)]
        effects += [postings.single(line, desk) for line in lines if not postings.is_plain(line)]
        await self._register.post_each(effects, who=WHO, why=f"reconciled: {batch.business} of {batch.day}")

    async def _post_missing(self, batch: Batch, bank: Bank, own: Sequence[Own]) -> None:
        desk = self._desk(batch, bank)
        effects = [postings.missing(each, batch.unit, desk) for each in own]
        why = f"missing in the bank's file: {batch.business} of {batch.day}"
        await self._register.post_each(effects, who=WHO, why=why)

    async def _missing(self, batch: Batch, bank: Bank) -> Sequence[Own]:
        file = await self._register.find(batch.file_id)
        limit = self._settings.moves_per_change
        if file.answers_id is not None:
            return await store.missing_answers(
                self._pool, batch.id, answered=file.answers_id, business=batch.business, unit=batch.unit, limit=limit
            )
        return await store.missing_of_day(
            self._pool,
            batch.id,
            since=_earliest(file.made_at - self._settings.look_back),
            channels=bank.channels,
            business=batch.business,
            unit=batch.unit,
            until=file.made_at,
            day=batch.day,
            limit=limit,
        )

    async def _conclude(self, batch: Batch) -> None:
        sums = await store.sums(self._pool, batch.id)
        agrees = sums["own_count"] == batch.file_count and sums["own_minor"] == batch.file_minor
        wrong = sums["different"] + sums["missing"] + sums["unknown"] + sums["duplicate"]
        event = BatchEvent.BALANCE if agrees and not wrong else BatchEvent.DIFFER
        why = f"own {sums['own_count']} / {sums['own_minor']}, file {batch.file_count} / {batch.file_minor}"
        await self._move(batch, event, {**sums, "reconciled_at": self._register.clock.now()}, why=why, who=WHO)

    async def _finish_files(self, batch: Batch) -> None:
        """A file whose last batch is reconciled is done, and the payment file it answers is checked."""
        if await store.unfinished_batches(self._pool, batch.file_id):
            return
        file = await self._register.find(batch.file_id)
        if file.state is FileState.IMPORTED:
            file = await self._moved_once(file, FileEvent.FINISH, why="every batch is reconciled")
        payment = await files.find(self._pool, file.answers_id) if file.answers_id else None
        if payment is not None and payment.state is FileState.ANSWERED:
            await self._moved_once(payment, FileEvent.CHECK, why=f"checked against {file.name}")

    async def _moved_once(self, file: FileRecord, event: FileEvent, *, why: str) -> FileRecord:
        """Move a file that the last but one of its batches may move at the same moment: then it has come there too."""
        try:
            return await self._register.move(file, event, why=why, who=WHO)
        except MovedError:
            now = await self._register.find(file.id)
            if now.state is file.state:
                raise
            return now

    async def _move(self, batch: Batch, event: BatchEvent, to: dict[str, object], *, why: str, who: str) -> None:
        receipt = await self._register.clerk.file(
            Effect(records=(_moved(batch, event, to),)), who=who, why=why, is_fact=True
        )
        if not isinstance(receipt, Done):
            raise MovedError(f"batch {batch.id} was not moved ({why}): {receipt}")

    async def _batch(self, batch_id: UUID) -> Batch:
        found = await returns.batch(self._pool, batch_id)
        if found is None:
            message = f"there is no batch {batch_id}"
            raise LookupError(message)
        return found

    def _desk(self, batch: Batch, bank: Bank) -> Desk:
        return Desk(
            batch=batch.id,
            channel=batch.channel_id,
            bank_account=bank.account,
            at=self._register.clock.now(),
            new_id=self._register.ids.new,
        )


def _moved(batch: Batch, event: BatchEvent, to: dict[str, object]) -> Move:
    return Move("settle_bank_return_batch", batch.id, batch.version, {"state": advance(batch.state, event).value, **to})


def _not_started(batch: Batch) -> Refused:
    if batch.state is BatchState.MATCHING:
        return Refused(Reason.IN_PROGRESS, "the batch is being reconciled", batch.id)
    why = "not imported yet" if batch.state is BatchState.IMPORTING else f"{batch.state} already"
    return Refused(Reason.WRONG_STATE, f"the batch is {why}", batch.id)


def _said(row: Row) -> Approved | Declined:
    if row["state"] == LineState.SUCCESS:
        return Approved(
            bank_reference=row["bank_reference"],
            value_on=row["value_on"],
            amount_minor=row["amount_minor"],
            fee_minor=row["fee_minor"],
        )
    return Declined(
        code=row["code"], reason=Reason.BANK_DECLINED, text=row["text"], bank_reference=row["bank_reference"]
    )


def _earliest(at: datetime) -> UUID:
    """The smallest time-ordered id of an instant (RFC 9562 version 7)."""
    return UUID(int=int(at.timestamp() * 1000) << 80)
