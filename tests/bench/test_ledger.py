"""The ledger's benchmark, tiny: every form does its work, and what is printed has the shape that others read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from gateway.bench import command
from gateway.bench.ground import ground
from gateway.bench.ledger import Scale, bench_ledger
from gateway.bench.report import Case, Reference, Report
from gateway.bench.sample import Sample, at, typical
from gateway.bench.writers import held_up_s
from gateway.journal import verify
from gateway.kernel.postgres.pool import open_pool
from tests.plugins.proofs import Proof

TINY = Scale(runs=1, transfers=40, accounts=20, in_flight=(4, 8), writers=(2,), sizes=(0.001, 0.002), stops=False)


@pytest.fixture(scope="module")
async def report() -> Report:
    return await bench_ledger(TINY, lambda _: None)


def shown(report: Report) -> Any:
    return json.loads(json.dumps(report.shown()))


async def test_every_case_is_there_with_its_references(report: Report) -> None:
    cases = {case["case"]: case for case in shown(report)["cases"]}
    assert set(cases) == {
        *(f"{kind}, one CTE statement per transaction" for kind in ("random", "hot")),
        *(f"{kind}, {count} in flight, 1 writer" for kind in ("random", "hot") for count in (4, 8)),
        *(f"hot, {count} in flight, 2 writers" for count in (4, 8)),
        *(f"{kind}, {count:,} entries" for kind in ("random", "hot") for count in (1_000, 2_000)),
    }
    ours = cases["hot, 8 in flight, 2 writers"]
    assert [one["name"] for one in ours["references"]] == [
        "one CTE statement per transaction",
        "plain statements per transaction",
        "one writer",
        "one writer's p99 ms",
    ]
    assert ours["deadlocks"] == 0


async def test_each_case_has_the_published_fields(report: Report) -> None:
    said = shown(report)
    assert set(said) == {"name", "machine", "cases"}
    assert said["name"] == "ledger"
    for case in said["cases"]:
        assert {"case", "value", "unit", "p50_ms", "p99_ms", "peak_rss_mib", "references"} <= set(case)
        assert case["value"] > 0
        assert all(set(one) == {"name", "value", "ratio"} for one in case["references"])


async def test_all_forms_write_the_same_rows(report: Report) -> None:
    cases = {case.case: case.details for case in report.cases}
    # Transfer, two entries, key, event and the order; the references move two balances too, the journal heads batches.
    ours, reference = cases["random, 8 in flight, 1 writer"], cases["random, one CTE statement per transaction"]
    assert 6 < ours["rows_per_transfer"] <= 7
    assert reference["rows_per_transfer"] == pytest.approx(8, abs=0.6)
    assert ours["round_trips_per_transfer"] < 1
    assert ours["wal_bytes_per_transfer"] > 0


async def test_the_books_of_a_run_hold(tmp_path: Path) -> None:
    async with ground(accounts=10, directory=tmp_path) as made, made.database() as dsn:
        pool = await open_pool(dsn)
        proof = await verify(pool)
        await pool.close()
    assert proof.holds


async def test_nothing_is_left_behind(tmp_path: Path) -> None:
    async with ground(accounts=2, directory=tmp_path):
        assert inside(tmp_path)
    assert not inside(tmp_path)


def inside(folder: Path) -> list[Path]:
    return list(folder.iterdir())


@pytest.mark.prove(part=2)
async def test_a_stopped_writer_holds_the_other_up_for_a_moment(proof: Proof) -> None:
    async with ground(accounts=100) as made:
        held = await held_up_s(made, TINY.run(64, hot=True), stopped_for_s=proof.count(quick=4, full=8))
    proof.figure(held_up_s=held)
    assert held <= 3


def test_the_median_counts() -> None:
    samples = [Sample(rate=rate, p50_ms=rate, p99_ms=9, costs={"rows": rate}) for rate in (5, 1, 3)]
    assert typical(samples) == Sample(rate=3, p50_ms=3, p99_ms=9, costs={"rows": 3})
    assert [at([1, 2, 3, 4], percent) for percent in (0, 50, 99)] == [1, 3, 4]
    assert at([], 99) == 0


def test_the_command_prints_json_or_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    case = Case(case="random", value=1234.56, unit="transfers/s", references=[Reference("plain", 100.0, 12.3456)])

    async def at_once(scale: Scale, _say: Any) -> Report:
        assert (scale.runs, scale.sizes) == (1, (0.1, 5.0))
        return Report("ledger", {"cores": 2}, [case])

    monkeypatch.setattr(command, "bench_ledger", at_once)
    runner, arguments = CliRunner(), ["ledger", "--quick", "--sizes", "0.1,5"]
    said = json.loads(runner.invoke(command.bench_app, [*arguments, "--json"]).stdout)
    assert said["cases"][0]["references"] == [{"name": "plain", "value": 100.0, "ratio": 12.346}]
    assert "1,234.6" in runner.invoke(command.bench_app, arguments).stdout


@pytest.mark.parametrize("sizes", ["much", "0", "1,-2"])
def test_sizes_are_numbers_above_0(sizes: str) -> None:
    done = CliRunner().invoke(command.bench_app, ["ledger", "--sizes", sizes])
    assert done.exit_code == 2
