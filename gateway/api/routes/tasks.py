"""Batch tasks, their schedules and remote sources (rows A15-A27); operators only."""

from __future__ import annotations

from typing import Final

from gateway.access import Permission
from gateway.api.bodies import ListQuery
from gateway.api.decoding import JsonBody
from gateway.api.ports import Listing, Page, Taken
from gateway.api.route import Call, Given, Nothing, Route
from gateway.api.shown import page_of
from gateway.api.task_bodies import (
    SCHEDULE,
    SOURCE,
    TASK,
    ChunksQuery,
    ChunksShown,
    FailedRowsQuery,
    FailedRowsShown,
    ScheduleMove,
    ScheduleOrder,
    ScheduleShown,
    SchedulesShown,
    ScheduleTime,
    SourceMove,
    SourceOrdered,
    SourceShown,
    SourcesShown,
    TaskCancel,
    TaskCountShown,
    TaskCountsShown,
    TaskDetailShown,
    TaskOrder,
    TaskReset,
    TaskShown,
    TasksQuery,
    TasksShown,
    show_chunks,
    show_detail,
    show_failed_rows,
    show_schedule,
    show_source,
    show_task,
)
from gateway.journal.model import Refused
from gateway.kernel.ids import show
from gateway.kernel.reasons import Reason
from gateway.tasks.batch import BatchTask, NewSchedule, NewTask, Schedule, ScheduleEvent
from gateway.tasks.sources import NewSource, RemoteSource, SourceState

_NO_TASK: Final = Refused(Reason.NOT_FOUND, "no such task")


async def start_task(call: Call[TaskOrder, Nothing]) -> Given | Refused:
    """Start a task."""
    body = call.body
    new = NewTask(
        kind=body.kind,
        params=body.params,
        chunk_size=body.chunk_size,
        concurrency=body.concurrency,
        after_loss=body.after_loss,
        due_at=body.at,
    )
    return _task(await call.desks.tasks.start(call.order, new))


async def list_tasks(call: Call[Nothing, TasksQuery]) -> Given:
    """Show tasks."""
    found = await call.desks.tasks.list(_page(call.query, TASK), state=call.query.state, kind=call.query.kind)
    return Given(TasksShown(tasks=[show_task(task) for task in found.items], next=_next(found, TASK)))


async def count_tasks(call: Call[Nothing, Nothing]) -> Given:
    """Count tasks by kind and state."""
    found = await call.desks.tasks.counts()
    return Given(TaskCountsShown(counts=[TaskCountShown(kind=k, state=s, count=c) for k, s, c in found]))


async def read_task(call: Call[Nothing, Nothing]) -> Given | Refused:
    """Show a task with its runs."""
    found = await call.desks.tasks.find(call.ids["task"])
    return _NO_TASK if found is None else Given(show_detail(found))


async def list_chunks(call: Call[Nothing, ChunksQuery]) -> Given | Refused:
    """Show the chunks of a task."""
    after = (call.query.run, call.query.number)
    found = await call.desks.tasks.chunks(call.ids["task"], after=after, limit=call.query.limit)
    return _NO_TASK if found is None else Given(show_chunks(found))


async def list_failed_rows(call: Call[Nothing, FailedRowsQuery]) -> Given | Refused:
    """Show the failed rows of a task."""
    found = await call.desks.tasks.failed_rows(call.ids["task"], run=call.query.run, limit=call.query.limit)
    return _NO_TASK if found is None else Given(show_failed_rows(found))


async def cancel_task(call: Call[TaskCancel, Nothing]) -> Given | Refused:
    """Cancel a task."""
    return _task(await call.desks.tasks.cancel(call.order, call.ids["task"], why=call.body.why))


async def reset_task(call: Call[TaskReset, Nothing]) -> Given | Refused:
    """Reset a task."""
    from_start = call.body.origin == "start"
    return _task(await call.desks.tasks.reset(call.order, call.ids["task"], why=call.body.why, from_start=from_start))


async def make_schedule(call: Call[ScheduleOrder, Nothing]) -> Given | Refused:
    """Make a schedule."""
    body = call.body
    new = NewSchedule(
        kind=body.kind,
        name=body.name,
        params=body.params,
        chunk_size=body.chunk_size,
        concurrency=body.concurrency,
        after_loss=body.after_loss,
        cron=body.cron,
        zone=body.zone,
        once_at=body.once_at,
        catch_up=body.catch_up,
    )
    return _schedule(await call.desks.tasks.make_schedule(call.order, new))


async def list_schedules(call: Call[Nothing, ListQuery]) -> Given:
    """Show schedules."""
    found = await call.desks.tasks.schedules(_page(call.query, SCHEDULE))
    shown = [show_schedule(record) for record in found.items]
    return Given(SchedulesShown(schedules=shown, next=_next(found, SCHEDULE)))


async def set_schedule_time(call: Call[ScheduleTime, Nothing]) -> Given | Refused:
    """Give a schedule another time."""
    body = call.body
    taken = await call.desks.tasks.set_time(
        call.order, call.ids["schedule"], cron=body.cron, zone=body.zone, once_at=body.once_at
    )
    return _schedule(taken)


async def move_schedule(call: Call[ScheduleMove, Nothing]) -> Given | Refused:
    """Pause, resume or end a schedule."""
    event = ScheduleEvent(call.body.to)
    return _schedule(await call.desks.tasks.move_schedule(call.order, call.ids["schedule"], event))


async def add_source(call: Call[SourceOrdered, Nothing]) -> Given | Refused:
    """Take a source on."""
    body = call.body
    new = NewSource(
        code=body.code,
        name=body.name,
        address=body.address,
        authorities=body.authorities,
        keyid=body.keyid,
        secret=body.secret.encode(),
        page_most=body.page_most,
    )
    return _source(await call.desks.tasks.add_source(call.order, new))


async def list_sources(call: Call[Nothing, Nothing]) -> Given:
    """Show the sources."""
    return Given(SourcesShown(sources=[show_source(source) for source in await call.desks.tasks.sources()]))


async def move_source(call: Call[SourceMove, Nothing]) -> Given | Refused:
    """Close a source, or open it again."""
    state = SourceState(call.body.to)
    return _source(await call.desks.tasks.set_source_state(call.order, call.ids["source"], state))


def _task(taken: Taken[BatchTask] | Refused) -> Given | Refused:
    return taken if isinstance(taken, Refused) else Given(show_task(taken.value), taken.replayed)


def _schedule(taken: Taken[Schedule] | Refused) -> Given | Refused:
    return taken if isinstance(taken, Refused) else Given(show_schedule(taken.value), taken.replayed)


def _source(taken: Taken[RemoteSource] | Refused) -> Given | Refused:
    return taken if isinstance(taken, Refused) else Given(show_source(taken.value), taken.replayed)


def _page(query: ListQuery, kind: str) -> Page:
    return page_of(query, kind)


def _next(found: Listing[BatchTask] | Listing[Schedule], kind: str) -> str | None:
    return show(kind, found.items[-1].id) if found.more and found.items else None


_TAG: Final = "Tasks"
_TASK_MOVES: Final = (Reason.NOT_FOUND, Reason.WRONG_STATE, Reason.IN_PROGRESS)
_SCHEDULE_MOVES: Final = (Reason.NOT_FOUND, Reason.WRONG_STATE)

ROUTES = (
    Route(
        method="POST",
        path="/v1/tasks",
        operation="startTask",
        tag=_TAG,
        summary="Start a batch task; it is answered at once, with its id",
        permission=Permission.TASKS_WRITE,
        handle=start_task,
        decoder=JsonBody(TaskOrder),
        answer=TaskShown,
        refusals=(Reason.IN_PROGRESS,),
        example={"kind": "transactions.pull", "params": {"source": "sandbox"}, "chunk_size": 1000},
    ),
    Route(
        method="GET",
        path="/v1/tasks",
        operation="listTasks",
        tag=_TAG,
        summary="Batch tasks, newest first",
        permission=Permission.TASKS_READ,
        handle=list_tasks,
        query=TasksQuery,
        answer=TasksShown,
    ),
    Route(
        method="GET",
        path="/v1/task-counts",
        operation="countTasks",
        tag=_TAG,
        summary="How many tasks there are, by kind and state",
        permission=Permission.TASKS_READ,
        handle=count_tasks,
        answer=TaskCountsShown,
    ),
    Route(
        method="GET",
        path="/v1/tasks/{task}",
        operation="readTask",
        tag=_TAG,
        summary="A task with its runs and what it has stored",
        permission=Permission.TASKS_READ,
        handle=read_task,
        answer=TaskDetailShown,
        ids={"task": (TASK,)},
        refusals=(Reason.NOT_FOUND,),
    ),
    Route(
        method="GET",
        path="/v1/tasks/{task}/chunks",
        operation="listTaskChunks",
        tag=_TAG,
        summary="The chunks of a task, in the order they were committed",
        permission=Permission.TASKS_READ,
        handle=list_chunks,
        query=ChunksQuery,
        answer=ChunksShown,
        ids={"task": (TASK,)},
        refusals=(Reason.NOT_FOUND,),
    ),
    Route(
        method="GET",
        path="/v1/tasks/{task}/failed-rows",
        operation="listFailedRows",
        tag=_TAG,
        summary="The rows of a task that failed: which chunk, which row, why",
        permission=Permission.TASKS_READ,
        handle=list_failed_rows,
        query=FailedRowsQuery,
        answer=FailedRowsShown,
        ids={"task": (TASK,)},
        refusals=(Reason.NOT_FOUND,),
    ),
    Route(
        method="POST",
        path="/v1/tasks/{task}/cancel",
        operation="cancelTask",
        tag=_TAG,
        summary="End a task for good; what it has stored stays",
        permission=Permission.TASKS_WRITE,
        handle=cancel_task,
        decoder=JsonBody(TaskCancel),
        answer=TaskShown,
        ids={"task": (TASK,)},
        refusals=_TASK_MOVES,
        example={"why": "wrong day"},
    ),
    Route(
        method="POST",
        path="/v1/tasks/{task}/reset",
        operation="resetTask",
        tag=_TAG,
        summary="Let a task that ended or was interrupted go on; stored rows are skipped, failed ones tried again",
        permission=Permission.TASKS_WRITE,
        handle=reset_task,
        decoder=JsonBody(TaskReset),
        answer=TaskShown,
        ids={"task": (TASK,)},
        refusals=_TASK_MOVES,
        example={"origin": "start", "why": "the source is up again"},
    ),
    Route(
        method="POST",
        path="/v1/task-schedules",
        operation="makeSchedule",
        tag=_TAG,
        summary="Let a task start at a time of day, by a cron line, or once",
        permission=Permission.TASKS_WRITE,
        handle=make_schedule,
        decoder=JsonBody(ScheduleOrder),
        answer=ScheduleShown,
        example={
            "kind": "transactions.pull",
            "name": "nightly pull",
            "params": {"source": "sandbox"},
            "cron": "02:30",
            "zone": "Asia/Shanghai",
        },
    ),
    Route(
        method="GET",
        path="/v1/task-schedules",
        operation="listSchedules",
        tag=_TAG,
        summary="Schedules, newest first",
        permission=Permission.TASKS_READ,
        handle=list_schedules,
        query=ListQuery,
        answer=SchedulesShown,
    ),
    Route(
        method="POST",
        path="/v1/task-schedules/{schedule}/time",
        operation="setScheduleTime",
        tag=_TAG,
        summary="Give a schedule another time",
        permission=Permission.TASKS_WRITE,
        handle=set_schedule_time,
        decoder=JsonBody(ScheduleTime),
        answer=ScheduleShown,
        ids={"schedule": (SCHEDULE,)},
        refusals=_SCHEDULE_MOVES,
        example={"cron": "30 1 * * 1-5", "zone": "Asia/Shanghai"},
    ),
    Route(
        method="POST",
        path="/v1/task-schedules/{schedule}/move",
        operation="moveSchedule",
        tag=_TAG,
        summary="Pause a schedule, resume it or end it",
        permission=Permission.TASKS_WRITE,
        handle=move_schedule,
        decoder=JsonBody(ScheduleMove),
        answer=ScheduleShown,
        ids={"schedule": (SCHEDULE,)},
        refusals=_SCHEDULE_MOVES,
        example={"to": "pause"},
    ),
    Route(
        method="POST",
        path="/v1/sources",
        operation="addSource",
        tag=_TAG,
        summary="Take on a remote source that tasks pull from",
        permission=Permission.SOURCES_WRITE,
        handle=add_source,
        decoder=JsonBody(SourceOrdered, secrets=frozenset({"secret"})),
        answer=SourceShown,
        refusals=(Reason.TAKEN,),
        example={
            "code": "profit-service",
            "address": "https://profit.example/transactions",
            "keyid": "tillgate-1",
            "secret": "an example, 16 or more bytes",
        },
    ),
    Route(
        method="GET",
        path="/v1/sources",
        operation="listSources",
        tag=_TAG,
        summary="The remote sources",
        permission=Permission.TASKS_READ,
        handle=list_sources,
        answer=SourcesShown,
    ),
    Route(
        method="POST",
        path="/v1/sources/{source}/move",
        operation="moveSource",
        tag=_TAG,
        summary="Close a remote source, or open it again",
        permission=Permission.SOURCES_WRITE,
        handle=move_source,
        decoder=JsonBody(SourceMove),
        answer=SourceShown,
        ids={"source": (SOURCE,)},
        refusals=(Reason.NOT_FOUND, Reason.MOVED),
        example={"to": "closed"},
    ),
)
