"""The door itself: listeners opened from settings, closed with everything under way brought to its end."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass

import structlog

from channels.iso8583 import Dialect
from gateway.journal.model import Post as Books
from gateway.kernel.clock import Clock
from gateway.kernel.ids import Ids
from gateway.kernel.metrics import Metrics
from gateway.keys.port import KeyStore
from gateway.terminals.answers import Answers
from gateway.terminals.connection import Connection, Post
from gateway.terminals.desk import Desk
from gateway.terminals.floor import Floor
from gateway.terminals.macs import Macs
from gateway.terminals.meters import Meters
from gateway.terminals.ports import Carry, TerminalFacts
from gateway.terminals.road import Road
from gateway.terminals.samples import Samples
from gateway.terminals.sessions import Sessions
from gateway.terminals.settings import Listener, TerminalSettings, Tls
from gateway.terminals.watch import MacWatch

_LOG = structlog.get_logger(__name__)
_BACKLOG = 1024
_HANDSHAKE_S = 10


@dataclass(frozen=True, slots=True)
class Address:
    """Where a listener is reached."""

    dialect: str
    host: str
    port: int
    tls: bool


class TerminalDoor:
    """Opens the listeners, and closes them without losing an answer.

    `watch` is the list of blocked sources: an operator lifts a block by `watch.lift(address)`. `samples` counts what
    was refused, for whoever takes it to the books.
    """

    def __init__(
        self,
        *,
        settings: TerminalSettings,
        facts: TerminalFacts,
        books: Books,
        carry: Carry,
        keys: KeyStore,
        metrics: Metrics,
        clock: Clock,
        ids: Ids,
    ) -> None:
        self._settings = settings
        self._meters = meters = Meters(metrics)
        self._clock = clock
        self._ids = ids
        self.samples = Samples(clock=clock)
        self.watch = MacWatch(clock=clock, most=settings.wrong_macs, blocked_s=settings.blocked_s)
        self._road = Road(carry=carry, clock=clock, guard_s=settings.guard_ms / 1000)
        self._floor = Floor(
            most_under_way=settings.most_under_way, most_per_connection=settings.most_per_connection, meters=meters
        )
        self._desk = Desk(
            facts=facts,
            sessions=Sessions(books=books, facts=facts, keys=keys, clock=clock, ids=ids),
            macs=Macs(keys=keys, facts=facts),
            watch=self.watch,
            road=self._road,
            answers=Answers(acquirer=settings.acquirer, ids=ids),
            meters=meters,
            samples=self.samples,
            clock=clock,
        )
        meters.watch_blocked(self.watch.blocked_now)
        self._servers: list[asyncio.Server] = []
        self.addresses: tuple[Address, ...] = ()

    async def start(self) -> tuple[Address, ...]:
        """Open every listener and return where they are; none stays open where one cannot be opened."""
        try:
            self.addresses = tuple([await self._opened(listener) for listener in self._settings.listeners])
        except BaseException:
            await self.stop()
            raise
        return self.addresses

    async def stop(self) -> int:
        """Accept nothing more, finish what is under way (at most `drain_s`); return how many requests are left."""
        for server in self._servers:
            server.close()
        began = self._clock.monotonic()
        left = await self._floor.clear(self._settings.drain_s)
        rest = max(self._settings.drain_s - (self._clock.monotonic() - began), 0)
        left = max(left, await self._road.at_rest(rest))
        if left:
            _LOG.warning("terminals.stopped_with_requests_under_way", count=left)
        self._servers.clear()
        return left

    async def _opened(self, listener: Listener) -> Address:
        post = Post(
            listener=listener,
            dialect=_dialect(listener.dialect, self._settings.dialects),
            desk=self._desk,
            floor=self._floor,
            meters=self._meters,
            samples=self.samples,
            clock=self._clock,
            ids=self._ids,
            budget_s=self._settings.answer_within_ms / 1000,
        )
        tls = _context(listener.tls) if listener.tls else None
        server = await asyncio.get_running_loop().create_server(
            lambda: Connection(post),
            listener.host,
            listener.port,
            ssl=tls,
            ssl_handshake_timeout=_HANDSHAKE_S if tls else None,
            backlog=_BACKLOG,
        )
        self._servers.append(server)
        host, port = server.sockets[0].getsockname()[:2]
        return Address(listener.dialect, str(host), int(port), tls is not None)


def _dialect(name: str, known: Mapping[str, Dialect]) -> Dialect:
    if name not in known:
        message = f"no dialect is called {name!r}; there are {', '.join(known)}"
        raise ValueError(message)
    return known[name]


def _context(tls: Tls) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(tls.certificate, tls.key)
    if tls.clients is not None:
        context.load_verify_locations(tls.clients)
        context.verify_mode = ssl.CERT_OPTIONAL
    return context
