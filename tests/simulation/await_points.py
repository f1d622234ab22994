"""Every await of the journal as a point where a process may be ended: told by the frames of the tasks themselves.

A task's coroutine is wrapped, so each time it suspends or is resumed the journal's lines it stands in are known.
Nothing is named beforehand: an await that is added to the journal is a point from then on.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Generator
from pathlib import Path
from typing import Any

import gateway.journal

JOURNAL = str(Path(gateway.journal.__file__).parent)


class AwaitPoints:
    """Counts the passes of every point and calls `at` with the point and its count."""

    def __init__(self, at: Callable[[str, int], None]) -> None:
        self.passes: Counter[str] = Counter()
        self._at = at

    def watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """Watch every task that `loop` makes from now on."""
        loop.set_task_factory(self._task)

    def _task(self, loop: asyncio.AbstractEventLoop, coro: Any, **options: Any) -> asyncio.Task[Any]:
        return asyncio.Task(_Watched(coro, self), loop=loop, **options)

    def passed(self, way: str, coro: Any) -> None:
        """Note that a task suspends or is resumed, where it stands in the journal."""
        place = _standing(coro)
        if place:
            point = f"{way} {place}"
            self.passes[point] += 1
            self._at(point, self.passes[point])


def awaits(point: str) -> list[str]:
    """The lines of the journal that a point stands in, outermost first."""
    return point.partition(" ")[2].split(" > ")


def _standing(coro: Any) -> str:
    places = []
    while coro is not None:
        frame = getattr(coro, "cr_frame", None) or getattr(coro, "gi_frame", None)
        if frame is None:
            break
        if frame.f_code.co_filename.startswith(JOURNAL):
            places.append(f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}")
        coro = getattr(coro, "cr_await", None) or getattr(coro, "gi_yieldfrom", None)
    return " > ".join(places)


class _Watched(Coroutine[Any, Any, Any]):
    """A coroutine that says when it suspends and when it is resumed."""

    def __init__(self, coro: Coroutine[Any, Any, Any], points: AwaitPoints) -> None:
        self._coro, self._points = coro, points
        self._begun = False

    def send(self, value: Any) -> Any:
        return self._step(self._coro.send, value)

    def throw(self, *error: Any) -> Any:
        return self._step(self._coro.throw, *error)

    def close(self) -> None:
        self._coro.close()

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._coro.__await__()

    def _step(self, step: Callable[..., Any], *what: Any) -> Any:
        if self._begun:
            self._points.passed("resumes", self._coro)
        self._begun = True
        yielded = step(*what)
        self._points.passed("suspends", self._coro)
        return yielded
