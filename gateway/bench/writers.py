"""Several writer processes on one book: all of them together, and one that is stopped."""

from __future__ import annotations

import asyncio
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import msgspec

from gateway.bench.forms import Run
from gateway.bench.ground import Ground, WrongAnswerError
from gateway.bench.sample import Sample
from gateway.bench.writer import Task, Told

# A writer tells all its waits in one line.
_LONGEST_LINE = 1 << 26
_DEADLOCK = "deadlock detected"
_BEFORE_S, _AFTER_S = 1.0, 1.0


async def run_writers(ground: Ground, run: Run, writers: int) -> Sample:
    """Measure `writers` processes that share the run's callers and transfers; the whole counts."""
    before = ground.log.count(_DEADLOCK)
    async with ground.database() as dsn, _started(ground, dsn, run, writers) as started:
        told = [msgspec.json.decode(line, type=Told) for line in await _all_done(started)]
    took_s = max(one.ended_s for one in told) - min(one.begun_s for one in told)
    waits_s = [wait for one in told for wait in one.waits_s]
    costs = {"deadlocks": float(ground.log.count(_DEADLOCK) - before)}
    return Sample.of(count=len(waits_s), took_s=took_s, waits_s=waits_s, costs=costs)


async def held_up_s(ground: Ground, run: Run, *, stopped_for_s: float = 5.0) -> float:
    """Stop one of two writers in its work; return the longest time in which the other got no answer, in seconds."""
    run_s = _BEFORE_S + stopped_for_s + _AFTER_S
    async with ground.database() as dsn, _started(ground, dsn, run, 2, for_s=run_s) as started:
        for one in started:
            _go(one)
        await asyncio.sleep(_BEFORE_S)
        started[0].send_signal(signal.SIGSTOP)
        await asyncio.sleep(stopped_for_s)
        started[0].send_signal(signal.SIGCONT)
        _, other = [msgspec.json.decode(await _line(one), type=Told) for one in started]
    return other.longest_pause_s


@asynccontextmanager
async def _started(
    ground: Ground, dsn: str, run: Run, writers: int, *, for_s: float | None = None
) -> AsyncIterator[list[Process]]:
    started: list[Process] = []
    try:
        for number in range(writers):
            process = await _start(_task(ground, dsn, run, writers, number, for_s))
            started.append(process)
        for one in started:
            await _line(one)
        yield started
    finally:
        for one in started:
            if one.returncode is None:
                one.kill()
            await one.wait()


async def _start(task: Task) -> Process:
    arguments = ("-m", "gateway.bench.writer")
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, stdin=PIPE, stdout=PIPE, limit=_LONGEST_LINE
    )
    assert process.stdin is not None  # noqa: S101 - it was asked for
    process.stdin.write(msgspec.json.encode(task) + b"\n")
    return process


def _task(ground: Ground, dsn: str, run: Run, writers: int, number: int, for_s: float | None) -> Task:
    return Task(
        dsn=dsn,
        writer=f"bench-{number}",
        parties=[account.party for account in ground.accounts],
        callers=max(1, run.callers // writers),
        transfers=run.transfers // writers,
        warm_up=run.warm_up // writers,
        hot=run.hot,
        seed=number + 1,
        for_s=for_s,
    )


async def _all_done(started: Sequence[Process]) -> list[bytes]:
    for one in started:
        _go(one)
    return [await _line(one) for one in started]


def _go(process: Process) -> None:
    assert process.stdin is not None  # noqa: S101 - it was asked for
    process.stdin.write(b"go\n")


async def _line(process: Process) -> bytes:
    assert process.stdout is not None  # noqa: S101 - it was asked for
    line = await process.stdout.readline()
    if not line:
        raise WrongAnswerError("a writer ended before its work was done")
    return line
