"""What the command shows: words and tables for people, JSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from channels.templates.files import Row
from gateway.app.doctor import Finding
from gateway.kernel.money import Money

_MARKS = {"good": "[green]ok[/]", "note": "[yellow]note[/]", "bad": "[red]wrong[/]"}
_PRIVATE = 0o600
_out, _err = Console(), Console(stderr=True)


def say(line: str) -> None:
    """Print one line as it is."""
    _out.print(line, markup=False, emoji=False, highlight=False, soft_wrap=True)


def silent(_line: str) -> None:
    """Print nothing: standard output is for JSON."""


def leave(words: str, code: int) -> NoReturn:
    """Say on standard error why it does not go on, and exit."""
    _err.print(words, style="red", markup=False, emoji=False, highlight=False, soft_wrap=True)
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
    first = facts["console"]["first_operator"]
    if first:
        table.add_row("first operator", f"{first['name']}, one-time password {first['password']}")
    table.add_row("users, keys, cards and the rest", str(written))
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


def show_closes(closes: Sequence[Mapping[str, Any]]) -> None:
    """Show the closes of days."""
    for close in closes:
        key = f"key {close['key']} {close['fingerprint']}"
        say(f"{close['book']}  {close['day']}  batch {close['seq']}  {close['hash']}  {key}")
    if not closes:
        say("no day has been signed yet")


def show_users(users: Sequence[Mapping[str, Any]]) -> None:
    """Show users, one a line."""
    table = Table(box=None)
    for column in ("login", "party", "state", "roles", "must change", "authenticator"):
        table.add_column(column)
    for user in users:
        flags = ("yes" if user[name] else "" for name in ("must_change", "authenticator"))
        table.add_row(user["login"], user["party"], user["state"], " ".join(user["roles"]), *flags)
    _out.print(table)


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


def show_tasks(tasks: Sequence[Mapping[str, Any]]) -> None:
    """Show tasks, one a line; a failed one with the row it opens at."""
    table = Table(box=None)
    for column in ("task", "kind", "state", "run", "chunks", "stored", "skipped", "failed", "why"):
        table.add_column(column)
    for task in tasks:
        where = f"chunk {task['failed_chunk']}" if task.get("failed_chunk") else ""
        row = f"row {task['failed_row']}" if task.get("failed_row") else ""
        why = " ".join(part for part in (where, row, task.get("reason", "")) if part)
        counts = [str(task[name]) for name in ("run", "chunks_done", "stored", "skipped", "failed")]
        table.add_row(task["id"], task["kind"], task["state"], *counts, why)
    _out.print(table)


def show_task(found: Mapping[str, Any]) -> None:
    """Show one task with its chunks in order, the rows that failed, and what it has stored."""
    show_tasks([found["task"]])
    for chunk in found["chunks"]:
        figures = "  ".join(f"{name} {count}" for name, count in chunk.get("figures", {}).items())
        counts = f"{chunk['rows_read']} read, {chunk['stored']} stored, {chunk['skipped']} skipped"
        say(f"run {chunk['run']} chunk {chunk['number']}: {counts}, {chunk['failed']} failed  {figures}".rstrip())
        say(f"    {chunk['began_at']} to {chunk['ended_at']} by {chunk['owner']}")
    for row in found["failed_rows"]:
        say(f"run {row['run']} chunk {row['chunk']} place {row['place']} row {row['row']}: {row['why']}")
    say("stored in all: " + "  ".join(f"{name} {count}" for name, count in found["totals"].items()))


def show_explained(frames: Sequence[Mapping[str, Any]]) -> None:
    """Show explained frames: their fields, what was checked, and what they may belong to."""
    for frame in frames:
        say(f"{frame['where']}: {frame['mti'] or 'no message type'} {frame['transaction']} in {frame['dialect']}")
        fields = Table("field", "name", "format", "value")
        for line in frame["fields"]:
            fields.add_row(*(escape(line[name]) for name in ("field", "name", "format", "value")))
        _out.print(fields)
        for finding in frame["findings"]:
            code = f" (39 = {finding['code']})" if finding["code"] else ""
            say(f"{finding['verdict']:5} {finding['check']}: {finding['says']}{code}")
        for near in frame["nearest"]:
            reference = f"{near['batch']}/{near['trace']}, {near['rrn']}"
            say(f"{near['by']}: {near['kind']} {near['state']} {reference}, {near['id']}")
