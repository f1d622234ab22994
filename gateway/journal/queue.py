"""Changes that wait for their batch, in the order they came; bounded, room reserved for facts, sets behind."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator

from gateway.journal.model import Change, InDoubtError, Receipt

# Under a full load of other changes a set still gets this part of every batch.
_SETS_PART = 8


class Waiting:
    """One change and its caller; a caller that went away leaves the change as it is."""

    __slots__ = ("change", "entered", "outcome", "receipt", "weight")

    def __init__(self, change: Change, entered: float, outcome: asyncio.Future[Receipt]) -> None:
        self.change = change
        self.entered = entered
        self.weight = 1 + len(change.postings) + len(change.records)
        self.receipt: Receipt | None = None
        self.outcome = outcome

    def settle(self, receipt: Receipt) -> None:
        """Note what becomes of the change; the first note stands."""
        self.receipt = self.receipt or receipt

    def tell(self) -> None:
        """Give the caller the receipt."""
        if self.receipt is not None and not self.outcome.done():
            self.outcome.set_result(self.receipt)

    def answer(self, receipt: Receipt) -> None:
        """Settle and tell at once."""
        self.settle(receipt)
        self.tell()

    def doubt(self) -> None:
        """Tell the caller that its change's fate is not known; the change itself goes on."""
        if self.receipt is None and not self.outcome.done():
            self.outcome.set_exception(InDoubtError("the fate of the change is not known yet"))


class Queue:
    """First come, first served; a change that closes the day makes a batch of its own."""

    def __init__(self, *, room: int, reserved: int) -> None:
        self._room = room
        self._most = room + reserved
        self._waiting: deque[Waiting] = deque()
        self._sets: deque[Waiting] = deque()
        self._news = asyncio.Event()
        self._space = asyncio.Event()
        self._closing = False

    def __len__(self) -> int:
        """Count the changes that wait, sets apart."""
        return len(self._waiting)

    def __iter__(self) -> Iterator[Waiting]:
        """Go through everything that waits."""
        return iter((*self._waiting, *self._sets))

    @property
    def empty(self) -> bool:
        """Tell whether nothing waits at all."""
        return not self._waiting and not self._sets

    def has_room(self, *, fact: bool) -> bool:
        """Tell whether a change may enter now."""
        return len(self._waiting) < (self._most if fact else self._room)

    def put(self, waiting: Waiting) -> None:
        """Let a change enter."""
        self._waiting.append(waiting)
        self._news.set()

    def put_of_set(self, waiting: Waiting) -> None:
        """Let a change of a set enter; whoever puts a set sees to it that few of it wait at a time."""
        self._sets.append(waiting)
        self._news.set()

    async def space(self) -> None:
        """Wait until changes have left."""
        self._space.clear()
        await self._space.wait()

    def drop(self, waiting: Waiting) -> None:
        """Take a change out that will not be written."""
        (self._waiting if waiting in self._waiting else self._sets).remove(waiting)

    async def news(self) -> bool:
        """Wait until something waits; False once the queue is closed and empty."""
        while self.empty and not self._closing:
            self._news.clear()
            await self._news.wait()
        return not self.empty

    async def take(self, most: int, heaviest: int, *, largest: int = 0, of_sets: int = 0) -> list[Waiting]:
        """Take what waits, without waiting for more; nothing once the queue is closed and empty.

        Up to `most` changes, up to `largest` where far more wait, and no further one once they hold `heaviest` records
        and postings; then up to `of_sets` of sets, which never go without.
        """
        if not await self.news():
            return []
        most = max(most, min(largest, len(self._waiting) // 2))
        batch: list[Waiting] = []
        heaviest = _take(self._waiting, batch, most - min(len(self._sets), most // _SETS_PART), heaviest)
        if self._sets and len(batch) < most:
            _take(self._sets, batch, min(most, len(batch) + max(1, of_sets)), heaviest)
        self._space.set()
        return batch

    def close(self) -> None:
        """Let nothing more be waited for."""
        self._closing = True
        self._news.set()
        self._space.set()


def _take(source: deque[Waiting], batch: list[Waiting], most: int, heaviest: int) -> int:
    """Move from `source` to `batch`; return the weight that is left."""
    while source and len(batch) < most and heaviest > 0:
        closes = source[0].change.close_day is not None
        if batch and (closes or batch[-1].change.close_day is not None):
            return 0
        batch.append(source.popleft())
        heaviest -= batch[-1].weight
    return heaviest
