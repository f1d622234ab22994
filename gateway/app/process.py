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

from gateway.access import Access, Keyring
from gateway.access.writing import Pen
from gateway.api import Api, build_api
from gateway.api.ports import Desks
from gateway.app import store
from gateway.app.desks.acquiring import AcquiringService
from gateway.app.desks.approvals import ApprovalService
from gateway.app.desks.books import BookService
from gateway.app.desks.configuration import ConfigurationService
from gateway.app.desks.events import EventService
from gateway.app.desks.files import FileService
from gateway.app.desks.merchants import MerchantService
from gateway.app.desks.payments import PaymentService
from gateway.app.desks.refused import RefusedService, keep_refused
from gateway.app.desks.statements import StatementService
from gateway.app.desks.tasks import TaskService
from gateway.app.desks.withdrawals import WithdrawalService
from gateway.app.figures import Figures
from gateway.app.people import forget_expired, open_access
from gateway.app.pools import Pools, open_pools
from gateway.app.rooms import Rooms, build_rooms
from gateway.app.schema import extend_partitions, refuse_other_schema
from gateway.app.settings import back_off, web_settings
from gateway.app.sites import bound, public_address, serve, serve_metrics, tls_context
from gateway.app.surroundings import Surroundings
from gateway.kernel import collector
from gateway.kernel.clock import Clock
from gateway.kernel.faults import Faults, NoFaults, ReportedFaults
from gateway.kernel.ids import UuidSevens
from gateway.kernel.metrics import build_metrics
from gateway.kernel.postgres.pool import DATABASE_ERRORS, Database
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
_KEYS_REMEMBERED = timedelta(seconds=0.5)
_REFRESH_S = 1.0
_KEEP_REFUSED_S = 5.0
_FORGET_S = 3600.0
_CONFIGURATION_S = 0.5


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
            addresses = await self._start()
        except BaseException:
            await self.stop()
            raise
        collector.settle()
        return addresses

    async def run(self) -> None:
        """Serve until cancelled. Raises BrokenError when a part has ended by itself; the caller stops the rest."""
        raise BrokenError(f"{await self._broken.get()} ended by itself; the log says why")

    async def stop(self) -> None:
        """Close everything in the opposite order; doors and the journal finish what is under way."""
        while self._closing:
            with contextlib.suppress(*DATABASE_ERRORS):
                await self._closing.pop()()

    async def _start(self) -> Addresses:
        pools = await self._opened_pools()
        pool, around = pools.worker, self._surroundings(pools)
        rooms = build_rooms(self._settings, around)
        await self._bring_up(rooms)
        if "worker" in self._roles:
            await self._work(pool, rooms)
        checks: dict[str, Check] = {"books": lambda: _books_answer(pool), "channels": lambda: _channels_open(rooms)}
        api = "" if pools.door is None else await self._open_api(around, pools.door, rooms, checks)
        metrics = await self._open_metrics(checks) or api
        listeners = await self._open_terminals(pool, rooms) if "terminals" in self._roles else ()
        for role in self._roles:
            self._metrics.up.labels(role).set(1)
        return Addresses(listeners=listeners, api=api, metrics=f"{metrics}/metrics" if metrics else "")

    async def _opened_pools(self) -> Pools:
        section = self._settings.database
        pools = await open_pools(section, password=section.password.read(os.environ), doors="api" in self._roles)
        self._closing.append(pools.close)
        await refuse_other_schema(pools.worker)
        await extend_partitions(pools.owner, now=self._clock.now())
        return pools

    def _surroundings(self, pools: Pools) -> Surroundings:
        faults: Faults = NoFaults()
        if self._settings.sandbox.fault_socket:
            faults = ReportedFaults(self._settings.sandbox.fault_socket)
        return Surroundings(
            pool=pools.worker,
            book_pool=pools.journal,
            owner_pool=pools.owner,
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
        self._always(self._every(_CONFIGURATION_S, rooms.offices.configuration.refresh), "configuration")

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
        await rooms.closer.schedule()
        await rooms.growth.schedule()
        self._always(timers.run(), "timers")
        most = self._settings.ledger.advance_most_minor
        figures = Figures(pool=pool, metrics=self._metrics, clock=self._clock, advance_most_minor=most)
        self._always(figures.run(), "figures")

    async def _open_terminals(self, pool: Database, rooms: Rooms) -> tuple[dict[str, Any], ...]:
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
        keep = lambda: keep_refused(pool, door.samples, self._ids)  # noqa: E731 - done now and then, and at the end
        self._closing += [keep, door.stop]
        self._always(self._every(_KEEP_REFUSED_S, keep), "refused messages")
        return tuple({"dialect": one.dialect, "host": one.host, "port": one.port, "tls": one.tls} for one in addresses)

    async def _open_metrics(self, checks: Mapping[str, Check]) -> str:
        if not self._settings.metrics.host:
            return ""
        runner, address = await serve_metrics(self._settings.metrics, checks=checks, metrics=self._metrics)
        self._closing.append(runner.cleanup)
        return address

    async def _open_api(self, around: Surroundings, door: Database, rooms: Rooms, checks: Mapping[str, Check]) -> str:
        section = self._settings.http
        listening = bound(section.host, section.port)
        self._closing.append(lambda: _shut(listening))
        address = public_address(section, listening)
        await rooms.register.find_or_make(_ANSWER_KEY, KeyKind.SIGNING, _ANSWER_KEY_LENGTH, by="system")
        keys = await rooms.register.all(_ANSWER_KEY)
        pool = around.pool
        access = await open_access(self._settings, around, rooms.keystore, reads=door)
        self._always(self._every(_FORGET_S, lambda: forget_expired(pool, self._clock)), "sessions that expired")
        api = Api(
            desks=self._desks(door, pool, rooms, access),
            keys=Keyring(pool=pool, keystore=rooms.keystore, clock=self._clock, remembered=_KEYS_REMEMBERED),
            sessions=access.sessions,
            interception=access.interception,
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

    def _desks(self, door: Database, pool: Database, rooms: Rooms, access: Access) -> Desks:
        return Desks(
            access=access,
            withdrawals=WithdrawalService(pool=door, withdrawals=rooms.withdrawals, told=rooms.told),
            books=BookService(pool=door, journal=rooms.journal, withdrawals=rooms.withdrawals, ids=self._ids),
            statements=StatementService(pool=door),
            payments=PaymentService(pool=door),
            refused=RefusedService(pool=door),
            files=FileService(pool=door, office=rooms.office, journal=rooms.journal, ids=self._ids),
            events=EventService(pool=door),
            tasks=TaskService(pool=door, batch=rooms.batch, clock=self._clock, woken=rooms.nudge),
            approvals=ApprovalService(
                pool=door, approvals=rooms.offices.approvals, delegations=rooms.offices.delegations
            ),
            configuration=ConfigurationService(
                pool=door,
                configuration=rooms.offices.configuration,
                approvals=rooms.offices.approvals,
                pen=Pen(pool=pool, ids=self._ids),
                ids=self._ids,
            ),
            acquiring=AcquiringService(
                pool=pool,
                carrier=rooms.road.carrier,
                facts=rooms.directory,
                keystore=rooms.keystore,
                register=rooms.register,
                clock=self._clock,
                within_s=self._settings.terminals.answer_within_ms / 1000,
            ),
            merchants=MerchantService(
                pool=door,
                office=rooms.offices.merchants,
                approvals=rooms.offices.approvals,
                ids=self._ids,
                clock=self._clock,
            ),
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


async def _shut(listening: socket.socket) -> None:
    listening.close()


async def _books_answer(pool: Database) -> str | None:
    await store.answer(pool)
    return None


async def _channels_open(rooms: Rooms) -> str | None:
    failures = rooms.registry.failures
    return f"{len(failures)} channels cannot be opened" if failures else None
