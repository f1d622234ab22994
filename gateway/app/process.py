"""One process of the gateway: rooms, and the roles it was given; any number of processes run on one database."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog

from gateway.access import Keyring
from gateway.api import Api, build_api
from gateway.api.ports import Desks
from gateway.app import store
from gateway.app.desks.books import BookService
from gateway.app.desks.events import EventService
from gateway.app.desks.files import FileService
from gateway.app.desks.payments import PaymentService
from gateway.app.desks.withdrawals import WithdrawalService
from gateway.app.figures import Figures
from gateway.app.rooms import Rooms, Surroundings, build_rooms
from gateway.app.schema import refuse_other_schema
from gateway.app.settings import back_off, web_settings
from gateway.app.sites import bound, public_address, serve, serve_metrics, tls_context
from gateway.journal import forget_keys
from gateway.kernel.clock import Clock
from gateway.kernel.faults import Faults, NoFaults, ReportedFaults
from gateway.kernel.ids import UuidSevens
from gateway.kernel.metrics import build_metrics
from gateway.kernel.postgres.pool import DATABASE_ERRORS, Database, open_pool
from gateway.kernel.randomness import Randomness
from gateway.kernel.settings import Settings
from gateway.keys import KeyKind
from gateway.tasks import Timers
from gateway.terminals import TerminalDoor, terminal_settings
from gateway.web import AnswerSigner
from gateway.web.health import Check

_LOG = structlog.get_logger(__name__)
ROLES = ("terminals", "api", "worker")
_ANSWER_KEY = "answers"
_ANSWER_KEY_LENGTH = 32
_KEYS_REMEMBERED = timedelta(seconds=1)
_REFRESH_S = 1.0
_FORGET_S = 3600.0
_PAUSE_S = 0.2
_DRAIN_S = 30.0


class UnknownRoleError(ValueError):
    """A role was asked for that this release does not have."""


class BrokenError(Exception):
    """A part that has to run for as long as the process has ended by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Where the doors of this process are; empty where it has none."""

    listeners: tuple[dict[str, Any], ...] = ()
    api: str = ""
    metrics: str = ""

    def shown(self) -> dict[str, Any]:
        """Return them as a ready file's JSON."""
        return {"listeners": list(self.listeners), "api": self.api, "metrics": self.metrics}


class Gateway:
    """Runs roles: `terminals` opens the ISO 8583 listeners, `api` the HTTP door, `worker` runs timers and figures.

    Metrics and health are served with the API, and on an address of their own where the settings name one. `start` and
    `stop` are called once each; a start that fails closes what it had opened.
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
        self._broken: asyncio.Queue[str] = asyncio.Queue()

    async def start(self) -> Addresses:
        """Bring everything up and return where the doors are."""
        try:
            return await self._start()
        except BaseException:
            await self.stop()
            raise

    async def run(self) -> None:
        """Serve until cancelled. Raises BrokenError when a part has ended by itself; the caller stops the rest."""
        raise BrokenError(f"{await self._broken.get()} ended by itself; the log says why")

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
        checks: dict[str, Check] = {"books": lambda: _books_answer(pool), "channels": lambda: _channels_open(rooms)}
        api = await self._open_api(pool, rooms, checks) if "api" in self._roles else ""
        metrics = await self._open_metrics(checks) or api
        listeners = await self._open_terminals(rooms) if "terminals" in self._roles else ()
        for role in self._roles:
            self._metrics.up.labels(role).set(1)
        return Addresses(listeners=listeners, api=api, metrics=f"{metrics}/metrics" if metrics else "")

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
        await refuse_other_schema(pool)
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
        self._always(rooms.journal.ended(), "the journal")
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
            noted=lambda kind, outcome: self._metrics.timers.labels(kind, outcome).inc(),
        )
        rooms.nudge.tell(timers.nudge)
        await rooms.office.schedule()
        self._always(timers.run(), "timers")
        figures = Figures(pool=pool, metrics=self._metrics, clock=self._clock)
        self._always(figures.run(), "figures")
        self._always(self._every(_FORGET_S, lambda: self._forget(pool)), "keys that expired")

    async def _forget(self, pool: Database) -> None:
        """Delete idempotency keys and nonces whose time has passed, a few thousand at a time."""
        gone = 1
        while gone:
            gone = await forget_keys(pool, before=self._clock.now())
            await asyncio.sleep(_PAUSE_S)

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

    async def _open_metrics(self, checks: Mapping[str, Check]) -> str:
        if not self._settings.metrics.host:
            return ""
        runner, address = await serve_metrics(self._settings.metrics, checks=checks, metrics=self._metrics)
        self._closing.append(runner.cleanup)
        return address

    async def _open_api(self, pool: Database, rooms: Rooms, checks: Mapping[str, Check]) -> str:
        section = self._settings.http
        listening = bound(section.host, section.port)
        self._closing.append(lambda: _shut(listening))
        address = public_address(section, listening)
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
            settings=web_settings(self._settings, public_address=address),
            checks=checks,
            unreachable=DATABASE_ERRORS,
        )
        runner = await serve(build_api(api), listening, tls=tls_context(section))
        self._closing.append(runner.cleanup)
        return address

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
        task.add_done_callback(self._ended)

        async def end() -> None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        self._closing.append(end)

    def _ended(self, task: asyncio.Task[object]) -> None:
        if not task.cancelled():
            _LOG.error("a part ended by itself", what=task.get_name(), exc_info=task.exception())
            self._broken.put_nowait(task.get_name())

    async def _every(self, seconds: float, work: Callable[[], Awaitable[object]]) -> None:
        while True:
            try:
                await work()
            except DATABASE_ERRORS:
                _LOG.warning("the books cannot be reached; trying again")
            except Exception:  # noqa: BLE001 - what was known before stays in use
                _LOG.exception("a round failed; trying again")
            await asyncio.sleep(seconds)


async def _closed(pool: Database) -> None:
    try:
        await asyncio.wait_for(pool.close(), _DRAIN_S)
    except TimeoutError:
        pool.terminate()


async def _shut(listening: socket.socket) -> None:
    listening.close()


async def _books_answer(pool: Database) -> str | None:
    await store.answer(pool)
    return None


async def _channels_open(rooms: Rooms) -> str | None:
    failures = rooms.registry.failures
    return f"{len(failures)} channels cannot be opened" if failures else None
