"""Figures read from the database, exposed as metrics by one worker."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from prometheus_client import Gauge

from gateway.app import store
from gateway.kernel.metrics import Metrics
from gateway.kernel.postgres.pool import Database


async def expose_figures(pool: Database, metrics: Metrics) -> None:
    """Read the figures and set the gauges; labels that have gone show 0 no longer."""
    found = await store.figures(pool)
    for unit, total in found.imbalance.items():
        metrics.ledger_imbalance_minor.labels(unit).set(total)
    _set(metrics.payments, found.payments)
    _set(metrics.unknown, ((kind, count) for kind, count, _ in found.unknown))
    _set(metrics.unknown_oldest_seconds, ((kind, age) for kind, _, age in found.unknown))
    _set(metrics.files, found.files)
    _set(metrics.file_quarantine, found.quarantined)
    _set(metrics.differences, found.differences)
    _set(metrics.tasks, found.timers)
    _set(metrics.terminals, found.terminals)


def _set(gauge: Gauge, rows: Iterable[tuple[Any, ...]]) -> None:
    gauge.clear()
    for *labels, value in rows:
        gauge.labels(*labels).set(value)
