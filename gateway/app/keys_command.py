"""The verbs `tillgate keys`: nothing secret is in an argument, and nothing comes into use by one person alone."""

from __future__ import annotations

import os
import pwd
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer

from gateway.app import screens
from gateway.app.counter import CounterRefusedError, counter
from gateway.app.keys_desk import KeyDesk, NewKey
from gateway.app.keystore import make_module_master
from gateway.app.running import run
from gateway.kernel.clock import SystemClock
from gateway.kernel.postgres.embedded import running_dsn
from gateway.kernel.randomness import SystemRandomness
from gateway.kernel.settings import Settings, load_settings
from gateway.keys import KeyCipher, KeyKind
from gateway.keys.ceremony import NewCeremony
from gateway.keys.masters import make_next

_USAGE = 2
_NO_DATABASE = "no database is known: give --dsn or --config, or start a sandbox with `tillgate up`"

keys_app = typer.Typer(
    help="Keys: entered by several people, made in the store, approved by another.", no_args_is_help=True
)
component_app = typer.Typer(help="A key entered in components, each by another person.", no_args_is_help=True)
keys_app.add_typer(component_app, name="component")

Config = Annotated[
    list[Path] | None,
    typer.Option("--config", help="settings file (TOML); later ones win", exists=True, dir_okay=False),
]
Dsn = Annotated[str, typer.Option("--dsn", help="database; default: settings, else the running sandbox")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="the key's name, as `tillgate keys list` shows it")]
CeremonyId = Annotated[str, typer.Argument(metavar="CEREMONY", help="a ceremony's id, as `start` printed it")]
Why = Annotated[str, typer.Option(help="goes into the history")]
Cipher = Annotated[KeyCipher, typer.Option(help="block cipher the key is for")]


@keys_app.command("list", epilog="Example: tillgate keys list")
def list_keys(*, config: Config = None, dsn: Dsn = "") -> None:
    """List the newest key of every name with its check value, and the ceremonies under way."""
    _at(config, dsn, lambda desk: desk.overview())


@keys_app.command("check", epilog="Example: tillgate keys check bank-a.zone")
def check_key(name: Name, *, config: Config = None, dsn: Dsn = "") -> None:
    """Show every number of a key with its check value (first 4 bytes of a zero block) or public half."""
    _at(config, dsn, lambda desk: desk.check(name))


@keys_app.command(
    "generate", epilog="Example: tillgate keys generate bank-a.signing signing --length 256 --why 'contract 7'"
)
def generate_key(
    name: Name,
    kind: KeyKind,
    *,
    why: Why,
    length: Annotated[int, typer.Option(help="bytes; a signing key: 32 Ed25519, 256 and more RSA")] = 16,
    cipher: Cipher = KeyCipher.TRIPLE_DES,
    config: Config = None,
    dsn: Dsn = "",
) -> None:
    """Make a key in the store and propose it under a name; `tillgate approval approve` by another puts it into use."""
    new = NewKey(name=name, kind=kind, length=length, cipher=cipher, why=why)
    _at(config, dsn, lambda desk: desk.generate(new))


@keys_app.command("rotate", epilog="Example: tillgate keys rotate bank-a.signing --why 'yearly'")
def rotate_key(
    name: Name,
    *,
    why: Why,
    length: Annotated[int, typer.Option(help="bytes; default: the usual length of its kind")] = 0,
    config: Config = None,
    dsn: Dsn = "",
) -> None:
    """Make the next key of a name and propose it; the one before stays and still checks what it signed."""
    _at(config, dsn, lambda desk: desk.rotate(name, length=length, why=why))


@keys_app.command("terminal", epilog="Example: tillgate keys terminal 10009901 --why 'new device'")
def new_terminal_key(
    terminal: Annotated[str, typer.Argument(help="the terminal's number, 8 characters")],
    *,
    why: Why,
    under: Annotated[str, typer.Option(help="name of a transport key: hand it out as a TR-31 block")] = "",
    cipher: Cipher = KeyCipher.TRIPLE_DES,
    config: Config = None,
    dsn: Dsn = "",
) -> None:
    """Make a master key for a terminal and propose it; handed out once, under a transport key or on two slips."""
    _at(config, dsn, lambda desk: desk.new_terminal_key(terminal, cipher=cipher, under=under, why=why))


@keys_app.command("export-slip", epilog="Example: tillgate keys export-slip 0199a8f0-0000-7000-8000-000000000001")
def export_slip(ceremony: CeremonyId, *, config: Config = None, dsn: Dsn = "") -> None:
    """Print the next slip of a terminal's key, once; the other one is printed by another person."""
    _at(config, dsn, lambda desk: desk.slip(_id(ceremony)))


@keys_app.command("master", epilog="Example: tillgate keys master --config tillgate.toml")
def new_master(*, config: Config = None) -> None:
    """Make the next master key of the store: a file, or three objects of the module; then restart the processes."""
    settings = load_settings(config or [], os.environ)
    if settings.keys.store == "module":
        number = run(make_module_master(settings, clock=SystemClock()))
    else:
        number = make_next(Path(settings.keys.directory), SystemRandomness())
    screens.print_json({"master": number, "store": settings.keys.store})


@component_app.command(
    "start", epilog="Example: tillgate keys component start terminal:10009901 --parts 2 --why 'ceremony 4'"
)
def start_entry(
    target: Annotated[str, typer.Argument(help="terminal:<number> or name:<name>")],
    *,
    why: Why,
    kind: Annotated[
        KeyKind, typer.Option(help="terminal_master, zone_master, base_derivation or transport")
    ] = KeyKind.TERMINAL_MASTER,
    parts: Annotated[int, typer.Option(min=2, max=9, help="how many people enter one")] = 2,
    cipher: Cipher = KeyCipher.TRIPLE_DES,
    config: Config = None,
    dsn: Dsn = "",
) -> None:
    """Start the entry of a key; it ends by itself after eight hours."""
    new = NewCeremony(target=target, kind=kind, cipher=cipher, parts=parts, why=why)
    _at(config, dsn, lambda desk: desk.start(new))


@component_app.command("enter", epilog="Example: tillgate keys component enter 0199a8f0-0000-7000-8000-000000000001")
def enter_component(ceremony: CeremonyId, *, config: Config = None, dsn: Dsn = "") -> None:
    """Enter your component, read from standard input, then confirm the check value that is shown by typing it."""

    async def enter(desk: KeyDesk) -> Any:
        component = _component()
        screens.say(f"check value {await desk.component_check_value(_id(ceremony), component)}")
        return await desk.enter(_id(ceremony), component, confirmed=_line("check value of your slip", hidden=False))

    _at(config, dsn, enter)


@component_app.command("show", epilog="Example: tillgate keys component show 0199a8f0-0000-7000-8000-000000000001")
def show_ceremony(ceremony: CeremonyId, *, config: Config = None, dsn: Dsn = "") -> None:
    """Show a ceremony and who took part, with the check values of their parts."""
    _at(config, dsn, lambda desk: desk.show(_id(ceremony)))


@component_app.command(
    "cancel", epilog="Example: tillgate keys component cancel 0199a8f0-0000-7000-8000-000000000001 --why x"
)
def cancel_ceremony(ceremony: CeremonyId, *, why: Why, config: Config = None, dsn: Dsn = "") -> None:
    """End a ceremony; what was entered is gone."""
    _at(config, dsn, lambda desk: desk.cancel(_id(ceremony), why=why))


def _at(config: list[Path] | None, dsn: str, act: Callable[[KeyDesk], Awaitable[Any]]) -> None:
    """Do one thing and print what came of it as JSON."""
    settings = load_settings(config or [], os.environ)
    named = dsn or settings.database.dsn or running_dsn(Path(settings.sandbox.directory) / "postgres") or ""
    if not named:
        screens.leave(_NO_DATABASE, _USAGE)
    password = settings.database.password.read(os.environ) if named in {dsn, settings.database.dsn} else None
    screens.print_json(run(_acted(settings, named, password, act)))


async def _acted(settings: Settings, dsn: str, password: str | None, act: Callable[[KeyDesk], Awaitable[Any]]) -> Any:
    async with counter(settings, dsn, password=password) as desk:
        # not the environment, which anybody sets
        return await act(KeyDesk(desk, name=pwd.getpwuid(os.getuid()).pw_name))


def _component() -> bytes:
    try:
        return bytes.fromhex(_line("component", hidden=True))
    except ValueError:
        raise CounterRefusedError("a component is given in hexadecimal digits") from None


def _line(what: str, *, hidden: bool) -> str:
    """Read a line that does not belong into a command line."""
    if sys.stdin.isatty():
        return str(typer.prompt(what, hide_input=hidden))
    line = sys.stdin.readline().strip()
    if not line:
        raise CounterRefusedError(f"standard input ended before the {what}")
    return line


def _id(named: str) -> UUID:
    try:
        return UUID(named)
    except ValueError:
        raise CounterRefusedError(f"{named} is not the id of a ceremony") from None
