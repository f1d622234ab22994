"""Batch tasks: read a chunk, work on its rows, commit their results and the cursor in one change (rows A15-A27).

Rules of the room: a kind of task is registered by the room it belongs to and knows only how to read, to recognise, to
work on one row and to say what a chunk stores; everything else (when, who, how many at once, what is committed
together, what a crash leaves behind) is decided here, once. Nothing of a chunk is in the books before all of it is.
"""

from gateway.tasks.batch.cron import Cron, CronError
from gateway.tasks.batch.hold import RunnerSettings, Workshop
from gateway.tasks.batch.kind import (
    BadTaskError,
    BatchKind,
    BatchRun,
    Effect,
    Place,
    Portion,
    Row,
    RowError,
    SourceError,
)
from gateway.tasks.batch.meter import Meter, NoMeter
from gateway.tasks.batch.model import (
    AfterLoss,
    BatchTask,
    CatchUp,
    ChunkDone,
    Commanded,
    FailedRow,
    NewSchedule,
    NewTask,
    RunTotals,
    Schedule,
    ScheduleState,
    TaskState,
)
from gateway.tasks.batch.office import TASK_TIMER, BatchOffice, Keys
from gateway.tasks.batch.runner import Runner
from gateway.tasks.batch.schedules import SCHEDULE_TIMER, Schedules
from gateway.tasks.batch.states import ScheduleEvent, TaskEvent
from gateway.tasks.batch.store import TABLES

__all__ = [
    "SCHEDULE_TIMER",
    "TABLES",
    "TASK_TIMER",
    "AfterLoss",
    "BadTaskError",
    "BatchKind",
    "BatchOffice",
    "BatchRun",
    "BatchTask",
    "CatchUp",
    "ChunkDone",
    "Commanded",
    "Cron",
    "CronError",
    "Effect",
    "FailedRow",
    "Keys",
    "Meter",
    "NewSchedule",
    "NewTask",
    "NoMeter",
    "Place",
    "Portion",
    "Row",
    "RowError",
    "RunTotals",
    "Runner",
    "RunnerSettings",
    "Schedule",
    "ScheduleEvent",
    "ScheduleState",
    "Schedules",
    "SourceError",
    "TaskEvent",
    "TaskState",
    "Workshop",
]
