"""The control interface (sandbox only): the books, day files, late returns, silent payees, bad files, faults."""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, TypeVar

import msgspec
from aiohttp import web

from gateway.kernel.clock import Clock
from gateway.sandbox.bank.batch import Batch
from gateway.sandbox.bank.desk import Desk, millis
from gateway.sandbox.bank.faults import FaultPlan
from gateway.sandbox.bank.orders import BadFileOrder, DayFileOrder, NoParameters, OrderRefusedError, Orders
from gateway.sandbox.bank.store import Book, Store
from gateway.sandbox.source import SourcePlan, SourceService

Order = TypeVar("Order")


class Control:
    """Serves `/books`, `/control/…` and `/health` to holders of the token (health to all)."""

    def __init__(
        self,
        *,
        store: Store,
        desk: Desk,
        batch: Batch,
        orders: Orders,
        source: SourceService,
        clock: Clock,
        token: str,
    ) -> None:
        self._store = store
        self._desk = desk
        self._batch = batch
        self._orders = orders
        self._source = source
        self._clock = clock
        self._token = token

    async def start(self) -> None:
        """Take up the source's plan of before a restart; the first one is kept, so that its transactions stay."""

        def kept(book: Book) -> Any:
            if book.setting("source") is None:
                book.keep_setting("source", msgspec.to_builtins(self._source.plan))
            return book.setting("source")

        self._source.follow(msgspec.convert(await self._store.transact(kept), SourcePlan))

    def application(self) -> web.Application:
        """Return the application to be served on loopback, without TLS."""
        application = web.Application(middlewares=[self._guard])
        application.router.add_get("/health", self._health)
        application.router.add_get("/books", self._books)
        application.router.add_post("/control/day-file", self._day_file)
        application.router.add_post("/control/late-returns", self._late_returns)
        application.router.add_post("/control/settle-silent", self._settle_silent)
        application.router.add_post("/control/bad-file", self._bad_file)
        application.router.add_post("/control/faults", self._faults)
        application.router.add_post("/control/source", self._source_plan)
        return application

    @property
    def _guard(self) -> Any:
        @web.middleware
        async def guard(request: web.Request, handler: Any) -> web.StreamResponse:
            given = request.headers.get("Authorization", "").removeprefix("Bearer ") or request.query.get("token", "")
            if request.path != "/health" and not hmac.compare_digest(given.encode(), self._token.encode()):
                return _said(401, "a bearer token is needed")
            response: web.StreamResponse = await handler(request)
            return response

        return guard

    async def _health(self, _: web.Request) -> web.Response:
        await self._store.transact(lambda book: book.setting("faults"))
        return web.json_response({"state": "up"})

    async def _books(self, _: web.Request) -> web.Response:
        def listing(book: Book) -> list[dict[str, Any]]:
            book.settle_due(millis(self._clock.now()))
            return book.listing()

        return web.json_response(await self._store.transact(listing))

    async def _day_file(self, request: web.Request) -> web.Response:
        return await self._order(request, DayFileOrder, lambda book, order: asdict(self._orders.day_file(book, order)))

    async def _late_returns(self, request: web.Request) -> web.Response:
        return await self._order(request, NoParameters, lambda book, _: asdict(self._orders.late_returns(book)))

    async def _settle_silent(self, request: web.Request) -> web.Response:
        return await self._order(request, NoParameters, lambda book, _: asdict(self._orders.settle_silent(book)))

    async def _bad_file(self, request: web.Request) -> web.Response:
        return await self._order(request, BadFileOrder, lambda book, order: asdict(self._orders.bad_file(book, order)))

    async def _faults(self, request: web.Request) -> web.Response:
        def keep(book: Book, plan: FaultPlan) -> dict[str, Any]:
            book.keep_setting("faults", msgspec.to_builtins(plan))
            return dict(msgspec.to_builtins(plan))

        response = await self._order(request, FaultPlan, keep)
        await self._desk.start()
        return response

    async def _source_plan(self, request: web.Request) -> web.Response:
        def keep(book: Book, plan: SourcePlan) -> dict[str, Any]:
            book.keep_setting("source", msgspec.to_builtins(plan))
            return dict(msgspec.to_builtins(plan))

        response = await self._order(request, SourcePlan, keep)
        await self.start()
        return response

    async def _order(
        self, request: web.Request, kind: type[Order], carry_out: Callable[[Book, Order], dict[str, Any]]
    ) -> web.Response:
        """Carry an order out once: the same `Idempotency-Key` with the same body gives the first answer again."""
        body = await request.read() or b"{}"
        key = request.headers.get("Idempotency-Key", "")
        asked = f"{request.path} {body.decode(errors='replace')}"
        try:
            order = msgspec.json.decode(body, type=kind)
            answer = await self._store.transact(lambda book: _once(book, key, asked, lambda: carry_out(book, order)))
        except (msgspec.DecodeError, OrderRefusedError) as error:
            return _said(422, str(error))
        await self._batch.write_files()
        return web.json_response(answer)


def _once(book: Book, key: str, asked: str, act: Callable[[], dict[str, Any]]) -> Any:
    known = book.control_answer(key) if key else None
    if known is not None:
        if known[0] != asked:
            raise OrderRefusedError("the Idempotency-Key was used with another order")
        return known[1]
    answer = act()
    if key:
        book.keep_control_answer(key, asked, answer)
    return answer


def _said(status: int, why: str) -> web.Response:
    return web.Response(status=status, text=json.dumps({"error": why}), content_type="application/json")
