"""The command `tillgate`: every verb has an example in its help; errors say what to do next.

Exit codes: 0 done, 1 refused or not holding, 2 wrong usage, 3 cannot reach what it needs.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from channels.ports import BadFileError
from channels.templates import Template, TemplateError
from gateway.app import screens
from gateway.app.children import ChildError
from gateway.app.day import hold_day
from gateway.app.doctor import Finding, examine
from gateway.app.killing import PlanError, killing, read_plan
from gateway.app.process import ROLES, BrokenError, Gateway, UnknownRoleError
from gateway.app.proof import prove
from gateway.app.running import first_of, orphaned, run, stay
from gateway.app.world import World, WorldError, WorldSettings
from gateway.kernel.clock import SystemClock
from gateway.kernel.log import configure_log
from gateway.kernel.postgres.binaries import NoBinariesError
from gateway.kernel.postgres.embedded import EmbeddedPostgresError, running_dsn
from gateway.kernel.postgres.folder import FolderInUseError
from gateway.kernel.postgres.migrate import MigrationError
from gateway.kernel.postgres.migrate import migrate as apply_migrations
from gateway.kernel.postgres.pool import DATABASE_ERRORS, open_pool
from gateway.kernel.randomness import SystemRandomness
from gateway.kernel.settings import Settings, SettingsError, load_settings
from gateway.keys import KeyStoreError
from gateway.sandbox.command import terminal_app
from gateway.sandbox.day.patience import DayFailedError

REFUSED, USAGE, UNREACHED = 1, 2, 3

_REFUSALS = (MigrationError, DayFailedError, WorldError, FolderInUseError, BrokenError, KeyStoreError)
_NOT_REACHED = (EmbeddedPostgresError, NoBinariesError, ChildError, *DATABASE_ERRORS)
_NO_DATABASE = "no database is known: give --dsn or --config, or start a sandbox with `tillgate up`"

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

JsonFile = Annotated[Path | None, typer.Option("--json", help="write JSON to this file; - is standard output")]
Json = Annotated[bool, typer.Option("--json", help="print JSON instead of words")]
Config = Annotated[
    list[Path] | None,
    typer.Option("--config", help="settings file (TOML); later ones win", exists=True, dir_okay=False),
]
Dsn = Annotated[str, typer.Option("--dsn", help="database; default: settings, else the running sandbox")]
Seed = Annotated[int, typer.Option(help="another seed is another world and another day")]
OwnDsn = Annotated[str, typer.Option("--dsn", help="empty database to use instead of an embedded server")]
ExistingFile = Annotated[Path, typer.Argument(exists=True, dir_okay=False)]


@dataclass(frozen=True, slots=True)
class Database:
    """Where a verb finds its books; the password apart, when it is in a secret."""

    dsn: str
    password: str | None


def main() -> None:
    """Run the command; what cannot be reached, and what is refused, is said in words."""
    try:
        app(prog_name="tillgate")
    except (SettingsError, UnknownRoleError, PlanError) as fault:
        screens.leave(str(fault), USAGE)
    except _REFUSALS as fault:
        screens.leave(str(fault), REFUSED)
    except _NOT_REACHED as fault:
        words = str(fault) or type(fault).__name__
        screens.leave(f"{words}\nRun `tillgate doctor` to see what is wrong with this installation.", UNREACHED)


@app.command(epilog="Example: tillgate up --json build/world.json")
def up(
    *,
    json_file: JsonFile = None,
    directory: Annotated[Path, typer.Option(help="folder of the sandbox's world")] = Path("data/sandbox"),
    seed: Seed = 1,
    dsn: OwnDsn = "",
) -> None:
    """Start the sandbox's world and keep it up until Ctrl-C: database, bank, gateway."""
    written = directory / "world.json"

    async def serve_world() -> None:
        world = _world(directory, seed=seed, dsn=dsn, say=screens.silent if _is_stdout(json_file) else screens.say)
        try:
            facts = await world.start()
            screens.write_json(written, facts)
            screens.write_json(json_file, facts)
            if not _is_stdout(json_file):
                screens.show_world(facts, written)
            raise ChildError(await world.ended())
        finally:
            await world.stop()

    stay(serve_world())


@app.command(epilog="Example: tillgate demo --seed 7 --json -")
def demo(
    *,
    json_file: JsonFile = None,
    seed: Seed = 1,
    directory: Annotated[Path | None, typer.Option(help="folder of the world; default: a fresh one")] = None,
    dsn: OwnDsn = "",
    keep: Annotated[bool, typer.Option("--keep", help="leave the world up afterwards, until Ctrl-C")] = False,
    faults: Annotated[str, typer.Option(help="kill parts meanwhile: SEED:COUNT, or a file with a plan of kills")] = "",
) -> None:
    """Run one whole business day and check that it holds; exit 1 where it does not."""
    say = screens.silent if _is_stdout(json_file) else screens.say
    plan = read_plan(faults) if faults else ()

    async def day(folder: Path) -> bool:
        async with killing(plan, clock=SystemClock(), say=say) as killer:
            world = _world(folder, seed=seed, dsn=dsn, say=say, fault_socket=str(killer.socket) if plan else "")
            try:
                facts = await world.start()
                async with killer.at_work(world):
                    result = await hold_day(facts, seed=seed, say=say)
                screens.write_json(json_file, result)
                if not _is_stdout(json_file):
                    screens.show_day(result)
                if keep:
                    await _keep(world, folder / "world.json", facts)
                return bool(result["ok"])
            finally:
                await world.stop()

    with tempfile.TemporaryDirectory(prefix="tillgate-") as fresh:
        if not run(day(directory or Path(fresh))):
            raise typer.Exit(REFUSED)


@app.command(epilog="Example: tillgate serve --config tillgate.toml --roles terminals,api,worker")
def serve(
    *,
    config: Config = None,
    roles: Annotated[str, typer.Option(help="what this process does, comma between")] = ",".join(ROLES),
    ready: Annotated[Path | None, typer.Option(help="JSON file with the addresses, written once all answer")] = None,
    parent: Annotated[int, typer.Option(hidden=True)] = 0,
) -> None:
    """Serve in production; a DSN is required."""
    settings = _settings(config)
    if not settings.database.dsn:
        screens.leave("database.dsn is not set: name the database, or use `tillgate up` for a sandbox", USAGE)
    clock = SystemClock()
    configure_log(clock=clock, level=settings.log.level, form=settings.log.format)
    named = tuple(role.strip() for role in roles.split(",") if role.strip())
    gateway = Gateway(settings, roles=named, clock=clock, randomness=SystemRandomness())

    async def serve_roles() -> None:
        addresses = await gateway.start()
        try:
            screens.write_json(ready, addresses.shown())
            await first_of(gateway.run(), *([orphaned(parent)] if parent else []))
        finally:
            await gateway.stop()

    stay(serve_roles())


@app.command(epilog="Example: tillgate migrate --dsn postgresql://tillgate@db1,db2/gateway")
def migrate(*, config: Config = None, dsn: Dsn = "", as_json: Json = False) -> None:
    """Bring the database up to date; several may run at once."""
    database = _database(config, dsn)
    applied = run(apply_migrations(database.dsn, password=database.password))
    if as_json:
        screens.print_json({"applied": applied})
        return
    screens.say("\n".join(applied) if applied else "the database is up to date")


@app.command(epilog="Example: tillgate verify --config tillgate.toml --json")
def verify(*, config: Config = None, dsn: Dsn = "", as_json: Json = False) -> None:
    """Prove the books: trial balance per unit, balances against entries, frozen against holds, the hash chain."""
    trial_balance, faults = run(_proven(_database(config, dsn)))
    if as_json:
        screens.print_json({"trial_balance": trial_balance, "faults": list(faults), "holds": not faults})
    else:
        screens.show_proof(trial_balance, faults)
    if faults or any(trial_balance.values()):
        raise typer.Exit(REFUSED)


@app.command(epilog="Example: tillgate doctor --config tillgate.toml")
def doctor(*, config: Config = None, dsn: Dsn = "", as_json: Json = False) -> None:
    """Say what is wrong with this installation, and how to mend it."""
    settings = _settings(config)
    found = _found(settings, dsn)
    findings: list[Finding] = run(examine(settings, found.dsn, password=found.password, clock=SystemClock()))
    if as_json:
        screens.print_json({"findings": [one.shown() for one in findings]})
    else:
        screens.show_findings(findings)
    if any(one.state == "bad" for one in findings):
        raise typer.Exit(REFUSED)


@template_app.command("test", epilog="Example: tillgate template test ret.json RETTILLGATE01202611220001.txt")
def try_template(template: ExistingFile, sample: ExistingFile, *, as_json: Json = False) -> None:
    """Read a sample file by a template and show its lines, or where it fails."""
    try:
        compiled = Template(template.read_text(encoding="utf-8"))
        with sample.open("rb") as source:
            rows = list(compiled.read(iter(lambda: source.read(1 << 16), b"")))
    except (TemplateError, BadFileError, UnicodeDecodeError) as fault:
        screens.leave(str(fault), REFUSED)
    if as_json:
        screens.print_json([{"line": row.line, "record": row.record, "values": dict(row.values)} for row in rows])
    else:
        screens.show_rows(rows)


def _world(directory: Path, *, seed: int, dsn: str, say: Any, fault_socket: str = "") -> World:
    binaries = _settings(None).database.binaries
    settings = WorldSettings(
        directory=directory,
        seed=seed,
        dsn=dsn,
        binaries=Path(binaries) if binaries else None,
        fault_socket=fault_socket,
    )
    return World(settings, clock=SystemClock(), say=say)


async def _keep(world: World, written: Path, facts: dict[str, Any]) -> None:
    """Leave a world up until Ctrl-C; its own end is an error."""
    screens.write_json(written, facts)
    screens.show_world(facts, written)
    try:
        raise ChildError(await world.ended())
    except asyncio.CancelledError:
        return


async def _proven(database: Database) -> tuple[dict[str, int], tuple[str, ...]]:
    pool = await open_pool(database.dsn, password=database.password, largest=1)
    try:
        return await prove(pool)
    finally:
        await pool.close()


def _settings(config: list[Path] | None) -> Settings:
    return load_settings(config or [], os.environ)


def _database(config: list[Path] | None, dsn: str) -> Database:
    found = _found(_settings(config), dsn)
    return found if found.dsn else screens.leave(_NO_DATABASE, USAGE)


def _found(settings: Settings, dsn: str) -> Database:
    """Return the database that was named, else that of the settings, else the running sandbox's."""
    section = settings.database
    if dsn or section.dsn:
        return Database(dsn or section.dsn, section.password.read(os.environ))
    return Database(running_dsn(Path(settings.sandbox.directory) / "postgres") or "", None)


def _is_stdout(to: Path | None) -> bool:
    return to is not None and str(to) == "-"


if __name__ == "__main__":
    main()
