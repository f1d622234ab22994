"""The command `tillgate bench`: each benchmark beside its reference, on this machine, in the same run."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from gateway.bench.codec import QUICK_CODEC, CodecScale, bench_codec
from gateway.bench.ledger import QUICK, Scale, bench_ledger
from gateway.bench.report import Report
from gateway.kernel.clock import SystemClock

bench_app = typer.Typer(help="Benchmarks, each beside a reference of the same run.", no_args_is_help=True)
_out = Console()
_err = Console(stderr=True)

Json = Annotated[bool, typer.Option("--json", help="print JSON instead of words")]
Quick = Annotated[bool, typer.Option("--quick", help="one short run of each form: a look, no figure to quote")]
Directory = Annotated[Path | None, typer.Option(help="folder on the disk to measure; default: the system's own")]
Sizes = Annotated[str, typer.Option(help="compare books of so many million entries, comma between: 0.1,1,5")]
Runs = Annotated[int, typer.Option(min=0, help="runs of each form; default 5, with --quick 1")]
Transfers = Annotated[int, typer.Option(min=0, help="transfers of a run; default 20000, with --quick 4000")]


@bench_app.callback()
def bench() -> None:
    """Run a benchmark."""


@bench_app.command(epilog="Example: tillgate bench ledger --json --sizes 0.1,1,5")
def ledger(
    *,
    as_json: Json = False,
    quick: Quick = False,
    sizes: Sizes = "",
    runs: Runs = 0,
    transfers: Transfers = 0,
    directory: Directory = None,
) -> None:
    """Measure durable transfers a second, beside one transaction for each of them."""
    base = QUICK if quick else Scale()
    scale = replace(
        base,
        runs=runs or base.runs,
        transfers=transfers or base.transfers,
        sizes=_sizes(sizes),
        directory=directory,
    )
    _show(asyncio.run(bench_ledger(scale, _err.print)), as_json=as_json)


@bench_app.command(epilog="Example: tillgate bench codec --json")
def codec(*, as_json: Json = False, quick: Quick = False) -> None:
    """Measure messages of both dialects read and written again, beside pyiso8583."""
    scale = QUICK_CODEC if quick else CodecScale()
    _show(bench_codec(scale, _err.print, SystemClock()), as_json=as_json)


def _sizes(text: str) -> tuple[float, ...]:
    try:
        sizes = tuple(float(part) for part in text.split(",") if part.strip())
    except ValueError:
        raise typer.BadParameter("sizes are numbers with commas between: 0.1,1,5") from None
    if any(size <= 0 for size in sizes):
        raise typer.BadParameter("sizes are above 0")
    return sizes


def _show(report: Report, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(report.shown(), indent=2))
        return
    table = Table("case", "value", "unit", "p50 ms", "p99 ms", "beside")
    for case in report.cases:
        beside = "\n".join(f"{one.ratio:.2f} x {one.name}" for one in case.references)
        waits = (f"{wait:.1f}" if wait is not None else "" for wait in (case.p50_ms, case.p99_ms))
        table.add_row(case.case, f"{case.value:,.1f}", case.unit, *waits, beside)
    _out.print(table)
