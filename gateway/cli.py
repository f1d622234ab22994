"""The command `tillgate`: every verb has an example in its help; errors say what to do next.

Exit codes: 0 done, 1 refused or not holding, 2 wrong usage, 3 cannot reach what it needs.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from channels.ports import BadFileError
from channels.templates import Template, TemplateError
from gateway.app.children import ChildError
from gateway.app.day import hold_day
from gateway.app.doctor import Finding, examine
from gateway.app.process import ROLES, Gateway, UnknownRoleError
from gateway.app.proof import prove
from gateway.app.world import World, WorldSettings
from gateway.kernel.clock import SystemClock
from gateway.kernel.log import configure_log
from gateway.kernel.money import Money
from gateway.kernel.postgres.binaries import NoBinariesError
from gateway.kernel.postgres.embedded import EmbeddedPostgresError, running_dsn
from gateway.kernel.postgres.migrate import MigrationError
from gateway.kernel.postgres.migrate import migrate as apply_migrations
from gateway.kernel.postgres.pool import DATABASE_ERRORS, open_pool
from gateway.kernel.randomness import SystemRandomness
from gateway.kernel.settings import Settings, SettingsError, load_settings
from gateway.sandbox.command import terminal_app
from gateway.sandbox.day.patience import DayFailedError

REFUSED, USAGE, UNREACHED = 1, 2, 3
_INTERRUPTED = 130
_Result = TypeVar("_Result")

app = typer.Typer(
    name="tillgate",
    help="Payment gateway and front-end processor (支付前置).",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
template_app = typer.Typer(help="File templates.", no_args_is_help=True)
app.add_typer(template_app, name="template")
app.add_typer(terminal_app, name="terminal")
_out, _err = Console(), Console(stderr=True)

Json = Annotated[Path | None, typer.Option("--json", help="write JSON to this file; - is standard output")]
Config = Annotated[list[Path] | None, typer.Option("--config", help="settings file (TOML); later ones win")]
Folder = Annotated[Path, typer.Option(help="folder of the sandbox's world")]
Dsn = Annotated[str, typer.Option("--dsn", help="database; default: settings, else the running sandbox")]


def main() -> None:
    """Run the command; what cannot be reached, and what is refused, is said in words."""
    try:
        app()
    except (SettingsError, UnknownRoleError) as fault:
        _leave(str(fault), USAGE)
    except (EmbeddedPostgresError, NoBinariesError, ChildError, *DATABASE_ERRORS) as fault:
        _leave(f"{fault}\nRun `tillgate doctor` to see what is wrong with this installation.", UNREACHED)
    except (MigrationError, DayFailedError) as fault:
        _leave(str(fault), REFUSED)


@app.command(epilog="Example: tillgate up --json build/world.json")
def up(
    json_file: Json = None,
    directory: Folder = Path("data/sandbox"),
    seed: Annotated[int, typer.Option(help="seed of the sandbox's world")] = 1,
) -> None:
    """Start the sandbox's world and keep it up until Ctrl-C: database, bank, gateway."""
    settings = WorldSettings(directory=directory, seed=seed)

    async def stay() -> None:
        stopped = _stop_event()
        world = World(settings, clock=SystemClock(), say=_say)
        try:
            facts = await world.start()
            _show_world(facts)
            _write_json(json_file, facts)
            ended = asyncio.create_task(world.gateway.ended())
            waiting = asyncio.create_task(stopped.wait())
            await asyncio.wait({ended, waiting}, return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            if ended.done() and not stopped.is_set():
                raise ChildError(f"the gateway ended by itself:\n{world.gateway.last_words()}")
            ended.cancel()
        finally:
            await world.stop()

    _run(stay())


@app.command(epilog="Example: tillgate demo --seed 7 --json -")
def demo(
    json_file: Json = None,
    seed: Annotated[int, typer.Option(help="another seed is another day")] = 1,
    directory: Annotated[Path | None, typer.Option(help="folder of the world; default: a fresh one")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="leave the world up afterwards, until Ctrl-C")] = False,
) -> None:
    """Run one whole business day and check that it holds; exit 1 where it does not."""
    quiet = json_file is not None and str(json_file) == "-"

    async def day() -> bool:
        with tempfile.TemporaryDirectory(prefix="tillgate-") as fresh:
            world = World(
                WorldSettings(directory=directory or Path(fresh), seed=seed),
                clock=SystemClock(),
                say=_silent if quiet else _say,
            )
            try:
                facts = await world.start()
                result = await hold_day(facts, seed=seed, say=_silent if quiet else _say)
                _write_json(json_file, result)
                if not quiet:
                    _show_day(result)
                if keep:
                    _show_world(facts)
                    await _stop_event().wait()
                return bool(result["ok"])
            finally:
                await world.stop()

    if not _run(day()):
        raise typer.Exit(REFUSED)


@app.command(epilog="Example: tillgate serve --config tillgate.toml --roles terminals,api,worker")
def serve(
    config: Config = None,
    roles: Annotated[str, typer.Option(help="what this process does, comma between")] = ",".join(ROLES),
    ready: Annotated[Path | None, typer.Option(help="JSON file with the addresses, written once all answer")] = None,
) -> None:
    """Serve in production; a DSN is required."""
    settings = _settings(config)
    if not settings.database.dsn:
        _leave("database.dsn is not set: name the database, or use `tillgate up` for a sandbox", USAGE)
    clock = SystemClock()
    configure_log(clock=clock, level=settings.log.level, form=settings.log.format)
    gateway = Gateway(
        settings,
        roles=tuple(role.strip() for role in roles.split(",") if role.strip()),
        clock=clock,
        randomness=SystemRandomness(),
    )

    async def stay() -> None:
        stopped = _stop_event()
        addresses = await gateway.start()
        try:
            if ready is not None:
                _write_whole(ready, json.dumps(addresses.shown()))
            if settings.sandbox.enabled:
                await _until_orphaned(stopped)
            await stopped.wait()
        finally:
            await gateway.stop()

    _run(stay())


@app.command(epilog="Example: tillgate migrate --dsn postgresql://tillgate@db1,db2/gateway")
def migrate(config: Config = None, dsn: Dsn = "") -> None:
    """Bring the database up to date; several may run at once."""
    applied = _run(apply_migrations(_dsn(config, dsn)))
    _out.print("\n".join(applied) if applied else "the database is up to date")


@app.command(epilog="Example: tillgate verify --json -")
def verify(config: Config = None, dsn: Dsn = "", json_file: Json = None) -> None:
    """Prove the books: trial balance per unit, balances against entries, frozen against holds, the hash chain."""

    async def check() -> tuple[dict[str, int], tuple[str, ...]]:
        pool = await open_pool(_dsn(config, dsn), largest=1)
        try:
            return await prove(pool)
        finally:
            await pool.close()

    trial_balance, faults = _run(check())
    if json_file is not None:
        _write_json(json_file, {"trial_balance": trial_balance, "faults": list(faults), "holds": not faults})
    else:
        for unit, total in sorted(trial_balance.items()):
            _out.print(f"trial balance {Money(total, unit)}")
        for fault in faults:
            _err.print(fault, style="red", markup=False)
        _out.print("the books hold" if not faults else f"{len(faults)} faults")
    if faults or any(trial_balance.values()):
        raise typer.Exit(REFUSED)


@app.command(epilog="Example: tillgate doctor")
def doctor(config: Config = None, dsn: Dsn = "", json_file: Json = None) -> None:
    """Say what is wrong with this installation, and how to mend it."""
    findings: list[Finding] = _run(examine(_settings(config), dsn or _known_dsn(config), clock=SystemClock()))
    if json_file is not None:
        _write_json(json_file, {"findings": [one.shown() for one in findings]})
    else:
        for one in findings:
            mark = {"good": "[green]ok[/]", "note": "[yellow]note[/]", "bad": "[red]wrong[/]"}[one.state]
            _out.print(f"{mark:<8} {one.what}", highlight=False)
            if one.mend:
                _out.print(f"         {one.mend}", style="dim", highlight=False)
    if any(one.state == "bad" for one in findings):
        raise typer.Exit(REFUSED)


@template_app.command("test", epilog="Example: tillgate template test ret.json RETTILLGATE01202611220001.txt")
def test_template(template: Path, sample: Path) -> None:
    """Read a sample file by a template and show its lines, or where it fails."""
    try:
        compiled = Template(template.read_text(encoding="utf-8"))
        with sample.open("rb") as source:
            rows = list(compiled.read(iter(lambda: source.read(1 << 16), b"")))
    except (TemplateError, BadFileError, OSError) as fault:
        _leave(str(fault), REFUSED)
    for row in rows:
        _out.print(f"{row.line:>6} {row.record:<8} {dict(row.values)}", markup=False, highlight=False)


def _run(work: Coroutine[Any, Any, _Result]) -> _Result:
    """Run to the end; SIGTERM, like Ctrl-C, lets what was opened close."""

    async def guarded() -> _Result:
        task = asyncio.current_task()
        if task is not None:
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        return await work

    try:
        return asyncio.run(guarded())
    except (asyncio.CancelledError, KeyboardInterrupt):
        sys.exit(_INTERRUPTED)


def _settings(config: list[Path] | None) -> Settings:
    return load_settings(config or [], os.environ)


def _dsn(config: list[Path] | None, dsn: str) -> str:
    found = dsn or _known_dsn(config)
    if not found:
        _leave("no database is known: give --dsn or --config, or start a sandbox with `tillgate up`", USAGE)
    return found


def _known_dsn(config: list[Path] | None) -> str:
    settings = _settings(config)
    return settings.database.dsn or running_dsn(Path(settings.sandbox.directory) / "postgres") or ""


def _leave(words: str, code: int) -> Any:
    _err.print(words, style="red", markup=False, highlight=False)
    sys.exit(code)


def _say(line: str) -> None:
    _out.print(line, markup=False, highlight=False)


def _silent(_line: str) -> None:
    return


def _stop_event() -> asyncio.Event:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stopped.set)
    return stopped


async def _until_orphaned(stopped: asyncio.Event) -> None:
    """A sandbox's gateway ends with the world that started it."""
    parent = os.getppid()
    while not stopped.is_set() and os.getppid() == parent:
        try:
            await asyncio.wait_for(stopped.wait(), 1)
        except TimeoutError:
            continue
    stopped.set()


def _write_json(to: Path | None, content: dict[str, Any]) -> None:
    if to is None:
        return
    text = json.dumps(content, ensure_ascii=False, indent=1)
    if str(to) == "-":
        sys.stdout.write(text + "\n")
        return
    to.parent.mkdir(parents=True, exist_ok=True)
    _write_whole(to, text + "\n")


def _write_whole(path: Path, text: str) -> None:
    part = path.with_name(path.name + ".part")
    part.touch(mode=0o600)
    part.write_text(text)
    part.replace(path)


def _show_world(facts: dict[str, Any]) -> None:
    table = Table(title="Tillgate sandbox", show_header=False, box=None)
    for listener in facts["listeners"]:
        tls = " TLS" if listener["tls"] else ""
        table.add_row(f"terminals ({listener['dialect']}{tls})", f"{listener['host']}:{listener['port']}")
    table.add_row("API", facts["api"]["url"])
    table.add_row("metrics", facts["metrics"])
    table.add_row("bank", facts["bank"]["url"])
    _out.print(table)


def _show_day(result: dict[str, Any]) -> None:
    table = Table(title=f"The day of seed {result['seed']}", show_header=False)
    for name, value in result.items():
        shown = "  ".join(f"{key} {count}" for key, count in value.items()) if isinstance(value, dict) else str(value)
        table.add_row(name, shown)
    _out.print(table)


if __name__ == "__main__":
    main()
