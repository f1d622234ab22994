"""The command `tillgate terminal`: a simulated terminal in a running sandbox.

Each call connects and signs in anew. What the terminal was answered is kept in its slips file beside the world's JSON,
so that a later call can void, refund, reverse or enquire by the slip's number.
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

import msgspec
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

terminal_app = typer.Typer(help="A simulated terminal in a running sandbox (`tillgate up`).", no_args_is_help=True)
_out = Console()
_REFUSED, _USAGE, _UNREACHED = 1, 2, 3
_TRACES, _TRACES_A_SECOND = 999_999, 10
# a verb may have to send the reversal it owes and sign in anew before its own request
_TRACES_TO_SIGN_IN, _TRACES_A_VERB = 4, 8
_PATIENCE_SECONDS = 3

WorldFile = Annotated[
    Path, typer.Option("--world", help="the JSON of the sandbox, which `tillgate up` keeps in its folder")
]
Number = Annotated[str, typer.Option("--terminal", help="terminal number; default: the first of its dialect")]
Amount = Annotated[str, typer.Argument(help="yuan with two decimals, as 12.34")]
ScriptFile = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="one verb a line")]
SlipNumber = Annotated[int, typer.Argument(help="number of the slip (shown by each verb)")]
Json = Annotated[bool, typer.Option("--json", help="print the slip as JSON")]
_WORLD = Path("data/sandbox/world.json")


@dataclass(slots=True)
class Drawer:
    """What a terminal keeps between calls: its slips, the reversal it still owes, the trace number it has come to."""

    file: Path
    slips: list[Slip]
    pending: Request | None = None
    trace: int | None = None

    @classmethod
    def open(cls, file: Path) -> Drawer:
        """Open what earlier calls have kept."""
        if not file.exists():
            return cls(file, [])
        kept = json.loads(file.read_text())
        pending = _request_in(kept["pending"]) if kept["pending"] else None
        return cls(file, [_slip_in(one) for one in kept["slips"]], pending, kept["trace"])

    def save(self) -> None:
        """Keep it all, for its owner only."""
        content = {
            "trace": self.trace,
            "pending": _written_request(self.pending) if self.pending else None,
            "slips": [_written(slip) for slip in self.slips],
        }
        self.file.touch(mode=0o600)
        self.file.write_text(json.dumps(content, indent=1))

    def take_traces(self, count: int, *, otherwise: int) -> int:
        """Return the number to go on after, and have `count` of them counted as used whatever comes."""
        after = self.trace if self.trace is not None else otherwise
        self.trace = (after + count) % _TRACES
        self.save()
        return after


@dataclass(slots=True)
class Session:
    """A terminal at work."""

    terminal: SimulatedTerminal
    world: World
    drawer: Drawer

    async def run(self, verb: str, arguments: Sequence[str]) -> Slip:
        """Carry out one verb. Raises typer.BadParameter for one that is not known or lacks an argument."""
        work, needed = _VERBS.get(verb, (None, 0))
        if work is None:
            raise typer.BadParameter(f"{verb} is not one of {', '.join(sorted(_VERBS))}")
        if len(arguments) < needed:
            raise typer.BadParameter(f"{verb} needs {needed} words after it, not {len(arguments)}")
        try:
            self.drawer.slips.append(await work(self, arguments))
        finally:
            self.drawer.pending = self.terminal.pending
            self.drawer.save()
        return self.drawer.slips[-1]

    def slip(self, number: str) -> Slip:
        """Return a kept slip by its number, from 1."""
        slips = self.drawer.slips
        if not number.isdigit() or not 1 <= int(number) <= len(slips):
            raise typer.BadParameter(f"there is no slip {number}: {len(slips)} are kept in {self.drawer.file}")
        return slips[int(number) - 1]


Verb = Callable[[Session, Sequence[str]], Awaitable[Slip]]


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


async def _authorise(session: Session, arguments: Sequence[str]) -> Slip:
    pan = arguments[1] if len(arguments) > 1 else session.world.pans("approve")[0]
    return await session.terminal.authorise(_minor(arguments[0]), pan=pan)


async def _complete(session: Session, arguments: Sequence[str]) -> Slip:
    return await session.terminal.complete(session.slip(arguments[0]), _minor(arguments[1]))


async def _release(session: Session, arguments: Sequence[str]) -> Slip:
    return await session.terminal.release(session.slip(arguments[0]))


async def _void_completion(session: Session, arguments: Sequence[str]) -> Slip:
    return await session.terminal.void_completion(session.slip(arguments[0]))


async def _balance(session: Session, arguments: Sequence[str]) -> Slip:
    return await session.terminal.balance(pan=arguments[0] if arguments else session.world.pans("approve")[0])


async def _settle(session: Session, _arguments: Sequence[str]) -> Slip:
    """Settle by the slips that are kept, whatever session they are of; the last message's slip is the verb's."""
    session.terminal.slips[:0] = session.drawer.slips
    *earlier, last = await session.terminal.settle()
    session.drawer.slips += earlier
    return last


async def _echo(session: Session, _arguments: Sequence[str]) -> Slip:
    return await session.terminal.echo()


# each with how many words it needs after it
_VERBS: dict[str, tuple[Verb, int]] = {
    "sign-in": (_sign_in, 0),
    "purchase": (_purchase, 1),
    "void": (_void, 1),
    "refund": (_refund, 2),
    "reverse": (_reverse, 1),
    "enquire": (_enquire, 1),
    "repeat": (_repeat, 1),
    "echo": (_echo, 0),
    "authorise": (_authorise, 1),
    "complete": (_complete, 2),
    "release": (_release, 1),
    "void-completion": (_void_completion, 1),
    "balance": (_balance, 0),
    "settle": (_settle, 0),
}


@terminal_app.command("sign-in", epilog="Example: tillgate terminal sign-in")
def sign_in(*, world: WorldFile = _WORLD, terminal: Number = "", as_json: Json = False) -> None:
    """Sign in and take up working keys."""
    _one(world, terminal, as_json, ["sign-in"])


@terminal_app.command(epilog="Example: tillgate terminal purchase 12.34")
def purchase(
    amount: Amount,
    *,
    card: Annotated[str, typer.Option(help="card number; default: one that is approved")] = "",
    world: WorldFile = _WORLD,
    terminal: Number = "",
    as_json: Json = False,
) -> None:
    """Pay."""
    _one(world, terminal, as_json, ["purchase", amount, *([card] if card else [])])


@terminal_app.command(epilog="Example: tillgate terminal void 2")
def void(slip: SlipNumber, *, world: WorldFile = _WORLD, terminal: Number = "", as_json: Json = False) -> None:
    """Void a purchase of the open batch."""
    _one(world, terminal, as_json, ["void", str(slip)])


@terminal_app.command(epilog="Example: tillgate terminal refund 2 5.00")
def refund(
    slip: SlipNumber, amount: Amount, *, world: WorldFile = _WORLD, terminal: Number = "", as_json: Json = False
) -> None:
    """Refund part or all of a purchase."""
    _one(world, terminal, as_json, ["refund", str(slip), amount])


@terminal_app.command(epilog="Example: tillgate terminal reverse 2")
def reverse(slip: SlipNumber, *, world: WorldFile = _WORLD, terminal: Number = "", as_json: Json = False) -> None:
    """Reverse a request."""
    _one(world, terminal, as_json, ["reverse", str(slip)])


@terminal_app.command(epilog="Example: tillgate terminal enquire 2")
def enquire(slip: SlipNumber, *, world: WorldFile = _WORLD, terminal: Number = "", as_json: Json = False) -> None:
    """Ask what became of a request."""
    _one(world, terminal, as_json, ["enquire", str(slip)])


@terminal_app.command(epilog="Example: tillgate terminal authorise 100.00")
def authorise(amount: Amount, *, world: WorldFile = _WORLD, terminal: Number = "", as_json: Json = False) -> None:
    """Hold an amount on a card."""
    _one(world, terminal, as_json, ["authorise", amount])


@terminal_app.command(epilog="Example: tillgate terminal complete 2 95.00")
def complete(
    slip: SlipNumber, amount: Amount, *, world: WorldFile = _WORLD, terminal: Number = "", as_json: Json = False
) -> None:
    """Complete a pre-authorisation."""
    _one(world, terminal, as_json, ["complete", str(slip), amount])


@terminal_app.command(epilog="Example: tillgate terminal release 2")
def release(slip: SlipNumber, *, world: WorldFile = _WORLD, terminal: Number = "", as_json: Json = False) -> None:
    """Void a pre-authorisation."""
    _one(world, terminal, as_json, ["release", str(slip)])


@terminal_app.command("void-completion", epilog="Example: tillgate terminal void-completion 3")
def void_completion(
    slip: SlipNumber, *, world: WorldFile = _WORLD, terminal: Number = "", as_json: Json = False
) -> None:
    """Void a completion."""
    _one(world, terminal, as_json, ["void-completion", str(slip)])


@terminal_app.command(epilog="Example: tillgate terminal balance")
def balance(*, world: WorldFile = _WORLD, terminal: Number = "", as_json: Json = False) -> None:
    """Ask what is on a card."""
    _one(world, terminal, as_json, ["balance"])


@terminal_app.command(epilog="Example: tillgate terminal settle")
def settle(*, world: WorldFile = _WORLD, terminal: Number = "", as_json: Json = False) -> None:
    """Settle the open batch by the slips that are kept, uploading them where the totals differ."""
    _one(world, terminal, as_json, ["settle"])


@terminal_app.command(epilog="Example: tillgate terminal script lunch.txt")
def script(file: ScriptFile, *, world: WorldFile = _WORLD, terminal: Number = "", as_json: Json = False) -> None:
    """Carry out a file of verbs, one a line (`purchase 12.34`, `void 1`), in one session; # begins a comment."""
    _all(world, terminal, as_json, _read_script(file))


def _one(world: Path, terminal: str, as_json: bool, verb: list[str]) -> None:  # noqa: FBT001 - typer's own flag
    _all(world, terminal, as_json, [verb])


def _all(world: Path, terminal: str, as_json: bool, verbs: Sequence[list[str]]) -> None:  # noqa: FBT001 - as above
    if not world.exists():
        _leave(f"{world} is not there: start a sandbox with `tillgate up`, or name its JSON with --world", _USAGE)
    try:
        slips = asyncio.run(_session(World.read(world.read_bytes()), world.parent, terminal, verbs))
    except msgspec.MsgspecError as fault:
        _leave(f"{world} is not the JSON of a sandbox: {fault}", _USAGE)
    except (NoAnswerError, NotSentError) as fault:
        _leave(f"no answer from the gateway: {fault}", _UNREACHED)
    except BadAnswerError as fault:
        _leave(f"the answer cannot be believed: {fault}", _REFUSED)
    for number, slip in slips:
        _show(number, slip, as_json=as_json)
    if any(not slip.is_approved for _, slip in slips):
        raise typer.Exit(_REFUSED)


async def _session(world: World, folder: Path, number: str, verbs: Sequence[list[str]]) -> list[tuple[int, Slip]]:
    known = _known(world, number)
    listener, clock = world.listener(known.dialect), SystemClock()
    settings = TerminalSettings(
        host=listener.host,
        port=listener.port,
        terminal=known.terminal,
        merchant=known.merchant,
        patience_seconds=_PATIENCE_SECONDS,
    )
    drawer = Drawer.open(folder / f"slips-{known.terminal}.json")
    otherwise = int(clock.now().timestamp() * _TRACES_A_SECOND) % _TRACES
    machine = SimulatedTerminal(
        settings,
        tmk=bytes.fromhex(known.tmk),
        clock=clock,
        tls=world.tls() if listener.tls else None,
        trace=drawer.take_traces(_TRACES_TO_SIGN_IN + len(verbs) * _TRACES_A_VERB, otherwise=otherwise),
    )
    machine.pending = drawer.pending
    return await _worked(Session(machine, world, drawer), verbs)


async def _worked(session: Session, verbs: Sequence[list[str]]) -> list[tuple[int, Slip]]:
    try:
        if verbs and verbs[0][0] != "sign-in":
            await session.terminal.sign_in()
        done = []
        for verb, *arguments in verbs:
            slip = await session.run(verb, arguments)
            done.append((len(session.drawer.slips), slip))
        return done
    finally:
        await session.terminal.close()


def _read_script(file: Path) -> list[list[str]]:
    try:
        lines = [shlex.split(line, comments=True) for line in file.read_text(encoding="utf-8").splitlines()]
    except ValueError as fault:
        raise typer.BadParameter(f"{file} is no script: {fault}") from fault
    return [line for line in lines if line]


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
    names = ("code", "text", "rrn", "approval", "date", "repeated")
    shown = {name: getattr(slip, name) for name in names}
    return {"request": _written_request(slip.request), "answer": dict(slip.answer), **shown}


def _written_request(request: Request) -> dict[str, Any]:
    return {
        "transaction": request.transaction,
        "fields": dict(request.fields),
        "frame": base64.b64encode(request.frame).decode(),
    }


def _slip_in(written: dict[str, Any]) -> Slip:
    return Slip(**{**written, "request": _request_in(written["request"])})


def _request_in(written: dict[str, Any]) -> Request:
    return Request(**{**written, "frame": base64.b64decode(written["frame"])})


def _leave(words: str, code: int) -> None:
    Console(stderr=True).print(words, style="red", markup=False, highlight=False)
    raise typer.Exit(code)
