"""A bounded set of functions made for one shape of message each, once that shape has paid for its making."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

P = TypeVar("P")

_MOST = 256
_AFTER = 64
_MOST_COUNTED = 4096


class Programs(Generic[P]):
    """Functions by shape (a bitmap, a tuple of field numbers), the oldest dropped when there are too many.

    A shape gets its function after `after` messages were read by the table: by then that has cost as much as the
    making, so that a sender who changes the shape all the time at most doubles the work and never grows the memory.
    """

    __slots__ = ("_after", "_counts", "_most", "made")

    def __init__(self, *, most: int = _MOST, after: int = _AFTER) -> None:
        self.made: dict[Hashable, P] = {}
        self._counts: dict[Hashable, int] = {}
        self._most = most
        self._after = after

    def used(self, shape: Hashable, make: Callable[[], P]) -> None:
        """Count one message of `shape` that the table took; make its function when it is due."""
        count = self._counts.get(shape, 0) + 1
        if count < self._after:
            if len(self._counts) >= _MOST_COUNTED:
                self._counts.clear()
            self._counts[shape] = count
            return
        self._counts.pop(shape, None)
        if len(self.made) >= self._most:
            del self.made[next(iter(self.made))]
        self.made[shape] = make()
