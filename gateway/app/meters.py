"""Adapters from what rooms tell of their work to the metrics of the house."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from prometheus_client import Gauge

from gateway.kernel.metrics import Metrics

_CIRCUIT_OPEN = 2


class ConnectorMeter:
    """Tells exchanges, transfers and circuits of connectors."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def exchanged(self, connector: str, what: str, seconds: float, result: str) -> None:
        """One exchange or transfer ended."""
        del seconds
        if what == "post":
            self._metrics.channel_up.labels(connector).set(result == "answered")
            return
        self._metrics.sftp_transfers.labels(connector, what, result).inc()
        if result == "done":
            self._metrics.sftp_last_success_seconds.labels(connector, what).set_to_current_time()

    def circuit(self, connector: str, *, is_open: bool) -> None:
        """A circuit opened or closed."""
        self._metrics.channel_circuit.labels(connector).set(_CIRCUIT_OPEN if is_open else 0)


class KeyMeter:
    """Tells calls of the key module."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def called(self, operation: str, *, seconds: float, outcome: str) -> None:
        """One call ended."""
        self._metrics.key_seconds.labels(operation, outcome).observe(seconds)


class BatchMeter:
    """Tells batch work: tasks and rows in flight, and rows that were committed (rows A18, A25)."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def task(self, kind: str) -> AbstractContextManager[object]:
        """Hold while a task is worked on."""
        return _in_flight(self._metrics.tasks_in_flight.labels(kind))

    def row(self, kind: str) -> AbstractContextManager[object]:
        """Hold while a row is worked on."""
        return _in_flight(self._metrics.task_rows_in_flight.labels(kind))

    def rows(self, kind: str, count: int) -> None:
        """`count` rows were committed."""
        self._metrics.task_rows.labels(kind).inc(count)


class RuleCounter:
    """Tells how the rules of one room were found (rows A35-A37)."""

    def __init__(self, metrics: Metrics, *, room: str) -> None:
        self._hits = metrics.rule_cache.labels(room, "hit")
        self._misses = metrics.rule_cache.labels(room, "miss")
        self._reads = metrics.rule_reads.labels(room)

    def asked(self, *, hit: bool) -> None:
        """A rule was asked for: found in memory, or not."""
        (self._hits if hit else self._misses).inc()

    def read(self) -> None:
        """A rule was read from the database."""
        self._reads.inc()


@contextmanager
def _in_flight(gauge: Gauge) -> Iterator[None]:
    gauge.inc()
    try:
        yield
    finally:
        gauge.dec()
