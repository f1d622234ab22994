"""What is told of batch work for metrics (rows A18, A25)."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Protocol


class Meter(Protocol):
    """Is told what is in flight and what was done."""

    def task(self, kind: str) -> AbstractContextManager[object]:
        """Hold while a task is worked on."""
        ...

    def row(self, kind: str) -> AbstractContextManager[object]:
        """Hold while a row is worked on."""
        ...

    def rows(self, kind: str, count: int) -> None:
        """`count` rows were committed."""
        ...


class NoMeter:
    """Tells nobody."""

    def task(self, kind: str) -> AbstractContextManager[object]:
        """Hold nothing."""
        return nullcontext(kind)

    def row(self, kind: str) -> AbstractContextManager[object]:
        """Hold nothing."""
        return nullcontext(kind)

    def rows(self, kind: str, count: int) -> None:
        """Forget it."""
