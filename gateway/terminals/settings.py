"""Settings of the terminal door, made from the section `[terminals]`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from channels.iso8583 import DIALECTS, DefinitionError, Dialect, load
from gateway.kernel import settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """TLS 1.2 or later. With `clients` (CA certificates) a terminal may show one whose common name is its number."""

    certificate: Path
    key: Path
    clients: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """One address terminals connect to. Port 0 takes a free one. `allow` lists networks; empty allows every address.

    `idle_s` closes a connection without a whole frame for so long; `longest_frame` counts what follows the length.
    """

    dialect: str = "cups"
    host: str = "127.0.0.1"
    port: int = 0
    tls: Tls | None = None
    most_connections: int = 1000
    idle_s: float = 600
    longest_frame: int = 4096
    allow: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TerminalSettings:
    """The door as a whole.

    `acquirer` is our institution code (field 32, at most 11 digits). `answer_within_ms` is the budget of a request,
    `guard_ms` what the road of a payment may take beyond it before the door answers 98 by itself.
    `most_under_way` and `most_per_connection` bound requests in progress; what comes above is answered 96.
    `wrong_macs` in a row from one address block it for `blocked_s`. `drain_s` is how long a stop waits.
    `dialects` are those a listener may speak, by name.
    """

    listeners: tuple[Listener, ...] = (Listener(),)
    dialects: Mapping[str, Dialect] = field(default_factory=lambda: DIALECTS, repr=False)
    acquirer: str = "00000001"
    answer_within_ms: int = 40_000
    guard_ms: int = 3_000
    most_under_way: int = 1000
    most_per_connection: int = 500
    wrong_macs: int = 20
    blocked_s: float = 900
    drain_s: float = 45


def terminal_settings(section: settings.Terminals, *, acquirer: str = "") -> TerminalSettings:
    """Return the door's settings; without `acquirer` the institution code is the default one."""
    made = TerminalSettings(
        listeners=tuple(_listener(each) for each in section.listeners),
        dialects=known_dialects(section.dialects),
        answer_within_ms=section.answer_within_ms,
        most_under_way=section.in_flight_most,
        most_per_connection=max(section.in_flight_most // 2, 1),
        wrong_macs=section.wrong_macs_block,
        blocked_s=section.blocked_for_s,
        drain_s=section.drain_s,
    )
    return replace(made, acquirer=acquirer) if acquirer else made


def known_dialects(files: Sequence[str]) -> Mapping[str, Dialect]:
    """Return the dialects of the house and those of these definitions; a later one may build on an earlier.

    Raises:
        SettingsError: a file cannot be read, is no definition, or has the name of another dialect.
    """
    known = dict(DIALECTS)
    for file in files:
        try:
            made = load(Path(file), known)
        except (DefinitionError, OSError) as fault:
            message = f"terminals.dialects: {fault}"
            raise settings.SettingsError(message) from None
        if made.name in known:
            message = f"terminals.dialects: {file}: there is a dialect called {made.name!r} already"
            raise settings.SettingsError(message)
        known[made.name] = made
    return known


def _listener(section: settings.Listener) -> Listener:
    return Listener(
        dialect=section.dialect,
        host=section.host,
        port=section.port,
        tls=_tls(section),
        most_connections=section.max_connections,
        idle_s=section.idle_s,
        longest_frame=section.max_frame,
        allow=section.allow,
    )


def _tls(section: settings.Listener) -> Tls | None:
    if not section.tls_certificate:
        return None
    clients = Path(section.client_authorities) if section.client_authorities else None
    return Tls(certificate=Path(section.tls_certificate), key=Path(section.tls_key), clients=clients)
