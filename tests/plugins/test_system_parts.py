from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.plugins import system_parts

Run = Callable[..., pytest.RunResult]

TESTS = """
import pytest

@pytest.mark.system_part("sshd", "openssl")
def test_needs(): ...

def test_needs_nothing(): ...
"""


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(system_parts, "_ADMIN_FOLDERS", ())


def test_a_bare_machine_lacks_every_package_once(bare: None) -> None:
    assert system_parts.missing_packages() == sorted(set(system_parts.PARTS.values()))


def test_programs_of_the_administrator_are_found_without_being_on_the_path(
    bare: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(system_parts, "_ADMIN_FOLDERS", (str(Path(sys.executable).parent),))
    assert system_parts.where(Path(sys.executable).name) is not None


def test_a_test_without_its_program_is_skipped_with_the_command(
    pytester: pytest.Pytester, run: Run, bare: None
) -> None:
    pytester.makepyfile(TESTS)
    result = run("system_parts", "-rs")
    result.assert_outcomes(passed=1, skipped=1)
    result.stdout.fnmatch_lines(["*apt-get install -y --no-install-recommends openssh-server openssl*"])


def test_nothing_missing_is_no_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system_parts, "where", lambda program: f"/bin/{program}")
    assert system_parts.missing_packages() == []
    assert system_parts.reason(["sshd"]) == ""
