"""Starting, cancelling and resetting tasks: each one change, answered at once (rows A15, A17, A20)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from gateway.journal.model import Change, Count, Insert, Key, Move, Post, Put, Receipt, Refused, Replayed
from gateway.kernel.clock import Clock
from gateway.kernel.ids import Ids
from gateway.kernel.postgres.pool import Database
from gateway.kernel.reasons import Reason
from gateway.tasks.batch import store
from gateway.tasks.batch.kind import BadTaskError, BatchKind
from gateway.tasks.batch.model import (
    CHUNK_MOST,
    CONCURRENCY_MOST,
    OPEN_STATES,
    BatchTask,
    Commanded,
    NewSchedule,
    NewTask,
    TaskState,
)
from gateway.tasks.batch.states import TASKS, TaskEvent, advance

TASK_TIMER = "batch.task"
_EXCLUSIVE = "batch_task.open"
_TRIES = 10
_NO_VERSION = 0
_TAKEN = "another task is open on the same thing: end or reset that one"
_Decided = tuple[tuple[Insert | Move | Put, ...], tuple[Count, ...]]

Keys = Callable[[UUID], tuple[Key, ...]]


def no_keys(_subject: UUID) -> tuple[Key, ...]:
    """A command without an idempotency key."""
    return ()


class BatchOffice:
    """Takes what people and schedules ask of tasks; the work itself is the runner's."""

    def __init__(
        self, *, pool: Database, journal: Post, kinds: Mapping[str, BatchKind], clock: Clock, ids: Ids
    ) -> None:
        self._pool = pool
        self._journal = journal
        self._kinds = dict(kinds)
        self._clock = clock
        self._ids = ids

    @property
    def kinds(self) -> list[str]:
        """The kinds of task there are."""
        return sorted(self._kinds)

    async def start(self, new: NewTask, *, who: str, keys: Keys = no_keys) -> Commanded[BatchTask] | Refused:
        """Start a task, now or when it is due, and return at once; the work is a worker's.

        Refused with IN_PROGRESS where another task is open on the same thing.
        """
        try:
            row, records, counts = await self.prepared(new, who=who)
        except BadTaskError as fault:
            return Refused(Reason.FORMAT, str(fault))
        id_ = UUID(str(row["id"]))
        receipt = await self._post(who, f"task {new.kind} started", keys(id_), records, counts)
        return await self._after(receipt, id_)

    async def prepared(
        self, new: NewTask, *, who: str
    ) -> tuple[dict[str, object], tuple[Insert | Put, ...], tuple[Count, ...]]:
        """Return the row of a new task, and the records and counts of the change that starts it.

        Raises BadTaskError.
        """
        exclusive = await self.check(new)
        now = self._clock.now()
        due_at = new.due_at or now
        row = {
            "id": self._ids.new(),
            "kind": new.kind,
            "exclusive": exclusive,
            "params": dict(new.params),
            "state": TaskState.WAITING.value,
            "chunk_size": new.chunk_size,
            "concurrency": new.concurrency,
            "after_loss": new.after_loss.value,
            "schedule_id": new.schedule_id,
            "created_by": who,
            "created_at": now,
            "due_at": due_at,
        }
        records = (Insert("batch_task", row), armed(row["id"], due_at))
        return row, records, (occupied(new.kind, exclusive),)

    async def check(self, new: NewTask | NewSchedule) -> str:
        """Check kind, sizes and parameters; returns what only one task may work on. Raises BadTaskError."""
        kind = self._kinds.get(new.kind)
        if kind is None:
            raise BadTaskError(f"there is no kind of task {new.kind}; there are: {', '.join(self.kinds)}")
        if not 1 <= new.chunk_size <= CHUNK_MOST:
            raise BadTaskError(f"a chunk has 1 to {CHUNK_MOST} rows")
        if not 1 <= new.concurrency <= CONCURRENCY_MOST:
            raise BadTaskError(f"1 to {CONCURRENCY_MOST} rows are worked on at once")
        return await kind.check(new.params)

    async def cancel(
        self, id_: UUID, *, who: str, why: str = "", keys: Keys = no_keys
    ) -> Commanded[BatchTask] | Refused:
        """End a task for good; what its chunks have stored stays. A worker on it stops before its next commit."""

        def decide(task: BatchTask) -> _Decided | None:
            if TaskEvent.CANCEL not in TASKS[task.state]:
                return None
            to = {"state": advance(task.state, TaskEvent.CANCEL).value, "ended_at": self._clock.now(), "owner": ""}
            return (Move("batch_task", id_, task.version, to), disarmed(id_)), freed(task)

        return await self._move(id_, TaskEvent.CANCEL, decide, who=who, why=why or "cancelled", keys=keys)

    async def reset(
        self, id_: UUID, *, who: str, why: str = "", from_start: bool = True, keys: Keys = no_keys
    ) -> Commanded[BatchTask] | Refused:
        """Let a task that has ended or was interrupted go on (row A20).

        From the start it reads everything again: rows that are stored are skipped by their ID, failed ones are tried
        again. Otherwise it goes on from the cursor of its last committed chunk.
        """

        def decide(task: BatchTask) -> _Decided | None:
            is_at_work = task.state is TaskState.RUNNING and task.is_held
            if TaskEvent.RESET not in TASKS[task.state] or is_at_work:
                return None
            now = self._clock.now()
            to: dict[str, object] = {**_FRESH, "state": advance(task.state, TaskEvent.RESET).value, "due_at": now}
            if from_start:
                to["cursor"] = ""
            counts = () if task.state in OPEN_STATES else (occupied(task.kind, task.exclusive),)
            return (Move("batch_task", id_, task.version, to), armed(id_, now)), counts

        return await self._move(id_, TaskEvent.RESET, decide, who=who, why=why or "reset", keys=keys)

    async def _move(
        self,
        id_: UUID,
        event: TaskEvent,
        decide: Callable[[BatchTask], _Decided | None],
        *,
        who: str,
        why: str,
        keys: Keys,
    ) -> Commanded[BatchTask] | Refused:
        """Decide on the task as it stands, again where a worker has moved it meanwhile."""
        for _ in range(_TRIES):
            task = await self.find(id_)
            if task is None:
                return Refused(Reason.NOT_FOUND, "no such task", id_)
            decided = decide(task)
            # a move that no version fits is never written, but a command that was given before is known by its keys
            records, counts = decided or ((Move("batch_task", id_, _NO_VERSION, {"reason": task.reason}),), ())
            receipt = await self._post(who, why, keys(id_), records, counts)
            if not isinstance(receipt, Refused) or receipt.reason is not Reason.MOVED:
                return await self._after(receipt, id_)
            if decided is None:
                return Refused(Reason.WRONG_STATE, f"a task that is {task.standing} takes no {event}", id_)
        return Refused(Reason.BUSY, "the task is moving too fast", id_)

    async def find(self, id_: UUID) -> BatchTask | None:
        """Read a task."""
        return await store.task(self._pool, id_, now=self._clock.now())

    async def totals(self, task: BatchTask) -> Mapping[str, int]:
        """Return what a task has stored over all its runs, as its kind counts it."""
        kind = self._kinds.get(task.kind)
        return {} if kind is None else await kind.totals(task)

    async def _post(
        self,
        who: str,
        why: str,
        keys: tuple[Key, ...],
        records: tuple[Insert | Move | Put, ...],
        counts: tuple[Count, ...],
    ) -> Receipt:
        now = self._clock.now()
        change = Change(
            id=self._ids.new(), who=who, why=why, occurred_at=now, keys=keys, records=records, counts=counts
        )
        return await self._journal.post(change)

    async def _after(self, receipt: Receipt, id_: UUID) -> Commanded[BatchTask] | Refused:
        if isinstance(receipt, Refused):
            is_taken = receipt.reason is Reason.IN_PROGRESS
            return Refused(Reason.IN_PROGRESS, _TAKEN, id_) if is_taken else receipt
        is_repeat = isinstance(receipt, Replayed)
        found = await self.find(receipt.subject if isinstance(receipt, Replayed) else id_)
        return Refused(Reason.NOT_FOUND, "no such task", id_) if found is None else Commanded(found, is_repeat)


_FRESH: Mapping[str, Any] = {"owner": "", "reason": "", "failed_chunk": None, "failed_row": None, "ended_at": None}


def armed(id_: object, due_at: datetime) -> Put:
    """Wake a worker for the task when it is due."""
    return Put("timer.set", {"kind": TASK_TIMER, "subject": id_, "due_at": due_at, "data": {}})


def disarmed(id_: UUID) -> Put:
    """Wake nobody for the task any more."""
    return Put("timer.done", {"kind": TASK_TIMER, "subject": id_})


def occupied(kind: str, exclusive: str) -> Count:
    """Take the one place there is for open tasks of a kind on one thing; the counter stands at -1 while it is taken."""
    return Count(_EXCLUSIVE, f"{kind}/{exclusive}", -1, least=-1, refusal=Reason.IN_PROGRESS)


def freed(task: BatchTask) -> tuple[Count, ...]:
    """Give back the place of a task that is open and is no more."""
    if task.state not in OPEN_STATES:
        return ()
    return (Count(_EXCLUSIVE, f"{task.kind}/{task.exclusive}", 1),)
