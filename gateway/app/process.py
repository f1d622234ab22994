"""One process of the gateway: rooms, and the roles it was given (design section 3, "any number of processes")."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog
from aiohttp import web

from gateway.access import Keyring
from gateway.api import Api, build_api
from gateway.api.ports import Desks
from gateway.app.desks.books import BookService
from gateway.app.desks.events import EventService
from gateway.app.desks.files import FileService
from gateway.app.desks.payments import PaymentService
from gateway.app.desks.withdrawals import WithdrawalService
from gateway.app.figures import expose_figures
from gateway.app.rooms import Rooms, Surroundings, build_rooms
from gateway.app.settings import back_off, web_settings
from gateway.kernel.clock import Clock
from gateway.kernel.faults import Faults, NoFaults, ReportedFaults
from gateway.kernel.ids import UuidSevens
from gateway.kernel.metrics import build_metrics
from gateway.kernel.postgres.pool import DATABASE_ERRORS, Database, open_pool
from gateway.kernel.randomness import Randomness
from gateway.kernel.settings import Http, Settings
from gateway.keys import KeyKind
from gateway.tasks import Timers
from gateway.terminals import TerminalDoor, terminal_settings
from gateway.web import AnswerSigner

_LOG = structlog.get_logger(__name__)
ROLES = ("terminals", "api", "worker")
_ANSWER_KEY = "answers"
_ANSWER_KEY_LENGTH = 32
_KEYS_REMEMBERED = timedelta(seconds=1)
_REFRESH_S = 1.0
_FIGURES_S = 2.0
_DRAIN_S = 30.0


class UnknownRoleError(ValueError):
    """A role was asked for that this release does not have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Where the doors of this process are; empty where it has none."""

    listeners: tuple[dict[str, Any], ...] = ()
    api: str = ""

    def shown(self) -> dict[str, Any]:
        """Return them as a ready file's JSON."""
        metrics = f"{self.api}/metrics" if self.api else ""
        return {"listeners": list(self.listeners), "api": self.api, "metrics": metrics}


class Gateway:
    """Runs roles: `terminals` opens the ISO 8583 listeners, `api` the HTTP door, `worker` runs timers and figures.

    `start` and `stop` are called once each; a start that fails closes what it had opened.
    """

    def __init__(self, settings: Settings, *, roles: tuple[str, ...], clock: Clock, randomness: Randomness) -> None:
        strangers = set(roles) - set(ROLES)
        if strangers or not roles:
            named = ", ".join(sorted(strangers)) or "none"
            raise UnknownRoleError(f"unknown roles: {named}; this release has {', '.join(ROLES)}")
        self._settings = settings
        self._roles = roles
        self._clock = clock
        self._ids = UuidSevens(clock, randomness)
        self._randomness = randomness
        self._metrics = build_metrics()
        self._closing: list[Callable[[], Awaitable[object]]] = []

    async def start(self) -> Addresses:
        """Bring everything up and return where the doors are."""
        try:
            return await self._start()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Close everything in the opposite order; doors and the journal finish what is under way."""
        while self._closing:
            with contextlib.suppress(*DATABASE_ERRORS):
                await self._closing.pop()()

    async def _start(self) -> Addresses:
        pool = await self._opened_pool()
        rooms = build_rooms(self._settings, self._surroundings(pool))
        await self._bring_up(rooms)
        if "worker" in self._roles:
            await self._work(pool, rooms)
        api = await self._open_api(pool, rooms) if "api" in self._roles else ""
        listeners = await self._open_terminals(rooms) if "terminals" in self._roles else ()
        for role in self._roles:
            self._metrics.up.labels(role).set(1)
        return Addresses(listeners=listeners, api=api)

    async def _opened_pool(self) -> Database:
        section = self._settings.database
        pool = await open_pool(
            section.dsn,
            password=section.password.read(os.environ),
            smallest=section.pool_smallest,
            largest=section.pool_largest,
            connect_within_s=section.connect_within_s,
            statement_cache_size=section.statement_cache_size,
        )
        self._closing.append(lambda: _closed(pool))
        return pool

    def _surroundings(self, pool: Database) -> Surroundings:
        faults: Faults = NoFaults()
        if self._settings.sandbox.fault_socket:
            faults = ReportedFaults(self._settings.sandbox.fault_socket)
        return Surroundings(
            pool=pool,
            clock=self._clock,
            ids=self._ids,
            randomness=self._randomness,
            metrics=self._metrics,
            faults=faults,
            writer=f"{socket.gethostname()}/{os.getpid()}",
        )

    async def _bring_up(self, rooms: Rooms) -> None:
        await rooms.journal.start()
        self._closing.append(rooms.journal.stop)
        await rooms.directory.start()
        self._closing.append(rooms.directory.stop)
        await rooms.refresh()
        self._closing += [rooms.registry.close, rooms.fronts.close, rooms.road.carrier.drain]
        self._always(self._every(_REFRESH_S, rooms.refresh), "refresh")

    async def _work(self, pool: Database, rooms: Rooms) -> None:
        section = self._settings.tasks
        timers = Timers(
            pool=pool,
            clock=self._clock,
            handlers=rooms.handlers(),
            owner=f"{socket.gethostname()}/{os.getpid()}",
            lease=timedelta(seconds=section.lease_s),
            poll=timedelta(milliseconds=section.poll_ms),
            concurrency=section.take_most,
            otherwise=back_off(self._settings),
        )
        rooms.nudge.tell(timers.nudge)
        await rooms.office.schedule()
        self._always(timers.run(), "timers")
        self._always(self._every(_FIGURES_S, lambda: expose_figures(pool, self._metrics)), "figures")

    async def _open_terminals(self, rooms: Rooms) -> tuple[dict[str, Any], ...]:
        door = TerminalDoor(
            settings=terminal_settings(self._settings.terminals),
            facts=rooms.directory,
            books=rooms.journal,
            carry=rooms.road.carrier,
            keys=rooms.keystore,
            metrics=self._metrics,
            clock=self._clock,
            ids=self._ids,
        )
        addresses = await door.start()
        self._closing.append(door.stop)
        return tuple({"dialect": one.dialect, "host": one.host, "port": one.port, "tls": one.tls} for one in addresses)

    async def _open_api(self, pool: Database, rooms: Rooms) -> str:
        await rooms.register.find_or_make(_ANSWER_KEY, KeyKind.SIGNING, _ANSWER_KEY_LENGTH, by="system")
        keys = await rooms.register.all(_ANSWER_KEY)
        api = Api(
            desks=self._desks(pool, rooms),
            keys=Keyring(pool=pool, keystore=rooms.keystore, clock=self._clock, remembered=_KEYS_REMEMBERED),
            signer=await AnswerSigner.of(keystore=rooms.keystore, clock=self._clock, keys=keys),
            keystore=rooms.keystore,
            clock=self._clock,
            ids=self._ids,
            metrics=self._metrics,
            settings=web_settings(self._settings),
            checks={"books": lambda: _books_answer(pool), "channels": lambda: _channels_open(rooms)},
            unreachable=DATABASE_ERRORS,
        )
        runner = web.AppRunner(build_api(api), access_log=None)
        await runner.setup()
        self._closing.append(runner.cleanup)
        section = self._settings.http
        await web.TCPSite(
            runner, section.host, section.port, ssl_context=_tls(section), shutdown_timeout=_DRAIN_S
        ).start()
        return section.public_address

    def _desks(self, pool: Database, rooms: Rooms) -> Desks:
        return Desks(
            withdrawals=WithdrawalService(pool=pool, withdrawals=rooms.withdrawals),
            books=BookService(pool=pool, journal=rooms.journal, withdrawals=rooms.withdrawals, ids=self._ids),
            payments=PaymentService(pool=pool),
            files=FileService(pool=pool, office=rooms.office, journal=rooms.journal, ids=self._ids),
            events=EventService(pool=pool),
        )

    def _always(self, work: Coroutine[Any, Any, object], name: str) -> None:
        task = asyncio.create_task(work, name=name)

        async def end() -> None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        self._closing.append(end)

    async def _every(self, seconds: float, work: Callable[[], Awaitable[object]]) -> None:
        while True:
            try:
                await work()
            except DATABASE_ERRORS:
                _LOG.warning("the books cannot be reached; trying again")
            await asyncio.sleep(seconds)


async def _closed(pool: Database) -> None:
    try:
        await asyncio.wait_for(pool.close(), _DRAIN_S)
    except TimeoutError:
        pool.terminate()


async def _books_answer(pool: Database) -> str | None:
    await pool.fetchval("SELECT 1")
    return None


async def _channels_open(rooms: Rooms) -> str | None:
    failures = rooms.registry.failures
    return f"{len(failures)} channels cannot be opened" if failures else None


def _tls(section: Http) -> ssl.SSLContext | None:
    if not section.tls_certificate:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(section.tls_certificate, section.tls_key)
    return context
