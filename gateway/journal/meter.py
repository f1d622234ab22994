"""What the journal tells of its work."""

from __future__ import annotations

from typing import Protocol

from gateway.kernel.metrics import Metrics


class Meter(Protocol):
    """Is told of every batch and of what went otherwise than hoped."""

    def batch(self, *, changes: int, waited_s: float, took_s: float) -> None:
        """A batch of `changes` was carried; the first waited `waited_s`, from its turn to the commit took `took_s`."""
        ...

    def waiting(self, count: int) -> None:
        """So many changes wait now."""
        ...

    def refused(self, reason: str) -> None:
        """A change was refused."""
        ...

    def missed(self) -> None:
        """A fence was missed: somebody else wrote in between."""
        ...

    def doubted(self) -> None:
        """A batch is in doubt."""
        ...

    def poisoned(self) -> None:
        """A change could not be written at all."""
        ...


class NoMeter:
    """Tells nobody."""

    def batch(self, *, changes: int, waited_s: float, took_s: float) -> None:
        """Drop the figures."""

    def waiting(self, count: int) -> None:
        """Drop the figure."""

    def refused(self, reason: str) -> None:
        """Drop the word."""

    def missed(self) -> None:
        """Drop the word."""

    def doubted(self) -> None:
        """Drop the word."""

    def poisoned(self) -> None:
        """Drop the word."""


class MetricsMeter:
    """Tells the metrics of the process."""

    def __init__(self, metrics: Metrics, *, book: str = "main") -> None:
        self._metrics, self._book = metrics, book
        self._changes = metrics.journal_batch_changes.labels(book)
        self._waited = metrics.journal_wait_seconds.labels(book)
        self._took = metrics.journal_commit_seconds.labels(book)
        self._waiting = metrics.journal_queue.labels(book)

    def batch(self, *, changes: int, waited_s: float, took_s: float) -> None:
        """Observe a batch's size, wait and commit."""
        self._changes.observe(changes)
        self._waited.observe(waited_s)
        self._took.observe(took_s)

    def waiting(self, count: int) -> None:
        """Set the depth of the queue."""
        self._waiting.set(count)

    def refused(self, reason: str) -> None:
        """Count a refusal by its reason."""
        self._metrics.journal_refused.labels(self._book, reason).inc()

    def missed(self) -> None:
        """Count a batch that was decided again."""
        self._metrics.journal_fence_missed.labels(self._book).inc()

    def doubted(self) -> None:
        """Count a batch in doubt."""
        self._metrics.journal_in_doubt.labels(self._book).inc()

    def poisoned(self) -> None:
        """Count a change that is kept for a person."""
        self._metrics.journal_poison.labels(self._book).inc()
