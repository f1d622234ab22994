"""The command `tillgate`: every verb has an example in its help; errors say what to do next.

Exit codes: 0 done, 1 refused or not holding, 2 wrong usage, 3 cannot reach what it needs.
"""

from __future__ import annotations

import asyncio
import getpass
import os
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from channels.ports import BadFileError
from channels.templates import Template, TemplateError
from gateway.app import screens
from gateway.app.children import ChildError
from gateway.app.counter import CounterRefusedError
from gateway.app.counter_command import approval_app, merchant_app, parameter_app
from gateway.app.day import hold_day
from gateway.app.doctor import Finding, examine
from gateway.app.explaining.capture import CaptureError
from gateway.app.explaining.verb import explain_frames
from gateway.app.keys_command import keys_app
from gateway.app.killing import PlanError, killing, read_plan
from gateway.app.people import People, UserRefusedError, people
from gateway.app.process import ROLES, BrokenError, Gateway, UnknownRoleError
from gateway.app.running import first_of, orphaned, run, stay
from gateway.app.task_verbs import TaskRefusedError, TaskVerbs, parameters, task_id, task_verbs
from gateway.app.verification import UnusableError, known_from, list_closes, prove_books, prove_export
from gateway.app.world import World, WorldError, WorldSettings
from gateway.bench.command import bench_app
from gateway.kernel.clock import SystemClock
from gateway.kernel.log import configure_log
from gateway.kernel.postgres.binaries import NoBinariesError
from gateway.kernel.postgres.embedded import EmbeddedPostgresError, running_dsn
from gateway.kernel.postgres.folder import FolderInUseError
from gateway.kernel.postgres.migrate import MigrationError
from gateway.kernel.postgres.migrate import migrate as apply_migrations
from gateway.kernel.postgres.pool import DATABASE_ERRORS, RoleError, open_pool
from gateway.kernel.randomness import SystemRandomness
from gateway.kernel.settings import Settings, SettingsError, load_settings
from gateway.keys import KeyStoreError
from gateway.keys.ceremony import CeremonyError
from gateway.sandbox.command import terminal_app
from gateway.sandbox.day.patience import DayFailedError
from gateway.tasks.batch import AfterLoss, NewTask

REFUSED, USAGE, UNREACHED = 1, 2, 3

_REFUSALS = (
    CounterRefusedError,
    UserRefusedError,
    TaskRefusedError,
    MigrationError,
    RoleError,
    DayFailedError,
    WorldError,
    FolderInUseError,
    BrokenError,
    KeyStoreError,
    CeremonyError,
)
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
user_app = typer.Typer(help="Users and their roles.", no_args_is_help=True)
app.add_typer(user_app, name="user")
task_app = typer.Typer(help="Batch tasks.", no_args_is_help=True)
app.add_typer(task_app, name="task")
app.add_typer(merchant_app, name="merchant")
app.add_typer(approval_app, name="approval")
app.add_typer(parameter_app, name="parameter")
app.add_typer(keys_app, name="keys")
app.add_typer(terminal_app, name="terminal")
app.add_typer(bench_app, name="bench")

JsonFile = Annotated[Path | None, typer.Option("--json", help="write JSON to this file; - is standard output")]
Json = Annotated[bool, typer.Option("--json", help="print JSON instead of words")]
Config = Annotated[
    list[Path] | None,
    typer.Option("--config", help="settings file (TOML); later ones win", exists=True, dir_okay=False),
]
Dsn = Annotated[str, typer.Option("--dsn", help="database; default: settings, else the running sandbox")]
Seed = Annotated[int, typer.Option(help="another seed is another world and another day")]
OwnDsn = Annotated[str, typer.Option("--dsn", help="empty database to use instead of an embedded server")]
Login = Annotated[str, typer.Argument(help="login name")]
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
    except (SettingsError, UnknownRoleError, PlanError, UnusableError, CaptureError) as fault:
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


@app.command(epilog="Example: tillgate verify --config tillgate.toml --write books.export.gz --json")
def verify(
    *,
    config: Config = None,
    dsn: Dsn = "",
    write: Annotated[Path | None, typer.Option(help="write an export of the books to this file (.gz: packed)")] = None,
    export: Annotated[
        Path | None, typer.Option(help="check this export, without a database", exists=True, dir_okay=False)
    ] = None,
    key: Annotated[
        list[Path] | None, typer.Option(help="public key (PEM) that closes must be signed by; may be given again")
    ] = None,
    close: Annotated[
        list[Path] | None, typer.Option(help="closes known from elsewhere (JSON of `tillgate closes`) to be met again")
    ] = None,
    as_json: Json = False,
) -> None:
    """Prove the books, or an export: trial balance, entries, holds, the hash chain, signed closes."""
    known = known_from(key or [], close or [])
    if export is not None:
        if write is not None or dsn:
            screens.leave("--export checks a file alone: give it without --write and --dsn", USAGE)
        shown = prove_export(export, known=known)
    else:
        shown = run(_with_pool(_database(config, dsn), lambda pool: prove_books(pool, known=known, write=write)))
    if as_json:
        screens.print_json(shown)
    else:
        screens.show_proof(shown["trial_balance"], shown["faults"])
    if not shown["holds"] or any(shown["trial_balance"].values()):
        raise typer.Exit(REFUSED)


@app.command(epilog="Example: tillgate closes --config tillgate.toml --last 1 --json")
def closes(
    *,
    config: Config = None,
    dsn: Dsn = "",
    last: Annotated[int, typer.Option(min=1, help="how many of the newest")] = 10,
    as_json: Json = False,
) -> None:
    """List the signed closes of book days with their public keys, to be kept elsewhere and met again by `verify`."""
    found = run(_with_pool(_database(config, dsn), lambda pool: list_closes(pool, most=last)))
    if as_json:
        screens.print_json(found)
    else:
        screens.show_closes(found)


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


@app.command(epilog="Example: tillgate explain 00106000030000603100311234080020380000... --dialect cups")
def explain(
    frame: Annotated[str, typer.Argument(help="hexadecimal digits, or a file: of such digits, of frames, or pcap")],
    *,
    dialect: Annotated[str, typer.Option(help="how it is written")] = "cups",
    books: Annotated[
        bool, typer.Option("--books", help="ask a database too: its terminal, its MAC, the nearest request")
    ] = False,
    config: Config = None,
    dsn: Dsn = "",
    as_json: Json = False,
) -> None:
    """Say what is in a frame and why it is refused: field, length rule, MAC, key; every value masked."""
    database = _database(config, dsn) if books or dsn else None
    found = run(
        explain_frames(
            frame,
            dialect=dialect,
            settings=_settings(config),
            dsn=database.dsn if database else "",
            password=database.password if database else None,
        )
    )
    if as_json:
        screens.print_json({"frames": [each.shown() for each in found]})
    else:
        screens.show_explained([each.shown() for each in found])
    if not all(each.holds for each in found):
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


TaskArgument = Annotated[str, typer.Argument(metavar="TASK", help="a task's id, as `tillgate task ls` shows it")]
Why = Annotated[str, typer.Option(help="goes into the task's history")]
Work = Annotated[bool, typer.Option("--work", help="work on it in this process until it is over")]


@task_app.command("ls", epilog="Example: tillgate task ls --state failed --json")
def list_tasks(
    *,
    state: Annotated[
        str | None, typer.Option(help="waiting, running, interrupted, failed, done or cancelled; default: all")
    ] = None,
    kind: Annotated[str | None, typer.Option(help="kind of task; default: all")] = None,
    last: Annotated[int, typer.Option(min=1, help="how many of the newest")] = 20,
    config: Config = None,
    dsn: Dsn = "",
    as_json: Json = False,
) -> None:
    """List batch tasks, newest first."""
    found = _on_tasks(config, dsn, lambda verbs: verbs.ls(state=state, kind=kind, limit=last))
    if as_json:
        screens.print_json(found)
    else:
        screens.show_tasks(found)


@task_app.command("show", epilog="Example: tillgate task show tsk_01k2v9m1t2f8va3x7q5n6p4r0c --json")
def show_task(task: TaskArgument, *, config: Config = None, dsn: Dsn = "", as_json: Json = False) -> None:
    """Show a task: its runs, its chunks in order, rows that failed and why, and what it has stored."""
    found = _on_tasks(config, dsn, lambda verbs: verbs.show(task_id(task)))
    if as_json:
        screens.print_json(found)
    else:
        screens.show_task(found)


@task_app.command("run", epilog="Example: tillgate task run transactions.pull --param source=sandbox --chunk 1000")
def run_task(
    kind: Annotated[str, typer.Argument(help="kind of task, as transactions.pull")],
    *,
    param: Annotated[list[str] | None, typer.Option(help="name=value, as its kind asks; may be given again")] = None,
    chunk: Annotated[int, typer.Option(help="rows read, worked on and committed together")] = 1000,
    concurrency: Annotated[int, typer.Option(help="rows worked on at once")] = 8,
    after_loss: Annotated[
        AfterLoss, typer.Option(help="when its process is lost: another worker goes on, or it waits for a reset")
    ] = AfterLoss.RESUME,
    work: Work = False,
    config: Config = None,
    dsn: Dsn = "",
    as_json: Json = False,
) -> None:
    """Start a task and return at once with its id; a worker does the rest, or this process with --work."""
    new = NewTask(
        kind=kind,
        params=parameters(param or []),
        chunk_size=chunk,
        concurrency=concurrency,
        after_loss=after_loss,
    )
    _commanded(config, dsn, lambda verbs: verbs.run(new), work=work, as_json=as_json)


@task_app.command("work", epilog="Example: tillgate task work tsk_01k2v9m1t2f8va3x7q5n6p4r0c")
def work_on_task(task: TaskArgument, *, config: Config = None, dsn: Dsn = "", as_json: Json = False) -> None:
    """Work in this process until a task is over, as a worker would; workers that serve meanwhile share the work."""
    _commanded(config, dsn, lambda verbs: verbs.find(task_id(task)), work=True, as_json=as_json)


@task_app.command("cancel", epilog="Example: tillgate task cancel tsk_01k2v9m1t2f8va3x7q5n6p4r0c --why 'wrong source'")
def cancel_task(
    task: TaskArgument, *, why: Why = "", config: Config = None, dsn: Dsn = "", as_json: Json = False
) -> None:
    """End a task for good; what its chunks have stored stays."""
    _commanded(config, dsn, lambda verbs: verbs.cancel(task_id(task), why=why), work=False, as_json=as_json)


@task_app.command("reset", epilog="Example: tillgate task reset tsk_01k2v9m1t2f8va3x7q5n6p4r0c --work")
def reset_task(
    task: TaskArgument,
    *,
    from_cursor: Annotated[
        bool, typer.Option("--from-cursor", help="go on behind the last chunk instead of reading all again")
    ] = False,
    why: Why = "",
    work: Work = False,
    config: Config = None,
    dsn: Dsn = "",
    as_json: Json = False,
) -> None:
    """Let a task that ended or was interrupted go on: stored rows are skipped by their ID, failed ones tried again."""
    reset = lambda verbs: verbs.reset(task_id(task), why=why, from_start=not from_cursor)  # noqa: E731 - named to fit
    _commanded(config, dsn, reset, work=work, as_json=as_json)


def _commanded(
    config: list[Path] | None,
    dsn: str,
    command: Callable[[TaskVerbs], Awaitable[dict[str, Any]]],
    *,
    work: bool,
    as_json: bool,
) -> None:
    """Command a task, work on it where that is asked for, and show it; exit 1 where it was worked on and failed."""

    async def carry_out(verbs: TaskVerbs) -> dict[str, Any]:
        task = await command(verbs)
        return await verbs.work(task_id(task["id"]), told=_told(as_json=as_json)) if work else task

    task = _on_tasks(config, dsn, carry_out)
    if as_json:
        screens.print_json(task)
    else:
        screens.show_tasks([task])
    if work and task["state"] != "done":
        raise typer.Exit(REFUSED)


def _told(*, as_json: bool) -> Callable[[Mapping[str, Any]], None]:
    """Say each chunk once as it comes."""
    seen: list[int] = []

    def tell(task: Mapping[str, Any]) -> None:
        if task["chunks_done"] not in seen and not as_json:
            seen.append(task["chunks_done"])
            screens.say(f"chunk {task['chunks_done']}: {task['stored']} stored, {task['skipped']} skipped")

    return tell


def _on_tasks(config: list[Path] | None, dsn: str, work: Callable[[TaskVerbs], Awaitable[Any]]) -> Any:
    settings, database = _settings(config), _database(config, dsn)
    clock = SystemClock()
    configure_log(clock=clock, level="error", form="text")

    async def carry_out() -> Any:
        opened = task_verbs(
            settings, dsn=database.dsn, password=database.password, clock=clock, who=f"cli:{getpass.getuser()}"
        )
        async with opened as verbs:
            return await work(verbs)

    return run(carry_out())


@user_app.command("add", epilog="Example: tillgate user add li.na --name 李娜 --party merchant:M1 --role member")
def add_user(
    login: Login,
    *,
    name: Annotated[str, typer.Option(help="the person's name; kept enciphered")],
    party: Annotated[str, typer.Option(help="kind:code of their party; default: the platform")] = "",
    role: Annotated[list[str] | None, typer.Option(help="role code; may be given again")] = None,
    config: Config = None,
    dsn: Dsn = "",
    as_json: Json = False,
) -> None:
    """Add a user and print the one-time password, which they change at the first log-in."""
    work = _on_people(config, dsn, lambda desk: desk.add(login=login, name=name, party=party, roles=role or []))
    _tell_password(work, as_json=as_json)


@user_app.command("list", epilog="Example: tillgate user list --json")
def list_users(*, config: Config = None, dsn: Dsn = "", as_json: Json = False) -> None:
    """List the users with their parties and roles."""
    found = _on_people(config, dsn, lambda desk: desk.list())
    screens.print_json({"users": found}) if as_json else screens.show_users(found)


@user_app.command("lock", epilog="Example: tillgate user lock li.na")
def lock_user(login: Login, *, config: Config = None, dsn: Dsn = "", as_json: Json = False) -> None:
    """Keep a user out; their open sessions end at once."""
    _tell_user(_on_people(config, dsn, lambda desk: desk.lock(login)), as_json=as_json)


@user_app.command("unlock", epilog="Example: tillgate user unlock li.na")
def unlock_user(login: Login, *, config: Config = None, dsn: Dsn = "", as_json: Json = False) -> None:
    """Let a user in again, also after too many wrong tries."""
    _tell_user(_on_people(config, dsn, lambda desk: desk.unlock(login)), as_json=as_json)


@user_app.command("reset", epilog="Example: tillgate user reset li.na")
def reset_user(login: Login, *, config: Config = None, dsn: Dsn = "", as_json: Json = False) -> None:
    """Give a user a one-time password and take a lost authenticator away; open sessions end at once."""
    _tell_password(_on_people(config, dsn, lambda desk: desk.reset(login)), as_json=as_json)


@user_app.command("role", epilog="Example: tillgate user role li.na merchant_operator")
def give_roles(
    login: Login,
    roles: Annotated[list[str], typer.Argument(help="role codes: these and no others")],
    *,
    config: Config = None,
    dsn: Dsn = "",
    as_json: Json = False,
) -> None:
    """Set a user's roles; it counts for their next request."""
    _tell_user(_on_people(config, dsn, lambda desk: desk.role(login, roles)), as_json=as_json)


def _on_people(config: list[Path] | None, dsn: str, work: Callable[[People], Awaitable[Any]]) -> Any:
    settings, database = _settings(config), _database(config, dsn)

    async def worked() -> Any:
        async with people(settings, database.dsn, password=database.password) as desk:
            return await work(desk)

    return run(worked())


def _tell_password(made: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        screens.print_json(made)
    else:
        screens.say(f"{made['login']}: one-time password {made['one_time_password']}")


def _tell_user(user: Mapping[str, Any], *, as_json: bool) -> None:
    screens.print_json(user) if as_json else screens.show_users([user])


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


async def _with_pool(database: Database, work: Callable[[Any], Awaitable[Any]]) -> Any:
    pool = await open_pool(database.dsn, password=database.password, largest=1)
    try:
        return await work(pool)
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
