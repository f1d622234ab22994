"""Running a verb's work to its end or to a signal; what was opened is closed either way."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Coroutine
from typing import Any, TypeVar

_INTERRUPTED = 130
_LOOK_EVERY_S = 0.5
_Result = TypeVar("_Result")


def run(work: Coroutine[Any, Any, _Result]) -> _Result:
    """Run work that has a result; SIGTERM and Ctrl-C let it close what it opened and exit with 130."""
    try:
        return asyncio.run(_until_term(work))
    except (asyncio.CancelledError, KeyboardInterrupt):
        sys.exit(_INTERRUPTED)


def stay(work: Coroutine[Any, Any, None]) -> None:
    """Run work that has no end of its own; SIGTERM and Ctrl-C are how it is meant to end."""
    try:
        asyncio.run(_until_term(work))
    except (asyncio.CancelledError, KeyboardInterrupt):
        return


async def orphaned(parent: int) -> None:
    """Wait until `parent` is not this process's parent any more."""
    while os.getppid() == parent:  # noqa: ASYNC110 - a parent's end gives no event
        await asyncio.sleep(_LOOK_EVERY_S)


async def first_of(*works: Coroutine[Any, Any, None]) -> None:
    """Wait for the first of several to end, cancel the others, and raise what it raised."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _until_term(work: Coroutine[Any, Any, _Result]) -> _Result:
    task = asyncio.current_task()
    if task is not None:
        # asyncio.run does the same for SIGINT
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await work
