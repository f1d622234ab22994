"""One connection of terminals: bytes to frames, each frame a task of its own, answers as they get ready.

Several terminals may share a connection, several requests may be under way, answers may overtake each other.
Source: `docs/terminal-protocol.md` "Frame".
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import cast

import structlog

from channels.iso8583 import KEEP_ALIVE, Dialect, Envelope, EnvelopeError, FrameError, FrameReader, open_envelope
from gateway.kernel.clock import Clock
from gateway.kernel.ids import Ids, show
from gateway.kernel.log import request_id
from gateway.terminals.desk import Desk
from gateway.terminals.floor import Floor
from gateway.terminals.meters import Meters
from gateway.terminals.request import Letter
from gateway.terminals.samples import Refusal, Samples
from gateway.terminals.settings import Listener

_LOG = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """What all connections of one listener share. `budget_s` is how long a request may take."""

    listener: Listener
    dialect: Dialect
    desk: Desk
    floor: Floor
    meters: Meters
    samples: Samples
    clock: Clock
    ids: Ids
    budget_s: float


class Connection(asyncio.Protocol):
    """Moves bytes; decides nothing about their content."""

    def __init__(self, post: Post) -> None:
        self._post = post
        self._frames = FrameReader(post.listener.longest_frame)
        self._transport: asyncio.Transport | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._idle: asyncio.TimerHandle | None = None
        self._heard_at = 0.0
        self._finished = False
        self._stuck = False
        self._address = ""
        self._certificate: str | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection, or turn it away."""
        self._transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        self._address = _plain(str(peer[0])) if peer else ""
        self._certificate = _common_name(transport)
        if not self._post.floor.admit(self, self._post.listener, self._address):
            self._finished = True
            self._transport.abort()
            return
        self._heard_at = asyncio.get_running_loop().time()
        self._watch_idle()

    def data_received(self, data: bytes) -> None:
        """Take bytes as they come and begin what is whole."""
        if self._finished:
            return
        self._frames.feed(data)
        try:
            while not self._finished and (content := self._frames.next_frame()) is not None:
                self._heard_at = asyncio.get_running_loop().time()
                self._take(content)
        except FrameError:
            self._post.meters.garbage("frame")
            self._post.samples.take(data, self._refusal("frame too long"))
            self._finished = True
            self._close_when_done()

    def eof_received(self) -> bool:
        """Nothing more comes; answers under way are still sent where the transport can be half open."""
        self._finished = True
        half_open = bool(self._tasks) and self._transport is not None and not _is_tls(self._transport)
        return half_open  # noqa: RET504 - the name says what True means to asyncio

    def pause_writing(self) -> None:
        """The peer does not read its answers: take nothing more from it."""
        self._stuck = True
        if not self._finished:
            self._pause()

    def resume_writing(self) -> None:
        """It reads again."""
        self._stuck = False
        if self._transport is not None and not self._finished and not self._transport.is_closing():
            self._transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - why a peer left changes nothing
        """Forget the connection; what is under way goes on to its end."""
        self._finished = True
        if self._idle is not None:
            self._idle.cancel()
        self._post.floor.left(self, self._post.listener)

    def finish(self) -> None:
        """Take nothing more, send what is under way, then close."""
        if self._finished:
            return
        self._finished = True
        self._pause()
        self._close_when_done()

    def drop(self) -> None:
        """Close now, whatever is unsent."""
        if self._transport is not None:
            self._transport.abort()

    def _take(self, content: bytes) -> None:
        if not content:
            self._write(KEEP_ALIVE)
            return
        try:
            envelope = open_envelope(self._post.dialect.framing, content)
        except EnvelopeError as fault:
            self._post.meters.garbage("envelope")
            self._post.samples.take(content, self._refusal(str(fault)))
            return
        letter = self._letter(envelope)
        if self._post.floor.is_full(len(self._tasks)):
            self._post.meters.rejected()
            self._answer(envelope, self._post.desk.busy(letter))
        else:
            self._begin(envelope, letter)

    def _refusal(self, why: str) -> Refusal:
        return Refusal(why=why, source=self._address, dialect=self._post.dialect.name)

    def _begin(self, envelope: Envelope, letter: Letter) -> None:
        task = asyncio.create_task(self._serve(envelope, letter))
        self._tasks.add(task)
        self._post.floor.began(task)
        task.add_done_callback(self._ended)

    async def _serve(self, envelope: Envelope, letter: Letter) -> None:
        try:
            with request_id(show("req", self._post.ids.new())):
                self._answer(envelope, await self._post.desk.answer(letter))
        except Exception:  # noqa: BLE001 - a fault of ours in one request harms neither the connection nor the others
            _LOG.exception("terminals.request_failed")

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._post.floor.ended(task)
        if self._finished:
            self._close_when_done()

    def _letter(self, envelope: Envelope) -> Letter:
        certificate, arrived = self._certificate, self._post.clock.monotonic()
        return Letter(
            dialect=self._post.dialect,
            data=envelope.body,
            source=self._address if certificate is None else f"certificate:{certificate}",
            certificate=certificate,
            received_at=self._post.clock.now(),
            arrived=arrived,
            answer_by=arrived + self._post.budget_s,
        )

    def _answer(self, envelope: Envelope, body: bytes | None) -> None:
        if body is not None:
            self._write(envelope.answer(body))

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def _pause(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def _close_when_done(self) -> None:
        if not self._tasks and self._transport is not None:
            self._transport.close()

    def _watch_idle(self) -> None:
        loop = asyncio.get_running_loop()
        left = self._heard_at + self._post.listener.idle_s - loop.time()
        if left <= 0 and not self._tasks:
            self._idle = None
            self.drop() if self._stuck else self._quit()
            return
        self._idle = loop.call_later(left if left > 0 else self._post.listener.idle_s, self._watch_idle)

    def _quit(self) -> None:
        self._finished = True
        self._close_when_done()


def _plain(address: str) -> str:
    """Return an IPv4 address as such, also where a listener of both kinds shows it inside an IPv6 one."""
    return address.removeprefix("::ffff:") if "." in address else address


def _is_tls(transport: asyncio.BaseTransport) -> bool:
    return transport.get_extra_info("ssl_object") is not None


def _common_name(transport: asyncio.BaseTransport) -> str | None:
    """Return the common name of the client's certificate; None where it showed none."""
    certificate = transport.get_extra_info("peercert") or {}
    for part in certificate.get("subject", ()):
        for name, value in part:
            if name == "commonName":
                return str(value)
    return None
