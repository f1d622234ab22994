"""`tillgate demo --faults PLAN`: kills while a day runs, and words for a plan that cannot be."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Tillgate


def test_a_day_with_kills_holds(process: Tillgate, tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    kills = [
        {"target": "gateway", "point": "clearing.sending", "passing": 20},
        {"target": "bank", "point": "sftp.renamed"},
    ]
    plan.write_text(json.dumps(kills))
    ended = process("demo", "--seed", 8, "--faults", plan, "--json", tmp_path / "day.json")
    assert (ended.code, ended.err) == (0, "")
    assert "killed gateway at clearing.sending, pass 20" in ended.out
    assert "killed bank at sftp.renamed" in ended.out
    assert json.loads((tmp_path / "day.json").read_text())["ok"] is True


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        ("nowhere.json", "neither SEED:COUNT nor a readable file"),
        ("7:33", "0 to 32 kills"),
        ("7:", "neither SEED:COUNT nor a readable file"),
    ],
)
def test_a_plan_that_cannot_be_is_wrong_usage(tillgate: Tillgate, plan: str, words: str) -> None:
    ended = tillgate("demo", "--faults", plan)
    assert ended.code == 2
    assert words in ended.err
