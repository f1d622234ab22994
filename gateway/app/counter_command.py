"""The verbs `tillgate merchant`, `tillgate approval` and `tillgate parameter`."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Awaitable, Callable
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from gateway.api.merchant_port import NewRate
from gateway.app import screens
from gateway.app.counter import Counter, CounterRefusedError, counter
from gateway.app.running import run
from gateway.kernel.configuration import Value
from gateway.kernel.postgres.embedded import running_dsn
from gateway.kernel.settings import Settings, load_settings
from gateway.merchants import DocumentKind, MerchantEvent, MerchantKind, MerchantState
from gateway.merchants.office import Amendment, NewDocument, NewMerchant, NewTerminal
from gateway.parties import PLATFORM

_USAGE = 2
_MCC = "category code, of the dictionary mcc"
_RIPENING = "at_once, batch_settled, channel_paid or after_days:N"
_NO_DATABASE = "no database is known: give --dsn or --config, or start a sandbox with `tillgate up`"

merchant_app = typer.Typer(help="Merchants: taken on, reviewed, opened by two people.", no_args_is_help=True)
approval_app = typer.Typer(help="What waits for a second person.", no_args_is_help=True)
parameter_app = typer.Typer(help="Parameters, effective without a restart.", no_args_is_help=True)

Config = Annotated[
    list[Path] | None,
    typer.Option("--config", help="settings file (TOML); later ones win", exists=True, dir_okay=False),
]
Dsn = Annotated[str, typer.Option("--dsn", help="database; default: settings, else the running sandbox")]
Number = Annotated[str, typer.Argument(metavar="MERCHANT", help="the merchant's number, 15 characters")]
Proposal = Annotated[
    str, typer.Argument(metavar="PROPOSAL", help="a proposal's id, as `tillgate approval ls` shows it")
]
Code = Annotated[str, typer.Argument(metavar="PARAMETER", help="as `tillgate parameter ls` shows it")]
Why = Annotated[str, typer.Option(help="goes into the history")]
Name = Annotated[str, typer.Option(help="as it is registered")]
Address = Annotated[str, typer.Option(help="where it is")]
Bank = Annotated[str, typer.Option(help="code of the bank, such as ICBC")]
Serial = Annotated[str, typer.Option(help="serial number of the device")]
Model = Annotated[str, typer.Option(help="model of the device")]
Party = Annotated[str, typer.Option(help="kind:code of a party, such as merchant:M1; default: everybody")]


@merchant_app.command("ls", epilog="Example: tillgate merchant ls --state review")
def list_merchants(
    *,
    state: Annotated[MerchantState | None, typer.Option(help="only those that stand there")] = None,
    config: Config = None,
    dsn: Dsn = "",
) -> None:
    """List merchants, newest first."""
    _at(config, dsn, lambda desk: desk.list_merchants(state))


@merchant_app.command("show", epilog="Example: tillgate merchant show 104110070110899")
def show_merchant(number: Number, *, config: Config = None, dsn: Dsn = "") -> None:
    """Show a merchant: documents, shops, terminals, bank cards, history."""
    _at(config, dsn, lambda desk: desk.show_merchant(number))


@merchant_app.command("add", epilog="Example: tillgate merchant add 104110070110899 --name 南山茶庄 --why 'form 17'")
def add_merchant(
    number: Number,
    *,
    name: Name,
    why: Why,
    kind: Annotated[MerchantKind, typer.Option(help="what it is by law")] = MerchantKind.ENTERPRISE,
    code: Annotated[str, typer.Option(help="own code of the party; default: the number")] = "",
    parent: Annotated[str, typer.Option(help="kind:code of whom it stands under; default: the platform")] = "",
    mcc: Annotated[str, typer.Option(help=_MCC)] = "",
    address: Address = "",
    ripening: Annotated[str, typer.Option(help=_RIPENING)] = "batch_settled",
    config: Config = None,
    dsn: Dsn = "",
) -> None:
    """Take a merchant on as a draft."""
    new = NewMerchant(
        number=number,
        code=code or number,
        name=name,
        kind=kind,
        parent=PLATFORM,
        mcc=mcc,
        address=address,
        ripening=ripening,
    )
    _at(config, dsn, lambda desk: desk.take_on(new, parent=parent, why=why))


@merchant_app.command(
    "edit", epilog="Example: tillgate merchant edit 104110070110899 --name 新南山茶庄 --why 'renamed'"
)
def edit_merchant(
    number: Number,
    *,
    why: Why,
    name: Annotated[str | None, typer.Option(help="as it is registered")] = None,
    kind: Annotated[MerchantKind | None, typer.Option(help="what it is by law")] = None,
    mcc: Annotated[str | None, typer.Option(help=_MCC)] = None,
    address: Annotated[str | None, typer.Option(help="where it is")] = None,
    ripening: Annotated[str | None, typer.Option(help=_RIPENING)] = None,
    config: Config = None,
    dsn: Dsn = "",
) -> None:
    """Change a merchant's basic data; what is left out stays."""
    amendment = Amendment(name=name, kind=kind, mcc=mcc, address=address, ripening=ripening)
    _at(config, dsn, lambda desk: desk.amend(number, amendment, why=why))


@merchant_app.command(
    "document", epilog="Example: tillgate merchant document 104110070110899 agreement scan.pdf --why x"
)
def add_document(
    number: Number,
    kind: DocumentKind,
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="its scan; only its digest is kept")],
    *,
    why: Why,
    valid_until: Annotated[str, typer.Option(help="last day it is valid, YYYY-MM-DD")] = "",
    config: Config = None,
    dsn: Dsn = "",
) -> None:
    """Add a document to a merchant's file; its number is read from standard input."""
    until = date.fromisoformat(valid_until) if valid_until else None
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    new = NewDocument(kind=kind, number=_secret("number of the document"), file_digest=digest, valid_until=until)
    _at(config, dsn, lambda desk: desk.add_document(number, new, why=why))


@merchant_app.command("move", epilog="Example: tillgate merchant move 104110070110899 submit --why 'file complete'")
def move_merchant(number: Number, event: MerchantEvent, *, why: Why, config: Config = None, dsn: Dsn = "") -> None:
    """Submit, return or suspend a merchant; propose to open, reopen or close it."""
    _at(config, dsn, lambda desk: desk.move(number, event, why=why))


@merchant_app.command("shop", epilog="Example: tillgate merchant shop 104110070110899 PJL-8 --name 平江路店 --why new")
def add_shop(
    number: Number,
    code: Annotated[str, typer.Argument(help="own code of the shop")],
    *,
    name: Name,
    why: Why,
    address: Address = "",
    config: Config = None,
    dsn: Dsn = "",
) -> None:
    """Open a shop under a merchant."""
    _at(config, dsn, lambda desk: desk.add_shop(number, code=code, name=name, address=address, why=why))


@merchant_app.command(
    "terminal", epilog="Example: tillgate merchant terminal 104110070110899 10009901 --serial S1 --model P90 --why new"
)
def add_terminal(
    number: Number,
    terminal: Annotated[str, typer.Argument(help="the terminal's number, 8 characters")],
    *,
    serial: Serial,
    model: Model,
    why: Why,
    shop: Annotated[str, typer.Option(help="code of the shop it stands in")] = "",
    dialect: Annotated[str, typer.Option(help="the dialect it speaks")] = "cups",
    config: Config = None,
    dsn: Dsn = "",
) -> None:
    """Enter a terminal into the register; it works once its master key is loaded."""
    new = NewTerminal(number=terminal, serial=serial, model=model, dialect=dialect)
    _at(config, dsn, lambda desk: desk.add_terminal(number, new, shop=shop, why=why))


@merchant_app.command(
    "card", epilog="Example: tillgate merchant card 104110070110899 --name 王小明 --bank ICBC --why new"
)
def bind_card(number: Number, *, name: Name, bank: Bank, why: Why, config: Config = None, dsn: Dsn = "") -> None:
    """Propose a bank card that the merchant is paid to; its number is read from standard input."""
    account = _secret("card or account number")
    _at(config, dsn, lambda desk: desk.bind_card(number, account=account, name=name, bank=bank, why=why))


@merchant_app.command(
    "rate", epilog="Example: tillgate merchant rate 104110070110899 0.55 --since 2026-12-01T00:00:00+08:00 --why new"
)
def propose_rate(
    number: Number,
    percent: str,
    *,
    since: Annotated[str, typer.Option(help="in force from this time on, with its offset")],
    why: Why,
    item: Annotated[str, typer.Option(help="code of the fee item")] = "merchant_fee",
    minimum_minor: Annotated[int | None, typer.Option(help="least fee, in minor units")] = None,
    maximum_minor: Annotated[int | None, typer.Option(help="largest fee, in minor units")] = None,
    config: Config = None,
    dsn: Dsn = "",
) -> None:
    """Propose a rate for a merchant; it has to be approved before it takes effect."""
    new = NewRate(
        item=item,
        percent=percent,
        minimum_minor=minimum_minor,
        maximum_minor=maximum_minor,
        effective_from=datetime.fromisoformat(since),
    )
    _at(config, dsn, lambda desk: desk.propose_rate(number, new, why=why))


@merchant_app.command("password", epilog="Example: tillgate merchant password 104110070110899 --why 'first one'")
def set_password(number: Number, *, why: Why, config: Config = None, dsn: Dsn = "") -> None:
    """Set a merchant's withdrawal password, six digits read from standard input."""
    password = _secret("withdrawal password")
    _at(config, dsn, lambda desk: desk.set_password(number, password, why=why))


@approval_app.command("ls", epilog="Example: tillgate approval ls --mine")
def list_proposals(
    *,
    mine: Annotated[bool, typer.Option("--mine", help="only what you may decide")] = False,
    config: Config = None,
    dsn: Dsn = "",
) -> None:
    """List proposals, newest first."""
    _at(config, dsn, lambda desk: desk.list_proposals(mine=mine))


@approval_app.command("show", epilog="Example: tillgate approval show apr_01k…")
def show_proposal(proposal: Proposal, *, config: Config = None, dsn: Dsn = "") -> None:
    """Show a proposal: before, after, digest, history."""
    _at(config, dsn, lambda desk: desk.show_proposal(proposal))


@approval_app.command("approve", epilog="Example: tillgate approval approve apr_01k… --digest 0f1e…")
def approve(
    proposal: Proposal,
    *,
    digest: Annotated[str, typer.Option(help="of exactly what you approve, as `show` says it")],
    why: Why = "",
    config: Config = None,
    dsn: Dsn = "",
) -> None:
    """Approve a proposal that somebody else made."""
    _at(config, dsn, lambda desk: desk.approve(proposal, digest=digest, why=why))


@approval_app.command("refuse", epilog="Example: tillgate approval refuse apr_01k… --why 'name differs'")
def refuse(proposal: Proposal, *, why: Why, config: Config = None, dsn: Dsn = "") -> None:
    """Refuse a proposal."""
    _at(config, dsn, lambda desk: desk.refuse(proposal, why=why))


@approval_app.command("withdraw", epilog="Example: tillgate approval withdraw apr_01k… --why 'wrong merchant'")
def withdraw(proposal: Proposal, *, why: Why, config: Config = None, dsn: Dsn = "") -> None:
    """Take your own proposal back."""
    _at(config, dsn, lambda desk: desk.withdraw(proposal, why=why))


@parameter_app.command("ls", epilog="Example: tillgate parameter ls --party merchant:M1")
def list_parameters(*, party: Party = "", config: Config = None, dsn: Dsn = "") -> None:
    """List parameters with type, bounds and value."""
    _at(config, dsn, lambda desk: desk.list_parameters(party))


@parameter_app.command("set", epilog="Example: tillgate parameter set withdrawal.most_open 30 --why 'season'")
def set_parameter(
    code: Code,
    value: Annotated[str, typer.Argument(help="a number, true, false, a text, or null: as if never set")],
    *,
    why: Why,
    party: Party = "",
    config: Config = None,
    dsn: Dsn = "",
) -> None:
    """Set a parameter; a sensitive one is proposed to a second person."""
    _at(config, dsn, lambda desk: desk.set_parameter(code, _value(value), party=party, why=why))


@parameter_app.command("history", epilog="Example: tillgate parameter history withdrawal.most_open")
def show_history(code: Code, *, party: Party = "", config: Config = None, dsn: Dsn = "") -> None:
    """Show who set a parameter, when, why, and from what to what."""
    _at(config, dsn, lambda desk: desk.history_of(code, party))


def _at(config: list[Path] | None, dsn: str, act: Callable[[Counter], Awaitable[Any]]) -> None:
    """Do one thing at the counter and print what came of it as JSON."""
    settings = load_settings(config or [], os.environ)
    named = dsn or settings.database.dsn or running_dsn(Path(settings.sandbox.directory) / "postgres") or ""
    if not named:
        screens.leave(_NO_DATABASE, _USAGE)
    password = settings.database.password.read(os.environ) if named in {dsn, settings.database.dsn} else None
    screens.print_json(run(_acted(settings, named, password, act)))


async def _acted(settings: Settings, dsn: str, password: str | None, act: Callable[[Counter], Awaitable[Any]]) -> Any:
    async with counter(settings, dsn, password=password) as desk:
        return await act(desk)


def _secret(what: str) -> str:
    """Read a line that does not belong into a command line: hidden at a terminal, plain from a pipe."""
    if sys.stdin.isatty():
        return str(typer.prompt(what, hide_input=True))
    line = sys.stdin.readline().strip()
    if not line:
        raise CounterRefusedError(f"standard input ended before the {what}")
    return line


def _value(text: str) -> Value | None:
    """Read a value as JSON; what is none is a text."""
    try:
        found: Value | None = msgspec.json.decode(text.encode(), type=int | bool | str | None)
    except msgspec.DecodeError:
        return text
    return found
