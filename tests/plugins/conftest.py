"""Small test trees run inside a test, with no plugin but the one under test."""

from __future__ import annotations

from collections.abc import Callable

import pytest

Run = Callable[..., pytest.RunResult]


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the tree with one of the plugins of this folder."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.delenv("TILLGATE_FORBID_SKIPS", raising=False)

    def started(plugin: str, *options: str) -> pytest.RunResult:
        chosen = ["-p", f"tests.plugins.{plugin}", "-p", "no:cacheprovider"]
        return pytester.runpytest_inprocess(*chosen, "--strict-markers", *options)

    return started
