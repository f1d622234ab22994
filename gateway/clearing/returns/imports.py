"""Importing: parse whole, then add the rows in chunks that remember how far they came (rows C71, C72, C76-C80, C89)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from itertools import islice
from uuid import UUID

from channels.instruction import ReturnLine
from channels.ports import BadFileError
from gateway.clearing.files import store as files
from gateway.clearing.files.archive import Archive
from gateway.clearing.files.bridge import pulled, pushed
from gateway.clearing.files.model import REFUSAL, FileEvent, FileFront, FileRecord, FileSettings, FileState, Fronts
from gateway.clearing.files.register import MovedError, Register
from gateway.clearing.files.states import OUTGOING
from gateway.clearing.returns import store
from gateway.clearing.returns.model import Batch, BatchEvent, BatchState
from gateway.clearing.returns.reading import Sum, sound, summed
from gateway.clearing.returns.refusals import Refusals
from gateway.clearing.returns.states import advance
from gateway.journal.model import Insert, Move, Put, Refused
from gateway.kernel.faults import Faults
from gateway.kernel.reasons import Reason
from gateway.payments.payout import Effect
from gateway.tasks import Again, Finished, Timer

RECONCILE = "clearing.reconcile"
WHO = "system:import"


class _TurnEndedError(Exception):
    """The turn has lasted long enough; what is in stays in."""


class Imports:
    """Timer `files.import`: walks a return file from archived to imported, from wherever it stopped."""

    def __init__(
        self,
        *,
        register: Register,
        archive: Archive,
        fronts: Fronts,
        refusals: Refusals,
        faults: Faults,
        settings: FileSettings,
    ) -> None:
        self._register = register
        self._archive = archive
        self._fronts = fronts
        self._refusals = refusals
        self._faults = faults
        self._settings = settings

    async def handle(self, timer: Timer) -> Finished | Again:
        """Import the file as far as one turn goes; an exception brings the timer again."""
        file = await self._register.find(timer.subject)
        front = await self._fronts.front(file.channel_id)
        if file.state is FileState.ARCHIVED:
            file = await self._parse(front, file)
        if file.state is FileState.PARSED:
            try:
                file = await self._import(front, file)
            except _TurnEndedError:
                return Again(timedelta(0))
        if file.state is FileState.IMPORTED:
            await self._tell_payment_file(file)
            if not await store.batches(self._register.pool, file=file.id, limit=1):
                await self._register.move(file, FileEvent.FINISH, why="there is nothing in it", who=WHO)
        return Finished()

    async def release(self, file_id: UUID, *, who: str) -> FileRecord | Refused:
        """Read a quarantined file again, as after its template was mended."""
        file = await files.find(self._register.pool, file_id)
        if file is None or file.state is not FileState.QUARANTINED:
            return Refused(Reason.WRONG_STATE, "only a quarantined file can be released", file_id)
        timer = {"kind": "files.import", "subject": file.id, "due_at": self._register.clock.now(), "data": {}}
        to = {"reason": "", "error_line": None, "error_offset": None}
        effect = Effect(records=(Put("timer.set", timer),))
        return await self._register.move(file, FileEvent.RELEASE, why="released", to=to, effect=effect, who=who)

    async def supersede(self, file_id: UUID, *, who: str) -> FileRecord | Refused:
        """Put a file aside for good: another one takes its place."""
        file = await files.find(self._register.pool, file_id)
        if file is None or file.state not in (FileState.QUARANTINED, FileState.ARCHIVED):
            return Refused(Reason.WRONG_STATE, "only a file that was not imported can be superseded", file_id)
        return await self._register.move(file, FileEvent.SUPERSEDE, why="superseded", who=who)

    async def _parse(self, front: FileFront, file: FileRecord) -> FileRecord:
        if file.kind == REFUSAL:
            return await self._refusals.take(file)
        template = await files.active_template(self._register.pool, front.kind, file.kind)
        if template is None:
            return await self._quarantine(file, f"there is no active template for files of kind {file.kind}", None)
        try:
            sums = await asyncio.to_thread(summed, front.language, template[1], self._pieces(file))
        except BadFileError as fault:
            return await self._quarantine(file, fault.why, fault)
        except ValueError as fault:
            return await self._quarantine(file, str(fault), None)
        batches = await self._batches(front, file, sums)
        known = {
            "template_id": template[0],
            "count": sum(each.count for each in sums.values()),
            "amount_minor": sum(each.amount_minor for each in sums.values()),
        }
        return await self._register.move(
            file, FileEvent.PARSE, why="every line read, totals agree", to=known, effect=batches, who=WHO
        )

    async def _quarantine(self, file: FileRecord, why: str, fault: BadFileError | None) -> FileRecord:
        to = {
            "reason": why,
            "error_line": None if fault is None else fault.line,
            "error_offset": None if fault is None else fault.offset,
        }
        return await self._register.move(file, FileEvent.QUARANTINE, why=f"cannot be read: {why}", to=to, who=WHO)

    async def _batches(self, front: FileFront, file: FileRecord, sums: dict[tuple[str, str], Sum]) -> Effect:
        """One batch for each business and unit of the file, and for each that went out in the file it answers.

        A whole day without a line has one for each that something of ours stands in: all of it is missing.
        """
        if file.answers_id is not None:
            for sent in await store.businesses_sent(self._register.pool, file.answers_id):
                sums.setdefault(sent, Sum())
        kind = front.language.recognise(file.name)
        if not sums and kind is not None and kind.is_whole_day:
            since = file.made_at - self._settings.look_back
            for ours in await store.businesses_of_day(self._register.pool, file.channel_id, since=since, day=file.day):
                sums.setdefault(ours, Sum())
        new = self._register.ids.new
        return Effect(
            records=tuple(
                Insert("settle_bank_return_batch", _batch(new(), file, business, unit, total))
                for (business, unit), total in sorted(sums.items())
            )
        )

    async def _import(self, front: FileFront, file: FileRecord) -> FileRecord:
        batches = await store.batches(self._register.pool, file=file.id)
        await self._add_lines(front, file, {(each.business, each.unit): each.id for each in batches})
        records: list[Insert | Move | Put] = []
        for each in batches:
            records += self._opened(each)
        return await self._register.move(
            file, FileEvent.IMPORT, why="every line is in", effect=Effect(records=tuple(records)), who=WHO
        )

    async def _add_lines(self, front: FileFront, file: FileRecord, batches: dict[tuple[str, str], UUID]) -> None:
        if file.template_id is None:
            message = f"file {file.name} was parsed by no template"
            raise LookupError(message)
        pool, loop = self._register.pool, asyncio.get_running_loop()
        done = await store.begin_import(pool, file.id)
        ends = self._register.clock.monotonic() + self._settings.slice_s
        template = await files.template_body(pool, file.template_id)

        async def add(lines: Sequence[ReturnLine]) -> None:
            nonlocal done
            rows = [(self._register.ids.new(), batches[line.business, line.unit], line) for line in lines]
            done = await store.import_chunk(pool, file.id, after=done, rows=rows)
            self._faults.at("files.imported_chunk")
            if self._register.clock.monotonic() > ends:
                raise _TurnEndedError

        lines = islice(sound(front.language, template, self._pieces(file)), done, None)
        await asyncio.to_thread(_chunk, lines, self._settings.lines_per_chunk, pushed(loop, add))

    def _opened(self, batch: Batch) -> list[Insert | Move | Put]:
        at = self._register.clock.now()
        moves: list[Insert | Move | Put] = [_moved(batch, BatchEvent.IMPORT, batch.version, {"imported_at": at})]
        if self._settings.reconcile_at_once:
            started = {"started_by": WHO, "started_at": at}
            imported = advance(batch.state, BatchEvent.IMPORT)
            state = advance(imported, BatchEvent.START)
            moves.append(
                Move("settle_bank_return_batch", batch.id, batch.version + 1, {"state": state.value, **started})
            )
            moves.append(Put("timer.set", {"kind": RECONCILE, "subject": batch.id, "due_at": at, "data": {}}))
        return moves

    def _pieces(self, file: FileRecord) -> Iterable[bytes]:
        return pulled(asyncio.get_running_loop(), self._archive.read(file.content_id))

    async def _tell_payment_file(self, file: FileRecord) -> None:
        if file.answers_id is None:
            return
        payment = await self._register.find(file.answers_id)
        if FileEvent.ANSWER in OUTGOING[payment.state]:
            await self._register.move(payment, FileEvent.ANSWER, why=f"answered by {file.name}", who=WHO)
        elif payment.state not in (FileState.ANSWERED, FileState.CHECKED):
            message = f"{file.name} answers {payment.name}, which is {payment.state}"
            raise MovedError(message)


def _moved(batch: Batch, event: BatchEvent, version: int, to: dict[str, object]) -> Move:
    state = advance(batch.state, event)
    return Move("settle_bank_return_batch", batch.id, version, {"state": state.value, **to})


def _chunk(lines: Iterator[ReturnLine], size: int, push: Callable[[Sequence[ReturnLine]], None]) -> None:
    while chunk := list(islice(lines, size)):
        push(chunk)


def _batch(id_: UUID, file: FileRecord, business: str, unit: str, total: Sum) -> dict[str, object]:
    return {
        "id": id_,
        "file_id": file.id,
        "channel_id": file.channel_id,
        "business": business,
        "day": file.day,
        "unit": unit,
        "state": BatchState.IMPORTING.value,
        "file_count": total.count,
        "file_minor": total.amount_minor,
        "file_fee_minor": total.fee_minor,
        "own_count": 0,
        "own_minor": 0,
        "bank_minor": 0,
        "matched": 0,
        "different": 0,
        "missing": 0,
        "unknown": 0,
        "duplicate": 0,
        "started_by": "",
        "started_at": None,
        "imported_at": None,
        "reconciled_at": None,
        "version": 1,
    }
