"""Batch tasks, schedules and remote sources over the wire."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from gateway.api.bodies import ListQuery, Shown, Strict, Time
from gateway.api.task_port import TaskDetail
from gateway.kernel.ids import show
from gateway.tasks.batch import AfterLoss, BatchTask, CatchUp, ChunkDone, FailedRow, RunTotals, Schedule
from gateway.tasks.sources import RemoteSource

TASK: Final = "tsk"
SCHEDULE: Final = "sch"
SOURCE: Final = "src"

TaskKind = Annotated[str, Meta(pattern="^[a-z][a-z0-9_.]{0,63}$")]
TaskStateName = Annotated[str, Meta(pattern="^(waiting|running|interrupted|failed|done|cancelled)$")]
ChunkSize = Annotated[int, Meta(ge=1, le=2000, description="Rows read, worked on and committed together")]
Concurrency = Annotated[int, Meta(ge=1, le=256, description="Rows of a chunk worked on at once")]
Note = Annotated[str, Meta(max_length=200)]
Cron = Annotated[str, Meta(max_length=120, description="HH:MM, or minute hour day month weekday, in the zone's time")]
Zone = Annotated[str, Meta(max_length=64, description="A zone of the IANA database")]


class TaskOrder(Strict, frozen=True, kw_only=True):
    """Start a task, now or `at` an instant; `params` are its kind's own."""

    kind: TaskKind
    params: Mapping[str, Any] = msgspec.field(default_factory=dict)
    chunk_size: ChunkSize = 1000
    concurrency: Concurrency = 8
    after_loss: AfterLoss = AfterLoss.RESUME
    at: Time | None = None


class TaskCancel(Strict, frozen=True, kw_only=True):
    """End a task for good; what its chunks have stored stays."""

    why: Note = ""


class TaskReset(Strict, frozen=True, kw_only=True):
    """Let a task go on: `start` reads everything again and skips what is stored, `cursor` goes on behind it."""

    origin: Literal["start", "cursor"] = "start"
    why: Note = ""


class TasksQuery(ListQuery, frozen=True, kw_only=True):
    """Which tasks; filters combine."""

    state: TaskStateName | None = None
    kind: TaskKind | None = None


class ChunksQuery(Strict, frozen=True, kw_only=True):
    """Which chunks: those beyond chunk `number` of run `run`."""

    run: Annotated[int, Meta(ge=0)] = 0
    number: Annotated[int, Meta(ge=0)] = 0
    limit: Annotated[int, Meta(ge=1, le=500)] = 100


class FailedRowsQuery(Strict, frozen=True, kw_only=True):
    """Which run's failed rows; those of the latest run where it is left out."""

    run: Annotated[int, Meta(ge=1)] | None = None
    limit: Annotated[int, Meta(ge=1, le=2000)] = 100


class TaskShown(Shown, frozen=True, kw_only=True, omit_defaults=True):
    """A task as it stands; the counts are those of its latest run. `interrupted`: its process was lost."""

    id: str
    kind: str
    state: str
    params: Mapping[str, Any]
    chunk_size: int
    concurrency: int
    after_loss: str
    run: int
    chunks_done: int
    rows_read: int
    stored: int
    skipped: int
    failed: int
    created_by: str
    created_at: Time
    due_at: Time
    chunks_total: int | None = None
    rows_total: int | None = None
    takeovers: int = 0
    reason: str = ""
    failed_chunk: int | None = None
    failed_row: str | None = None
    owner: str = ""
    started_at: Time | None = None
    ended_at: Time | None = None
    schedule: str | None = None


class RunShown(Shown, frozen=True, kw_only=True, omit_defaults=True):
    """The sums over the chunks of one run; `figures` are what its kind counted beside."""

    run: int
    chunks: int
    rows_read: int
    stored: int
    skipped: int
    failed: int
    began_at: Time
    ended_at: Time
    figures: Mapping[str, int] = {}


class TaskDetailShown(Shown, frozen=True, kw_only=True, omit_defaults=True):
    """A task with its runs, and what it has stored over all of them in its kind's own sums."""

    task: TaskShown
    runs: list[RunShown]
    totals: Mapping[str, int]


class TasksShown(Shown, frozen=True, kw_only=True, omit_defaults=True):
    """Tasks, newest first."""

    tasks: list[TaskShown]
    next: str | None = None


class TaskCountShown(Shown, frozen=True, kw_only=True, omit_defaults=True):
    """How many tasks of a kind are in a state."""

    kind: str
    state: str
    count: int


class TaskCountsShown(Shown, frozen=True, kw_only=True, omit_defaults=True):
    """Tasks by kind and state."""

    counts: list[TaskCountShown]


class ChunkShown(Shown, frozen=True, kw_only=True, omit_defaults=True):
    """One committed chunk: what was read between two cursors, and what became of it."""

    run: int
    number: int
    rows_read: int
    stored: int
    skipped: int
    failed: int
    owner: str
    began_at: Time
    ended_at: Time
    cursor_before: str = ""
    cursor_after: str = ""
    figures: Mapping[str, int] = {}


class ChunksShown(Shown, frozen=True, kw_only=True, omit_defaults=True):
    """Chunks in the order they were committed."""

    chunks: list[ChunkShown]


class FailedRowShown(Shown, frozen=True, kw_only=True, omit_defaults=True):
    """A row that failed: which chunk, which place in it, which row, and why."""

    run: int
    chunk: int
    place: int
    row: str
    why: str
    began_at: Time
    ended_at: Time


class FailedRowsShown(Shown, frozen=True, kw_only=True, omit_defaults=True):
    """Failed rows in their order."""

    rows: list[FailedRowShown]


class ScheduleTime(Strict, frozen=True, kw_only=True):
    """When: a `cron` line in the local time of `zone`, or `once_at`."""

    cron: Cron = ""
    zone: Zone = "Asia/Shanghai"
    once_at: Time | None = None


class ScheduleOrder(Strict, frozen=True, kw_only=True):
    """Make a schedule: a `cron` line in the local time of `zone`, or `once_at`."""

    kind: TaskKind
    name: Annotated[str, Meta(min_length=1, max_length=80)]
    params: Mapping[str, Any] = msgspec.field(default_factory=dict)
    chunk_size: ChunkSize = 1000
    concurrency: Concurrency = 8
    after_loss: AfterLoss = AfterLoss.RESUME
    cron: Cron = ""
    zone: Zone = "Asia/Shanghai"
    once_at: Time | None = None
    catch_up: CatchUp = CatchUp.ONCE


class ScheduleMove(Strict, frozen=True, kw_only=True):
    """Pause a schedule, resume it or end it; tasks it has started are left alone."""

    to: Literal["pause", "resume", "end"]


class ScheduleShown(Shown, frozen=True, kw_only=True, omit_defaults=True):
    """A schedule; `last_note` says why the last due time started no task."""

    id: str
    kind: str
    name: str
    state: str
    params: Mapping[str, Any]
    chunk_size: int
    concurrency: int
    after_loss: str
    zone: str
    catch_up: str
    created_by: str
    created_at: Time
    cron: str = ""
    once_at: Time | None = None
    next_at: Time | None = None
    last_at: Time | None = None
    last_task: str | None = None
    last_note: str = ""


class SchedulesShown(Shown, frozen=True, kw_only=True, omit_defaults=True):
    """Schedules, newest first."""

    schedules: list[ScheduleShown]
    next: str | None = None


class SourceOrdered(Strict, frozen=True, kw_only=True):
    """Take on a source that answers `GET {address}?cursor=&limit=`, signed under `keyid` by HMAC-SHA256 of `secret`."""

    code: Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9._-]{0,39}$")]
    address: Annotated[str, Meta(min_length=9, max_length=2000, pattern="^https://")]
    keyid: Annotated[str, Meta(min_length=1, max_length=64)]
    secret: Annotated[str, Meta(min_length=16, max_length=200)]
    name: Annotated[str, Meta(max_length=80)] = ""
    authorities: Annotated[str, Meta(max_length=20_000, description="PEM certificates to trust instead")] = ""
    page_most: Annotated[int, Meta(ge=1, le=5000)] = 500


class SourceMove(Strict, frozen=True, kw_only=True):
    """Close a source, or open it again."""

    to: Literal["active", "closed"]


class SourceShown(Shown, frozen=True, kw_only=True, omit_defaults=True):
    """A source; its secret is never shown."""

    id: str
    code: str
    name: str
    address: str
    keyid: str
    page_most: int
    state: str
    created_at: Time


class SourcesShown(Shown, frozen=True, kw_only=True, omit_defaults=True):
    """All sources, by code."""

    sources: list[SourceShown]


def show_task(task: BatchTask) -> TaskShown:
    """Show a task."""
    return TaskShown(
        id=show(TASK, task.id),
        kind=task.kind,
        state=task.standing.value,
        params=task.params,
        chunk_size=task.chunk_size,
        concurrency=task.concurrency,
        after_loss=task.after_loss.value,
        run=task.run,
        chunks_done=task.chunks,
        chunks_total=task.chunks_total,
        rows_read=task.rows_read,
        rows_total=task.total,
        stored=task.stored,
        skipped=task.skipped,
        failed=task.failed,
        takeovers=task.takeovers,
        reason=task.reason,
        failed_chunk=task.failed_chunk,
        failed_row=task.failed_row,
        owner=task.owner,
        created_by=task.created_by,
        created_at=task.created_at,
        due_at=task.due_at,
        started_at=task.started_at,
        ended_at=task.ended_at,
        schedule=None if task.schedule_id is None else show(SCHEDULE, task.schedule_id),
    )


def show_detail(found: TaskDetail) -> TaskDetailShown:
    """Show a task with its runs."""
    return TaskDetailShown(
        task=show_task(found.task), runs=[_run(each) for each in found.runs], totals=dict(found.totals)
    )


def show_chunks(chunks: Sequence[ChunkDone]) -> ChunksShown:
    """Show chunks."""
    return ChunksShown(chunks=[_chunk(one) for one in chunks])


def show_failed_rows(rows: Sequence[FailedRow]) -> FailedRowsShown:
    """Show failed rows."""
    return FailedRowsShown(rows=[_row(one) for one in rows])


def show_schedule(record: Schedule) -> ScheduleShown:
    """Show a schedule."""
    return ScheduleShown(
        id=show(SCHEDULE, record.id),
        kind=record.kind,
        name=record.name,
        state=record.state.value,
        params=record.params,
        chunk_size=record.chunk_size,
        concurrency=record.concurrency,
        after_loss=record.after_loss.value,
        cron=record.cron,
        zone=record.zone,
        once_at=record.once_at,
        catch_up=record.catch_up.value,
        next_at=record.next_at,
        last_at=record.last_at,
        last_task=None if record.last_task is None else show(TASK, record.last_task),
        last_note=record.last_note,
        created_by=record.created_by,
        created_at=record.created_at,
    )


def show_source(record: RemoteSource) -> SourceShown:
    """Show a source without its secret."""
    return SourceShown(
        id=show(SOURCE, record.id),
        code=record.code,
        name=record.name,
        address=record.address,
        keyid=record.keyid,
        page_most=record.page_most,
        state=record.state.value,
        created_at=record.created_at,
    )


def _run(each: RunTotals) -> RunShown:
    return RunShown(
        run=each.run,
        chunks=each.chunks,
        rows_read=each.rows_read,
        stored=each.stored,
        skipped=each.skipped,
        failed=each.failed,
        figures=dict(each.figures),
        began_at=each.began_at,
        ended_at=each.ended_at,
    )


def _chunk(one: ChunkDone) -> ChunkShown:
    return ChunkShown(
        run=one.run,
        number=one.number,
        rows_read=one.rows_read,
        stored=one.stored,
        skipped=one.skipped,
        failed=one.failed,
        figures=dict(one.figures),
        cursor_before=one.cursor_before,
        cursor_after=one.cursor_after.strip(),
        owner=one.owner,
        began_at=one.began_at,
        ended_at=one.ended_at,
    )


def _row(one: FailedRow) -> FailedRowShown:
    return FailedRowShown(
        run=one.run,
        chunk=one.chunk,
        place=one.place,
        row=one.row_id,
        why=one.why,
        began_at=one.began_at,
        ended_at=one.ended_at,
    )
