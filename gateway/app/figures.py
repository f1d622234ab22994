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

    def __init__(self, *, pool: Database, metrics: Metrics, clock: Clock) -> None:
        self._pool = pool
        self._metrics = metrics
        self._clock = clock

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
        found, metrics = await store.counts(self._pool, now=self._clock.now()), self._metrics
        for unit, total in found.imbalance:
            metrics.ledger_imbalance_minor.labels(unit).set(total)
        _set(metrics.payments, found.payments)
        _set(metrics.unknown, ((kind, count) for kind, count, _ in found.unknown))
        _set(metrics.unknown_oldest_seconds, ((kind, age) for kind, _, age in found.unknown))
        _set(metrics.lane_depth, ((channel, depth) for channel, depth, _ in found.lanes))
        _set(metrics.lane_oldest_seconds, ((channel, age) for channel, _, age in found.lanes))
        _set(metrics.cut_off_seconds, found.cut_offs)
        _set(metrics.files, found.files)
        _set(metrics.file_quarantine, found.quarantined)
        _set(metrics.differences, found.differences)
        _set(metrics.tasks, found.timers)
        _set(metrics.terminals, found.terminals)


def _set(gauge: Gauge, rows: Iterable[tuple[Any, ...]]) -> None:
    gauge.clear()
    for *labels, value in rows:
        gauge.labels(*labels).set(value)
