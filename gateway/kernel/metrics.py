"""The metrics, all in one place: names with the prefix `tillgate_`, base units, labels from closed sets only.

A label is never a card number, an order number or a text that a merchant chose. The objects are made for a registry by
`build_metrics` and handed to the rooms, so two worlds in one process (tests) do not share counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST as OPEN_METRICS_TYPE

_NAMESPACE = "tillgate"
_ANSWER_S = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 60)
_COMMIT_S = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096)
_FINAL_S = (0.01, 0.1, 1, 10, 60, 600, 3600, 6 * 3600, 24 * 3600, 3 * 24 * 3600)

__all__ = ["OPEN_METRICS_TYPE", "Metrics", "build_metrics", "expose"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """Every metric, by the noun it counts; labels stand in the comments of `build_metrics`."""

    registry: CollectorRegistry
    up: Gauge
    requests: Counter
    request_seconds: Histogram
    garbage: Counter
    connections: Gauge
    door_queue: Gauge
    door_wait_seconds: Histogram
    door_rejects: Counter
    wrong_macs: Counter
    blocked_sources: Gauge
    signatures_refused: Counter
    logins_refused: Counter
    terminals: Gauge
    key_seconds: Histogram
    journal_batch_changes: Histogram
    journal_wait_seconds: Histogram
    journal_commit_seconds: Histogram
    journal_queue: Gauge
    journal_refused: Counter
    journal_fence_missed: Counter
    journal_in_doubt: Counter
    journal_poison: Counter
    ledger_imbalance_minor: Gauge
    ledger_advance_minor: Gauge
    ledger_advance_over: Gauge
    partitions_ahead: Gauge
    partition_caught: Gauge
    payments: Gauge
    unknown: Gauge
    unknown_oldest_seconds: Gauge
    final_seconds: Histogram
    lane_depth: Gauge
    lane_oldest_seconds: Gauge
    instructions: Counter
    channel_up: Gauge
    channel_circuit: Gauge
    channel_in_flight: Gauge
    channel_seconds: Histogram
    channel_late_answers: Counter
    sftp_transfers: Counter
    sftp_bytes: Counter
    sftp_last_success_seconds: Gauge
    files: Gauge
    file_quarantine: Gauge
    differences: Gauge
    cut_off_seconds: Gauge
    tasks: Gauge
    task_rows: Counter
    tasks_in_flight: Gauge
    task_rows_in_flight: Gauge
    timers: Counter
    rule_cache: Counter
    rule_reads: Counter


def build_metrics(registry: CollectorRegistry | None = None) -> Metrics:
    """Make all metrics on `registry`, or on one of their own."""
    target = registry if registry is not None else CollectorRegistry()
    return Metrics(registry=target, **_doors(target), **_books(target), **_banks(target), **_work(target))


def expose(metrics: Metrics) -> bytes:
    """Return the text that a scrape gets (Prometheus text format 0.0.4)."""
    return generate_latest(metrics.registry)


def _doors(registry: CollectorRegistry) -> dict[str, Any]:
    make = _Maker(registry)
    return {
        "up": make.gauge("up", "Whether a role of this process serves", "role"),
        "requests": make.counter("requests", "Requests answered", "door", "transaction", "reason"),
        "request_seconds": make.histogram(
            "request_seconds", "From request to answer", _ANSWER_S, "door", "transaction"
        ),
        "garbage": make.counter("garbage", "Input that is no message", "door", "kind"),
        "connections": make.gauge("connections", "Open connections", "door"),
        "door_queue": make.gauge("door_queue", "Requests under way or waiting", "door"),
        "door_wait_seconds": make.histogram("door_wait_seconds", "From arrival to its turn", _ANSWER_S, "door"),
        "door_rejects": make.counter("door_rejects", "Requests refused as too many", "door"),
        "wrong_macs": make.counter("wrong_macs", "Messages with a wrong or missing MAC", "dialect"),
        "blocked_sources": make.gauge("blocked_sources", "Addresses blocked for wrong MACs", "door"),
        "signatures_refused": make.counter("signatures_refused", "Signatures refused", "door", "why"),
        "logins_refused": make.counter("logins_refused", "Logins refused", "why"),
        "terminals": make.gauge("terminals", "Terminals by state", "state"),
        "key_seconds": make.histogram("key_seconds", "Calls of the key module", _COMMIT_S, "operation", "outcome"),
    }


def _books(registry: CollectorRegistry) -> dict[str, Any]:
    make = _Maker(registry)
    return {
        "journal_batch_changes": make.histogram("journal_batch_changes", "Changes in one batch", _SIZES, "book"),
        "journal_wait_seconds": make.histogram("journal_wait_seconds", "From post to its batch", _COMMIT_S, "book"),
        "journal_commit_seconds": make.histogram("journal_commit_seconds", "The write of one batch", _COMMIT_S, "book"),
        "journal_queue": make.gauge("journal_queue", "Changes waiting", "book"),
        "journal_refused": make.counter("journal_refused", "Changes refused", "book", "reason"),
        "journal_fence_missed": make.counter("journal_fence_missed", "Batches decided again", "book"),
        "journal_in_doubt": make.counter("journal_in_doubt", "Batches whose commit was in doubt", "book"),
        "journal_poison": make.counter("journal_poison", "Changes that the database refused unexpectedly", "book"),
        "ledger_imbalance_minor": make.gauge("ledger_imbalance_minor", "Sum of all balances; must be 0", "unit"),
        "ledger_advance_minor": make.gauge("ledger_advance_minor", "What parties owe", "unit"),
        "ledger_advance_over": make.gauge("ledger_advance_over", "Parties that owe more than the limit", "unit"),
        "partitions_ahead": make.gauge("partitions_ahead", "Partitions made for the time to come", "table"),
        "partition_caught": make.gauge("partition_caught", "1: the default partition has rows", "table"),
        "payments": make.gauge("payments", "Payments by state", "kind", "state"),
        "unknown": make.gauge("unknown", "Payments whose outcome is not known", "kind"),
        "unknown_oldest_seconds": make.gauge("unknown_oldest_seconds", "Age of the oldest of them", "kind"),
        "final_seconds": make.histogram("final_seconds", "From submit to final", _FINAL_S, "kind"),
    }


def _banks(registry: CollectorRegistry) -> dict[str, Any]:
    make = _Maker(registry)
    return {
        "lane_depth": make.gauge("lane_depth", "Messages waiting for a destination", "channel"),
        "lane_oldest_seconds": make.gauge("lane_oldest_seconds", "Age of the oldest of them", "channel"),
        "instructions": make.counter("instructions", "Instructions by outcome", "channel", "ask", "state"),
        "channel_up": make.gauge("channel_up", "Whether a channel is taken to work", "channel"),
        "channel_circuit": make.gauge("channel_circuit", "0 closed, 1 half open, 2 open", "channel"),
        "channel_in_flight": make.gauge("channel_in_flight", "Requests at the bank", "channel"),
        "channel_seconds": make.histogram("channel_seconds", "A bank's answer", _ANSWER_S, "channel", "ask"),
        "channel_late_answers": make.counter("channel_late_answers", "Answers after we gave up waiting", "channel"),
        "sftp_transfers": make.counter("sftp_transfers", "Transfers", "channel", "direction", "outcome"),
        "sftp_bytes": make.counter("sftp_bytes", "Bytes transferred", "channel", "direction"),
        "sftp_last_success_seconds": make.gauge(
            "sftp_last_success_seconds",
            "Unix time of the last good transfer",
            "channel",
            "direction",
        ),
        "files": make.gauge("files", "Files by state", "direction", "state"),
        "file_quarantine": make.gauge("file_quarantine", "Files in quarantine", "channel"),
        "differences": make.gauge("differences", "Open differences with banks", "kind"),
        "cut_off_seconds": make.gauge("cut_off_seconds", "Seconds until the next cut-off", "channel"),
    }


def _work(registry: CollectorRegistry) -> dict[str, Any]:
    make = _Maker(registry)
    return {
        "tasks": make.gauge("tasks", "Tasks and timers by state", "kind", "state"),
        "task_rows": make.counter("task_rows", "Rows worked on by tasks", "kind"),
        "tasks_in_flight": make.gauge("tasks_in_flight", "Batch tasks at work in this process", "kind"),
        "task_rows_in_flight": make.gauge("task_rows_in_flight", "Rows at work at once in this process", "kind"),
        "timers": make.counter("timers", "Timers handled", "kind", "outcome"),
        "rule_cache": make.counter("rule_cache", "Rules asked for in memory", "room", "outcome"),
        "rule_reads": make.counter("rule_reads", "Rules read from the database", "room"),
    }


@dataclass(frozen=True, slots=True)
class _Maker:
    registry: CollectorRegistry

    def counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, namespace=_NAMESPACE, registry=self.registry)

    def gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(name, text, labels, namespace=_NAMESPACE, registry=self.registry)

    def histogram(self, name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(name, text, labels, namespace=_NAMESPACE, registry=self.registry, buckets=buckets)
