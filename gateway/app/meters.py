"""Adapters from what rooms tell of their work to the metrics of the house."""

from __future__ import annotations

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
