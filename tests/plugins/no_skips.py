"""Where TILLGATE_FORBID_SKIPS=1 is set a skipped test is a failed one: what was not run has shown nothing."""

from __future__ import annotations

import os
from collections.abc import Generator
from typing import TypeVar

import pytest

SETTING = "TILLGATE_FORBID_SKIPS"
_Report = TypeVar("_Report", pytest.TestReport, pytest.CollectReport)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Judge a test that was skipped while it was set up or run."""
    return _judged((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Judge a module that was skipped while it was collected."""
    return _judged((yield))


def _judged(report: _Report) -> _Report:
    forbidden = os.environ.get(SETTING, "") not in {"", "0"}
    if forbidden and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{report.nodeid} was skipped, and {SETTING} forbids it: {_why(report)}"
    return report


def _why(report: pytest.TestReport | pytest.CollectReport) -> str:
    return str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else str(report.longrepr)
