"""Changes that wait for their batch, in the order they came; bounded, with room reserved for facts."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator

from gateway.journal.model import Change, InDoubtError, Receipt


class Waiting:
    """One change and its caller; a caller that went away leaves the change as it is."""

    __slots__ = ("_future", "change", "entered", "receipt", "weight")

    def __init__(self, change: Change, entered: float) -> None:
        self.change = change
        self.entered = entered
        self.weight = 1 + len(change.postings) + len(change.records)
        self.receipt: Receipt | None = None
        self._future: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()

    def settle(self, receipt: Receipt) -> None:
        """Note what becomes of the change; the first note stands."""
        self.receipt = self.receipt or receipt

    def tell(self) -> None:
        """Give the caller the receipt."""
        if self.receipt is not None and not self._future.done():
            self._future.set_result(self.receipt)

    def answer(self, receipt: Receipt) -> None:
        """Settle and tell at once."""
        self.settle(receipt)
        self.tell()

    def doubt(self) -> None:
        """Tell the caller that its change's fate is not known; the change itself goes on."""
        if self.receipt is None and not self._future.done():
            self._future.set_exception(InDoubtError("the fate of the change is not known yet"))

    async def outcome(self) -> Receipt:
        """Wait for the receipt. Raises InDoubtError."""
        return await self._future


class Queue:
    """First come, first served; a change that closes the day makes a batch of its own."""

    def __init__(self, *, room: int, reserved: int) -> None:
        self._room = room
        self._most = room + reserved
        self._waiting: deque[Waiting] = deque()
        self._news = asyncio.Event()
        self._space = asyncio.Event()
        self._closing = False

    def __len__(self) -> int:
        """Count the changes that wait."""
        return len(self._waiting)

    def __iter__(self) -> Iterator[Waiting]:
        """Go through the changes that wait."""
        return iter(tuple(self._waiting))

    def has_room(self, *, fact: bool) -> bool:
        """Tell whether a change may enter now."""
        return len(self._waiting) < (self._most if fact else self._room)

    def put(self, waiting: Waiting) -> None:
        """Let a change enter."""
        self._waiting.append(waiting)
        self._news.set()

    async def space(self) -> None:
        """Wait until changes have left."""
        self._space.clear()
        await self._space.wait()

    def drop(self, waiting: Waiting) -> None:
        """Take a change out that will not be written."""
        self._waiting.remove(waiting)

    async def take(self, most: int, heaviest: int) -> list[Waiting]:
        """Take what waits, without waiting for more; nothing once the queue is closed and empty.

        Up to `most` changes, and no further one once they hold `heaviest` records and postings.
        """
        while not self._waiting and not self._closing:
            self._news.clear()
            await self._news.wait()
        batch: list[Waiting] = []
        weight = 0
        while self._waiting and len(batch) < most and weight < heaviest:
            closes = self._waiting[0].change.close_day is not None
            if closes and batch:
                break
            batch.append(self._waiting.popleft())
            weight += batch[-1].weight
            if closes:
                break
        self._space.set()
        return batch

    def close(self) -> None:
        """Let nothing more be waited for."""
        self._closing = True
        self._news.set()
        self._space.set()
