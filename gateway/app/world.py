"""The sandbox's world: PostgreSQL, the bank and the gateway, each its own process, in one folder.

The same folder gives the same world again: keys, ports, seed and books stay. What an outside client needs is written as
JSON (`docs/sandbox.md`); nothing of it is for production.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.app import store
from gateway.app.authority import ServerCertificate, server_certificate
from gateway.app.children import Child
from gateway.app.seed import CLIENTS, Seeded, seed_world
from gateway.kernel.clock import Clock
from gateway.kernel.postgres.embedded import EmbeddedPostgres
from gateway.kernel.postgres.migrate import migrate
from gateway.kernel.postgres.pool import open_pool
from gateway.kernel.settings import load_settings
from gateway.sandbox.cards import CARDS

HOST = "127.0.0.1"
CUSTOMER = "TILLGATE01"
_PORTS = ("terminals", "terminals_tls", "http")


class WorldError(Exception):
    """The world cannot be built in this folder; the text says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldSettings:
    """Where the world lies and what it is like.

    `quick` shortens every patience, so that a whole business day passes in minutes; `fault_socket` is told every fault
    point of gateway and bank. A `dsn` replaces the embedded server, whose programs are looked for in `binaries` first.
    """

    directory: Path
    seed: int = 1
    quick: bool = True
    fault_socket: str = ""
    dsn: str = ""
    binaries: Path | None = None


class World:
    """Starts, stops and, for simulations, kills the processes of one sandbox."""

    def __init__(self, settings: WorldSettings, *, clock: Clock, say: Callable[[str], None] = lambda _: None) -> None:
        self._settings = settings
        self._clock = clock
        self._say = say
        self._folder = settings.directory
        self._bank_folder = self._folder / "bank"
        self._gateway_folder = self._folder / "gateway"
        self.postgres = EmbeddedPostgres(directory=self._folder / "postgres", binaries=settings.binaries, clock=clock)
        self.bank = Child(
            name="bank",
            module="gateway.sandbox.bank",
            arguments=self._bank_arguments(),
            folder=self._bank_folder,
            clock=clock,
        )
        self.gateway = Child(
            name="gateway",
            module="gateway.cli",
            arguments=self._gateway_arguments(),
            folder=self._gateway_folder,
            clock=clock,
        )
        self.facts: dict[str, Any] = {}

    @property
    def _config(self) -> Path:
        return self._gateway_folder / "tillgate.toml"

    async def start(self) -> dict[str, Any]:
        """Bring everything up and return the world's JSON. Raises what its parts raise, with what to do."""
        for folder in (self._folder, self._bank_folder, self._gateway_folder):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        dsn = self._settings.dsn or await self.postgres.start()
        self._say("PostgreSQL answers")
        await migrate(dsn, clock=self._clock)
        if self._settings.dsn:
            await self._refuse_foreign(dsn)
        self._say("the database is up to date")
        bank = await self.bank.start()
        self._say("the sandbox bank answers")
        certificate = server_certificate(self._folder / "tls", self._clock)
        seeded = await self._seed(dsn, bank, certificate)
        self._say("the sandbox is seeded")
        ready = await self.gateway.start()
        self._say("the gateway answers")
        self.facts = _facts(ready, seeded, bank, certificate, dsn)
        return self.facts

    async def stop(self) -> None:
        """End everything cleanly, the gateway first."""
        await self.gateway.stop()
        await self.bank.stop()
        await self.postgres.stop()

    async def ended(self) -> str:
        """Wait until the bank or the gateway has ended by itself and return its name and last words."""
        waits = {asyncio.create_task(child.ended(), name=child.name): child for child in (self.bank, self.gateway)}
        try:
            done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            child = waits[done.pop()]
            return f"the {child.name} ended by itself:\n{child.last_words()}"
        finally:
            for wait in waits:
                wait.cancel()

    async def _seed(self, dsn: str, bank: Mapping[str, Any], certificate: ServerCertificate) -> Seeded:
        self._write_settings(certificate)
        self.gateway.environment = {"TILLGATE_DATABASE__DSN": dsn}
        settings = load_settings([self._config], self.gateway.environment)
        return await seed_world(dsn, settings=settings, bank=bank, seed=self._settings.seed, folder=self._folder)

    async def _refuse_foreign(self, dsn: str) -> None:
        """A sandbox hands out its keys, so it never moves in with books that are somebody else's."""
        if (self._folder / CLIENTS).exists():
            return
        pool = await open_pool(dsn, largest=1)
        try:
            if await store.has_merchants(pool):
                raise WorldError(f"this database has merchants that {self._folder} knows nothing of: give it a new one")
        finally:
            await pool.close()

    def _gateway_arguments(self) -> list[str]:
        ready = str(self._gateway_folder / "ready.json")
        return ["serve", "--config", str(self._config), "--ready", ready, "--parent", str(os.getpid())]

    def _bank_arguments(self) -> list[str]:
        given = ["--directory", str(self._bank_folder), "--ready", str(self._bank_folder / "ready.json")]
        given += ["--seed", str(self._settings.seed), "--customer", CUSTOMER, "--parent", str(os.getpid())]
        if self._settings.fault_socket:
            given += ["--faults", self._settings.fault_socket]
        return given

    def _write_settings(self, certificate: ServerCertificate) -> None:
        ports = self._ports()
        listener = {"dialect": "cups", "host": HOST, "port": ports["terminals"]}
        tls = {"tls_certificate": str(certificate.certificate), "tls_key": str(certificate.key)}
        content: dict[str, Any] = {
            "http": {"public_address": f"https://{HOST}:{ports['http']}", "host": HOST, "port": ports["http"], **tls},
            "terminals": {"listeners": [listener, {**listener, "port": ports["terminals_tls"], **tls}]},
            "keys": {"directory": str(self._gateway_folder / "keys"), "sandbox": True},
            "tasks": {"source_networks": [f"{HOST}/32"]},
            "sandbox": {
                "enabled": True,
                "directory": str(self._folder),
                "fault_socket": self._settings.fault_socket,
            },
        }
        if self._settings.quick:
            _merge(content, _QUICK)
        self._config.write_text(_toml(content))

    def _ports(self) -> dict[str, int]:
        kept = self._gateway_folder / "ports.json"
        if not kept.exists():
            kept.write_text(json.dumps(dict(zip(_PORTS, _free_ports(len(_PORTS)), strict=True))))
        ports: dict[str, int] = json.loads(kept.read_text())
        return ports


# Every patience of the sandbox: long enough for a machine under load, short enough for a day in minutes.
_QUICK: dict[str, Any] = {
    "terminals": {"answer_within_ms": 4_000},
    "clearing": {
        "bank_within_ms": 1_000,
        "connect_within_ms": 500,
        "query_after_ms": [200, 400, 800],
        "ask_again_s": 1,
        "lane_back_off_least_ms": 200,
        "lane_back_off_most_ms": 2_000,
        "circuit_open_s": 1,
        "recover_after_ms": 500,
    },
    "files": {"look_again_s": 2},
    "tasks": {"poll_ms": 100, "lease_s": 10, "back_off_most_ms": 2_000},
}


def _facts(
    ready: Mapping[str, Any], seeded: Seeded, bank: Mapping[str, Any], certificate: ServerCertificate, dsn: str
) -> dict[str, Any]:
    return {
        "listeners": ready["listeners"],
        "terminals": list(seeded.terminals),
        "cards": [{"pan": card.pan, "pin": card.pin, "behaviour": card.behaviour} for card in CARDS],
        "ca": certificate.authority,
        "api": {"url": ready["api"], "keys": list(seeded.keys)},
        "console": {
            "url": "",
            "users": list(seeded.users.users),
            "first_operator": dict(seeded.users.first_operator),
        },
        "metrics": ready["metrics"],
        "bank": {
            "url": bank["https"]["url"],
            "books": bank["books"],
            "sftp": bank["sftp"],
            "control": bank["control"],
            "source": bank["source"],
        },
        "database": dsn,
        "parties": list(seeded.parties),
        "channels": list(seeded.channels),
    }


def _free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind((HOST, 0))
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def _merge(into: dict[str, Any], more: Mapping[str, Any]) -> None:
    for name, section in more.items():
        into.setdefault(name, {}).update(section)


def _toml(content: Mapping[str, Any]) -> str:
    lines: list[str] = []
    for name, section in content.items():
        lines.append(f"[{name}]")
        tables = {key: value for key, value in section.items() if _is_tables(value)}
        lines += [f"{key} = {_value(value)}" for key, value in section.items() if key not in tables]
        for key, rows in tables.items():
            for row in rows:
                lines += [f"[[{name}.{key}]]", *(f"{field} = {_value(value)}" for field, value in row.items())]
    return "\n".join(lines) + "\n"


def _is_tables(value: object) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def _value(value: object) -> str:
    # JSON's strings, numbers, booleans and arrays of them are TOML's
    return json.dumps(value)
