"""What the command shows: words and tables for people, JSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from rich.console import Console
from rich.table import Table

from channels.templates.files import Row
from gateway.app.doctor import Finding
from gateway.kernel.money import Money

_MARKS = {"good": "[green]ok[/]", "note": "[yellow]note[/]", "bad": "[red]wrong[/]"}
_PRIVATE = 0o600
_out, _err = Console(), Console(stderr=True)


def say(line: str) -> None:
    """Print one line as it is."""
    _out.print(line, markup=False, highlight=False, soft_wrap=True)


def silent(_line: str) -> None:
    """Print nothing: standard output is for JSON."""


def leave(words: str, code: int) -> NoReturn:
    """Say on standard error why it does not go on, and exit."""
    _err.print(words, style="red", markup=False, highlight=False, soft_wrap=True)
    sys.exit(code)


def print_json(content: object) -> None:
    """Write JSON to standard output."""
    sys.stdout.write(json.dumps(content, ensure_ascii=False, indent=1, default=str) + "\n")


def write_json(to: Path | None, content: object) -> None:
    """Write JSON to a file, whole or not at all and readable by its owner only; `-` is standard output."""
    if to is None:
        return
    if str(to) == "-":
        print_json(content)
        return
    to.parent.mkdir(parents=True, exist_ok=True)
    part = to.with_name(to.name + ".part")
    part.unlink(missing_ok=True)
    part.touch(mode=_PRIVATE)
    part.write_text(json.dumps(content, ensure_ascii=False, indent=1, default=str) + "\n", encoding="utf-8")
    part.replace(to)


def show_world(facts: Mapping[str, Any], written: Path) -> None:
    """Show where the parts of a sandbox are."""
    table = Table(title="Tillgate sandbox", show_header=False, box=None)
    for listener in facts["listeners"]:
        tls = " TLS" if listener["tls"] else ""
        table.add_row(f"terminals ({listener['dialect']}{tls})", f"{listener['host']}:{listener['port']}")
    table.add_row("API", facts["api"]["url"])
    table.add_row("API description", f"{facts['api']['url']}/docs")
    table.add_row("metrics", facts["metrics"])
    table.add_row("bank", facts["bank"]["url"])
    table.add_row("keys, cards and the rest", str(written))
    _out.print(table)


def show_day(result: Mapping[str, Any]) -> None:
    """Show what came of a day."""
    table = Table(title=f"The day of seed {result['seed']}", show_header=False)
    for name, value in result.items():
        shown = "  ".join(f"{key} {count}" for key, count in value.items()) if isinstance(value, dict) else str(value)
        table.add_row(name, shown)
    _out.print(table)


def show_proof(trial_balance: Mapping[str, int], faults: Sequence[str]) -> None:
    """Show whether the books hold."""
    for unit, total in sorted(trial_balance.items()):
        _out.print(f"trial balance {Money(total, unit)}", highlight=False)
    for fault in faults:
        _err.print(fault, style="red", markup=False, highlight=False, soft_wrap=True)
    _out.print("the books hold" if not faults else f"the books do not hold: {len(faults)} faults", highlight=False)


def show_findings(findings: Iterable[Finding]) -> None:
    """Show what was found, and how to mend it."""
    for one in findings:
        _out.print(f"{_MARKS[one.state]:<8} ", end="")
        say(one.what)
        if one.mend:
            _out.print(f"         {one.mend}", style="dim", markup=False, highlight=False, soft_wrap=True)


def show_rows(rows: Iterable[Row]) -> None:
    """Show the lines of a file as its template reads them."""
    for row in rows:
        say(f"{row.line:>6} {row.record:<8} {dict(row.values)}")
