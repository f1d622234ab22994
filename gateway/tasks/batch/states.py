"""The transition tables of tasks and schedules; a missing cell is refused (row A25)."""

from __future__ import annotations

from enum import StrEnum

from gateway.tasks.batch.model import ScheduleState, TaskState


class TaskEvent(StrEnum):
    """What happens to a task."""

    START = "start"
    TAKE_OVER = "take over"
    LOSE = "lose"
    FAIL = "fail"
    FINISH = "finish"
    CANCEL = "cancel"
    RESET = "reset"


class ScheduleEvent(StrEnum):
    """What happens to a schedule."""

    PAUSE = "pause"
    RESUME = "resume"
    END = "end"


TASKS: dict[TaskState, dict[TaskEvent, TaskState]] = {
    TaskState.WAITING: {
        TaskEvent.START: TaskState.RUNNING,
        TaskEvent.CANCEL: TaskState.CANCELLED,
        TaskEvent.FAIL: TaskState.FAILED,
    },
    TaskState.RUNNING: {
        TaskEvent.TAKE_OVER: TaskState.RUNNING,
        TaskEvent.LOSE: TaskState.INTERRUPTED,
        TaskEvent.FAIL: TaskState.FAILED,
        TaskEvent.FINISH: TaskState.DONE,
        TaskEvent.CANCEL: TaskState.CANCELLED,
        TaskEvent.RESET: TaskState.WAITING,
    },
    TaskState.INTERRUPTED: {TaskEvent.RESET: TaskState.WAITING, TaskEvent.CANCEL: TaskState.CANCELLED},
    TaskState.FAILED: {TaskEvent.RESET: TaskState.WAITING, TaskEvent.CANCEL: TaskState.CANCELLED},
    TaskState.DONE: {TaskEvent.RESET: TaskState.WAITING},
    TaskState.CANCELLED: {TaskEvent.RESET: TaskState.WAITING},
}
SCHEDULES: dict[ScheduleState, dict[ScheduleEvent, ScheduleState]] = {
    ScheduleState.ACTIVE: {ScheduleEvent.PAUSE: ScheduleState.PAUSED, ScheduleEvent.END: ScheduleState.ENDED},
    ScheduleState.PAUSED: {ScheduleEvent.RESUME: ScheduleState.ACTIVE, ScheduleEvent.END: ScheduleState.ENDED},
    ScheduleState.ENDED: {},
}


class NoSuchMoveError(LookupError):
    """The table has no such cell."""


def advance(state: TaskState, event: TaskEvent) -> TaskState:
    """Return the state after `event`. Raises NoSuchMoveError."""
    if event not in TASKS[state]:
        message = f"a {state} task takes no {event}"
        raise NoSuchMoveError(message)
    return TASKS[state][event]


def advance_schedule(state: ScheduleState, event: ScheduleEvent) -> ScheduleState:
    """Return the schedule's state after `event`. Raises NoSuchMoveError."""
    if event not in SCHEDULES[state]:
        message = f"a schedule that is {state} takes no {event}"
        raise NoSuchMoveError(message)
    return SCHEDULES[state][event]
