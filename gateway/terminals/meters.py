"""What this door measures; every label is one of a small fixed set, never something a terminal chose."""

from __future__ import annotations

from collections.abc import Callable

from gateway.kernel.metrics import Metrics
from gateway.kernel.reasons import Reason

DOOR = "terminals"
_UNANSWERED = "unanswered"


class Meters:
    """The house's metrics under the label of this door."""

    def __init__(self, metrics: Metrics) -> None:
        self._requests = metrics.requests
        self._seconds = metrics.request_seconds
        self._garbage = metrics.garbage
        self._wrong_macs = metrics.wrong_macs
        self._rejects = metrics.door_rejects.labels(DOOR)
        self._connections = metrics.connections.labels(DOOR)
        self._queue = metrics.door_queue.labels(DOOR)
        self._wait = metrics.door_wait_seconds.labels(DOOR)
        self._blocked = metrics.blocked_sources.labels(DOOR)

    def answered(self, transaction: str, reason: Reason, seconds: float) -> None:
        """One request was answered `seconds` after it arrived."""
        self._requests.labels(DOOR, transaction, reason).inc()
        self._seconds.labels(DOOR, transaction).observe(seconds)

    def unanswered(self, transaction: str, seconds: float) -> None:
        """One request was given up without an answer `seconds` after it arrived."""
        self._requests.labels(DOOR, transaction, _UNANSWERED).inc()
        self._seconds.labels(DOOR, transaction).observe(seconds)

    def waited(self, seconds: float) -> None:
        """A request's turn came `seconds` after it arrived."""
        self._wait.observe(seconds)

    def garbage(self, kind: str) -> None:
        """Something came that is not a request: message, envelope, frame, not_a_request, blocked_source."""
        self._garbage.labels(DOOR, kind).inc()

    def wrong_mac(self, dialect: str) -> None:
        """A MAC was missing or wrong."""
        self._wrong_macs.labels(dialect).inc()

    def rejected(self) -> None:
        """A request or connection was refused as one too many."""
        self._rejects.inc()

    def connections(self, open_now: int) -> None:
        """So many connections are open now."""
        self._connections.set(open_now)

    def under_way(self, requests: int) -> None:
        """So many requests are under way now."""
        self._queue.set(requests)

    def watch_blocked(self, count: Callable[[], int]) -> None:
        """Ask `count` for the number of blocked sources whenever the metrics are read."""
        self._blocked.set_function(count)
