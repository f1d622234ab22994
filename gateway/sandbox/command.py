"""The command `tillgate terminal`: a simulated terminal in a running sandbox.

Each call connects and signs in anew. What the terminal was answered is kept in its slips file beside the world's JSON, so that a later call can void, refund, reverse or enquire by the slip's number.
"""

from __future__ import annotations

import asyncio
import base64
import json
import shlex
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from gateway.kernel.clock import SystemClock
from gateway.sandbox.day.world import Terminal, World
from gateway.sandbox.slips import Request, Slip
from gateway.sandbox.terminal import (
    BadAnswerError,
    NoAnswerError,
    NotSentError,
    SimulatedTerminal,
    TerminalSettings,
)

terminal_app = typer.Typer(
    help="A simulated terminal in a running sandbox (`tillgate up --json FILE`).", no_args_is_help=True
)
_out = Console()
_REFUSED, _USAGE, _UNREACHED = 1, 2, 3
_TRACES = 1_000_000

WorldFile = Annotated[Path, typer.Option("--world", help="the JSON that `tillgate up --json` wrote")]
Number = Annotated[str, typer.Option("--terminal", help="terminal number; default: the first of its dialect")]
Amount = Annotated[str, typer.Argument(help="yuan with two decimals, as 12.34")]
SlipNumber = Annotated[int, typer.Argument(help="number of the slip (shown by each verb)")]
Json = Annotated[bool, typer.Option("--json", help="print the slip as JSON")]
_WORLD = Path("build/world.json")


@dataclass(slots=True)
class Session:
    """A terminal at work, with the slips it has kept."""

    terminal: SimulatedTerminal
    world: World
    kept: Path
    slips: list[Slip]

    async def run(self, verb: str, arguments: Sequence[str]) -> Slip | None:
        """Carry out one verb. Raises typer.BadParameter for one that is not known or lacks an argument."""
        work = _VERBS.get(verb)
        if work is None:
            raise typer.BadParameter(f"{verb} is not one of {', '.join(sorted(_VERBS))}")
        slip = await work(self, arguments)
        if slip is not None:
            self.slips.append(slip)
            self._keep()
        return slip

    def slip(self, number: str) -> Slip:
        """Return a kept slip by its number, from 1."""
        if not number.isdigit() or not 1 <= int(number) <= len(self.slips):
            raise typer.BadParameter(f"there is no slip {number}: {len(self.slips)} are kept in {self.kept}")
        return self.slips[int(number) - 1]

    def _keep(self) -> None:
        self.kept.touch(mode=0o600)
        self.kept.write_text(json.dumps([_written(slip) for slip in self.slips], indent=1))


Verb = Callable[[Session, Sequence[str]], Awaitable[Slip | None]]


async def _sign_in(session: Session, arguments: Sequence[str]) -> Slip:
    return await session.terminal.sign_in(arguments[0] if arguments else "003")


async def _purchase(session: Session, arguments: Sequence[str]) -> Slip:
    pan = arguments[1] if len(arguments) > 1 else session.world.pans("approve")[0]
    return await session.terminal.purchase(_minor(arguments[0]), pan=pan)


async def _void(session: Session, arguments: Sequence[str]) -> Slip:
    return await session.terminal.void(session.slip(arguments[0]))


async def _refund(session: Session, arguments: Sequence[str]) -> Slip:
    return await session.terminal.refund(session.slip(arguments[0]), _minor(arguments[1]))


async def _reverse(session: Session, arguments: Sequence[str]) -> Slip:
    return await session.terminal.reverse(session.slip(arguments[0]).request, reason="06")


async def _enquire(session: Session, arguments: Sequence[str]) -> Slip:
    return await session.terminal.enquire(session.slip(arguments[0]).request)


async def _repeat(session: Session, arguments: Sequence[str]) -> Slip:
    return await session.terminal.repeat(session.slip(arguments[0]).request)


async def _echo(session: Session, _arguments: Sequence[str]) -> Slip:
    return await session.terminal.echo()


_VERBS: dict[str, Verb] = {
    "sign-in": _sign_in,
    "purchase": _purchase,
    "void": _void,
    "refund": _refund,
    "reverse": _reverse,
    "enquire": _enquire,
    "repeat": _repeat,
    "echo": _echo,
}


@terminal_app.command("sign-in", epilog="Example: tillgate terminal sign-in --world build/world.json")
def sign_in(world: WorldFile = _WORLD, terminal: Number = "", as_json: Json = False) -> None:
    """Sign in and take up working keys."""
    _one(world, terminal, as_json, ["sign-in"])


@terminal_app.command(epilog="Example: tillgate terminal purchase 12.34 --world build/world.json")
def purchase(
    amount: Amount,
    card: Annotated[str, typer.Option(help="card number; default: one that is approved")] = "",
    world: WorldFile = _WORLD,
    terminal: Number = "",
    as_json: Json = False,
) -> None:
    """Pay."""
    _one(world, terminal, as_json, ["purchase", amount, *([card] if card else [])])


@terminal_app.command(epilog="Example: tillgate terminal void 2 --world build/world.json")
def void(slip: SlipNumber, world: WorldFile = _WORLD, terminal: Number = "", as_json: Json = False) -> None:
    """Void a purchase of the open batch."""
    _one(world, terminal, as_json, ["void", str(slip)])


@terminal_app.command(epilog="Example: tillgate terminal refund 2 5.00 --world build/world.json")
def refund(
    slip: SlipNumber, amount: Amount, world: WorldFile = _WORLD, terminal: Number = "", as_json: Json = False
) -> None:
    """Refund part or all of a purchase."""
    _one(world, terminal, as_json, ["refund", str(slip), amount])


@terminal_app.command(epilog="Example: tillgate terminal reverse 2 --world build/world.json")
def reverse(slip: SlipNumber, world: WorldFile = _WORLD, terminal: Number = "", as_json: Json = False) -> None:
    """Reverse a request."""
    _one(world, terminal, as_json, ["reverse", str(slip)])


@terminal_app.command(epilog="Example: tillgate terminal enquire 2 --world build/world.json")
def enquire(slip: SlipNumber, world: WorldFile = _WORLD, terminal: Number = "", as_json: Json = False) -> None:
    """Ask what became of a request."""
    _one(world, terminal, as_json, ["enquire", str(slip)])


@terminal_app.command(epilog="Example: tillgate terminal script lunch.txt --world build/world.json")
def script(file: Path, world: WorldFile = _WORLD, terminal: Number = "", as_json: Json = False) -> None:
    """Carry out a file of verbs, one a line (`purchase 12.34`, `void 1`), in one session; # begins a comment."""
    lines = [shlex.split(line, comments=True) for line in file.read_text(encoding="utf-8").splitlines()]
    _all(world, terminal, as_json, [line for line in lines if line])


def _one(world: Path, terminal: str, as_json: bool, verb: list[str]) -> None:  # noqa: FBT001 - typer's own flag
    _all(world, terminal, as_json, [verb])


def _all(world: Path, terminal: str, as_json: bool, verbs: Sequence[list[str]]) -> None:  # noqa: FBT001 - as above
    if not world.exists():
        _leave(f"{world} is not there: start a sandbox with `tillgate up --json {world}`", _USAGE)
    try:
        slips = asyncio.run(_session(world, terminal, verbs))
    except (NoAnswerError, NotSentError) as fault:
        _leave(f"no answer from the gateway: {fault}", _UNREACHED)
    except BadAnswerError as fault:
        _leave(f"the answer cannot be believed: {fault}", _REFUSED)
    for number, slip in slips:
        _show(number, slip, as_json=as_json)
    if any(not slip.is_approved for _, slip in slips):
        raise typer.Exit(_REFUSED)


async def _session(path: Path, number: str, verbs: Sequence[list[str]]) -> list[tuple[int, Slip]]:
    world = World.read(path.read_bytes())
    known = _known(world, number)
    listener, clock = world.listener(known.dialect), SystemClock()
    settings = TerminalSettings(
        host=listener.host, port=listener.port, terminal=known.terminal, merchant=known.merchant, patience_seconds=30
    )
    kept = path.with_name(f"slips-{known.terminal}.json")
    machine = SimulatedTerminal(
        settings,
        tmk=bytes.fromhex(known.tmk),
        clock=clock,
        tls=world.tls() if listener.tls else None,
        trace=int(clock.now().timestamp() * 10) % _TRACES,
    )
    session = Session(machine, world, kept, _read(kept))
    try:
        if verbs and verbs[0][0] != "sign-in":
            await machine.sign_in()
        done = []
        for verb, *arguments in verbs:
            slip = await session.run(verb, arguments)
            done += [(len(session.slips), slip)] if slip is not None else []
        return done
    finally:
        await machine.close()


def _known(world: World, number: str) -> Terminal:
    found = [one for one in world.terminals if number in ("", one.terminal) and one.dialect == "cups"]
    if not found:
        raise typer.BadParameter(f"there is no terminal {number} in this world")
    return found[0]


def _minor(text: str) -> int:
    whole, point, part = text.partition(".")
    if not whole.isdigit() or (point and not (part.isdigit() and len(part) == 2)):
        raise typer.BadParameter(f"{text} is no amount: yuan with two decimals, as 12.34")
    return int(whole) * 100 + int(part or "0")


def _show(number: int, slip: Slip, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(_public(number, slip), ensure_ascii=False))
        return
    amount = f" {slip.request.amount // 100}.{slip.request.amount % 100:02d}" if slip.request.amount else ""
    words = f"slip {number}: {slip.request.transaction}{amount} -> {slip.code} {slip.text} rrn {slip.rrn or '-'}"
    _out.print(words, style="green" if slip.is_approved else "red", markup=False, highlight=False)


def _public(number: int, slip: Slip) -> dict[str, Any]:
    request = slip.request
    return {
        "slip": number,
        "transaction": request.transaction,
        "batch": request.batch,
        "trace": request.trace,
        "amount_minor": request.amount,
        "code": slip.code,
        "text": slip.text,
        "rrn": slip.rrn,
        "approval_code": slip.approval,
        "date": slip.date,
    }


def _written(slip: Slip) -> dict[str, Any]:
    request = {
        "transaction": slip.request.transaction,
        "fields": dict(slip.request.fields),
        "frame": base64.b64encode(slip.request.frame).decode(),
    }
    names = ("code", "text", "rrn", "approval", "date", "repeated")
    return {"request": request, "answer": dict(slip.answer), **{name: getattr(slip, name) for name in names}}


def _read(kept: Path) -> list[Slip]:
    if not kept.exists():
        return []
    found = []
    for written in json.loads(kept.read_text()):
        request = written.pop("request")
        frame = base64.b64decode(request.pop("frame"))
        found.append(Slip(request=Request(frame=frame, **request), **written))
    return found


def _leave(words: str, code: int) -> None:
    Console(stderr=True).print(words, style="red", markup=False, highlight=False)
    raise typer.Exit(code)
