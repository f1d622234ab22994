"""The door as one aiohttp application: routes, request ids, problems, signed answers, health, metrics, description."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

from gateway.access import Interception
from gateway.api.endpoint import PARTS, Endpoint, Kit, RefusedError, request_parts
from gateway.api.openapi import describe
from gateway.api.pages import add_pages
from gateway.api.ports import Desks
from gateway.api.repeats import Repeats
from gateway.api.route import Route
from gateway.api.routes import ROUTES
from gateway.journal.model import InDoubtError
from gateway.kernel.clock import Clock
from gateway.kernel.ids import Ids, show
from gateway.kernel.log import request_id
from gateway.kernel.metrics import Metrics
from gateway.kernel.reasons import Reason
from gateway.keys.port import KeyStore
from gateway.web import AnswerSigner, Check, Prover, Rates, WebSettings, add_health, add_metrics, problem
from gateway.web.proof import Keys, Sessions

REQUEST_ID: Final = "X-Request-Id"
_OPERATION: Final = web.RequestKey("operation", str)
_SIGNED_UNDER: Final = "/v1/"

_log = structlog.get_logger("api")


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """What the door is built of.

    `keys` finds API keys, `sessions` users by their tokens, `interception` the rules of the operator; `signer` signs
    answers. `checks` are what `/health/ready` asks. `unreachable` are the errors by which the books' driver says that
    it could not be reached.
    """

    desks: Desks
    keys: Keys
    sessions: Sessions
    interception: Interception
    signer: AnswerSigner
    keystore: KeyStore
    clock: Clock
    ids: Ids
    metrics: Metrics
    settings: WebSettings
    checks: Mapping[str, Check] = field(default_factory=dict)
    unreachable: tuple[type[Exception], ...] = (ConnectionError,)


def build_api(api: Api) -> web.Application:
    """Return the application; the caller serves it (`web.AppRunner`, without cancelling handlers)."""
    settings = api.settings
    kit = Kit(
        desks=api.desks,
        prover=Prover(keys=api.keys, sessions=api.sessions, clock=api.clock, window=settings.signature_window),
        interception=api.interception,
        signer=api.signer,
        repeats=Repeats(keystore=api.keystore, keys_kept=settings.keys_kept, window=settings.signature_window),
        rates=Rates(clock=api.clock, per_s=settings.requests_per_s, burst=settings.burst),
        clock=api.clock,
        metrics=api.metrics,
        settings=settings,
    )
    app = web.Application(middlewares=[_Front(api).middleware()])
    for route in ROUTES:
        app.router.add_route(route.method, _pattern(route), _named(route, Endpoint(route, kit)))
    add_pages(app, describe(ROUTES, settings.public_address))
    add_health(app, api.checks)
    add_metrics(app, api.metrics.registry)
    return app


class _Front:
    """Goes around every handler: request id, problems instead of errors, counting, the answer's signature."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._types = f"{api.settings.public_address}/docs"

    def middleware(self) -> Any:
        @web.middleware
        async def front(request: web.Request, handler: Handler) -> web.StreamResponse:
            if not request.path.startswith(_SIGNED_UNDER):
                return await handler(request)
            name = show("req", self._api.ids.new())
            with request_id(name):
                return await self._answered(request, handler, name)

        return front

    async def _answered(self, request: web.Request, handler: Handler, name: str) -> web.StreamResponse:
        began = self._api.clock.monotonic()
        parts = request[PARTS] = request_parts(request, self._api.settings.public_address)
        response, reason = await self._outcome(request, handler, name)
        body = response.body if isinstance(response, web.Response) and isinstance(response.body, bytes) else b""
        response.headers.update(await self._api.signer.headers(status=response.status, body=body, request=parts))
        response.headers[REQUEST_ID] = name
        response.headers["Cache-Control"] = "no-store"
        operation = request.get(_OPERATION, "none")
        seconds = self._api.clock.monotonic() - began
        self._api.metrics.requests.labels("api", operation, reason.value).inc()
        self._api.metrics.request_seconds.labels("api", operation).observe(seconds)
        return response

    async def _outcome(self, request: web.Request, handler: Handler, name: str) -> tuple[web.StreamResponse, Reason]:
        try:
            return await handler(request), Reason.DONE
        except RefusedError as refused:
            error = refused
        except web.HTTPException as known:
            error = _of_http(known)
        except InDoubtError:
            error = RefusedError(Reason.NO_ANSWER, "the outcome is not known yet; repeat with the same key to learn it")
        except self._api.unreachable as lost:
            _log.warning("books not reached", error=type(lost).__name__)
            error = RefusedError(Reason.UNREACHABLE, "the books cannot be reached; repeat with the same key")
        except Exception:  # noqa: BLE001 - whatever went wrong, the caller gets a signed answer and we get the trace
            _log.exception("request failed", path=request.get(_OPERATION, "none"))
            error = RefusedError(Reason.FAULT, "a fault of ours; repeat with the same key, which does nothing twice")
        _log.info("refused", transaction=request.get(_OPERATION, "none"), reason=error.reason, why=error.detail)
        instance = f"urn:tillgate:request:{name}"
        answer = problem(
            error.reason,
            error.detail,
            instance=instance,
            types=self._types,
            status=error.status,
            headers=error.headers,
        )
        return answer, error.reason


def _named(route: Route, endpoint: Endpoint) -> Handler:
    async def serve(request: web.Request) -> web.StreamResponse:
        request[_OPERATION] = route.operation
        return await endpoint(request)

    return serve


def _pattern(route: Route) -> str:
    path = route.path
    for name, pattern in route.words.items():
        path = path.replace(f"{{{name}}}", f"{{{name}:{pattern}}}")
    return path


def _of_http(known: web.HTTPException) -> RefusedError:
    if isinstance(known, web.HTTPNotFound):
        return RefusedError(Reason.NOT_FOUND, "there is nothing at this address")
    if isinstance(known, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(known.allowed_methods))
        detail = f"this address takes {allowed}"
        return RefusedError(Reason.NOT_SUPPORTED, detail, status=known.status, headers={"Allow": allowed})
    return RefusedError(Reason.FORMAT, known.reason, status=known.status)
