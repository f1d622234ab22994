from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., pytest.RunResult]

TESTS = """
import pytest

@pytest.mark.prove(part=1)
def test_first(proof):
    proof.figure(seeds=proof.count(quick=2, full=500))

@pytest.mark.prove(part=2)
def test_second(proof):
    proof.figure(seed=7)
    assert proof.count(quick=1, full=2) == 1

def test_other(proof):
    assert proof.count(quick=2, full=500) == 2
"""


@pytest.fixture
def tree(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    pytester.makepyfile(test_some=TESTS)
    monkeypatch.setattr("tests.plugins.proofs._commit", lambda _: "c0ffee")
    return pytester


def proofs(pytester: pytest.Pytester) -> dict[str, dict[str, Any]]:
    written: dict[str, dict[str, Any]] = json.loads(Path(pytester.path, "build/prove.json").read_text())["proofs"]
    return written


def test_make_test_runs_everything_with_small_counts_and_writes_nothing(tree: pytest.Pytester, run: Run) -> None:
    run("proofs").assert_outcomes(passed=3)
    assert not Path(tree.path, "build").exists()


def test_one_part_is_proven_with_full_counts(tree: pytest.Pytester, run: Run) -> None:
    run("proofs", "--prove", "1").assert_outcomes(passed=1, deselected=2)
    (proof,) = proofs(tree).values()
    assert proof["held"] is True
    assert proof["figures"] == {"seeds": 500}


def test_all_parts_are_proven_and_a_failure_keeps_its_seed(tree: pytest.Pytester, run: Run) -> None:
    run("proofs", "--prove", "0").assert_outcomes(passed=1, failed=1, deselected=1)
    assert proofs(tree)["test_some.py::test_second"]["held"] is False
    assert proofs(tree)["test_some.py::test_second"]["figures"] == {"seed": 7}


def test_what_holds_is_not_run_again(tree: pytest.Pytester, run: Run) -> None:
    run("proofs", "--prove", "1")
    again = run("proofs", "--prove", "1")
    again.assert_outcomes(deselected=3)
    assert again.ret == pytest.ExitCode.OK


@pytest.mark.parametrize("commit", ["", "decade"])
def test_another_commit_or_a_changed_tree_proves_anew(
    tree: pytest.Pytester, run: Run, monkeypatch: pytest.MonkeyPatch, commit: str
) -> None:
    run("proofs", "--prove", "1")
    monkeypatch.setattr("tests.plugins.proofs._commit", lambda _: commit)
    run("proofs", "--prove", "1").assert_outcomes(passed=1, deselected=2)


def test_a_part_without_a_proof_has_not_held(tree: pytest.Pytester, run: Run) -> None:
    assert run("proofs", "--prove", "9").ret == pytest.ExitCode.NO_TESTS_COLLECTED
