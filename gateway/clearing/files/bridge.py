"""Streams between the event loop and a worker thread, with back-pressure: nothing is gathered in memory.

File languages and carriers are ordinary iterators that run in a thread; the store is asked on the loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from typing import Any, TypeVar

T = TypeVar("T")


def pulled(loop: asyncio.AbstractEventLoop, source: AsyncIterator[T]) -> Iterator[T]:
    """Iterate, in a thread, over what `source` gives on the loop."""
    while True:
        try:
            yield asyncio.run_coroutine_threadsafe(_next(source), loop).result()
        except StopAsyncIteration:
            return


def pushed(loop: asyncio.AbstractEventLoop, sink: Callable[[T], Coroutine[Any, Any, None]]) -> Callable[[T], None]:
    """Make a function for a thread that hands each value to `sink` on the loop and waits until it is taken."""

    def push(value: T) -> None:
        asyncio.run_coroutine_threadsafe(sink(value), loop).result()

    return push


async def _next(source: AsyncIterator[T]) -> T:
    step: Awaitable[T] = anext(source)
    return await step
