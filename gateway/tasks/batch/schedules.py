"""Schedules: at a due time one task is started, exactly one, whoever notices first (row A15)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

import structlog

from gateway.journal.model import Change, Done, Insert, Key, Move, Post, Put, Receipt, Refused, Replayed
from gateway.kernel.clock import Clock
from gateway.kernel.ids import Ids
from gateway.kernel.postgres.pool import Database
from gateway.kernel.reasons import Reason
from gateway.tasks.batch import store
from gateway.tasks.batch.cron import Cron, CronError
from gateway.tasks.batch.kind import BadTaskError
from gateway.tasks.batch.model import CatchUp, Commanded, NewSchedule, NewTask, Schedule, ScheduleState
from gateway.tasks.batch.office import BatchOffice, Keys, no_keys
from gateway.tasks.batch.states import SCHEDULES, ScheduleEvent, advance_schedule
from gateway.tasks.model import Finished, Outcome, Timer

_log = structlog.get_logger(__name__)
SCHEDULE_TIMER = "batch.schedule"
# a due time that is noticed later than this was missed
GRACE = timedelta(minutes=5)
_NO_VERSION = 0

Timed = TypeVar("Timed", NewSchedule, Schedule)


class Schedules:
    """Makes, pauses, resumes, changes and ends schedules, and starts their tasks (timer `batch.schedule`)."""

    def __init__(self, *, pool: Database, journal: Post, office: BatchOffice, clock: Clock, ids: Ids) -> None:
        self._pool = pool
        self._journal = journal
        self._office = office
        self._clock = clock
        self._ids = ids

    async def make(self, new: NewSchedule, *, who: str, keys: Keys = no_keys) -> Commanded[Schedule] | Refused:
        """Make a schedule; its first task comes at the next due time."""
        now, id_ = self._clock.now(), self._ids.new()
        try:
            await self._office.check(new)
            next_at = _first(new, now)
        except (BadTaskError, CronError) as fault:
            return Refused(Reason.FORMAT, str(fault))
        row = {
            "id": id_,
            "kind": new.kind,
            "name": new.name,
            "params": dict(new.params),
            "chunk_size": new.chunk_size,
            "concurrency": new.concurrency,
            "after_loss": new.after_loss.value,
            "cron": new.cron,
            "zone": new.zone,
            "once_at": new.once_at,
            "catch_up": new.catch_up.value,
            "state": ScheduleState.ACTIVE.value,
            "next_at": next_at,
            "created_by": who,
            "created_at": now,
        }
        records = (Insert("batch_schedule", row), _armed(id_, next_at))
        return await self._after(await self._post(who, "schedule made", records, keys(id_)), id_)

    async def set_time(
        self, id_: UUID, *, cron: str, zone: str, once_at: datetime | None, who: str, keys: Keys = no_keys
    ) -> Commanded[Schedule] | Refused:
        """Give a schedule another time; a paused one stays paused."""

        def decide(found: Schedule) -> tuple[Move | Put, ...] | None:
            if found.state is ScheduleState.ENDED:
                return None
            next_at = _first(replace(found, cron=cron, zone=zone, once_at=once_at), self._clock.now())
            to: dict[str, object] = {"cron": cron, "zone": zone, "once_at": once_at}
            if found.state is not ScheduleState.ACTIVE:
                return (Move("batch_schedule", id_, found.version, to),)
            return Move("batch_schedule", id_, found.version, {**to, "next_at": next_at}), _armed(id_, next_at)

        return await self._command(id_, decide, what="new time", who=who, keys=keys)

    async def move(
        self, id_: UUID, event: ScheduleEvent, *, who: str, keys: Keys = no_keys
    ) -> Commanded[Schedule] | Refused:
        """Pause, resume or end a schedule; tasks it has started are left alone."""

        def decide(found: Schedule) -> tuple[Move | Put, ...] | None:
            if event not in SCHEDULES[found.state]:
                return None
            state = advance_schedule(found.state, event)
            next_at = _first(found, self._clock.now()) if state is ScheduleState.ACTIVE else None
            move = Move("batch_schedule", id_, found.version, {"state": state.value, "next_at": next_at})
            return move, _disarmed(id_) if next_at is None else _armed(id_, next_at)

        return await self._command(id_, decide, what=str(event), who=who, keys=keys)

    async def _command(
        self,
        id_: UUID,
        decide: Callable[[Schedule], tuple[Move | Put, ...] | None],
        *,
        what: str,
        who: str,
        keys: Keys,
    ) -> Commanded[Schedule] | Refused:
        found = await self.find(id_)
        if found is None:
            return Refused(Reason.NOT_FOUND, "no such schedule", id_)
        try:
            records = decide(found)
        except CronError as fault:
            return Refused(Reason.FORMAT, str(fault), id_)
        # a move that no version fits is never written, but a command that was given before is known by its keys
        stale = (Move("batch_schedule", id_, _NO_VERSION, {"last_note": found.last_note}),)
        receipt = await self._post(who, what, records or stale, keys(id_))
        if records is None and isinstance(receipt, Refused) and receipt.reason is Reason.MOVED:
            return Refused(Reason.WRONG_STATE, f"a schedule that is {found.state} takes no {what}", id_)
        return await self._after(receipt, id_)

    async def find(self, id_: UUID) -> Schedule | None:
        """Read a schedule."""
        return await store.schedule(self._pool, id_)

    async def handle(self, timer: Timer) -> Outcome:
        """Start the task that is due and arm the next time, in one change."""
        found = await self.find(timer.subject)
        now = self._clock.now()
        if found is None or found.state is not ScheduleState.ACTIVE or found.next_at is None or found.next_at > now:
            return Finished()
        if found.catch_up is CatchUp.SKIP and now - found.next_at > GRACE:
            await self._go_on(found, now, note=f"missed at {found.next_at.isoformat()}")
        else:
            await self._start(found, now)
        return Finished()

    async def _start(self, found: Schedule, now: datetime) -> None:
        who = f"schedule:{found.name}"
        new = NewTask(
            kind=found.kind,
            params=found.params,
            chunk_size=found.chunk_size,
            concurrency=found.concurrency,
            after_loss=found.after_loss,
            schedule_id=found.id,
        )
        try:
            row, records, counts = await self._office.prepared(new, who=who)
        except BadTaskError as fault:
            await self._go_on(found, now, note=str(fault))
            return
        noted = {"last_at": found.next_at, "last_task": row["id"], "last_note": ""}
        change = Change(
            id=self._ids.new(),
            who=who,
            why=f"due at {found.next_at}",
            occurred_at=now,
            records=(*self._moved(found, now, noted), *records),
            counts=counts,
            fact=True,
        )
        receipt = await self._journal.post(change)
        if isinstance(receipt, Refused) and receipt.reason is Reason.IN_PROGRESS:
            await self._go_on(found, now, note="the task before is still open")
        elif isinstance(receipt, Done):
            _log.info("task scheduled", schedule=str(found.id), task=str(row["id"]), kind=found.kind)

    async def _go_on(self, found: Schedule, now: datetime, *, note: str) -> None:
        """Arm the next time without a task, and say why."""
        _log.warning("due time without a task", schedule=str(found.id), kind=found.kind, why=note)
        records = self._moved(found, now, {"last_at": found.next_at, "last_note": note})
        await self._post(f"schedule:{found.name}", note, records, ())

    def _moved(self, found: Schedule, now: datetime, noted: dict[str, object]) -> tuple[Move | Put, ...]:
        next_at = None if found.once_at else Cron.read(found.cron, found.zone).after(now)
        to: dict[str, object] = {**noted, "next_at": next_at}
        if next_at is None:
            to["state"] = advance_schedule(found.state, ScheduleEvent.END).value
            return (Move("batch_schedule", found.id, found.version, to),)
        return (Move("batch_schedule", found.id, found.version, to), _armed(found.id, next_at))

    async def _post(
        self, who: str, why: str, records: tuple[Insert | Move | Put, ...], keys: tuple[Key, ...]
    ) -> Receipt:
        now = self._clock.now()
        change = Change(id=self._ids.new(), who=who, why=why, occurred_at=now, records=records, keys=keys)
        return await self._journal.post(change)

    async def _after(self, receipt: Receipt, id_: UUID) -> Commanded[Schedule] | Refused:
        if isinstance(receipt, Refused):
            return receipt
        is_repeat = isinstance(receipt, Replayed)
        found = await self.find(receipt.subject if isinstance(receipt, Replayed) else id_)
        return Refused(Reason.NOT_FOUND, "no such schedule", id_) if found is None else Commanded(found, is_repeat)


def _first(timed: Timed, now: datetime) -> datetime:
    """Return the first due time. Raises CronError where there is none to come."""
    if bool(timed.cron) == (timed.once_at is not None):
        raise CronError("a schedule has a cron line, or one instant")
    cron = Cron.read(timed.cron or "0 0 * * *", timed.zone)
    if timed.once_at is None:
        return cron.after(now)
    if timed.once_at <= now:
        raise CronError("the instant lies in the past")
    return timed.once_at


def _armed(id_: UUID, at: datetime) -> Put:
    return Put("timer.set", {"kind": SCHEDULE_TIMER, "subject": id_, "due_at": at, "data": {}})


def _disarmed(id_: UUID) -> Put:
    return Put("timer.done", {"kind": SCHEDULE_TIMER, "subject": id_})
