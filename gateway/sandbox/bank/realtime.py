"""The listener of the real-time interface: signed XML in, signed XML out, and the ways a bank can fail to answer."""

from __future__ import annotations

import asyncio
import contextlib
import weakref
from collections.abc import Coroutine
from typing import Any, assert_never

from aiohttp import web

from gateway.kernel.clock import SHANGHAI, Clock
from gateway.sandbox.bank.desk import Desk, Verdict
from gateway.sandbox.bank.identity import BANK_KEY_ID
from gateway.sandbox.bank.messages import BadQuestionError, Question, read_question, write_answer
from gateway.sandbox.bank.signatures import Seal
from gateway.sandbox.cards import Manner

_LONGEST_BODY = 64 * 1024
_HOLD_SECONDS = 120
_LOOK_SECONDS = 0.1


class Realtime:
    """Serves `POST /gateway`."""

    def __init__(self, *, desk: Desk, seal: Seal, clock: Clock) -> None:
        self._desk = desk
        self._seal = seal
        self._clock = clock
        self._closing = asyncio.Event()
        self._own_questions: set[asyncio.Task[Verdict]] = set()
        self._lines: weakref.WeakSet[asyncio.Transport] = weakref.WeakSet()

    def application(self) -> web.Application:
        """Return the application to be served over TLS."""
        application = web.Application(client_max_size=_LONGEST_BODY)
        application.router.add_post("/gateway", self._gateway)
        return application

    def close(self) -> None:
        """Let go of the connections that are held without an answer."""
        self._closing.set()

    async def finish(self) -> None:
        """Wait for the questions the bank asks itself, and cut the lines whose callers have not closed their end."""
        while self._own_questions:
            await asyncio.wait(self._own_questions)
        for line in list(self._lines):
            line.abort()
        await asyncio.sleep(0.01)  # each cut takes two turns of the loop

    async def _gateway(self, request: web.Request) -> web.StreamResponse:
        if request.transport is not None:
            self._lines.add(request.transport)
        body = await request.read()
        key_id = request.headers.get("X-Bank-Key", "")
        signature = request.headers.get("X-Bank-Signature", "")
        if not self._seal.is_good(key_id=key_id, body=body, signature=signature):
            return web.Response(status=401)
        try:
            question = read_question(body)
        except BadQuestionError:
            return web.Response(status=400)
        verdict = await self._desk.ask(question)
        while verdict.wait_ms and not self._closing.is_set():
            await self._pause(verdict.wait_ms / 1000)
            verdict = await self._desk.conclude(question)
        return await self._answer(request, question, verdict)

    async def _answer(self, request: web.Request, question: Question, verdict: Verdict) -> web.StreamResponse:
        body = write_answer(question, verdict.answer, at=self._clock.now().astimezone(SHANGHAI))
        match verdict.manner:
            case Manner.DROP | Manner.LOST:
                return await self._never(request)
            case Manner.GARBLE:
                return self._signed(body, signature=self._seal.sign(body[::-1]))
            case Manner.TWICE:
                self._ask_ourselves(self._desk.ask(question))
                return self._signed(body, signature=self._seal.sign(body))
            case Manner.APPROVE | Manner.DECLINE | Manner.DELAY:
                return self._signed(body, signature=self._seal.sign(body))
            case unreachable:
                assert_never(unreachable)

    def _signed(self, body: bytes, *, signature: str) -> web.Response:
        headers = {"X-Bank-Key": BANK_KEY_ID, "X-Bank-Signature": signature}
        return web.Response(body=body, content_type="application/xml", charset="UTF-8", headers=headers)

    def _ask_ourselves(self, asking: Coroutine[Any, Any, Verdict]) -> None:
        task = asyncio.ensure_future(asking)
        self._own_questions.add(task)
        task.add_done_callback(self._own_questions.discard)

    async def _never(self, request: web.Request) -> web.StreamResponse:
        """Hold the connection until the caller gives up, then cut it: no answer, ever."""
        until = self._clock.monotonic() + _HOLD_SECONDS
        while self._clock.monotonic() < until and not self._closing.is_set():
            if request.transport is None or request.transport.is_closing():
                break
            await self._pause(_LOOK_SECONDS)
        if request.transport is not None:
            request.transport.abort()
        return web.Response()

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._closing.wait(), seconds)
