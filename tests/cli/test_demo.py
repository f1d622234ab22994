"""`tillgate demo`: the sums of a day hold, another seed is another day, and a world has room for more than one day."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Tillgate

KEYS = [
    *("seed", "seconds", "purchases", "voids", "refunds", "duplicates_answered", "mac_refused", "payouts"),
    *("withdrawals", "files", "reconciliation", "trial_balance", "bank_agrees", "chain_verified", "ok"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return Path(tmp_path_factory.mktemp("d"))


def test_two_days_in_one_world(process: Tillgate, folder: Path) -> None:
    first = process("demo", "--seed", 5, "--directory", folder, "--json", "-")
    assert (first.code, first.err) == (0, "")
    _holds(first.json, seed=5)
    second = process("demo", "--seed", 6, "--directory", folder, "--json", folder / "six.json")
    assert second.code == 0
    assert "The day of seed 6" in second.out
    six = process("verify", "--json", TILLGATE_SANDBOX__DIRECTORY=str(folder))
    assert six.code == 2, "the world is down, so no database is known"
    assert (folder / "six.json").stat().st_mode & 0o777 == 0o600


def _holds(day: dict[str, Any], *, seed: int) -> None:
    assert list(day) == KEYS
    bought, out, files, lines = day["purchases"], day["withdrawals"], day["files"], day["reconciliation"]
    assert (day["ok"], day["bank_agrees"], day["chain_verified"]) == (True, True, True)
    assert day["seed"] == seed
    assert bought["sent"] == 200 == bought["approved"] + bought["declined"] + bought["reversed"] + bought["unknown"]
    assert (bought["unknown"], out["unknown"]) == (0, 0)
    assert bought["reversed"] >= 1
    assert (day["voids"], day["refunds"], day["duplicates_answered"], day["mac_refused"]) == (5, 6, 1, 1)
    assert sum(out.values()) == 8
    assert files["fetched"] == files["imported"] + files["quarantined"]
    assert files["quarantined"] == 1
    assert (lines["different"], lines["unknown"]) == (1, 1)
    assert day["trial_balance"] == {"CNY": 0}
