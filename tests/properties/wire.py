"""A socket between a journal and its database that loses, tears, holds back and alters what passes, when told to.

What it does happens on the wire alone, so it says nothing of how the journal is made.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, quote, urlsplit

import asyncpg

_CHUNK = 1 << 16


class Fault(StrEnum):
    """What becomes of a request or of its answer."""

    LOST = "the request is lost, and the connection with it"
    TORN = "half of the request arrives, then the connection is lost"
    CUT = "the request arrives, the connection is lost at once"
    UNANSWERED = "the request is carried out, its answer is lost with the connection"
    LATE = "the request is carried out, its answer never comes"
    WARNED = "the answer says that the standby was not waited for"
    TERMINATED = "the server ends every session of the journal"
    FROZEN = "the server's side stands still for a while"


def _notice() -> bytes:
    fields = {"S": "WARNING", "V": "WARNING", "C": "01000", "M": "canceling wait for synchronous replication"}
    body = b"".join(f"{code}{text}\0".encode() for code, text in fields.items()) + b"\0"
    return b"N" + (len(body) + 4).to_bytes(4) + body


NOTICE = _notice()


@dataclass
class Plan:
    """The next fault, and how many requests pass before it."""

    fault: Fault
    passing: int


@dataclass
class _Call:
    """One connection through the wire."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    next: Fault | None = None


class Wire:
    """Listens where the journal connects; `plan` sets the next fault, `done` counts those that came."""

    def __init__(
        self, dsn: str, on: Mapping[Fault, Callable[[], Awaitable[None]]] | None = None, folder: Path | None = None
    ) -> None:
        asked = parse_qs(urlsplit(dsn).query)
        host, port = asked["host"][0], asked["port"][0]
        self._real = str(Path(host) / f".s.PGSQL.{port}")
        self._folder = folder or Path(tempfile.mkdtemp(prefix="tg-wire-"))
        self._own = folder is None
        self._path = str(self._folder / f".s.PGSQL.{port}")
        self.dsn = f"{dsn.partition('?')[0]}?host={quote(str(self._folder))}&port={port}"
        self._on = on or {}
        self._calls: set[asyncio.Task[None]] = set()
        self.plan: Plan | None = None
        self.done: list[Fault] = []

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_unix_server(self._called, self._path)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for call in self._calls:
            call.cancel()
        await asyncio.gather(*self._calls, return_exceptions=True)
        if self._own:
            shutil.rmtree(self._folder, ignore_errors=True)

    async def _called(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._calls.add(task)
        try:
            with suppress(OSError, asyncio.CancelledError):
                await self._carry(reader, writer)
        finally:
            self._calls.discard(task)
            writer.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers, server = await asyncio.open_unix_connection(self._real)
        call = _Call(writer, server)
        ways = {asyncio.create_task(self._up(reader, call)), asyncio.create_task(self._down(answers, call))}
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            # What was sent still arrives: the server is closed, not aborted.
            server.close()
            with suppress(OSError):
                await server.wait_closed()

    async def _up(self, reader: asyncio.StreamReader, call: _Call) -> None:
        while data := await reader.read(_CHUNK):
            fault = self._due()
            if fault is Fault.LOST:
                return
            if fault in (Fault.UNANSWERED, Fault.LATE, Fault.WARNED):
                call.next = fault
            call.server.write(data[: len(data) // 2] if fault is Fault.TORN else data)
            await call.server.drain()
            if fault in (Fault.TORN, Fault.CUT):
                return
            if fault is not None and fault in self._on:
                await self._on[fault]()

    async def _down(self, answers: asyncio.StreamReader, call: _Call) -> None:
        while data := await answers.read(_CHUNK):
            fault, call.next = call.next, None
            if fault is Fault.UNANSWERED:
                return
            if fault is Fault.LATE:
                await asyncio.Event().wait()
            call.client.write(NOTICE + data if fault is Fault.WARNED else data)
            await call.client.drain()

    def _due(self) -> Fault | None:
        if self.plan is None:
            return None
        if self.plan.passing > 0:
            self.plan.passing -= 1
            return None
        plan, self.plan = self.plan, None
        self.done.append(plan.fault)
        return plan.fault


class Sessions:
    """The journal's sessions as the server has them, known by their application name."""

    def __init__(self, pool: asyncpg.Pool[Any], application: str, *, still_s: float) -> None:
        self._pool, self._application, self._still_s = pool, application, still_s
        self._thawing: set[asyncio.Task[None]] = set()

    async def pids(self) -> list[int]:
        """Process ids of the server's side."""
        rows = await self._pool.fetch("SELECT pid FROM pg_stat_activity WHERE application_name = $1", self._application)
        return [row["pid"] for row in rows]

    async def terminate(self) -> None:
        """End them as an administrator does."""
        await self._pool.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1", self._application
        )

    async def freeze(self) -> None:
        """Stop them where they stand; they go on by themselves after a while."""
        pids = await self.pids()
        _send(pids, signal.SIGSTOP)
        task = asyncio.create_task(self._thaw(pids))
        self._thawing.add(task)
        task.add_done_callback(self._thawing.discard)

    async def _thaw(self, pids: list[int]) -> None:
        try:
            await asyncio.sleep(self._still_s)
        finally:
            _send(pids, signal.SIGCONT)

    async def settled(self) -> None:
        """Wait until nobody stands still any more."""
        await asyncio.gather(*self._thawing)


def _send(pids: list[int], what: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, what)
