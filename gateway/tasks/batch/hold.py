"""A worker's hold on one task: every move is fenced by the task's version, so one who lost it moves nothing (A19, A20).

Whoever takes a task moves it first; the commit of a worker that was taken for dead is then refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import structlog

from gateway.journal.model import Change, Count, Done, Insert, Move, Post, Put, Refused
from gateway.kernel.clock import Clock
from gateway.kernel.faults import Faults, NoFaults
from gateway.kernel.ids import Ids
from gateway.kernel.postgres.pool import Database
from gateway.kernel.reasons import Reason
from gateway.tasks.batch.kind import Effect, SourceError
from gateway.tasks.batch.meter import Meter, NoMeter
from gateway.tasks.batch.model import AfterLoss, BatchTask, TaskState
from gateway.tasks.batch.office import armed, disarmed, freed
from gateway.tasks.batch.states import TaskEvent, advance

_log = structlog.get_logger(__name__)
WHO = "system:tasks"
_NOTHING: Mapping[str, object] = {}
_NO_EFFECT = Effect()


class LostTaskError(Exception):
    """Somebody else has moved the task: it was cancelled, or another worker has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerSettings:
    """How long one turn lasts before others have theirs, and how often a task that fails as a whole is tried."""

    turn: timedelta = timedelta(minutes=5)
    tries: int = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """What every hold works with; `owner` names this process."""

    pool: Database
    journal: Post
    clock: Clock
    ids: Ids
    owner: str
    faults: Faults = field(default_factory=NoFaults)
    meter: Meter = field(default_factory=NoMeter)
    settings: RunnerSettings = field(default_factory=RunnerSettings)


class Hold:
    """One task in one worker's hands, as it stands after each move."""

    def __init__(self, shop: Workshop, task: BatchTask) -> None:
        self._shop = shop
        self.task = task

    async def take(self) -> bool:
        """Make the task ours; False where it was lost and is now left to a person. Raises LostTaskError."""
        task, owner = self.task, self._shop.owner
        if task.state is TaskState.WAITING:
            await self._start()
        elif not task.owner:
            await self.move({"owner": owner}, why="goes on")
        elif task.after_loss is AfterLoss.WAIT:
            to = {"state": advance(task.state, TaskEvent.LOSE).value, "owner": ""}
            await self.move(to, why=f"{task.owner} was lost", more=(disarmed(task.id),))
            return False
        else:
            # the lease behind this taking is ours, so the owner it names has gone without a word
            to = {"state": advance(task.state, TaskEvent.TAKE_OVER).value, "owner": owner}
            await self.move({**to, "takeovers": task.takeovers + 1}, why=f"taken over from {task.owner}")
        return True

    async def _start(self) -> None:
        to: dict[str, object] = {
            "state": advance(self.task.state, TaskEvent.START).value,
            "owner": self._shop.owner,
            "run": self.task.run + 1,
            "started_at": self._shop.clock.now(),
            **dict.fromkeys(("chunks", "rows_read", "stored", "skipped", "failed"), 0),
        }
        await self.move(to, why="started")

    async def leave(self, why: str, *, at_once: bool = False) -> None:
        """Let go in order, so that nobody takes us for lost; `at_once` wakes another worker now."""
        task = self.task
        more = (armed(task.id, self._shop.clock.now()),) if at_once else ()
        await self.move({"owner": "", "reason": why}, why=why or "others have their turn", more=more)

    async def fail(
        self, why: str, *, where: Mapping[str, object] = _NOTHING, more: tuple[Insert | Put, ...] = ()
    ) -> None:
        """End the task as failed, for a person to look at and reset (row A24)."""
        task = self.task
        to = {"state": advance(task.state, TaskEvent.FAIL).value, "reason": why, **self.ended(), **where}
        await self.move(to, why="failed", more=(*more, disarmed(task.id)), counts=freed(task))
        _log.warning("task failed", task=str(task.id), kind=task.kind, run=task.run, why=why, **where)

    def ended(self) -> dict[str, object]:
        """What an ended task says of itself beside its state."""
        return {"ended_at": self._shop.clock.now(), "owner": ""}

    async def move(
        self,
        to: Mapping[str, object],
        *,
        why: str,
        more: tuple[Insert | Move | Put, ...] = (),
        effect: Effect = _NO_EFFECT,
        counts: tuple[Count, ...] = (),
    ) -> None:
        """Move the task with all that goes with it, in one change. Raises LostTaskError, or SourceError for later."""
        task = self.task
        change = Change(
            id=self._shop.ids.new(),
            who=WHO,
            why=why,
            occurred_at=self._shop.clock.now(),
            records=(Move("batch_task", task.id, task.version, to), *more, *effect.records),
            postings=effect.postings,
            counts=counts,
            fact=True,
        )
        receipt = await self._shop.journal.post(change)
        if isinstance(receipt, Refused) and receipt.reason is not Reason.MOVED:
            raise SourceError(f"the change was not written: {receipt.reason}, {receipt.detail}")
        if not isinstance(receipt, Done):
            raise LostTaskError
        moved: dict[str, Any] = {**to, "state": TaskState(str(to.get("state", task.state)))}
        self.task = replace(task, **moved, version=task.version + 1)
