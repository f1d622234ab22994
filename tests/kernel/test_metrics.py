from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from gateway.kernel.metrics import build_metrics, expose


def test_two_worlds_do_not_share_counts() -> None:
    one, other = build_metrics(), build_metrics()
    one.requests.labels("terminal", "purchase", "done").inc()
    assert b'tillgate_requests_total{door="terminal",reason="done",transaction="purchase"} 1.0' in expose(one)
    assert b"tillgate_requests_total{" not in expose(other)


def test_every_metric_has_the_prefix_a_text_and_no_unbounded_label() -> None:
    families = list(text_string_to_metric_families(expose(build_metrics()).decode()))
    assert len(families) > 40
    for family in families:
        assert family.name.startswith("tillgate_"), family.name
        assert family.documentation


def test_labels_are_of_closed_sets() -> None:
    metrics = build_metrics()
    closed = {
        *("ask", "book", "channel", "dialect", "direction", "door", "kind", "operation", "outcome", "reason", "role"),
        *("room", "state", "table", "transaction", "unit", "why"),
    }
    used = {
        label for collector in metrics.registry._collector_to_names for label in getattr(collector, "_labelnames", ())
    }
    assert used <= closed
