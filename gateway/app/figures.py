"""Figures read from the database, exposed as metrics by the workers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import structlog
from prometheus_client import Gauge

from gateway.app import store
from gateway.kernel.clock import Clock
from gateway.kernel.metrics import Metrics
from gateway.kernel.postgres.pool import DATABASE_ERRORS, Database

_LOG = structlog.get_logger(__name__)
_LEAST_PAUSE_S = 2.0
# counting takes a twentieth of one connection's time at most, however large the books are
_PAUSE_SHARE = 20


class Figures:
    """Counts what metrics show, again and again; every worker shows the same figures, so take the maximum of them."""

    def __init__(self, *, pool: Database, metrics: Metrics, clock: Clock, advance_most_minor: int = 0) -> None:
        self._pool = pool
        self._metrics = metrics
        self._clock = clock
        self._advance_most_minor = advance_most_minor

    async def run(self) -> None:
        """Count until cancelled; while the books are away the last figures stay."""
        while True:
            began = self._clock.monotonic()
            try:
                await self.expose()
            except DATABASE_ERRORS as fault:
                _LOG.warning("the figures cannot be read", error=type(fault).__name__)
            await asyncio.sleep(max(_LEAST_PAUSE_S, (self._clock.monotonic() - began) * _PAUSE_SHARE))

    async def expose(self) -> None:
        """Count once and set the gauges; labels that have gone are shown no longer."""
        now, metrics = self._clock.now(), self._metrics
        found = await store.counts(self._pool, now=now, advance_most_minor=self._advance_most_minor)
        for unit, total in found.imbalance:
            metrics.ledger_imbalance_minor.labels(unit).set(total)
        _set(metrics.ledger_advance_minor, ((unit, total) for unit, total, _ in found.advances))
        _set(metrics.ledger_advance_over, ((unit, over) for unit, _, over in found.advances))
        _set(metrics.partitions_ahead, ((one.table, one.ahead) for one in found.upkeep))
        _set(metrics.partition_caught, ((one.table, int(one.caught)) for one in found.upkeep))
        _set(metrics.payments, found.payments)
        _set(metrics.unknown, ((kind, count) for kind, count, _ in found.unknown))
        _set(metrics.unknown_oldest_seconds, ((kind, age) for kind, _, age in found.unknown))
        _set(metrics.lane_depth, ((channel, depth) for channel, depth, _ in found.lanes))
        _set(metrics.lane_oldest_seconds, ((channel, age) for channel, _, age in found.lanes))
        _set(metrics.cut_off_seconds, found.cut_offs)
        _set(metrics.files, found.files)
        _set(metrics.file_quarantine, found.quarantined)
        _set(metrics.differences, found.differences)
        _set(metrics.tasks, [*found.timers, *found.batch_tasks])
        _set(metrics.terminals, found.terminals)


def _set(gauge: Gauge, rows: Iterable[tuple[Any, ...]]) -> None:
    gauge.clear()
    for *labels, value in rows:
        gauge.labels(*labels).set(value)
