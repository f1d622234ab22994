"""One connection to a terminal port: frames out, answers brought to the requests they belong to."""

from __future__ import annotations

import asyncio
import itertools
import ssl
from dataclasses import dataclass, field

from tests.peers.cups import Envelope, Message, NotCupsError, answer_mti, decode, unwrap

CONNECT_WITHIN = 10.0
ANSWER_WITHIN = 60.0


@dataclass(frozen=True, slots=True)
class Answer:
    """One frame that came in; `arrived` counts the frames of its connection."""

    envelope: Envelope
    message: Message
    encoded: bytes
    arrived: int

    def __getitem__(self, number: int) -> str:
        return self.message[number]

    def __contains__(self, number: object) -> bool:
        return number in self.message

    @property
    def code(self) -> str:
        """Field 39."""
        return self.message.get(39)

    @property
    def words(self) -> str:
        """Field 44, where it is text."""
        return self.message.get(44).strip()


@dataclass(frozen=True, slots=True)
class _Waiting:
    request: Message
    answer: asyncio.Future[Answer]

    def takes(self, message: Message) -> bool:
        """An answer is known by its type, field 11 and field 41; a format error may have lost the last two."""
        if self.answer.done() or message.mti != answer_mti(self.request.mti):
            return False
        return all(_agree(self.request.get(number), message.get(number)) for number in (11, 41))


def _agree(asked: str, answered: str) -> bool:
    return not asked or not answered or asked == answered


@dataclass(slots=True)
class Line:
    """A connection and what is under way on it."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    strays: list[bytes] = field(default_factory=list)
    keep_alives: asyncio.Queue[bytes] = field(default_factory=asyncio.Queue)
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    _waiting: list[_Waiting] = field(default_factory=list)
    _arrivals: itertools.count[int] = field(default_factory=itertools.count)
    _reading: asyncio.Task[None] | None = None

    @classmethod
    async def open(cls, host: str, port: int, *, trust: str = "") -> Line:
        """Connect; with the PEM of an authority to trust the connection is TLS."""
        context = ssl.create_default_context(cadata=trust) if trust else None
        async with asyncio.timeout(CONNECT_WITHIN):
            reader, writer = await asyncio.open_connection(host, port, ssl=context)
        line = cls(reader, writer)
        line._reading = asyncio.create_task(line._read())
        return line

    async def close(self) -> None:
        """Hang up."""
        self.writer.close()
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        try:
            await self.writer.wait_closed()
        except OSError:
            self.closed.set()

    def expect(self, request: Message) -> asyncio.Future[Answer]:
        """Say that a request is about to be written, to get its answer."""
        waiting = _Waiting(request, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        return waiting.answer

    async def write(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.writer.write(data)
        await self.writer.drain()

    async def _read(self) -> None:
        try:
            while True:
                length = int.from_bytes(await self.reader.readexactly(2), "big")
                body = await self.reader.readexactly(length)
                if body:
                    self._arrive(body)
                else:
                    self.keep_alives.put_nowait(body)
        except (asyncio.IncompleteReadError, OSError):
            self._hung_up()

    def _arrive(self, body: bytes) -> None:
        arrived = next(self._arrivals)
        try:
            envelope, encoded = unwrap(body)
            answer = Answer(envelope, decode(encoded), encoded, arrived)
        except NotCupsError:
            self.strays.append(body)
            return
        waiting = next((waiting for waiting in self._waiting if waiting.takes(answer.message)), None)
        if waiting is None:
            self.strays.append(body)
            return
        self._waiting.remove(waiting)
        waiting.answer.set_result(answer)

    def _hung_up(self) -> None:
        self.closed.set()
        for waiting in self._waiting:
            if not waiting.answer.done():
                waiting.answer.set_exception(ConnectionResetError("the other side hung up"))
        self._waiting.clear()
