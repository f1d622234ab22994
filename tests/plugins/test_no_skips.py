from __future__ import annotations

from collections.abc import Callable

import pytest

Run = Callable[..., pytest.RunResult]

TESTS = """
import pytest

def test_runs(): ...

@pytest.mark.skip(reason="no program")
def test_skips(): ...

@pytest.mark.xfail(reason="known")
def test_fails(): assert False
"""
MODULE = "import pytest\npytest.skip('no package', allow_module_level=True)\n"


def test_a_skip_fails_where_skips_are_forbidden(
    pytester: pytest.Pytester, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytester.makepyfile(test_some=TESTS)
    monkeypatch.setenv("TILLGATE_FORBID_SKIPS", "1")
    result = run("no_skips")
    result.assert_outcomes(passed=1, errors=1, xfailed=1)
    result.stdout.fnmatch_lines(["*test_skips was skipped, and TILLGATE_FORBID_SKIPS forbids it: Skipped: no program*"])


def test_a_skipped_module_fails_too(pytester: pytest.Pytester, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    pytester.makepyfile(test_module=MODULE)
    monkeypatch.setenv("TILLGATE_FORBID_SKIPS", "1")
    assert run("no_skips").ret == pytest.ExitCode.INTERRUPTED


@pytest.mark.parametrize("value", ["", "0"])
def test_elsewhere_a_skip_is_a_skip(
    pytester: pytest.Pytester, run: Run, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    pytester.makepyfile(test_some=TESTS, test_module=MODULE)
    monkeypatch.setenv("TILLGATE_FORBID_SKIPS", value)
    result = run("no_skips")
    result.assert_outcomes(passed=1, skipped=2, xfailed=1)
    assert result.ret == pytest.ExitCode.OK
