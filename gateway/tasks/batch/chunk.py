"""Working on the rows of one chunk, many at a time; a failing row is located and stops nobody else (rows A18, A24)."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway.kernel.clock import Clock
from gateway.kernel.faults import Faults
from gateway.kernel.postgres.pool import DATABASE_ERRORS
from gateway.tasks.batch.kind import BatchRun, Row, RowError, SourceError
from gateway.tasks.batch.meter import Meter

_WHY_MOST = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoilt:
    """A row that failed: its place in the chunk (from 1), when it was worked on and why it failed."""

    place: int
    row: Row
    why: str
    began_at: datetime
    ended_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Worked:
    """What became of a chunk's rows, each part in the order they were read."""

    done: Sequence[tuple[Row, Any]]
    skipped: Sequence[Row]
    spoilt: Sequence[Spoilt]


class Bench:
    """Where the rows of one task are worked on."""

    def __init__(
        self, run: BatchRun, *, kind: str, concurrency: int, clock: Clock, faults: Faults, meter: Meter
    ) -> None:
        self._run = run
        self._kind = kind
        self._concurrency = concurrency
        self._clock = clock
        self._faults = faults
        self._meter = meter

    async def work(self, rows: Sequence[Row], known: Mapping[str, str]) -> Worked:
        """Work on what is new, `concurrency` rows at a time.

        Raises SourceError and what the database raises; anything else that a row meets is that row's failure.
        """
        skipped: list[Row] = []
        spoilt: list[Spoilt] = []
        fresh: list[tuple[int, Row]] = []
        seen: dict[str, Row] = {}
        for place, row in enumerate(rows, start=1):
            why = _altered(row, seen.get(row.id), known)
            if why is None:
                fresh.append((place, row))
                seen[row.id] = row
            elif why:
                spoilt.append(self._spoilt(place, row, why, self._clock.now()))
            else:
                skipped.append(row)
        done: dict[int, tuple[Row, Any]] = {}
        await self._side_by_side(iter(fresh), done, spoilt)
        spoilt.sort(key=lambda one: one.place)
        return Worked(done=[done[place] for place in sorted(done)], skipped=skipped, spoilt=spoilt)

    async def _side_by_side(
        self, rows: Iterator[tuple[int, Row]], done: dict[int, tuple[Row, Any]], spoilt: list[Spoilt]
    ) -> None:
        async def hand() -> None:
            for place, row in rows:
                result = await self._one(place, row)
                if isinstance(result, Spoilt):
                    spoilt.append(result)
                else:
                    done[place] = result

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(self._concurrency):
                    group.create_task(hand())
        except BaseExceptionGroup as faults:
            raise faults.exceptions[0] from None

    async def _one(self, place: int, row: Row) -> tuple[Row, Any] | Spoilt:
        began = self._clock.now()
        with self._meter.row(self._kind):
            # the loop's other work goes on between any two rows
            await asyncio.sleep(0)
            self._faults.at("tasks.row")
            try:
                return row, await self._run.work(row)
            except RowError as fault:
                return self._spoilt(place, row, str(fault), began)
            except (SourceError, *DATABASE_ERRORS):
                raise
            except Exception as fault:  # noqa: BLE001 - a fault of the kind's own code is this row's failure, located
                return self._spoilt(place, row, named(fault), began)

    def _spoilt(self, place: int, row: Row, why: str, began: datetime) -> Spoilt:
        return Spoilt(place=place, row=row, why=why[:_WHY_MOST], began_at=began, ended_at=self._clock.now())


def _altered(row: Row, before: Row | None, known: Mapping[str, str]) -> str | None:
    """Why a row is not worked on: None = it is, empty = it is known, else what is wrong with it."""
    if before is not None:
        return "" if before.content == row.content else "it came twice, with other content"
    return known.get(row.id)


def named(fault: Exception) -> str:
    """Name an error without the values it may quote: its class and where it was raised."""
    # the text of a foreign error may quote a value of the row: where it was raised says as much
    frame = traceback.extract_tb(fault.__traceback__)[-1]
    return f"fault: {type(fault).__name__} in {frame.name}, line {frame.lineno}"
